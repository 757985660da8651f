//! All engines of a server, and the task that runs one recognition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::grammar::Rules;
use super::keep::{About, Keeper};
use super::session::{Action, Session};
use super::{AsrError, Engine, Event, Grammar, Model, Recognition, Request, Stream, Task};

/// Pieces of sound that wait for a recognition: some seconds.
const MOST_WAITING: usize = 512;
/// A line that is quiet for so long sends no sound in silence (RFC 3389); the recognizer hears silence then.
const QUIET: Duration = Duration::from_millis(200);
/// Samples of [`QUIET`].
const QUIET_SAMPLES: usize = 1600;
/// From the end of the sound to the last word.
const ANSWER: Duration = Duration::from_secs(5);

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
}

#[derive(Debug, Default)]
struct Cells {
    started: AtomicU64,
    matched: AtomicU64,
    unmatched: AtomicU64,
    failed: AtomicU64,
    busy: AtomicU64,
}

/// A model, and the engine that it names.
type Candidate<'a> = (&'a Arc<Model>, &'a dyn Engine);

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
    /// broken leaves the work to the next.
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
    fn models(&self, language: &str) -> Result<Vec<Candidate<'_>>, AsrError> {
        let mut tag = language;
        loop {
            let found: Vec<_> = (self.models.iter())
                .filter(|model| model.language.eq_ignore_ascii_case(tag))
                .filter_map(|model| Some((model, self.engine(&model.engine)?)))
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

    fn engine(&self, name: &str) -> Option<&dyn Engine> {
        let engine = self.engines.iter().find(|engine| engine.name() == name);
        engine.map(|engine| &**engine)
    }

    /// Can these grammars be listened for?
    ///
    /// # Errors
    /// There is no model, it is missing or broken, or it does not know a word.
    pub fn check(&self, language: &str, grammars: &[Grammar]) -> Result<(), AsrError> {
        let today = jiff::civil::Date::constant(2000, 1, 1);
        let models = self.models(language)?;
        first(models.iter().map(|(model, engine)| {
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
        let models = self.models(&request.language)?;
        let started = first(models.iter().map(|(model, engine)| {
            let vocabulary = engine.vocabulary(model)?;
            let rules = Rules::of(
                &request.language,
                &request.grammars,
                request.today,
                model,
                vocabulary.as_deref(),
            )?;
            let task = Task {
                model: Arc::clone(model),
                phrases: rules.phrases(),
                alternatives: request.options.alternatives,
            };
            let stream = engine.start(task)?;
            Ok((engine.name().to_owned(), rules, stream))
        }));
        let (engine, rules, stream) = started.inspect_err(|error| {
            let cell = match error {
                AsrError::Busy { .. } => &self.cells.busy,
                _ => &self.cells.failed,
            };
            cell.fetch_add(1, Ordering::Relaxed);
        })?;
        self.cells.started.fetch_add(1, Ordering::Relaxed);
        let (sound, incoming) = mpsc::channel(MOST_WAITING);
        let (events, heard) = mpsc::unbounded_channel();
        let overflow = Arc::new(AtomicBool::new(false));
        let kept = self.keeper.clone().map(|keeper| Kept {
            keeper,
            about: About {
                language: request.language,
                engine: engine.clone(),
                grammars: request.grammars,
                min_confidence: request.options.min_confidence,
            },
            sound: Vec::new(),
        });
        let listening = Listening {
            engine,
            kept,
            session: Session::new(rules, request.options),
            stream,
            incoming,
            overflow: Arc::clone(&overflow),
            answer_by: None,
            events,
            cells: Arc::clone(&self.cells),
        };
        tokio::spawn(listening.run());
        Ok((Ears { sound, overflow }, Heard { events: heard }))
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
        }
    }
}

/// The first that works, or the first error.
fn first<T>(tried: impl Iterator<Item = Result<T, AsrError>>) -> Result<T, AsrError> {
    let mut error = None;
    for result in tried {
        match result {
            Ok(made) => return Ok(made),
            Err(wrong) => error = error.or(Some(wrong)),
        }
    }
    Err(error.unwrap_or(AsrError::Stopped))
}

/// Takes the caller's sound. Dropping it says that no more comes.
#[derive(Debug)]
pub struct Ears {
    sound: mpsc::Sender<Vec<i16>>,
    overflow: Arc<AtomicBool>,
}

impl Ears {
    /// More sound: 8 kHz, mono, any length; best 20 to 100 ms. Never blocks; sound that finds no room ends
    /// the recognition with [`AsrError::TooSlow`].
    pub fn hear(&self, samples: &[i16]) {
        // Nobody listens any more when it is closed.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sound.try_send(samples.to_vec()) {
            self.overflow.store(true, Ordering::Relaxed);
        }
    }
}

/// Tells what comes of the sound. Dropping it ends the recognition.
#[derive(Debug)]
pub struct Heard {
    events: mpsc::UnboundedReceiver<Event>,
}

impl Heard {
    /// The next event; none after the last. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// A recognition that is to be kept.
struct Kept {
    keeper: Arc<Keeper>,
    about: About,
    /// What the engine has heard.
    sound: Vec<i16>,
}

impl Kept {
    /// Writes it, when somebody spoke; the disk may be slow.
    fn write(self, end: Event) {
        if self.sound.is_empty() {
            return;
        }
        tokio::task::spawn_blocking(move || {
            if let Err(error) = self.keeper.keep(&self.about, self.sound, &end) {
                tracing::warn!(%error, "a recognition could not be kept");
            }
        });
    }
}

/// One recognition.
struct Listening {
    engine: String,
    kept: Option<Kept>,
    session: Session,
    stream: Box<dyn Stream>,
    incoming: mpsc::Receiver<Vec<i16>>,
    overflow: Arc<AtomicBool>,
    /// The engine has heard everything, and must have answered by then.
    answer_by: Option<Instant>,
    events: mpsc::UnboundedSender<Event>,
    cells: Arc<Cells>,
}

impl Listening {
    /// Does what the session wants; false: it is over.
    fn carry_out(&mut self) -> bool {
        while let Some(action) = self.session.action() {
            let done = match action {
                Action::Audio(samples) => {
                    if let Some(kept) = &mut self.kept {
                        kept.sound.extend_from_slice(&samples);
                    }
                    self.stream.audio(&samples)
                }
                Action::Restart => {
                    if let Some(kept) = &mut self.kept {
                        kept.sound.clear();
                    }
                    self.answer_by = None;
                    self.stream.restart()
                }
                Action::Finish => {
                    self.answer_by = Some(Instant::now() + ANSWER);
                    self.stream.finish();
                    Ok(())
                }
                Action::Tell(event) => {
                    let last = matches!(event, Event::Done(_));
                    self.tell(event);
                    if last {
                        return false;
                    }
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.tell(Event::Failed(error));
                return false;
            }
        }
        true
    }

    async fn run(mut self) {
        let mut hearing = true;
        let mut quiet_at = Instant::now() + QUIET;
        loop {
            if !self.carry_out() {
                return;
            }
            let answer_by = self.answer_by;
            let late = async {
                match answer_by {
                    Some(time) => tokio::time::sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Sound that waits is no silence.
                biased;
                () = self.events.closed() => return,
                sound = self.incoming.recv(), if hearing => match sound {
                    Some(_) if self.overflow.load(Ordering::Relaxed) => return self.too_slow("sound waits for it"),
                    Some(samples) => {
                        quiet_at = Instant::now() + QUIET;
                        self.session.audio(&samples);
                    }
                    None => {
                        hearing = false;
                        self.session.finish();
                    }
                },
                output = self.stream.next() => match output {
                    Ok(output) => self.session.output(output),
                    Err(error) => return self.tell(Event::Failed(error)),
                },
                () = tokio::time::sleep_until(quiet_at), if hearing => {
                    quiet_at += QUIET;
                    self.session.audio(&[0; QUIET_SAMPLES]);
                }
                () = late => return self.too_slow("it does not end"),
            }
        }
    }

    fn too_slow(&mut self, problem: &'static str) {
        let engine = self.engine.clone();
        self.tell(Event::Failed(AsrError::TooSlow { engine, problem }));
    }

    fn tell(&mut self, event: Event) {
        let cell = match &event {
            Event::Done(Recognition::Match(_)) => Some(&self.cells.matched),
            Event::Done(Recognition::NoMatch(_)) => Some(&self.cells.unmatched),
            Event::Failed(_) => Some(&self.cells.failed),
            Event::Speech | Event::Partial(_) => None,
        };
        if let Some(cell) = cell {
            cell.fetch_add(1, Ordering::Relaxed);
            // It has ended.
            if let Some(kept) = self.kept.take() {
                kept.write(event.clone());
            }
        }
        // Who has gone wants nothing; `closed` ends this.
        let _ = self.events.send(event);
    }
}
