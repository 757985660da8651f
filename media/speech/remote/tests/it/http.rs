//! Text to speech over HTTP.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vireo_audio::wav::Audio;
use vireo_speech::tts::{Engine, EngineError, Passage, Speech, SpeechConfig, Utterance, Voice};
use vireo_speech_remote::{Endpoint, HttpEngine, HttpSettings, Patience, RemoteError};

use crate::server::{Reply, Server};

const SOUND: Reply = Reply::Sound("audio/L16;rate=16000", &[0, 1, 0, 2]);
const HOUR: Duration = Duration::from_secs(3600);
/// For what is to come to its end.
const ENOUGH: Duration = Duration::from_secs(60);

fn engine(url: &str, retries: u8, failures: u32) -> HttpEngine {
    HttpEngine::new(HttpSettings {
        name: "far".to_owned(),
        endpoint: Endpoint {
            url: url.to_owned(),
            token: Some("secret".to_owned()),
            headers: vec![("x-tenant".to_owned(), "seven".to_owned())],
        },
        at_once: 2,
        patience: Patience {
            retries,
            first_pause: Duration::from_millis(1),
            failures,
            first_rest: HOUR,
            longest_rest: HOUR,
        },
    })
    .unwrap()
}

async fn speak(engine: &HttpEngine, time: Duration) -> Result<Audio, EngineError> {
    let utterance = Utterance {
        text: "Hello.".to_owned(),
        phonemes: None,
        language: "en".to_owned(),
        voice: "anna".to_owned(),
        rate: 120,
    };
    engine.speak(utterance, time).await
}

