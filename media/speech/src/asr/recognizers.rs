//! All engines of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::candidates::{Candidate, Candidates, first_of};
use super::delays::DelayCells;
use super::grammar::Rules;
use super::keep::Keeper;
use super::listening::{Ears, Heard, Listening};
use super::{AsrError, Delays, Engine, Grammar, Model, Request};

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Recognitions that were begun.
    pub started: u64,
    /// Ended with a match.
    pub matched: u64,
    /// Ended without one.
    pub unmatched: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Not begun, because as many ran as are allowed to.
    pub busy: u64,
    /// Times that an engine failed and the next one of the language took over.
    pub passed_on: u64,
    /// How long callers waited for those that ended with a match or without one.
    pub delays: Delays,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub started: AtomicU64,
    pub matched: AtomicU64,
    pub unmatched: AtomicU64,
    pub failed: AtomicU64,
    pub busy: AtomicU64,
    pub passed_on: AtomicU64,
    pub delays: DelayCells,
}

/// All recognizers of a server.
#[derive(Clone)]
pub struct Recognizers {
    models: Arc<[Arc<Model>]>,
    engines: Arc<[Arc<dyn Engine>]>,
    cells: Arc<Cells>,
    keeper: Option<Arc<Keeper>>,
}

impl Recognizers {
    /// These models, and the engines that they name. Of several models for a language, one that is busy or
    /// broken, or fails, leaves the work to the next.
    ///
    /// # Errors
    /// A model names an engine that there is not.
    pub fn new(models: Vec<Model>, engines: Vec<Arc<dyn Engine>>) -> Result<Self, AsrError> {
        for model in &models {
            if !engines.iter().any(|engine| engine.name() == model.engine) {
                return Err(AsrError::NoEngine {
                    language: model.language.clone(),
                    engine: model.engine.clone(),
                });
            }
        }
        Ok(Recognizers {
            models: models.into_iter().map(Arc::new).collect(),
            engines: engines.into(),
            cells: Arc::default(),
            keeper: None,
        })
    }

    /// Keeps every recognition in which somebody spoke.
    #[must_use]
    pub fn keeping(mut self, keeper: Keeper) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// The models of a language, each with its engine: of the tag itself, or of the longest part of it from
    /// its start.
    fn models(&self, language: &str) -> Result<Vec<Candidate>, AsrError> {
        let mut tag = language;
        loop {
            let found: Vec<_> = (self.models.iter())
                .filter(|model| model.language.eq_ignore_ascii_case(tag))
                .filter_map(|model| {
                    Some((Arc::clone(model), Arc::clone(self.engine(&model.engine)?)))
                })
                .collect();
            if !found.is_empty() {
                return Ok(found);
            }
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None => {
                    return Err(AsrError::NoModel {
                        language: language.to_owned(),
                        known: (self.models.iter())
                            .map(|model| model.language.clone())
                            .collect(),
                    });
                }
            }
        }
    }

    fn engine(&self, name: &str) -> Option<&Arc<dyn Engine>> {
        self.engines.iter().find(|engine| engine.name() == name)
    }

    /// Can these grammars be listened for?
    ///
    /// # Errors
    /// There is no model, it is missing or broken, or it does not know a word.
    pub fn check(&self, language: &str, grammars: &[Grammar]) -> Result<(), AsrError> {
        let today = jiff::civil::Date::constant(2000, 1, 1);
        let models = self.models(language)?;
        first_of(models.iter().map(|(model, engine)| {
            let vocabulary = engine.vocabulary(model)?;
            Rules::of(language, grammars, today, model, vocabulary.as_deref()).map(|_| ())
        }))
    }

    /// Gets all models ready, and tells those that cannot be used; needs a tokio runtime. To be called when
    /// the server starts, so that the first caller does not wait.
    pub async fn prepare(&self) -> Vec<(Model, AsrError)> {
        let mut wrong = Vec::new();
        for model in self.models.iter() {
            if let Some(engine) = self.engine(&model.engine)
                && let Err(error) = engine.prepare(model).await
            {
                wrong.push((Model::clone(model), error));
            }
        }
        wrong
    }

    /// Begins to listen; needs a tokio runtime. Never blocks.
    ///
    /// # Errors
    /// See [`Recognizers::check`]; and all engines may be busy.
    pub fn start(&self, request: Request) -> Result<(Ears, Heard), AsrError> {
        let Request {
            language,
            grammars,
            today,
            options,
        } = request;
        let models = self.models(&language)?;
        let mut candidates = Candidates::new(models, language, grammars, today, &options);
        let first = candidates.next().inspect_err(|error| {
            let cell = match error {
                AsrError::Busy { .. } => &self.cells.busy,
                _ => &self.cells.failed,
            };
            cell.fetch_add(1, Ordering::Relaxed);
        })?;
        self.cells.started.fetch_add(1, Ordering::Relaxed);
        let (cells, keeper) = (Arc::clone(&self.cells), self.keeper.clone());
        Ok(Listening::start(first, candidates, options, cells, keeper))
    }

    /// What has happened since the start.
    pub fn counters(&self) -> Counters {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counters {
            started: read(&self.cells.started),
            matched: read(&self.cells.matched),
            unmatched: read(&self.cells.unmatched),
            failed: read(&self.cells.failed),
            busy: read(&self.cells.busy),
            passed_on: read(&self.cells.passed_on),
            delays: self.cells.delays.read(),
        }
    }
}
