//! An engine that says what it was told to: for tests of what listens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{AsrError, Engine, Hypothesis, Model, Next, Output, Stream, Task, Vocabulary, Word};

/// Samples a millisecond.
const PER_MS: usize = 8;

/// What a scripted stream says, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// After so much sound of this stream; a finished stream says it at once.
    pub after: Duration,
    /// What it says.
    pub output: Result<Output, AsrError>,
}

impl Step {
    /// A partial result.
    pub fn partial(after_ms: u64, text: &str) -> Step {
        Step {
            after: Duration::from_millis(after_ms),
            output: Ok(Output::Partial(text.to_owned())),
        }
    }

    /// A segment with one hypothesis, in words that are separated by spaces.
    pub fn words(after_ms: u64, text: &str, confidence: f32) -> Step {
        let words = text.split_whitespace().map(|word| Word {
            text: word.to_owned(),
            confidence,
            ms: 300,
            joined: false,
        });
        let hypothesis = Hypothesis {
            words: words.collect(),
            weight: 1.0,
        };
        Step {
            after: Duration::from_millis(after_ms),
            output: Ok(Output::Segment(vec![hypothesis])),
        }
    }

    /// The engine fails.
    pub fn fails(after_ms: u64, error: AsrError) -> Step {
        Step {
            after: Duration::from_millis(after_ms),
            output: Err(error),
        }
    }
}

/// An engine whose streams follow scripts, one after the other; without one they hear nothing.
#[derive(Debug)]
pub struct Scripted {
    name: String,
    vocabulary: Option<Arc<Vocabulary>>,
    streams: usize,
    running: Arc<AtomicUsize>,
    scripts: Mutex<VecDeque<Vec<Step>>>,
    tasks: Mutex<Vec<Task>>,
}

impl Scripted {
    /// An engine with this name that carries `streams` at the same time, and knows any word.
    pub fn new(name: &str, streams: usize) -> Self {
        Scripted {
            name: name.to_owned(),
            vocabulary: None,
            streams,
            running: Arc::default(),
            scripts: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Lets it know these words and no other.
    #[must_use]
    pub fn knowing<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.vocabulary = Some(Arc::new(Vocabulary::of(words)));
        self
    }

    /// What the next stream that has no script yet is to say. A restarted stream is a new one.
    pub fn hears(&self, script: impl IntoIterator<Item = Step>) {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.push_back(script.into_iter().collect());
    }

    /// What it was asked to listen for, in order.
    pub fn tasks(&self) -> Vec<Task> {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Streams that run.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn script(&self) -> VecDeque<Step> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.pop_front().unwrap_or_default().into()
    }
}

/// The engine, shared with the streams that take its scripts.
impl Engine for Arc<Scripted> {
    fn name(&self) -> &str {
        &self.name
    }

    fn vocabulary(&self, _: &Model) -> Result<Option<Arc<Vocabulary>>, AsrError> {
        Ok(self.vocabulary.clone())
    }

    fn start(&self, task: Task) -> Result<Box<dyn Stream>, AsrError> {
        if self.running() >= self.streams {
            return Err(AsrError::Busy {
                engine: self.name.clone(),
                streams: self.streams,
            });
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
        Ok(Box::new(ScriptedStream {
            steps: self.script(),
            engine: Arc::clone(self),
            heard: Duration::ZERO,
            finished: false,
        }))
    }
}

struct ScriptedStream {
    engine: Arc<Scripted>,
    steps: VecDeque<Step>,
    heard: Duration,
    finished: bool,
}

impl Stream for ScriptedStream {
    fn audio(&mut self, samples: &[i16]) -> Result<(), AsrError> {
        self.heard += Duration::from_millis((samples.len() / PER_MS) as u64);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), AsrError> {
        self.steps = self.engine.script();
        self.heard = Duration::ZERO;
        Ok(())
    }

    fn finish(&mut self) {
        self.finished = true;
    }

    fn next(&mut self) -> Next<'_> {
        Box::pin(async move {
            let due = |step: &mut Step| self.finished || step.after <= self.heard;
            match self.steps.pop_front_if(due) {
                Some(step) => step.output,
                None if self.finished => Ok(Output::End),
                // Whoever waits asks again when there is more sound.
                None => std::future::pending().await,
            }
        })
    }
}

impl Drop for ScriptedStream {
    fn drop(&mut self) {
        self.engine.running.fetch_sub(1, Ordering::Relaxed);
    }
}
