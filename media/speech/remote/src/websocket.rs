//! Speech recognition over WebSocket (RFC 6455): one connection for each recognition.

mod conversation;
mod handshake;
mod messages;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::sync::{Semaphore, mpsc};
use vireo_speech::asr::{AsrError, Engine, Model, Next, Stream, Task, Vocabulary};

use crate::client;
use crate::gate::Gate;
use crate::{Endpoint, Patience, Protocol, RemoteError};
use conversation::{Conversation, Order, Said};

/// Sound that waits for the server, samples: ten seconds.
const MOST_WAITING: usize = 80_000;
/// Words that wait to be taken: more than a server that is asked says in an answer.
const MOST_SAID: usize = 256;

/// An engine over WebSocket.
pub struct WebSocketSettings {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is: `ws://` or `wss://`.
    pub endpoint: Endpoint,
    /// Recognitions at the same time, at least 1.
    pub streams: usize,
    /// For the connection, with all attempts.
    pub connect: Duration,
    /// From the end of the speech to the last word.
    pub answer: Duration,
    /// How failures are dealt with.
    pub patience: Patience,
}

/// Sends a caller's sound, and takes the words.
pub struct WebSocketEngine {
    server: Arc<Server>,
    slots: Arc<Semaphore>,
    streams: usize,
}

/// What all recognitions share.
struct Server {
    name: String,
    /// With `http` for `ws`: a WebSocket begins as an HTTP request.
    url: Url,
    client: Client,
    connect: Duration,
    answer: Duration,
    patience: Patience,
    gate: Gate,
}

impl Server {
    fn failed(&self, reason: String) -> AsrError {
        AsrError::Engine {
            engine: self.name.clone(),
            reason,
        }
    }

    fn too_slow(&self, problem: &'static str) -> AsrError {
        AsrError::TooSlow {
            engine: self.name.clone(),
            problem,
        }
    }
}

impl WebSocketEngine {
    /// The engine of a server; connects when it is first asked.
    ///
    /// # Errors
    /// Its address or a header is wrong.
    pub fn new(settings: WebSocketSettings) -> Result<Self, RemoteError> {
        let name = settings.name;
        let mut url = settings.endpoint.address(&name, Protocol::WebSocket)?;
        let scheme = if url.scheme() == "ws" {
            "http"
        } else {
            "https"
        };
        let text = url.to_string();
        if let Some((_, rest)) = text.split_once("://") {
            url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| RemoteError::Url {
                engine: name.clone(),
                url: text.clone(),
                why: error.to_string(),
            })?;
        }
        let streams = settings.streams.max(1);
        Ok(WebSocketEngine {
            server: Arc::new(Server {
                url,
                client: client::build(&name, &settings.endpoint)?,
                connect: settings.connect,
                answer: settings.answer,
                gate: Gate::new(&name, settings.patience.clone()),
                patience: settings.patience,
                name,
            }),
            slots: Arc::new(Semaphore::new(streams)),
            streams,
        })
    }
}

impl Engine for WebSocketEngine {
    fn name(&self) -> &str {
        &self.server.name
    }

    /// What the server knows is not told; it takes any word.
    fn vocabulary(&self, _: &Model) -> Result<Option<Arc<Vocabulary>>, AsrError> {
        Ok(None)
    }

    fn start(&self, task: Task) -> Result<Box<dyn Stream>, AsrError> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| AsrError::Busy {
            engine: self.server.name.clone(),
            streams: self.streams,
        })?;
        self.server.gate.enter().map_err(|open| {
            let seconds = open.rest.as_secs().max(1);
            let why = open.why;
            self.server.failed(format!(
                "it keeps failing and is left alone for {seconds} s more; last: {why}"
            ))
        })?;
        let (orders, incoming) = mpsc::unbounded_channel();
        let (outputs, said) = mpsc::channel(MOST_SAID);
        let waiting = Arc::<AtomicUsize>::default();
        let conversation = Conversation {
            server: Arc::clone(&self.server),
            task,
            orders: incoming,
            outputs,
            waiting: Arc::clone(&waiting),
        };
        tokio::spawn(async move {
            conversation.hold().await;
            drop(slot);
        });
        let mut stream = RemoteStream {
            server: Arc::clone(&self.server),
            orders,
            said,
            waiting,
            current: 0,
        };
        stream.restart()?;
        Ok(Box::new(stream))
    }
}

/// One recognition. Dropping it ends the connection.
struct RemoteStream {
    server: Arc<Server>,
    orders: mpsc::UnboundedSender<Order>,
    said: mpsc::Receiver<Said>,
    /// Samples that are not sent yet.
    waiting: Arc<AtomicUsize>,
    /// How often it has begun.
    current: u32,
}

impl Stream for RemoteStream {
    fn audio(&mut self, samples: &[i16]) -> Result<(), AsrError> {
        if self.waiting.load(Ordering::Relaxed) + samples.len() > MOST_WAITING {
            return Err(self.server.too_slow("sound waits for it"));
        }
        self.waiting.fetch_add(samples.len(), Ordering::Relaxed);
        // Where the conversation is over, `next` says why.
        let _ = self.orders.send(Order::Audio(samples.to_vec()));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), AsrError> {
        self.current += 1;
        let _ = self.orders.send(Order::Begin(self.current));
        Ok(())
    }

    fn finish(&mut self) {
        let _ = self.orders.send(Order::Finish);
    }

    fn next(&mut self) -> Next<'_> {
        Box::pin(async move {
            loop {
                match self.said.recv().await {
                    Some(Said::Output(beginning, output)) if beginning == self.current => {
                        return Ok(output);
                    }
                    // Of what is forgotten.
                    Some(Said::Output(..)) => {}
                    Some(Said::Failure(error)) => return Err(error),
                    None => return Err(AsrError::Stopped),
                }
            }
        })
    }
}
