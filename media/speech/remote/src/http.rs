//! Text to speech over HTTP.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url};
use tokio::sync::Semaphore;
use vireo_audio::wav::Audio;
use vireo_speech::tts::{Engine, EngineError, Speaking, Utterance};

use crate::client::{self, Failure, broken};
use crate::gate::{Gate, Outcome};
use crate::{Endpoint, Patience, Protocol, RemoteError, sound};

/// The longest answer, bytes: three minutes at 48 kHz.
const LARGEST_ANSWER: usize = 16 << 20;
/// An engine over HTTP.
pub struct HttpSettings {
    /// Its name in the configuration.
    pub name: String,
    /// Where sentences are posted to.
    pub endpoint: Endpoint,
    /// Requests at the same time, at least 1; others wait within their time.
    pub at_once: usize,
    /// How failures are dealt with.
    pub patience: Patience,
}

/// Posts an [`Utterance`] as JSON, and takes the sound of the answer.
pub struct HttpEngine {
    name: String,
    url: Url,
    client: Client,
    slots: Semaphore,
    patience: Patience,
    gate: Gate,
}

impl HttpEngine {
    /// The engine of a server; connects when it is first asked.
    ///
    /// # Errors
    /// Its address or a header is wrong.
    pub fn new(settings: HttpSettings) -> Result<Self, RemoteError> {
        let name = settings.name;
        let client = client::build(&name, &settings.endpoint)?;
        Ok(HttpEngine {
            url: settings.endpoint.address(&name, Protocol::Http)?,
            client,
            slots: Semaphore::new(settings.at_once.max(1)),
            gate: Gate::new(&name, settings.patience.clone()),
            patience: settings.patience,
            name,
        })
    }

    async fn ask(&self, utterance: Utterance, time: Duration) -> Result<Audio, EngineError> {
        let question =
            serde_json::to_vec(&utterance).map_err(|error| self.failed(error.to_string()))?;
        let late = || self.failed(format!("no complete answer within {} ms", time.as_millis()));
        let deadline = tokio::time::Instant::now() + time;
        let slot = tokio::time::timeout_at(deadline, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else {
            return Err(late());
        };
        let asking = Asking::begin(self)?;
        let attempts =
            client::retrying(&self.patience, deadline, || self.attempt(question.clone()));
        let answer = tokio::time::timeout_at(deadline, attempts).await;
        let (outcome, result) = match answer {
            Ok(Ok(sound)) => (Ok(()), Ok(sound)),
            Ok(Err(Failure::Question(why))) => (Ok(()), Err(self.failed(why))),
            Ok(Err(Failure::Passing(why) | Failure::Server(why))) => {
                (Err(why.clone()), Err(self.failed(why)))
            }
            Err(_) => (Err("no answer in time".to_owned()), Err(late())),
        };
        asking.end(match &outcome {
            Ok(()) => Outcome::Answered,
            Err(why) => Outcome::Failed(why),
        });
        result
    }

    fn failed(&self, why: String) -> EngineError {
        EngineError::Failed {
            engine: self.name.clone(),
            why,
        }
    }

    async fn attempt(&self, question: Vec<u8>) -> Result<Audio, Failure> {
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(question);
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if status.is_success() {
            let kind = response.headers().get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let kind = kind.to_owned();
            let body = read(response).await?;
            return sound::parse(&kind, &body)
                .map_err(|what| Failure::Server(format!("it answered with {what}")));
        }
        let words = read(response).await.unwrap_or_default();
        Err(client::refusal(status, &words))
    }
}

impl Engine for HttpEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak(&self, utterance: Utterance, time: Duration) -> Speaking<'_> {
        Box::pin(self.ask(utterance, time))
    }
}

/// A question that was let through: its end is told, also when nobody waits for it any more.
struct Asking<'a> {
    gate: &'a Gate,
    told: bool,
}

impl<'a> Asking<'a> {
    fn begin(engine: &'a HttpEngine) -> Result<Self, EngineError> {
        engine.gate.enter().map_err(|open| EngineError::Resting {
            engine: engine.name.clone(),
            seconds: open.rest.as_secs().max(1),
            why: open.why,
        })?;
        Ok(Asking {
            gate: &engine.gate,
            told: false,
        })
    }

    fn end(mut self, how: Outcome<'_>) {
        self.told = true;
        self.gate.leave(how);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.gate.leave(Outcome::Abandoned);
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Failure::Server(format!(
                "its answer is longer than {LARGEST_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
