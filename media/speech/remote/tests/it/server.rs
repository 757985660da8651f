//! An HTTP server that answers as it is told, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

/// What it does with a request.
#[derive(Clone, Copy)]
pub enum Reply {
    /// Some samples, as this.
    Sound(&'static str, &'static [u8]),
    /// A status, with words.
    Status(u16, &'static str),
    /// Never answers.
    Silence,
    /// More than anybody wants.
    Flood,
}

/// What it was asked.
pub struct Asked {
    pub headers: HeaderMap,
    pub body: serde_json::Value,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
}

/// The server; the last of its replies is for all that follow.
#[derive(Clone)]
pub struct Server {
    script: Arc<Mutex<Script>>,
    pub url: String,
}

impl Server {
    pub async fn start(replies: &[Reply]) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            url: format!("http://{}/speak", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(Script {
                replies: replies.iter().copied().collect(),
                asked: Vec::new(),
            })),
        };
        let routes = Router::new()
            .route("/speak", post(answer))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        server
    }

    /// Takes what it was asked.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    fn next(&self, asked: Asked) -> Reply {
        let mut script = self.script.lock().unwrap();
        script.asked.push(asked);
        match script.replies.len() {
            1 => script.replies[0],
            _ => script.replies.pop_front().unwrap(),
        }
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).unwrap();
    match server.next(Asked { headers, body }) {
        Reply::Sound(kind, body) => ([("content-type", kind)], body).into_response(),
        Reply::Status(status, words) => {
            (StatusCode::from_u16(status).unwrap(), words).into_response()
        }
        Reply::Silence => std::future::pending().await,
        Reply::Flood => {
            ([("content-type", "audio/pcm;rate=8000")], vec![0; 17 << 20]).into_response()
        }
    }
}
