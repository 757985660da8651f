//! A WebSocket server that says what a script tells it.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What it does.
#[derive(Clone, Copy)]
pub enum Step {
    /// Waits for a text message of this type.
    Await(&'static str),
    /// Waits for so many samples.
    Hear(usize),
    /// Says this.
    Say(&'static str),
    /// Closes the connection.
    Close,
}

/// What it was told.
#[derive(Default)]
pub struct Told {
    /// The first lines of its connections, with their headers, in lower case.
    pub requests: Vec<String>,
    /// The text messages.
    pub texts: Vec<Value>,
    /// The sound.
    pub samples: Vec<i16>,
}

pub struct Listener {
    pub url: String,
    pub told: Arc<Mutex<Told>>,
}

impl Listener {
    /// One that does the same in each of its connections; at the end it waits.
    pub async fn start(steps: &'static [Step]) -> Listener {
        Self::begin(steps, "101 Switching Protocols").await
    }

    /// One that refuses all connections with this status.
    pub async fn refusing(status: &'static str) -> Listener {
        Self::begin(&[], status).await
    }

    async fn begin(steps: &'static [Step], status: &'static str) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/listen?key=1", listener.local_addr().unwrap());
        let told = Arc::<Mutex<Told>>::default();
        let shared = Arc::clone(&told);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(connection, steps, status, Arc::clone(&shared)));
            }
        });
        Listener { url, told }
    }

    pub fn connections(&self) -> usize {
        self.told.lock().unwrap().requests.len()
    }
}

async fn serve(
    mut connection: TcpStream,
    steps: &[Step],
    status: &str,
    told: Arc<Mutex<Told>>,
) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(connection.read_u8().await.ok()?);
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then_some(value)
    });
    let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.unwrap());
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let accept = STANDARD.encode(digest.as_ref());
    told.lock().unwrap().requests.push(request.to_lowercase());
    let accepts = status.starts_with("101");
    let connection_header = if accepts { "Upgrade" } else { "close" };
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: {connection_header}\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nContent-Length: 0\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.ok()?;
    if !accepts {
        return None;
    }
    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, None).await;
    follow(socket, steps, &told).await
}

async fn follow(
    mut socket: WebSocketStream<TcpStream>,
    steps: &[Step],
    told: &Mutex<Told>,
) -> Option<()> {
    let mut heard = 0;
    for step in steps {
        match step {
            Step::Say(text) => socket.send(Message::text(*text)).await.ok()?,
            Step::Close => return socket.close(None).await.ok(),
            Step::Await(kind) => while take(&mut socket, told, &mut heard).await? != *kind {},
            Step::Hear(samples) => {
                while heard < *samples {
                    take(&mut socket, told, &mut heard).await?;
                }
            }
        }
    }
    // Until the other side is gone.
    while socket.next().await?.is_ok() {}
    Some(())
}

/// One message; the type of those that have one.
async fn take(
    socket: &mut WebSocketStream<TcpStream>,
    told: &Mutex<Told>,
    heard: &mut usize,
) -> Option<String> {
    let mut told_type = String::new();
    match socket.next().await?.ok()? {
        Message::Text(text) => {
            let message: Value = serde_json::from_str(&text).unwrap();
            told_type = message["type"].as_str().unwrap().to_owned();
            told.lock().unwrap().texts.push(message);
        }
        Message::Binary(bytes) => {
            let samples = bytes.as_chunks().0.iter();
            let samples = samples.map(|sample| i16::from_le_bytes(*sample));
            *heard += samples.len();
            told.lock().unwrap().samples.extend(samples);
        }
        _ => {}
    }
    Some(told_type)
}
