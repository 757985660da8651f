//! Speech recognition over WebSocket.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vireo_speech::asr::{AsrError, Engine, Hypothesis, Model, Output, Task, Word};
use vireo_speech_remote::{Endpoint, Patience, RemoteError, WebSocketEngine, WebSocketSettings};

use crate::speaker::{Listener, Step};

/// For what is to come to its end.
const ENOUGH: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn settings(url: &str) -> WebSocketSettings {
    WebSocketSettings {
        name: "ear".to_owned(),
        endpoint: Endpoint {
            url: url.to_owned(),
            token: Some("secret".to_owned()),
            headers: Vec::new(),
        },
        streams: 2,
        connect: ENOUGH,
        answer: ENOUGH,
        patience: Patience {
            retries: 0,
            first_pause: Duration::from_millis(1),
            failures: 2,
            first_rest: HOUR,
            longest_rest: HOUR,
        },
    }
}

fn engine(listener: &Listener) -> WebSocketEngine {
    WebSocketEngine::new(settings(&listener.url)).unwrap()
}

fn task() -> Task {
    Task {
        model: Arc::new(Model {
            language: "en".to_owned(),
            engine: "ear".to_owned(),
            directory: None,
        }),
        phrases: Some(vec!["yes".to_owned(), "no thanks".to_owned()]),
        alternatives: 1,
    }
}

async fn why(engine: &WebSocketEngine) -> String {
    let mut stream = engine.start(task()).unwrap();
    loop {
        if let Err(error) = stream.next().await {
            return error.to_string();
        }
    }
}

fn word(text: &str, confidence: f32, ms: u32) -> Word {
    Word {
        text: text.to_owned(),
        confidence,
        ms,
        joined: false,
    }
}

