//! The models of a language, in the order in which a recognition may go to them.

use std::sync::Arc;
use std::vec::IntoIter;

use jiff::civil::Date;

use super::grammar::Rules;
use super::keep::About;
use super::{AsrError, Engine, Grammar, Model, Options, Stream, Task};

/// A model, and the engine that it names.
pub(super) type Candidate = (Arc<Model>, Arc<dyn Engine>);

/// Those that a recognition has not been to yet, and what each is asked.
pub(super) struct Candidates {
    left: IntoIter<Candidate>,
    language: String,
    grammars: Vec<Grammar>,
    today: Date,
    alternatives: u8,
    min_confidence: f32,
}

/// One that listens.
pub(super) struct Started {
    /// The engine's name.
    pub engine: String,
    pub rules: Rules,
    pub stream: Box<dyn Stream>,
}

impl Candidates {
    pub fn new(
        models: Vec<Candidate>,
        language: String,
        grammars: Vec<Grammar>,
        today: Date,
        options: &Options,
    ) -> Self {
        Candidates {
            left: models.into_iter(),
            language,
            grammars,
            today,
            alternatives: options.alternatives,
            min_confidence: options.min_confidence,
        }
    }

    /// The next one that begins to listen.
    ///
    /// # Errors
    /// None is left that does: why the first of them does not.
    pub fn next(&mut self) -> Result<Started, AsrError> {
        let Candidates {
            left,
            language,
            grammars,
            today,
            alternatives,
            ..
        } = self;
        first_of(left.map(|(model, engine)| {
            let vocabulary = engine.vocabulary(&model)?;
            let rules = Rules::of(language, grammars, *today, &model, vocabulary.as_deref())?;
            let stream = engine.start(Task {
                model,
                phrases: rules.phrases(),
                alternatives: *alternatives,
            })?;
            Ok(Started {
                engine: engine.name().to_owned(),
                rules,
                stream,
            })
        }))
    }

    /// Is one left to go to?
    pub fn is_exhausted(&self) -> bool {
        self.left.as_slice().is_empty()
    }

    /// What is kept of a recognition by this engine.
    pub fn about(&self, engine: String) -> About {
        About {
            language: self.language.clone(),
            engine,
            grammars: self.grammars.clone(),
            min_confidence: self.min_confidence,
        }
    }
}

/// The first that works, or the first error.
pub(super) fn first_of<T>(tried: impl Iterator<Item = Result<T, AsrError>>) -> Result<T, AsrError> {
    let mut error = None;
    for result in tried {
        match result {
            Ok(made) => return Ok(made),
            Err(wrong) => error = error.or(Some(wrong)),
        }
    }
    Err(error.unwrap_or(AsrError::Stopped))
}
