//! Engines of speech that run elsewhere: text to speech over HTTP, recognition over WebSocket. The
//! protocols are described in `docs/speech-engines.md`.
//!
//! A server that fails is asked again after pauses that grow ([`Patience`]); one that keeps failing is
//! left alone for a while, and the next voice or model of the language does its work meanwhile.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod breaker;
mod client;
mod gate;
mod http;
mod sound;
mod websocket;

pub use breaker::{Breaker, Open};
pub use http::{HttpEngine, HttpSettings};
pub use websocket::{WebSocketEngine, WebSocketSettings};

use std::time::Duration;

/// How failures of a server are dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often a question is asked again, when the connection breaks or the server says that it is
    /// not ready.
    pub retries: u8,
    /// The pause before the first of them, doubled with each that follows.
    pub first_pause: Duration,
    /// Questions that fail one after the other until the server is left alone.
    pub failures: u32,
    /// For how long, doubled with each failure that follows.
    pub first_rest: Duration,
    /// For how long at most.
    pub longest_rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            retries: 2,
            first_pause: Duration::from_millis(100),
            failures: 5,
            first_rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// The pauses before each of the retries.
    fn pauses(&self) -> impl Iterator<Item = Duration> {
        let first = self.first_pause;
        (0..self.retries).map(move |n| first.saturating_mul(1_u32 << n.min(16)))
    }
}

/// Why there is no such engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Its address cannot be used.
    #[error("engine {engine}: the url {url:?}: {why}")]
    Url {
        /// The engine.
        engine: String,
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header of the configuration cannot be sent.
    #[error("engine {engine}: the header {header:?} cannot be sent: {why}")]
    Header {
        /// The engine.
        engine: String,
        /// Its name.
        header: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS could not be set up.
    #[error("engine {engine}: the client could not be set up: {why}")]
    Client {
        /// The engine.
        engine: String,
        /// What happened.
        why: String,
    },
}

/// How a server is reached.
#[derive(Clone)]
pub struct Endpoint {
    /// Where it is.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
}

/// What an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http://` or `https://`.
    Http,
    /// `ws://` or `wss://`.
    WebSocket,
}

impl Protocol {
    /// Its URLs' schemes: plain, and over TLS.
    fn schemes(self) -> [&'static str; 2] {
        match self {
            Protocol::Http => ["http", "https"],
            Protocol::WebSocket => ["ws", "wss"],
        }
    }
}

impl Endpoint {
    /// Can an engine be made of it?
    ///
    /// # Errors
    /// The address or a header is wrong.
    pub fn check(&self, engine: &str, protocol: Protocol) -> Result<(), RemoteError> {
        self.address(engine, protocol)?;
        self.headers(engine).map(|_| ())
    }

    /// What is sent with each request. The values are marked, so that no log shows them.
    fn headers(&self, engine: &str) -> Result<reqwest::header::HeaderMap, RemoteError> {
        let bearer = self.token.iter().map(|token| {
            let value = format!("Bearer {token}");
            ("authorization".to_owned(), value)
        });
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in self.headers.iter().cloned().chain(bearer) {
            let wrong = |why: String| RemoteError::Header {
                engine: engine.to_owned(),
                header: name.clone(),
                why,
            };
            let key = reqwest::header::HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| wrong(error.to_string()))?;
            let mut value = reqwest::header::HeaderValue::from_str(&value)
                .map_err(|error| wrong(error.to_string()))?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        Ok(headers)
    }

    fn address(&self, engine: &str, protocol: Protocol) -> Result<reqwest::Url, RemoteError> {
        let wrong = |why: String| RemoteError::Url {
            engine: engine.to_owned(),
            url: self.url.clone(),
            why,
        };
        let url = reqwest::Url::parse(&self.url).map_err(|error| wrong(error.to_string()))?;
        let [plain, secure] = protocol.schemes();
        if ![plain, secure].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(wrong(format!(
                "it has to begin with {plain}:// or {secure}://"
            )));
        }
        Ok(url)
    }
}
