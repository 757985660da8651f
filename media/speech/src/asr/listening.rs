//! The task that runs one recognition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::candidates::{Candidates, Started};
use super::keep::Keeper;
use super::recognizers::Cells;
use super::session::{Action, Session};
use super::{AsrError, Event, Options, Recognition, Stream};

/// Pieces of sound that wait for a recognition: some seconds.
const MOST_WAITING: usize = 512;
/// A line that is quiet for so long sends no sound in silence (RFC 3389); the recognizer hears silence then.
const QUIET: Duration = Duration::from_millis(200);
/// Samples of [`QUIET`].
const QUIET_SAMPLES: usize = 1600;
/// From the end of the sound to the last word.
const ANSWER: Duration = Duration::from_secs(5);
/// What the next engine hears at once of what it has missed, samples: 100 ms.
const PIECE: usize = 800;

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

/// One recognition.
pub(super) struct Listening {
    engine: String,
    stream: Box<dyn Stream>,
    candidates: Candidates,
    session: Session,
    keeper: Option<Arc<Keeper>>,
    /// What the engine has heard; only as long as somebody may want it.
    sound: Vec<i16>,
    incoming: mpsc::Receiver<Vec<i16>>,
    overflow: Arc<AtomicBool>,
    /// Since when no more sound comes.
    finished: Option<Instant>,
    /// By then the engine must have said its last word.
    answer_by: Option<Instant>,
    events: mpsc::UnboundedSender<Event>,
    cells: Arc<Cells>,
}

/// Does it go on?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    GoesOn,
    IsOver,
}

impl Listening {
    /// Begins; needs a tokio runtime.
    pub fn start(
        first: Started,
        candidates: Candidates,
        options: Options,
        cells: Arc<Cells>,
        keeper: Option<Arc<Keeper>>,
    ) -> (Ears, Heard) {
        let (sound, incoming) = mpsc::channel(MOST_WAITING);
        let (events, heard) = mpsc::unbounded_channel();
        let overflow = Arc::new(AtomicBool::new(false));
        let listening = Listening {
            engine: first.engine,
            stream: first.stream,
            candidates,
            session: Session::new(first.rules, options),
            keeper,
            sound: Vec::new(),
            incoming,
            overflow: Arc::clone(&overflow),
            finished: None,
            answer_by: None,
            events,
            cells,
        };
        tokio::spawn(listening.run());
        (Ears { sound, overflow }, Heard { events: heard })
    }

    async fn run(mut self) {
        let mut hearing = true;
        let mut quiet_at = Instant::now() + QUIET;
        while self.carry_out() == Course::GoesOn {
            let answer_by = self.answer_by;
            let late = async {
                match answer_by {
                    Some(time) => tokio::time::sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            let course = tokio::select! {
                // Sound that waits is no silence.
                biased;
                () = self.events.closed() => Course::IsOver,
                sound = self.incoming.recv(), if hearing => match sound {
                    Some(_) if self.overflow.load(Ordering::Relaxed) => {
                        let error = self.too_slow("sound waits for it");
                        self.tell(Event::Failed(error))
                    }
                    Some(samples) => {
                        quiet_at = Instant::now() + QUIET;
                        self.session.audio(&samples);
                        Course::GoesOn
                    }
                    None => {
                        hearing = false;
                        self.session.finish();
                        Course::GoesOn
                    }
                },
                output = self.stream.next() => match output {
                    Ok(output) => {
                        self.session.output(output);
                        Course::GoesOn
                    }
                    Err(error) => self.pass_on(error),
                },
                () = tokio::time::sleep_until(quiet_at), if hearing => {
                    quiet_at += QUIET;
                    self.session.audio(&[0; QUIET_SAMPLES]);
                    Course::GoesOn
                }
                () = late => {
                    let error = self.too_slow("it does not end");
                    self.pass_on(error)
                }
            };
            if course == Course::IsOver {
                return;
            }
        }
    }

    /// Does what the session wants.
    fn carry_out(&mut self) -> Course {
        while let Some(action) = self.session.action() {
            let done = match action {
                Action::Audio(samples) => {
                    if self.keeper.is_some() || !self.candidates.is_exhausted() {
                        self.sound.extend_from_slice(&samples);
                    }
                    self.stream.audio(&samples)
                }
                Action::Restart => {
                    self.sound.clear();
                    (self.finished, self.answer_by) = (None, None);
                    self.stream.restart()
                }
                Action::Finish => {
                    let now = Instant::now();
                    (self.finished, self.answer_by) = (Some(now), Some(now + ANSWER));
                    self.stream.finish();
                    Ok(())
                }
                Action::Tell(event) => match self.tell(event) {
                    Course::GoesOn => Ok(()),
                    Course::IsOver => return Course::IsOver,
                },
            };
            if let Err(error) = done
                && self.pass_on(error) == Course::IsOver
            {
                return Course::IsOver;
            }
        }
        Course::GoesOn
    }

    /// The engine has failed: the next one of the language hears all of it from the beginning. Where there
    /// is none, the recognition has failed.
    fn pass_on(&mut self, error: AsrError) -> Course {
        while let Ok(next) = self.candidates.next() {
            tracing::warn!(engine = self.engine, next = next.engine, %error, "a recognizer failed, and the next takes over");
            self.cells.passed_on.fetch_add(1, Ordering::Relaxed);
            (self.engine, self.stream) = (next.engine, next.stream);
            self.session.begin_anew(next.rules);
            let mut pieces = self.sound.chunks(PIECE);
            if pieces.all(|piece| self.stream.audio(piece).is_ok()) {
                if self.finished.is_some() {
                    self.answer_by = Some(Instant::now() + ANSWER);
                    self.stream.finish();
                }
                return Course::GoesOn;
            }
        }
        self.tell(Event::Failed(error))
    }

    fn too_slow(&self, problem: &'static str) -> AsrError {
        AsrError::TooSlow {
            engine: self.engine.clone(),
            problem,
        }
    }

    fn tell(&mut self, event: Event) -> Course {
        let cell = match &event {
            Event::Done(Recognition::Match(_)) => Some(&self.cells.matched),
            Event::Done(Recognition::NoMatch(_)) => Some(&self.cells.unmatched),
            Event::Failed(_) => Some(&self.cells.failed),
            Event::Speech | Event::Partial(_) => None,
        };
        let course = match cell {
            Some(cell) => {
                cell.fetch_add(1, Ordering::Relaxed);
                Course::IsOver
            }
            None => Course::GoesOn,
        };
        if let (Event::Done(_), Some(finished)) = (&event, self.finished) {
            self.cells.delays.add(finished.elapsed());
        }
        if course == Course::IsOver {
            self.keep(&event);
        }
        // Who has gone wants nothing; `closed` ends this.
        let _ = self.events.send(event);
        course
    }

    /// Keeps a recognition that is over, when somebody spoke; the disk may be slow.
    fn keep(&mut self, end: &Event) {
        let Some(keeper) = self.keeper.take() else {
            return;
        };
        let sound = std::mem::take(&mut self.sound);
        if sound.is_empty() {
            return;
        }
        let (about, end) = (self.candidates.about(self.engine.clone()), end.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = keeper.keep(&about, sound, &end) {
                tracing::warn!(%error, "a recognition could not be kept");
            }
        });
    }
}