async fn why(engine: &HttpEngine) -> String {
    speak(engine, ENOUGH).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_sentence_is_posted_and_its_sound_comes_back() {
    let server = Server::start(&[SOUND]).await;
    let sound = speak(&engine(&server.url, 0, 1), ENOUGH).await.unwrap();
    assert_eq!((sound.rate, sound.samples), (16_000, vec![1, 2]));
    let asked = &server.asked()[0];
    let expected = serde_json::json!({
        "text": "Hello.", "language": "en", "voice": "anna", "rate": 120
    });
    assert_eq!(asked.body, expected);
    for (name, value) in [
        ("authorization", "Bearer secret"),
        ("x-tenant", "seven"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(asked.headers[name], value);
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for passing in [502, 503, 504] {
        let passing = Reply::Status(passing, "later");
        let server = Server::start(&[passing, passing, SOUND]).await;
        assert!(speak(&engine(&server.url, 2, 1), ENOUGH).await.is_ok());
        assert_eq!(server.asked().len(), 3);
        let server = Server::start(&[passing]).await;
        let why = why(&engine(&server.url, 2, 1)).await;
        assert!(why.starts_with("engine far: it answered 50"), "{why}");
        assert!(why.ends_with(": \"later\""), "{why}");
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        // The second answer is as long as it says.
        for samples in [1, 3] {
            let (mut connection, _) = listener.accept().await.unwrap();
            assert_ne!(connection.read(&mut [0; 4096]).await.unwrap(), 0);
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm;rate=8000\r\ncontent-length: 6\r\n\r\n";
            let body = "ab".repeat(samples);
            let answer = format!("{head}{body}");
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let sound = speak(&engine(&url, 1, 1), ENOUGH).await.unwrap();
    assert_eq!(sound.samples.len(), 3);
    server.await.unwrap();
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for (reply, expected) in [
        (
            Reply::Status(500, ""),
            "engine far: it answered 500 Internal Server Error",
        ),
        (
            Reply::Status(422, "no voice anna\n"),
            r#"engine far: it answered 422 Unprocessable Entity: "no voice anna""#,
        ),
        (
            Reply::Status(307, ""),
            "engine far: it answered 307 Temporary Redirect",
        ),
        (
            Reply::Sound("text/html", b"<html>"),
            "engine far: it answered with \"text/html\"; readable are audio/wav, audio/L16 and audio/pcm",
        ),
        (
            Reply::Flood,
            "engine far: its answer is longer than 16777216 bytes",
        ),
    ] {
        let server = Server::start(&[reply]).await;
        assert_eq!(why(&engine(&server.url, 2, 9)).await, expected);
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_its_time() {
    let server = Server::start(&[Reply::Silence]).await;
    let engine = engine(&server.url, 2, 1);
    let time = Duration::from_millis(50);
    assert_eq!(
        speak(&engine, time).await.unwrap_err().to_string(),
        "engine far: no complete answer within 50 ms"
    );
    // And no more than once.
    let error = speak(&engine, ENOUGH).await.unwrap_err();
    assert!(matches!(error, EngineError::Resting { why, .. } if why == "no answer in time"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_left_alone() {
    let server = Server::start(&[Reply::Status(500, "")]).await;
    let engine = engine(&server.url, 0, 3);
    for _ in 0..3 {
        assert!(matches!(
            speak(&engine, ENOUGH).await,
            Err(EngineError::Failed { .. })
        ));
    }
    for _ in 0..3 {
        assert!(matches!(
            speak(&engine, ENOUGH).await,
            Err(EngineError::Resting { .. })
        ));
    }
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_text_that_it_refuses_is_no_failure_of_the_server() {
    let server = Server::start(&[Reply::Status(400, "")]).await;
    let engine = engine(&server.url, 2, 1);
    for _ in 0..3 {
        assert_eq!(
            why(&engine).await,
            "engine far: it answered 400 Bad Request"
        );
    }
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn where_nobody_listens_the_connection_fails() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let why = why(&engine(&format!("http://{address}/"), 1, 9)).await;
    assert!(why.contains("refused"), "{why}");
    // A URL may carry a key.
    assert!(!why.contains("http://"), "{why}");
}

#[tokio::test]
async fn the_next_voice_speaks_while_a_server_is_down() {
    let down = Server::start(&[Reply::Status(500, "")]).await;
    let up = Server::start(&[SOUND]).await;
    let voice = |engine: &str| Voice {
        language: "en".to_owned(),
        engine: engine.to_owned(),
        voice: "anna".to_owned(),
        rate: 100,
    };
    let near = HttpEngine::new(HttpSettings {
        name: "near".to_owned(),
        endpoint: Endpoint {
            url: up.url.clone(),
            token: None,
            headers: Vec::new(),
        },
        at_once: 1,
        patience: Patience::default(),
    });
    let speech = Speech::new(SpeechConfig {
        voices: vec![voice("far"), voice("near")],
        engines: vec![
            Arc::new(engine(&down.url, 0, 2)) as Arc<dyn Engine>,
            Arc::new(near.unwrap()),
        ],
        time: ENOUGH,
        memory_bytes: 1 << 20,
        disk: None,
    })
    .unwrap();
    for passage in speech.passages("One. Two. Three. Four.", "en").unwrap() {
        if let Passage::Sentence(sentence) = passage {
            speech.speak(&sentence).await.unwrap();
        }
    }
    assert_eq!((down.asked().len(), up.asked().len()), (2, 4));
    let counted: Vec<_> = (speech.engines().into_iter())
        .map(|engine| (engine.spoken, engine.failed))
        .collect();
    assert_eq!(counted, [(0, 4), (4, 0)]);
}

#[test]
fn settings_are_checked() {
    let settings = |url: &str, header: &str| HttpSettings {
        name: "far".to_owned(),
        endpoint: Endpoint {
            url: url.to_owned(),
            token: None,
            headers: vec![(header.to_owned(), "x".to_owned())],
        },
        at_once: 1,
        patience: Patience::default(),
    };
    let why = |settings| -> RemoteError { HttpEngine::new(settings).err().unwrap() };
    assert_eq!(
        why(settings("ftp://a/", "x")).to_string(),
        "engine far: the url \"ftp://a/\": it has to begin with http:// or https://"
    );
    assert_eq!(
        why(settings("speech", "x")).to_string(),
        "engine far: the url \"speech\": relative URL without a base"
    );
    assert!(matches!(
        why(settings("http://a/", "a b")),
        RemoteError::Header { header, .. } if header == "a b"
    ));
}
