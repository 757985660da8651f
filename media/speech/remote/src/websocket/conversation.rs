//! One recognition with a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use reqwest::Upgraded;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use vireo_speech::asr::{AsrError, Output, Task};

use super::messages::{Answer, Question};
use super::{Server, handshake};
use crate::client::{Failure, retrying};
use crate::gate::Outcome;

/// Of the sound of a call, Hz.
const RATE: u32 = 8_000;

/// What is to be sent.
pub(super) enum Order {
    /// The beginning of this number.
    Begin(u32),
    Audio(Vec<i16>),
    Finish,
}

/// What came.
pub(super) enum Said {
    /// Of the beginning of this number.
    Output(u32, Output),
    Failure(AsrError),
}

/// The connection, and who is at its near end.
pub(super) struct Conversation {
    pub server: Arc<Server>,
    pub task: Task,
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub outputs: mpsc::Sender<Said>,
    /// Samples in `orders`.
    pub waiting: Arc<AtomicUsize>,
}

/// How it ended, when it did not fail.
enum Ended {
    /// With the last word.
    Answered,
    /// Nobody listens any more.
    Abandoned,
}

impl Conversation {
    /// Talks until the end, and tells what it says of the server.
    pub async fn hold(mut self) {
        let ended = self.talk().await;
        let server = &self.server;
        match &ended {
            Ok(Ended::Answered) => server.gate.leave(Outcome::Answered),
            Ok(Ended::Abandoned) => server.gate.leave(Outcome::Abandoned),
            Err(why) => {
                server.gate.leave(Outcome::Failed(why));
                // It is full only when nobody takes anything.
                let _ = self
                    .outputs
                    .try_send(Said::Failure(server.failed(why.clone())));
            }
        }
    }

    async fn talk(&mut self) -> Result<Ended, String> {
        let outputs = self.outputs.clone();
        let mut socket = tokio::select! {
            () = outputs.closed() => return Ok(Ended::Abandoned),
            socket = connect(&self.server) => socket?,
        };
        let mut answer_by = None;
        loop {
            let late = async {
                match answer_by {
                    Some(time) => sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = outputs.closed() => {
                    // Politely, but without waiting for an answer.
                    let _ = timeout(self.server.answer, socket.close(None)).await;
                    return Ok(Ended::Abandoned);
                }
                message = socket.next() => {
                    if self.hear(message, answer_by.is_some())? {
                        let _ = timeout(self.server.answer, socket.close(None)).await;
                        return Ok(Ended::Answered);
                    }
                }
                // Without an end of the channel: who drops the one drops the other.
                Some(order) = self.orders.recv() => {
                    if matches!(order, Order::Finish) {
                        answer_by = Some(Instant::now() + self.server.answer);
                    }
                    self.send(&mut socket, order).await?;
                }
                () = late => {
                    let ms = self.server.answer.as_millis();
                    return Err(format!("it did not end within {ms} ms"));
                }
            }
        }
    }

    async fn send(
        &self,
        socket: &mut WebSocketStream<Upgraded>,
        order: Order,
    ) -> Result<(), String> {
        let text = |question: Question<'_>| match serde_json::to_string(&question) {
            Ok(text) => Ok(Message::text(text)),
            Err(error) => Err(error.to_string()),
        };
        let message = match order {
            Order::Begin(id) => text(Question::Start {
                id,
                language: &self.task.model.language,
                rate: RATE,
                phrases: &self.task.phrases,
                alternatives: self.task.alternatives,
            })?,
            Order::Audio(samples) => {
                self.waiting.fetch_sub(samples.len(), Ordering::Relaxed);
                let bytes: Vec<u8> = (samples.iter())
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect();
                Message::binary(bytes)
            }
            Order::Finish => text(Question::End)?,
        };
        match timeout(self.server.answer, socket.send(message)).await {
            Ok(sent) => sent.map_err(|error| broken(&error)),
            Err(_) => Err("it takes no sound".to_owned()),
        }
    }

    /// Passes on what came; true at the end.
    fn hear(
        &self,
        message: Option<Result<Message, Error>>,
        finished: bool,
    ) -> Result<bool, String> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            // The library answers these.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(false),
            Some(Ok(Message::Close(_))) | None => {
                return Err("it closed the connection before the end".to_owned());
            }
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                return Err("it sent a message that is no text".to_owned());
            }
            Some(Err(error)) => return Err(broken(&error)),
        };
        let answer = serde_json::from_str(&text)
            .map_err(|error| format!("it sent a message that is not understood: {error}"))?;
        let (id, output) = match answer {
            Answer::Partial { id, text } => (id, Output::Partial(text)),
            Answer::Final { id, alternatives } => {
                if alternatives.is_empty() {
                    return Ok(false);
                }
                let hypotheses = alternatives.into_iter().map(Into::into);
                (id, Output::Segment(hypotheses.collect()))
            }
            Answer::End { id } if finished => (id, Output::End),
            Answer::End { .. } => return Err("it ended before the speech did".to_owned()),
            Answer::Error { message } => return Err(message),
        };
        let end = output == Output::End;
        match self.outputs.try_send(Said::Output(id, output)) {
            Err(mpsc::error::TrySendError::Full(_)) => Err("it says too much".to_owned()),
            // Nobody listens any more; the next look at the channel finds that.
            _ => Ok(end),
        }
    }
}

async fn connect(server: &Server) -> Result<WebSocketStream<Upgraded>, String> {
    let deadline = Instant::now() + server.connect;
    let attempts = retrying(&server.patience, deadline, || handshake::open(server));
    match timeout_at(deadline, attempts).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(Failure::Passing(why) | Failure::Server(why) | Failure::Question(why))) => Err(why),
        Err(_) => Err(format!(
            "no connection within {} ms",
            server.connect.as_millis()
        )),
    }
}

fn broken(error: &Error) -> String {
    format!("the connection broke: {error}")
}
