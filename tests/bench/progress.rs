//! What is being done, and how long the rest takes.

use std::time::{Duration, Instant};

/// Prints a line for each step.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    left: Duration,
}

impl Progress {
    /// Of a run that takes about so long.
    pub fn new(whole: Duration) -> Self {
        Self {
            began: Instant::now(),
            left: whole,
        }
    }

    /// A step of about so long begins.
    pub fn step(&mut self, text: &str, length: Duration) {
        let minutes = self.left.as_secs().div_ceil(60);
        let now = self.began.elapsed().as_secs();
        println!(
            "{:>2}:{:02}  about {minutes:>2} min left  {text}",
            now / 60,
            now % 60
        );
        self.left = self.left.saturating_sub(length);
    }

    /// Something about the step.
    pub fn note(&self, text: &str) {
        let now = self.began.elapsed().as_secs();
        println!("{:>2}:{:02}                     {text}", now / 60, now % 60);
    }
}
