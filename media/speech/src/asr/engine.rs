//! What makes words of speech.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::AsrError;

/// Stands in an answer for sounds that are no word of the grammar.
pub const UNKNOWN: &str = "[unk]";

/// Which engine recognises a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// A BCP 47 tag; it also stands for its regions, unless these have a model of their own.
    pub language: String,
    /// The name of an engine.
    pub engine: String,
    /// Where the model is, for engines that have theirs on the disk.
    pub directory: Option<PathBuf>,
}

/// For people: where it is, or whose.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.directory {
            Some(directory) => directory.display().fmt(f),
            None => write!(f, "of {}", self.engine),
        }
    }
}

/// The words that a model knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary(HashSet<String>);

impl Vocabulary {
    /// These words.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Vocabulary(words.into_iter().map(str::to_owned).collect())
    }

    /// Is it one of them?
    pub fn knows(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

/// What an engine is to listen for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// By which model.
    pub model: Arc<Model>,
    /// Phrases of words that the model knows, with one space between words; none: whatever is said.
    pub phrases: Option<Vec<String>>,
    /// Hypotheses that are wanted beside the best.
    pub alternatives: u8,
}

/// A word that was heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word, or [`UNKNOWN`].
    pub text: String,
    /// How likely it is right, from 0 to 1.
    pub confidence: f32,
    /// How long it lasted, ms.
    pub ms: u32,
    /// Did it follow the word before at once? Not when the engine does not tell.
    #[serde(default)]
    pub joined: bool,
}

/// What may have been said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// In their order.
    pub words: Vec<Word>,
    /// How likely it is the one of several that is right; 1 when there is no other.
    pub weight: f32,
}

/// What comes out of an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// What it believes of the words that are not in a segment yet.
    Partial(String),
    /// Some words for good, the best hypothesis first.
    Segment(Vec<Hypothesis>),
    /// That was all, after [`Stream::finish`].
    End,
}

/// What an engine says next, later. May be dropped and asked for again.
pub type Next<'a> = Pin<Box<dyn Future<Output = Result<Output, AsrError>> + Send + 'a>>;

/// Whether a model can be used, later.
pub type Preparing<'a> = Pin<Box<dyn Future<Output = Result<(), AsrError>> + Send + 'a>>;

/// One caller's speech. Dropping it ends the work.
pub trait Stream: Send {
    /// More sound: 8 kHz, mono. Does not block.
    ///
    /// # Errors
    /// The engine does not take it.
    fn audio(&mut self, samples: &[i16]) -> Result<(), AsrError>;

    /// Forgets what was heard so far; the next sound is a new beginning.
    ///
    /// # Errors
    /// The engine cannot begin.
    fn restart(&mut self) -> Result<(), AsrError>;

    /// No more sound comes: the rest of the words is wanted, then [`Output::End`].
    fn finish(&mut self);

    /// What it says next.
    fn next(&mut self) -> Next<'_>;
}

/// Makes words of speech.
pub trait Engine: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// The words that a model knows; none when the engine does not tell, and takes any.
    ///
    /// # Errors
    /// The model is missing or broken.
    fn vocabulary(&self, model: &Model) -> Result<Option<Arc<Vocabulary>>, AsrError>;

    /// Gets ready to use a model, so that the first caller does not wait for it.
    ///
    /// # Errors
    /// It cannot be used.
    fn prepare<'a>(&'a self, model: &'a Model) -> Preparing<'a> {
        let ready = self.vocabulary(model).map(|_| ());
        Box::pin(std::future::ready(ready))
    }

    /// Begins to listen. Does not block.
    ///
    /// # Errors
    /// It is busy, or its model cannot be used.
    fn start(&self, task: Task) -> Result<Box<dyn Stream>, AsrError>;
}
