//! Recordings of messages and calls.

use std::path::Path;
use std::time::{Duration, Instant};

use vireo_tests::Server;
use vireo_tests::rtp::{Peer, Sender, ulaw_encode};
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::wav::{Wav, find};

use crate::only_call;

/// A second of two slowly rising tones: nothing else sounds like it.
fn speech(seconds: f64) -> Vec<i16> {
    (0..(seconds * 8000.0) as u32)
        .map(|n| {
            let t = f64::from(n) / 8000.0;
            let tone = |hz: f64| (std::f64::consts::TAU * (hz + 90.0 * t) * t).sin();
            (3000.0 * (tone(310.0) + tone(713.0)) * (0.6 + 0.4 * (t * 9.0).sin())) as i16
        })
        .collect()
}

fn say(peer: &Peer, to: std::net::SocketAddr, sender: &mut Sender, samples: &[i16]) {
    // By the clock, not by naps: a nap that is too long must not slow the speech down.
    let began = Instant::now();
    for (number, frame) in (0_u32..).zip(samples.chunks_exact(160)) {
        let due = began + Duration::from_millis(20) * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let payload: Vec<u8> = frame.iter().map(|sample| ulaw_encode(*sample)).collect();
        peer.send(to, &sender.audio(0, &payload));
    }
}

/// The prompt and the beep take less than two seconds; silence ends a message after four.
fn message_setup() -> Setup {
    let routes = "[[routes]]\nname = \"m\"\ncalled = \"record-message\"\nflow = \"record-message\"\n\
                  parameters = { silence-ms = \"4000\" }\n";
    Setup {
        routes: Some(routes.into()),
        ..Setup::with_flows(&["record-message"])
    }
}

#[test]
fn a_message_is_what_the_caller_said_and_is_played_back() {
    let server = Server::start(&message_setup());
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "record-message");
    let to = call.establish(&sdp(&peer, true)).media().unwrap();
    let mut sender = Sender::new(3);
    // The prompt and the beep.
    say(&peer, to, &mut sender, &vec![0; 8000 * 3]);
    let said = speech(3.0);
    say(&peer, to, &mut sender, &said);
    peer.press(to, &mut sender, 101, '#', 100);
    peer.clear();
    call.wait_for_bye(Duration::from_secs(20));
    let ended = only_call(&server);
    let recording = &ended.record["recordings"][0];
    assert_eq!(recording["kind"], "message");
    let kept = Wav::read(Path::new(recording["path"].as_str().unwrap())).samples;
    let (_, alike) = find(&said[8000..], &kept);
    assert!(alike > 0.9, "the message kept: {alike}");
    let (_, heard) = find(&said[8000..], &peer.audio());
    assert!(heard > 0.9, "the message played back: {heard}");
    let message = &ended.replies("media.record")[0]["Ok"]["message"];
    assert_eq!(message["ended_by"], "Terminator", "{message}");
}

#[test]
fn silence_ends_a_message_and_is_cut_off() {
    let server = Server::start(&message_setup());
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "record-message");
    let to = call.establish(&sdp(&peer, true)).media().unwrap();
    let mut sender = Sender::new(3);
    say(&peer, to, &mut sender, &vec![0; 8000 * 3]);
    say(&peer, to, &mut sender, &speech(2.0));
    say(&peer, to, &mut sender, &vec![0; 8000 * 5]);
    call.wait_for_bye(Duration::from_secs(20));
    let ended = only_call(&server);
    let message = &ended.replies("media.record")[0]["Ok"]["message"];
    assert_eq!(message["ended_by"], "Silence", "{message}");
    let length = message["duration_ms"].as_u64().unwrap();
    assert!(
        (2_000..5_000).contains(&length),
        "the silence was cut off: {length} ms"
    );
}

#[test]
fn a_call_is_recorded_in_stereo_and_the_sides_are_aligned() {
    let server = Server::start(&Setup {
        flows: vec![("demo".into(), "demo-ivr".into())],
        ..Setup::default()
    });
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "demo");
    let to = call.establish(&sdp(&peer, true)).media().unwrap();
    let mut sender = Sender::new(3);
    let said = speech(4.0);
    say(&peer, to, &mut sender, &said);
    call.bye();
    let ended = only_call(&server);
    let recording = &ended.record["recordings"][0];
    let file = Wav::read(Path::new(recording["path"].as_str().unwrap()));
    assert_eq!((file.channels, file.rate), (2, 8000));
    let (_, caller) = find(&said[8000..24_000], &file.channel(0));
    assert!(caller > 0.9, "left is the caller: {caller}");
    let welcome =
        Wav::read(&vireo_tests::root().join("target/prompts/en/demo/welcome.wav")).samples;
    let (_, heard) = find(&welcome[..16_000], &file.channel(1));
    assert!(heard > 0.9, "right is what the caller heard: {heard}");
}

#[test]
fn a_killed_server_leaves_playable_recordings() {
    let server = Server::start(&Setup {
        flows: vec![("demo".into(), "demo-ivr".into())],
        ..Setup::default()
    });
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "demo");
    let to = call.establish(&sdp(&peer, true)).media().unwrap();
    let mut sender = Sender::new(3);
    say(&peer, to, &mut sender, &speech(5.0));
    let server = server.kill_and_restart();
    let files: Vec<_> = std::fs::read_dir(server.directory().join("recordings"))
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "wav"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let length = Wav::read(&files[0]).channel(0).len();
    assert!(
        length >= 8000 * 3,
        "at most the last second is lost: {length} samples"
    );
    assert_eq!(only_call_lost(&server), "lost-in-crash");
}

fn only_call_lost(server: &Server) -> String {
    crate::records(server, 1)[0]["outcome"]
        .as_str()
        .unwrap()
        .to_owned()
}
