//! Texts that a server elsewhere speaks, and what is heard while it does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use vireo_tests::Server;
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;

use crate::speech::{call, gathering, hears, kept, press};
use crate::{assert_nothing_left, only_call};

const TEXT: &str = "Thank you for calling.";
const FAILED: &str = "vireo_tts_engine_sentences_total{engine=\"far\",end=\"failed\"}";

/// The flow `speak`, in the voice of a server, and in that of espeak-ng while there is no server.
fn setup(url: &str) -> Setup {
    Setup {
        more: format!(
            "[flows.speak]\ngrants = {{ kv = true }}\n[flows.speak.settings]\nfirst = {TEXT:?}\n\
             [tts.engines.far]\nkind = \"http\"\nurl = {url:?}\nretries = 1\n\
             [[tts.voices]]\nlanguage = \"en\"\nengine = \"far\"\nvoice = \"anna\"\n\
             [[tts.voices]]\nlanguage = \"en\"\nengine = \"espeak\"\nvoice = \"en-us\"\n"
        ),
        ..Setup::with_flows(&["speak"])
    }
}

/// A second that rises from 400 to 800 Hz, at 16 kHz.
fn sound() -> Vec<i16> {
    let sample = |n: i32| {
        let time = f64::from(n) / 16_000.0;
        let turns = 400.0 * time + 200.0 * time * time;
        ((turns * std::f64::consts::TAU).sin() * 8_000.0) as i16
    };
    (0..16_000).map(sample).collect()
}

/// Answers each request of a connection with the sound, as big-endian samples.
fn speak(connection: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut writer = connection;
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).ok()? > 2 {
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        let mut question = vec![0; length];
        reader.read_exact(&mut question).ok()?;
        let body: Vec<u8> = sound().into_iter().flat_map(i16::to_be_bytes).collect();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: audio/L16;rate=16000\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(head.as_bytes()).ok()?;
        writer.write_all(&body).ok()?;
    }
}

#[test]
fn a_server_elsewhere_speaks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(|| speak(connection));
        }
    });
    let server = Server::start(&setup(&url));
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    let sound: Vec<i16> = sound().into_iter().step_by(2).collect();
    // Not its very ends: nothing is sent before and after it.
    hears(&peer, &sound[800..7_200]);
    gathering(&server);
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(10));
    assert_eq!(server.admin.metric(FAILED), 0.0);
    assert_eq!(only_call(&server).outcome(), "completed");
    assert_nothing_left(&server);
}

#[test]
fn the_next_voice_is_heard_while_a_server_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::start(&setup(&url));
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    hears(&peer, &kept(&server, "en-us", TEXT));
    gathering(&server);
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(10));
    assert!(server.admin.metric(FAILED) >= 1.0);
    assert_eq!(only_call(&server).outcome(), "completed");
    assert_nothing_left(&server);
}