#[tokio::test]
async fn sound_goes_there_and_words_come_back() {
    let listener = Listener::start(&[
        Step::Await("start"),
        Step::Hear(3),
        Step::Say(r#"{"type":"partial","id":1,"text":"no"}"#),
        Step::Await("end"),
        Step::Say(
            r#"{"type":"final","id":1,"alternatives":[
                {"words":[{"text":"no","confidence":0.5,"ms":200},{"text":"thanks"}],"weight":0.75},
                {"text":" yes  yes ","confidence":1.5,"weight":0.25,"score":-7}]}"#,
        ),
        Step::Say(r#"{"type":"final","id":1,"alternatives":[]}"#),
        Step::Say(r#"{"type":"end","id":1}"#),
    ])
    .await;
    let engine = engine(&listener);
    let mut stream = engine.start(task()).unwrap();
    stream.audio(&[1, -2]).unwrap();
    stream.audio(&[300]).unwrap();
    assert_eq!(
        stream.next().await.unwrap(),
        Output::Partial("no".to_owned())
    );
    stream.finish();
    let hypotheses = vec![
        Hypothesis {
            words: vec![word("no", 0.5, 200), word("thanks", 1.0, 0)],
            weight: 0.75,
        },
        Hypothesis {
            words: vec![word("yes", 1.0, 0), word("yes", 1.0, 0)],
            weight: 0.25,
        },
    ];
    assert_eq!(stream.next().await.unwrap(), Output::Segment(hypotheses));
    assert_eq!(stream.next().await.unwrap(), Output::End);
    let told = listener.told.lock().unwrap();
    assert!(told.requests[0].starts_with("get /listen?key=1 http/1.1\r\n"));
    assert!(told.requests[0].contains("\r\nauthorization: bearer secret\r\n"));
    let start = json!({
        "type": "start", "id": 1, "language": "en", "rate": 8000,
        "phrases": ["yes", "no thanks"], "alternatives": 1
    });
    assert_eq!(told.texts, [start, json!({ "type": "end" })]);
    assert_eq!(told.samples, [1, -2, 300]);
}

#[tokio::test]
async fn what_was_said_of_a_former_beginning_is_forgotten() {
    let listener = Listener::start(&[
        Step::Await("start"),
        Step::Await("start"),
        Step::Say(r#"{"type":"partial","id":1,"text":"old"}"#),
        Step::Say(r#"{"type":"partial","id":2,"text":"new"}"#),
    ])
    .await;
    let engine = engine(&listener);
    let mut stream = engine.start(task()).unwrap();
    stream.restart().unwrap();
    assert_eq!(
        stream.next().await.unwrap(),
        Output::Partial("new".to_owned())
    );
}

#[tokio::test]
async fn what_a_server_does_wrong_is_told() {
    for (steps, expected) in [
        (
            &[Step::Say(
                r#"{"type":"error","message":"no such language"}"#,
            )][..],
            "no such language",
        ),
        (
            &[Step::Say(r#"{"type":"final","id":1}"#)],
            "it sent a message that is not understood: missing field `alternatives`",
        ),
        (&[Step::Close], "it closed the connection before the end"),
        (
            &[Step::Say(r#"{"type":"end","id":1}"#)],
            "it ended before the speech did",
        ),
    ] {
        let listener = Listener::start(steps).await;
        assert_eq!(
            why(&engine(&listener)).await,
            format!("recognizer ear: {expected}")
        );
    }
    let listener = Listener::refusing("404 Not Found").await;
    assert_eq!(
        why(&engine(&listener)).await,
        "recognizer ear: it answered 404 Not Found"
    );
}

#[tokio::test]
async fn a_server_that_does_not_end_is_not_waited_for() {
    let listener = Listener::start(&[]).await;
    let engine = WebSocketEngine::new(WebSocketSettings {
        answer: Duration::from_millis(50),
        ..settings(&listener.url)
    })
    .unwrap();
    let mut stream = engine.start(task()).unwrap();
    stream.finish();
    assert_eq!(
        stream.next().await.unwrap_err().to_string(),
        "recognizer ear: it did not end within 50 ms"
    );
}

#[tokio::test]
async fn a_server_that_is_not_ready_is_asked_again_and_then_left_alone() {
    let listener = Listener::refusing("503 Service Unavailable").await;
    let mut settings = settings(&listener.url);
    settings.patience.retries = 2;
    let engine = WebSocketEngine::new(settings).unwrap();
    for tried in [3, 6] {
        assert_eq!(
            why(&engine).await,
            "recognizer ear: it answered 503 Service Unavailable"
        );
        assert_eq!(listener.connections(), tried);
    }
    let error = engine.start(task()).err().unwrap().to_string();
    assert!(
        error.starts_with("recognizer ear: it keeps failing and is left alone for "),
        "{error}"
    );
    assert_eq!(listener.connections(), 6);
}

#[tokio::test]
async fn sound_that_cannot_be_sent_is_not_kept_for_ever() {
    // Nobody accepts this connection.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let engine = WebSocketEngine::new(settings(&url)).unwrap();
    let mut stream = engine.start(task()).unwrap();
    for _ in 0..10 {
        stream.audio(&[0; 8_000]).unwrap();
    }
    assert!(matches!(
        stream.audio(&[0]),
        Err(AsrError::TooSlow { engine, .. }) if engine == "ear"
    ));
}

#[tokio::test]
async fn only_so_many_at_the_same_time() {
    let listener = Listener::start(&[]).await;
    let engine = engine(&listener);
    let streams: Vec<_> = (0..2).map(|_| engine.start(task()).unwrap()).collect();
    let busy = AsrError::Busy {
        engine: "ear".to_owned(),
        streams: 2,
    };
    assert_eq!(engine.start(task()).err(), Some(busy));
    drop(streams);
    // Their places are free when their connections are closed.
    while engine.start(task()).is_err() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_address_is_a_websocket() {
    let why = |url| -> RemoteError { WebSocketEngine::new(settings(url)).err().unwrap() };
    assert_eq!(
        why("https://a/").to_string(),
        "engine ear: the url \"https://a/\": it has to begin with ws:// or wss://"
    );
}
