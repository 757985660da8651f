//! libvosk, in worker processes (`vireo-vosk`): one worker a model, so that a broken model costs no other.
//!
//! One exchange is one caller's speech. It is opened with a [`Question`]; input is sound: 8 kHz, 16 bits,
//! little-endian. Each part of the answer is an [`Output`], the end has no body. All but the sound is JSON.

mod files;
mod symbols;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vireo_worker::{Exchange, ExchangeError, Limits, Piece, Pool, WorkerConfig};

use super::{AsrError, Engine, Model, Next, Output, Preparing, Stream, Task, Vocabulary};
use files::Files;

/// The worker's name, in its greeting, in logs and metrics.
pub const WORKER: &str = "vosk";
/// Samples that go to the worker at once: 100 ms.
const BATCH: usize = 800;
/// No prompt that a caller may interrupt is longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// For a model to be read.
const PREPARATION: Duration = Duration::from_secs(120);
/// What a dynamic linker exits with when a library is missing.
const NO_LIBRARY: &str = "it ended with code 127";

/// What a worker is to listen for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Phrases of words that the model knows; none: whatever is said.
    pub phrases: Option<Vec<String>>,
    /// Hypotheses that are wanted beside the best.
    pub alternatives: u8,
}

/// Why a worker does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The model cannot be used.
    Model(String),
    /// It does not keep up with the sound.
    TooSlow,
    /// Something else.
    Other(String),
}

/// How libvosk is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoskConfig {
    /// The engine's name in the configuration.
    pub name: String,
    /// The worker: the executable `vireo-vosk`.
    pub program: PathBuf,
    /// Where another `libvosk.so` than the worker's own is.
    pub library: Option<PathBuf>,
    /// Processes of each model, at least 1.
    pub workers: u16,
    /// Decoding threads of each process, at least 1.
    pub threads: u16,
    /// Recognitions at the same time, of all models together.
    pub streams: usize,
}

/// A model that was asked for.
#[derive(Clone, Debug)]
struct Loaded {
    pool: Pool,
    files: Arc<Files>,
}

/// libvosk, in workers.
#[derive(Debug)]
pub struct VoskEngine {
    config: VoskConfig,
    running: Arc<AtomicUsize>,
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
}

impl VoskEngine {
    /// The engine. Its workers start when they are needed first, or by [`Engine::prepare`]; that needs a
    /// tokio runtime.
    pub fn new(config: VoskConfig) -> Self {
        VoskEngine {
            config,
            running: Arc::default(),
            loaded: Mutex::default(),
        }
    }

    /// Recognitions that run.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn model(&self, model: &Model) -> Result<(PathBuf, Arc<Files>, Option<Pool>), AsrError> {
        let Some(directory) = &model.directory else {
            return Err(AsrError::Engine {
                engine: self.config.name.clone(),
                reason: format!("the model for {:?} has no directory", model.language),
            });
        };
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Loaded { pool, files }) = loaded.get(directory) {
            return Ok((directory.clone(), Arc::clone(files), Some(pool.clone())));
        }
        drop(loaded);
        // A broken model is looked at again each time: it may be mended.
        let files = Arc::new(Files::read(directory)?);
        Ok((directory.clone(), files, None))
    }

    fn loaded(&self, model: &Model) -> Result<Loaded, AsrError> {
        let (directory, files, pool) = self.model(model)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let made = loaded
            .entry(directory)
            .or_insert_with_key(|directory| Loaded {
                pool: pool.unwrap_or_else(|| Pool::start(self.worker(directory, files.rate))),
                files,
            });
        Ok(made.clone())
    }

    fn worker(&self, directory: &Path, rate: u32) -> WorkerConfig {
        let library = self.config.library.as_deref().and_then(Path::parent);
        let library = library.map(|at| (OsString::from("LD_LIBRARY_PATH"), at.into()));
        WorkerConfig {
            name: WORKER.to_owned(),
            program: self.config.program.clone(),
            arguments: vec![
                directory.into(),
                rate.to_string().into(),
                self.config.threads.max(1).to_string().into(),
            ],
            environment: library.into_iter().collect(),
            processes: self.config.workers,
            limits: Limits {
                at_once: self.config.streams.max(1),
                waiting: self.config.streams.max(1),
                ..Limits::default()
            },
        }
    }

    async fn warm(&self, model: &Model) -> Result<(), AsrError> {
        let Loaded { pool, files } = self.loaded(model)?;
        let question = Question {
            phrases: None,
            alternatives: 0,
        };
        let mut exchanges = Vec::new();
        for _ in 0..self.config.workers.max(1) {
            let exchange = ask(&pool, &question, PREPARATION);
            let exchange = exchange.map_err(|error| self.failed(&files, error))?;
            exchange.finish();
            exchanges.push(exchange);
        }
        for mut exchange in exchanges {
            while let Piece::Part(_) =
                (exchange.next().await).map_err(|error| self.failed(&files, error))?
            {}
        }
        Ok(())
    }

    fn failed(&self, files: &Files, error: ExchangeError) -> AsrError {
        failed(&self.config.name, files, error)
    }
}

