//! Keys, however they come.

use std::time::Duration;

use vireo_tests::Server;
use vireo_tests::rtp::{Peer, Sender, ulaw_encode};
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::sipp::Run;

use crate::only_call;

/// `gather-table`: one digit, after the prompt, with these parameters.
fn gather(parameters: &str) -> Setup {
    let routes = format!(
        "[[routes]]\nname = \"gather\"\ncalled = \"gather-table\"\nflow = \"gather-table\"\nparameters = {{ {parameters} }}\n"
    );
    Setup {
        routes: Some(routes),
        ..Setup::with_flows(&["gather-table"])
    }
}

fn gathered(server: &Server) -> (String, String) {
    let call = only_call(server);
    let reply = call.replies("media.gather")[0]["Ok"]["gather"].to_string();
    (reply, call.keys())
}

#[test]
fn by_a_capture_whose_end_packets_repeat_one_sequence_number() {
    let server = Server::start(&gather(
        "max-digits = \"1\", first-digit-timeout-ms = \"5000\"",
    ));
    Run::new("dtmf-pcap", "gather-table").succeed(server.udp);
    assert_eq!(gathered(&server), ("{\"Digits\":\"1\"}".into(), "1".into()));
}

#[test]
fn by_sipp_with_its_own_idea_of_rtp() {
    let server = Server::start(&gather(
        "max-digits = \"1\", first-digit-timeout-ms = \"5000\"",
    ));
    Run::new("dtmf-play", "gather-table").succeed(server.udp);
    assert_eq!(gathered(&server), ("{\"Digits\":\"1\"}".into(), "1".into()));
}

/// One call: `act` presses keys; the server hangs up.
fn call_with(
    server: &Server,
    events: bool,
    act: impl FnOnce(&Peer, std::net::SocketAddr, &mut Sender),
) {
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "gather-table");
    let ok = call.establish(&sdp(&peer, events));
    let to = ok.media().unwrap();
    let mut sender = Sender::new(7);
    // The path is open, and the source known, before the first key.
    for _ in 0..10 {
        peer.send(to, &sender.audio(0, &[0xff; 160]));
        std::thread::sleep(Duration::from_millis(20));
    }
    act(&peer, to, &mut sender);
    call.wait_for_bye(Duration::from_secs(20));
}

#[test]
fn by_rfc4733_as_a_telephone_sends_it() {
    let server = Server::start(&gather(
        "max-digits = \"4\", first-digit-timeout-ms = \"5000\", inter-digit-timeout-ms = \"3000\"",
    ));
    call_with(&server, true, |peer, to, sender| {
        for key in "1*90".chars() {
            peer.press(to, sender, 101, key, 100);
            std::thread::sleep(Duration::from_millis(60));
        }
    });
    assert_eq!(
        gathered(&server),
        ("{\"Digits\":\"1*90\"}".into(), "1*90".into())
    );
}

#[test]
fn a_long_press_is_one_key() {
    let server = Server::start(&gather(
        "max-digits = \"2\", first-digit-timeout-ms = \"5000\", inter-digit-timeout-ms = \"1500\"",
    ));
    call_with(&server, true, |peer, to, sender| {
        peer.press(to, sender, 101, '5', 2500)
    });
    assert_eq!(gathered(&server), ("{\"Digits\":\"5\"}".into(), "5".into()));
}

#[test]
fn lost_end_packets_still_make_one_key() {
    let server = Server::start(&gather(
        "max-digits = \"2\", first-digit-timeout-ms = \"5000\", inter-digit-timeout-ms = \"1500\"",
    ));
    call_with(&server, true, |peer, to, sender| {
        let timestamp = sender.timestamp;
        for step in 1..=5_u16 {
            let duration = (step * 160).to_be_bytes();
            let packet = sender.packet_at(
                101,
                timestamp,
                step == 1,
                &[7, 10, duration[0], duration[1]],
            );
            peer.send(to, &packet);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(gathered(&server), ("{\"Digits\":\"7\"}".into(), "7".into()));
}

#[test]
fn tones_in_the_audio_count_when_events_were_not_offered() {
    let server = Server::start(&gather(
        "max-digits = \"3\", first-digit-timeout-ms = \"5000\", inter-digit-timeout-ms = \"2000\"",
    ));
    call_with(&server, false, |peer, to, sender| {
        for (low, high) in [(697.0, 1209.0), (941.0, 1477.0), (852.0, 1336.0)] {
            // 100 ms of tone, 100 ms of silence: 1, #, 8; # is the terminator, so 8 comes too late.
            for frame in 0..10_u32 {
                let payload: Vec<u8> = (0..160_u32)
                    .map(|n| {
                        let t = f64::from(frame * 160 + n) / 8000.0;
                        let tone = |hz: f64| (std::f64::consts::TAU * hz * t).sin();
                        let level = if frame < 5 { 4000.0 } else { 0.0 };
                        ulaw_encode((level * (tone(low) + tone(high))) as i16)
                    })
                    .collect();
                peer.send(to, &sender.audio(0, &payload));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let (gather, keys) = gathered(&server);
    assert_eq!(gather, "{\"Digits\":\"1\"}");
    assert!(keys.starts_with("1#"), "{keys}");
}

#[test]
fn a_key_cuts_the_prompt_short() {
    let server = Server::start(&Setup::with_flows(&["ivra"]));
    Run::new("dtmf-pcap", "ivra").succeed(server.udp);
    let call = only_call(&server);
    let heard: Vec<(u64, &str)> = (call.events("heard").iter())
        .map(|detail| {
            (
                detail["ms"].as_u64().unwrap(),
                detail["end"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(
        heard[0].0 < 4_000 && heard[0].1 == "stopped",
        "eight seconds were cut short: {heard:?}"
    );
    assert_eq!(
        (heard[1].0, heard[1].1),
        (4_000, "finished"),
        "four seconds were heard whole"
    );
    assert_eq!(call.outcome(), "completed");
}

#[test]
fn nobody_presses_anything() {
    let server = Server::start(&gather(
        "prompt = \"welcome\", attempts = \"2\", first-digit-timeout-ms = \"500\", no-input = \"sorry\"",
    ));
    call_with(&server, true, |_, _, _| {});
    assert_eq!(gathered(&server).0, "\"NoInput\"");
}

#[test]
fn what_is_pressed_is_not_on_the_menu() {
    let server = Server::start(&gather(
        "max-digits = \"1\", accept = \"1,2\", first-digit-timeout-ms = \"5000\"",
    ));
    call_with(&server, true, |peer, to, sender| {
        peer.press(to, sender, 101, '9', 100)
    });
    assert_eq!(gathered(&server).0, "{\"NoMatch\":\"9\"}");
}

#[test]
fn by_info() {
    let server = Server::start(&gather(
        "max-digits = \"1\", first-digit-timeout-ms = \"5000\"",
    ));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "gather-table");
    call.establish(&sdp(&peer, true));
    call.cseq += 1;
    let body = "Signal=6\r\nDuration=160\r\n";
    let text = call.text("INFO", "z9hG4bK-info", call.cseq, "").replace(
        "Content-Length: 0\r\n\r\n",
        &format!(
            "Content-Type: application/dtmf-relay\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    call.send(&text);
    call.expect_status(200);
    call.wait_for_bye(Duration::from_secs(10));
    assert_eq!(gathered(&server).0, "{\"Digits\":\"6\"}");
}
