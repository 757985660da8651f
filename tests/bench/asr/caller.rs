//! Callers without a telephone: sound goes straight to the recognizers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vireo_speech::asr::vosk::{VoskConfig, VoskEngine};
use vireo_speech::asr::{
    Engine, Event, Grammar, Model, Options, Phrase, Recognition, Recognizers, Request,
};

use super::held_out::{HeldOut, Kind, Utterance};
use crate::error::{BenchError, Context as _, Result};

/// More than are ever tried.
const STREAMS: usize = 1_000;
/// What a call hands over at once.
const PIECE: Duration = Duration::from_millis(100);
/// Its samples.
const PIECE_SAMPLES: usize = 800;
/// The usual one.
const MIN_CONFIDENCE: f32 = 0.5;

/// What was understood.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Of the grammar; none when nothing of it was understood.
    pub value: Option<String>,
    pub confidence: f32,
    /// From the end of the sound to the answer, ms.
    pub answer_ms: f32,
}

impl Heard {
    /// Would a flow with the usual options get a match?
    pub fn is_match(&self) -> bool {
        self.value.is_some() && self.confidence >= MIN_CONFIDENCE
    }

    /// The value as digits.
    pub fn digits(&self) -> Option<String> {
        self.value.clone()
    }
}

/// Recognizers of one language, with a worker.
#[derive(Clone)]
pub struct Room {
    recognizers: Recognizers,
    language: String,
}

/// Does the sound come as it is spoken, or at once?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    RealTime,
    AtOnce,
}

impl Room {
    /// With the worker that stands beside the bench.
    pub fn open(language: &str, model: &Path) -> Result<Self> {
        let own = std::env::current_exe().context(|| "the bench's own path".into())?;
        let engine = VoskEngine::new(VoskConfig {
            name: "vosk".to_owned(),
            program: own.with_file_name("vireo-vosk"),
            library: None,
            workers: 1,
            threads: 2,
            streams: STREAMS,
        });
        let model = Model {
            language: language.to_owned(),
            engine: "vosk".to_owned(),
            directory: Some(model.to_owned()),
        };
        let engine = Arc::new(engine) as Arc<dyn Engine>;
        let recognizers = Recognizers::new(vec![model], vec![engine]);
        Ok(Room {
            recognizers: recognizers.map_err(failed)?,
            language: language.to_owned(),
        })
    }

    /// Its language.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Loads the model.
    pub async fn prepare(&self) -> Result<()> {
        match self.recognizers.prepare().await.pop() {
            Some((_, error)) => Err(failed(error)),
            None => Ok(()),
        }
    }

    /// All utterances, so many at a time, in their order.
    pub async fn all(&self, set: &HeldOut, at_once: usize) -> Result<Vec<Heard>> {
        self.prepare().await?;
        let mut heard = Vec::new();
        for several in set.utterances.chunks(at_once) {
            let tasks: Vec<_> = several
                .iter()
                .map(|said| {
                    tokio::spawn(self.clone().one(
                        set.grammar.clone(),
                        said.kind,
                        said.samples.clone(),
                        Pace::AtOnce,
                    ))
                })
                .collect();
            for task in tasks {
                heard.push(
                    task.await
                        .map_err(|error| BenchError::Run(error.to_string()))??,
                );
            }
        }
        Ok(heard)
    }

    /// One utterance.
    pub async fn one(
        self,
        grammar: Vec<String>,
        kind: Kind,
        samples: Vec<i16>,
        pace: Pace,
    ) -> Result<Heard> {
        let grammar = match kind {
            Kind::Digits => Grammar::Digits { min: 1, max: 16 },
            Kind::Word | Kind::Outside => {
                Grammar::Phrases(grammar.iter().map(|word| Phrase::new(word)).collect())
            }
        };
        let request = Request {
            language: self.language.clone(),
            grammars: vec![grammar],
            today: jiff::civil::date(2026, 1, 1),
            options: Options {
                min_confidence: 0.0,
                end_of_speech: match pace {
                    // It ends with the sound, so that the time to the answer is the engine's alone.
                    Pace::RealTime => Duration::from_secs(60),
                    Pace::AtOnce => Options::default().end_of_speech,
                },
                ..Options::default()
            },
        };
        let (ears, mut events) = self.recognizers.start(request).map_err(failed)?;
        let mut next = Instant::now();
        for piece in samples.chunks(PIECE_SAMPLES) {
            ears.hear(piece);
            if pace == Pace::RealTime {
                next += PIECE;
                tokio::time::sleep_until(next).await;
            }
        }
        drop(ears);
        let end = Instant::now();
        let mut heard = Heard::default();
        while let Some(event) = events.next().await {
            match event {
                Event::Done(Recognition::Match(answer)) => {
                    heard.value = Some(answer.value);
                    heard.confidence = answer.confidence;
                }
                Event::Failed(error) => return Err(failed(error)),
                _ => {}
            }
        }
        heard.answer_ms = end.elapsed().as_secs_f32() * 1000.0;
        Ok(heard)
    }
}

/// Utterances of one kind and condition.
pub fn of<'a>(set: &'a HeldOut, condition: &'a str) -> impl Iterator<Item = &'a Utterance> {
    (set.utterances.iter())
        .filter(move |said| said.kind == Kind::Word && said.condition == condition)
}

fn failed(error: vireo_speech::asr::AsrError) -> BenchError {
    BenchError::Run(error.to_string())
}