/// What an exchange's end means.
fn failed(engine: &str, files: &Files, error: ExchangeError) -> AsrError {
    let engine = engine.to_owned();
    if let ExchangeError::Refused { message, .. } = &error {
        return match serde_json::from_str(message) {
            Ok(Refusal::Model(problem)) => files.wrong(problem),
            Ok(Refusal::TooSlow) => AsrError::TooSlow {
                engine,
                problem: "its worker has more sound than it decodes",
            },
            Ok(Refusal::Other(reason)) => AsrError::Engine { engine, reason },
            Err(_) => AsrError::Engine {
                engine,
                reason: message.clone(),
            },
        };
    }
    let mut reason = error.to_string();
    if reason.contains(NO_LIBRARY) {
        reason.push_str(
            ": libvosk.so was not found; scripts/build-workers.sh installs it beside the worker",
        );
    }
    match error {
        ExchangeError::TimedOut { .. } => AsrError::TooSlow {
            engine,
            problem: "its worker does not answer",
        },
        ExchangeError::Stopped { .. } => AsrError::Stopped,
        _ => AsrError::Engine { engine, reason },
    }
}

fn ask(pool: &Pool, question: &Question, time: Duration) -> Result<Exchange, ExchangeError> {
    // Strings and numbers are always JSON.
    let question = serde_json::to_vec(question).unwrap_or_default();
    pool.ask(question, time)
}

impl Engine for VoskEngine {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn vocabulary(&self, model: &Model) -> Result<Option<Arc<Vocabulary>>, AsrError> {
        let (_, files, _) = self.model(model)?;
        Ok(Some(Arc::clone(&files.vocabulary)))
    }

    fn prepare<'a>(&'a self, model: &'a Model) -> Preparing<'a> {
        Box::pin(self.warm(model))
    }

    fn start(&self, task: Task) -> Result<Box<dyn Stream>, AsrError> {
        let Loaded { pool, files } = self.loaded(&task.model)?;
        let place = Place::take(&self.running, self.config.streams).ok_or(AsrError::Busy {
            engine: self.config.name.clone(),
            streams: self.config.streams,
        })?;
        let question = Question {
            phrases: task.phrases,
            alternatives: task.alternatives,
        };
        let exchange = ask(&pool, &question, LONGEST);
        let exchange = exchange.map_err(|error| self.failed(&files, error))?;
        Ok(Box::new(VoskStream {
            engine: self.config.name.clone(),
            pool,
            files,
            question,
            exchange,
            batch: Vec::new(),
            _place: place,
        }))
    }
}

/// One of the recognitions that may run.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(running: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let free = |now: usize| (now < most).then_some(now + 1);
        (running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free)
            .ok())
        .map(|_| Place(Arc::clone(running)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct VoskStream {
    engine: String,
    pool: Pool,
    files: Arc<Files>,
    question: Question,
    exchange: Exchange,
    /// Sound that has not gone to the worker.
    batch: Vec<i16>,
    _place: Place,
}

impl VoskStream {
    fn flush(&mut self) -> Result<(), AsrError> {
        let bytes = self.batch.iter().flat_map(|sample| sample.to_le_bytes());
        let sent = self.exchange.input(bytes.collect());
        self.batch.clear();
        sent.map_err(|error| failed(&self.engine, &self.files, error))
    }
}

impl Stream for VoskStream {
    fn audio(&mut self, samples: &[i16]) -> Result<(), AsrError> {
        for piece in samples.chunks(vireo_worker::LARGEST_BODY / 4) {
            self.batch.extend_from_slice(piece);
            if self.batch.len() >= BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), AsrError> {
        self.batch.clear();
        let exchange = ask(&self.pool, &self.question, LONGEST);
        self.exchange = exchange.map_err(|error| failed(&self.engine, &self.files, error))?;
        Ok(())
    }

    fn finish(&mut self) {
        // `next` says what became of the worker.
        let _ = self.flush();
        self.exchange.finish();
    }

    fn next(&mut self) -> Next<'_> {
        Box::pin(async move {
            match self.exchange.next().await {
                Ok(Piece::Part(body)) => match serde_json::from_slice(&body) {
                    Ok(output) => Ok(self.files.calibrated(output)),
                    Err(error) => Err(AsrError::Engine {
                        engine: self.engine.clone(),
                        reason: format!("the worker's answer is not understood: {error}"),
                    }),
                },
                Ok(Piece::End(_)) => Ok(Output::End),
                Err(error) => Err(failed(&self.engine, &self.files, error)),
            }
        })
    }
}
