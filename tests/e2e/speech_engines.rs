//! Texts that a server elsewhere speaks, and callers whom one understands; and what happens while it does
//! not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::{Server, root, until};

use crate::listening::{Speaker, result};
use crate::speech::{call, gathering, hears, kept, press};
use crate::{assert_nothing_left, only_call, records};

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

/// What a server that listens was told.
#[derive(Default)]
struct Told {
    starts: Vec<Value>,
    samples: usize,
}

/// What a server that listens does.
#[derive(Clone, Copy, PartialEq)]
enum Ear {
    /// Takes whatever it hears for "no".
    Hears,
    /// Hangs up on the first sound.
    Breaks,
}

/// A server that listens; its address.
fn listen(ear: Ear) -> (String, Arc<Mutex<Told>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let told = Arc::<Mutex<Told>>::default();
    let shared = Arc::clone(&told);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let told = Arc::clone(&shared);
            std::thread::spawn(move || understand(connection, ear, &told));
        }
    });
    (url, told)
}

/// The opening handshake (RFC 6455, 4.2.2).
fn upgraded(connection: TcpStream) -> Option<WebSocket<TcpStream>> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let (mut key, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        if name.eq_ignore_ascii_case("sec-websocket-key") {
            key = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", value.trim());
        }
        line.clear();
    }
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(digest.as_ref())
    );
    (&connection).write_all(head.as_bytes()).ok()?;
    Some(WebSocket::from_raw_socket(connection, Role::Server, None))
}

fn understand(connection: TcpStream, ear: Ear, told: &Mutex<Told>) -> Option<()> {
    let mut socket = upgraded(connection)?;
    loop {
        match socket.read().ok()? {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] == "start" {
                    told.lock().unwrap().starts.push(message);
                    continue;
                }
                let id = told.lock().unwrap().starts.last()?["id"].clone();
                for answer in [
                    format!(
                        r#"{{"type":"final","id":{id},"alternatives":[{{"text":"no","confidence":0.9}}]}}"#
                    ),
                    format!(r#"{{"type":"end","id":{id}}}"#),
                ] {
                    socket.send(Message::text(answer)).ok()?;
                }
            }
            Message::Binary(_) if ear == Ear::Breaks => return None,
            Message::Binary(sound) => told.lock().unwrap().samples += sound.len() / 2,
            _ => {}
        }
    }
}

/// The flow `listens`, heard by a server, and by the model of the repository while there is no server.
fn heard_by(url: &str) -> Server {
    let directory = root().join("media/speech/models/en");
    let server = Server::start(&Setup {
        more: format!(
            "[flows.listens.settings]\nseconds = 20\n\
             [asr.engines.far]\nkind = \"websocket\"\nurl = {url:?}\nretries = 0\nfailures = 2\n\
             rest-ms = 3600000\nlongest-rest-ms = 3600000\n\
             [[asr.models]]\nlanguage = \"en\"\nengine = \"far\"\n\
             [[asr.models]]\nlanguage = \"en\"\ndirectory = {directory:?}\n",
        ),
        ..Setup::with_flows(&["listens"])
    });
    until(Duration::from_secs(60), "the models", || {
        let log = server.log();
        (log.contains("speech can be understood") || log.contains("is not understood"))
            .then_some(())
    });
    server
}

/// What is understood when a caller says yes.
fn understood(server: &Server, calls: usize) -> Value {
    let mut speaker = Speaker::calls(server, "listens");
    speaker.says(server, "yes");
    speaker.ends();
    let record = records(server, calls).remove(0);
    assert_eq!(record["outcome"], "completed");
    result(server, &record)["Speech"]["value"].clone()
}

const FALLBACKS: &str = "vireo_asr_fallbacks_total";

#[test]
fn a_server_elsewhere_listens() {
    let (url, told) = listen(Ear::Hears);
    let server = heard_by(&url);
    assert_eq!(understood(&server, 1), "no");
    assert_eq!(server.admin.metric(FALLBACKS), 0.0);
    let told = told.lock().unwrap();
    let start = told.starts.last().unwrap();
    assert_eq!(
        (&start["language"], &start["rate"]),
        (&"en".into(), &8_000.into())
    );
    let phrases = start["phrases"].as_array().unwrap();
    assert!(
        phrases.contains(&"yes".into()) && phrases.contains(&"no".into()),
        "{start}"
    );
    // The word, and the silence behind it.
    assert!(told.samples > 8_000, "{}", told.samples);
    assert_nothing_left(&server);
}

#[test]
fn the_next_model_listens_while_a_server_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let server = heard_by(&url);
    for calls in 1..=3 {
        assert_eq!(understood(&server, calls), "yes");
    }
    // From then on it is left alone, and nobody waits for it.
    assert!(server.admin.metric(FALLBACKS) <= 2.0);
    assert!(
        server
            .log()
            .contains("the speech engine keeps failing and is left alone")
    );
    assert_nothing_left(&server);
}

#[test]
fn the_next_model_hears_all_of_an_answer_in_which_a_server_breaks() {
    let (url, _) = listen(Ear::Breaks);
    let server = heard_by(&url);
    assert_eq!(understood(&server, 1), "yes");
    assert_eq!(server.admin.metric(FALLBACKS), 1.0);
    let matched = "vireo_asr_recognitions_total{end=\"matched\"}";
    assert_eq!(server.admin.metric(matched), 1.0);
    assert_nothing_left(&server);
}
