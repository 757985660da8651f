//! What makes speech of text.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vireo_audio::wav::Audio;
use vireo_worker::{ExchangeError, Piece, Pool};

/// One sentence, and how it is spoken. Also what a worker is asked, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utterance {
    /// The sentence.
    pub text: String,
    /// Its sounds in the International Phonetic Alphabet, for engines that take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phonemes: Option<String>,
    /// The voice's language in the configuration: a BCP 47 tag.
    #[serde(default)]
    pub language: String,
    /// The engine's name of the voice.
    pub voice: String,
    /// Hundredths of the voice's own speed.
    pub rate: u16,
}

/// Why an engine did not speak.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Its worker.
    #[error(transparent)]
    Worker(#[from] ExchangeError),
    /// What came back is no sound.
    #[error("engine {engine} answered with {what}")]
    Answer {
        /// The engine.
        engine: String,
        /// What came.
        what: String,
    },
    /// It did not speak.
    #[error("engine {engine}: {why}")]
    Failed {
        /// The engine.
        engine: String,
        /// What happened.
        why: String,
    },
    /// It is not asked for a while, because it kept failing.
    #[error("engine {engine} keeps failing and is left alone for {seconds} s more; last: {why}")]
    Resting {
        /// The engine.
        engine: String,
        /// Until it is asked again.
        seconds: u64,
        /// What happened last.
        why: String,
    },
}

/// What comes of an engine, later. Dropping it stops the work.
pub type Speaking<'a> = Pin<Box<dyn Future<Output = Result<Audio, EngineError>> + Send + 'a>>;

/// Makes speech of text.
pub trait Engine: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Speaks one sentence within `time`; the sound has one channel and any rate.
    fn speak(&self, utterance: Utterance, time: Duration) -> Speaking<'_>;
}

/// An engine in worker processes. A worker answers an [`Utterance`] with the rate (Hz, 32 bits,
/// big-endian) and samples (16 bits, little-endian), in as many pieces as it likes.
#[derive(Debug)]
pub struct WorkerEngine {
    name: String,
    pool: Pool,
}

impl WorkerEngine {
    /// The engine of these workers.
    pub fn new(name: &str, pool: Pool) -> Self {
        WorkerEngine {
            name: name.to_owned(),
            pool,
        }
    }

    fn answer(&self, what: impl Into<String>) -> EngineError {
        EngineError::Answer {
            engine: self.name.clone(),
            what: what.into(),
        }
    }

    async fn ask(&self, utterance: Utterance, time: Duration) -> Result<Audio, EngineError> {
        let question =
            serde_json::to_vec(&utterance).map_err(|error| self.answer(error.to_string()))?;
        let mut exchange = self.pool.ask(question, time)?;
        let mut sound = Vec::new();
        loop {
            match exchange.next().await? {
                Piece::Part(part) => sound.extend(part),
                Piece::End(last) => {
                    sound.extend(last);
                    break;
                }
            }
        }
        let Some((rate, samples)) = sound.split_first_chunk() else {
            return Err(self.answer("nothing"));
        };
        let rate = u32::from_be_bytes(*rate);
        if !(4_000..=192_000).contains(&rate) {
            return Err(self.answer(format!("sound of {rate} Hz")));
        }
        let samples = samples
            .as_chunks()
            .0
            .iter()
            .map(|sample| i16::from_le_bytes(*sample));
        Ok(Audio {
            rate,
            channels: 1,
            samples: samples.collect(),
        })
    }
}

impl Engine for WorkerEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak(&self, utterance: Utterance, time: Duration) -> Speaking<'_> {
        Box::pin(self.ask(utterance, time))
    }
}
