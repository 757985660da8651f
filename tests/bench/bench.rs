//! What all runs share.

use std::time::Duration;

use crate::machine::Machine;
use crate::measure::Window;
use crate::options::Options;
use crate::progress::Progress;
use crate::subject::Limits;

/// Calls at the same time that the server is set up for; with two sockets a call they fit an
/// open-file limit of 20,000.
const MAX_CALLS: u32 = 8_000;
/// Recordings at the same time.
const MAX_RECORDINGS: u32 = 1_000;

/// The options, the machine, and the progress.
#[derive(Debug)]
pub struct Bench {
    pub options: Options,
    pub machine: Machine,
    progress: Progress,
}

impl Bench {
    /// Of a run that takes about so many seconds.
    pub fn new(options: Options, machine: Machine, seconds: u64) -> Self {
        Self {
            options,
            machine,
            progress: Progress::new(Duration::from_secs(seconds)),
        }
    }

    /// The limits of an ordinary run.
    pub fn limits(&self) -> Limits {
        Limits {
            calls: MAX_CALLS,
            recordings: MAX_RECORDINGS,
            media_threads: self.options.media_threads,
        }
    }

    /// Seconds of a measurement, by the option `--quick`.
    pub fn seconds(&self, usual: u64, quick: u64) -> u64 {
        if self.options.quick { quick } else { usual }
    }

    /// A step of about so many seconds begins.
    pub fn step(&mut self, text: &str, seconds: u64) {
        self.progress.step(text, Duration::from_secs(seconds));
    }

    /// Something about the step.
    pub fn note(&self, text: &str) {
        self.progress.note(text);
    }

    /// That the generator was the limit, where it was.
    pub fn generator_note(&self, window: &Window) -> &'static str {
        if window.generator_was_the_limit() {
            "; SIPp's core was full"
        } else {
            ""
        }
    }
}
