//! The way to a server, which is closed while that is left alone.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::Patience;
use crate::breaker::{Breaker, Open};

/// The breaker of an engine, shared by all who ask it.
#[derive(Debug)]
pub(crate) struct Gate {
    engine: String,
    breaker: Mutex<Breaker>,
}

impl Gate {
    pub fn new(engine: &str, patience: Patience) -> Self {
        Gate {
            engine: engine.to_owned(),
            breaker: Mutex::new(Breaker::new(patience)),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May the server be asked?
    pub fn enter(&self) -> Result<(), Open> {
        self.breaker().admit(Instant::now())
    }

    /// How it ended.
    pub fn leave(&self, how: Outcome<'_>) {
        let now = Instant::now();
        match how {
            Outcome::Answered => {
                if self.breaker().succeeded() {
                    tracing::info!(engine = self.engine, "the speech engine answers again");
                }
            }
            Outcome::Failed(why) => {
                if let Some(rest) = self.breaker().failed(now, why) {
                    let seconds = rest.as_secs_f32();
                    tracing::warn!(
                        engine = self.engine,
                        why,
                        seconds,
                        "the speech engine keeps failing and is left alone"
                    );
                }
            }
            Outcome::Abandoned => self.breaker().abandoned(now),
        }
    }
}

/// What a question says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// It works.
    Answered,
    /// It does not.
    Failed(&'a str),
    /// Nothing.
    Abandoned,
}
