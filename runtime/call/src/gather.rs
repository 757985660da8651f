//! Collecting digits and speech: the state machine of the table in `sdk/wit/media.wit`.
//!
//! It knows nothing of prompts, packets, recognizers or clocks: keys, what was said, the end of the
//! prompt and the time go in, and what to do next comes out. The numbers in the comments are the
//! rows of that table.

mod speech;
#[cfg(test)]
mod tests;

use std::time::Duration;

use vireo_host::contract::{BargeIn, GatherOptions, GatherResult, TypeAhead as Buffering};

use crate::digits::{self, TypeAhead};
use crate::hearing;
use speech::Ear;
pub use speech::Said;

/// Which prompts an attempt starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// The first attempt: `prompt` alone.
    First,
    /// `no-input-prompt`, then `prompt`.
    NoInput,
    /// `no-match-prompt`, then `prompt`.
    NoMatch,
}

/// What the owner of a gather has to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing, until a key, the end of the prompt or [`Gather::deadline`].
    Wait,
    /// Play this, and say so by [`Gather::prompt_ended`] when it has ended.
    Play(Opening),
    /// Stop what plays; its end must not be reported.
    StopPlaying,
    /// The gather is over.
    Done(GatherResult),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Prompt,
    /// A key is down that cut the prompt short; its release counts, no timer runs until then.
    KeyDown,
    Collecting,
    Done,
}

/// One gather, from its first prompt to its result.
#[derive(Debug)]
pub struct Gather {
    options: GatherOptions,
    state: State,
    attempt: u8,
    entry: String,
    deadline: Option<Duration>,
    ear: Ear,
    /// Counts the times that it listened.
    listened: u32,
}

/// A key that is held longer than this stops holding up the timers.
pub const LONGEST_PRESS: Duration = Duration::from_secs(20);

impl Gather {
    /// Begins: rows 1 and 2.
    pub fn start(options: GatherOptions, buffer: &mut TypeAhead, now: Duration) -> (Self, Step) {
        if options.type_ahead == Buffering::Flush {
            buffer.clear();
        }
        let mut gather = Self {
            options,
            state: State::Done,
            attempt: 0,
            entry: String::new(),
            deadline: None,
            ear: Ear::Off,
            listened: 0,
        };
        let step = gather.begin_attempt(Opening::First, buffer, now);
        (gather, step)
    }

    /// When [`Gather::timeout`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Keys that end an entry, and for how long one that follows a full entry is to be swallowed
    /// (row 9); none when the entry was not ended by its length.
    pub fn swallow(&self) -> Option<(&str, Duration)> {
        let full = self.entry.chars().count() >= usize::from(self.options.max_digits);
        (full && self.takes_keys() && !self.options.terminators.is_empty()).then(|| {
            (
                self.options.terminators.as_str(),
                Duration::from_millis(self.options.inter_digit_timeout_ms.into()),
            )
        })
    }

    /// Is it not about speech alone (row 27)?
    fn takes_keys(&self) -> bool {
        self.options.max_digits > 0
    }

    /// A key went down. Only barge-in cares: the prompt stops at the press, not at the release.
    pub fn key_down(&mut self, now: Duration) -> Step {
        if !self.takes_keys() {
            return Step::Wait;
        }
        if self.state == State::Prompt && self.options.barge_in == BargeIn::On {
            self.stop_listening();
            self.state = State::KeyDown;
            self.deadline = Some(now + LONGEST_PRESS);
            return Step::StopPlaying;
        }
        if self.state == State::Collecting {
            // The caller is typing: a long press must not run into the timers.
            self.stop_listening();
            self.deadline = Some(now + LONGEST_PRESS);
        }
        Step::Wait
    }

    /// A key was pressed and let go.
    ///
    /// Returns the steps in order: a prompt to stop may come before the result.
    pub fn key(&mut self, key: char, buffer: &mut TypeAhead, now: Duration) -> Vec<Step> {
        match (self.state, self.options.barge_in) {
            (State::Prompt | State::KeyDown | State::Collecting, _) if !self.takes_keys() => {
                vec![Step::Wait]
            }
            (State::Prompt, BargeIn::Off) => {
                buffer.push(key);
                vec![Step::Wait]
            }
            (State::Prompt, BargeIn::Deaf) => vec![Step::Wait],
            (State::Prompt, BargeIn::On) => {
                self.state = State::Collecting;
                vec![Step::StopPlaying, self.take(key, buffer, now)]
            }
            (State::KeyDown | State::Collecting, _) => {
                self.state = State::Collecting;
                vec![self.take(key, buffer, now)]
            }
            (State::Done, _) => {
                buffer.push(key);
                vec![Step::Wait]
            }
        }
    }

    /// The prompt was heard to its end (row 5).
    pub fn prompt_ended(&mut self, buffer: &mut TypeAhead, now: Duration) -> Step {
        if self.state != State::Prompt {
            return Step::Wait;
        }
        self.collect(buffer, now)
    }

    /// The time of [`Gather::deadline`] has come (rows 10 and 11).
    pub fn timeout(&mut self, buffer: &mut TypeAhead, now: Duration) -> Step {
        match self.deadline {
            Some(deadline) if deadline <= now => {}
            _ => return Step::Wait,
        }
        if self.is_spoken_to() {
            return self.unheard(hearing::never_ended(), now);
        }
        self.deadline = None;
        if self.entry.is_empty() {
            self.failed(Opening::NoInput, buffer, now)
        } else if self.enough() {
            self.judge(buffer, now)
        } else {
            self.failed(Opening::NoMatch, buffer, now)
        }
    }

    fn begin_attempt(&mut self, opening: Opening, buffer: &mut TypeAhead, now: Duration) -> Step {
        self.attempt += 1;
        self.entry.clear();
        self.deadline = None;
        self.ear = Ear::Off;
        let silent = self.options.prompt.is_empty()
            && match opening {
                Opening::First => true,
                Opening::NoInput => self.options.no_input_prompt.is_empty(),
                Opening::NoMatch => self.options.no_match_prompt.is_empty(),
            };
        let typed_ahead =
            self.options.barge_in == BargeIn::On && self.takes_keys() && !buffer.is_empty();
        if silent || typed_ahead {
            self.collect(buffer, now)
        } else {
            self.state = State::Prompt;
            if self.options.barge_in == BargeIn::On {
                self.listen();
            }
            Step::Play(opening)
        }
    }

    /// Starts the first-digit timer, and takes the keys that are there already.
    fn collect(&mut self, buffer: &mut TypeAhead, now: Duration) -> Step {
        self.state = State::Collecting;
        self.deadline = Some(now + ms(self.options.first_digit_timeout_ms));
        if let Some(unheard) = self.unheard_alone() {
            return unheard;
        }
        while self.takes_keys()
            && let Some(key) = buffer.pop()
        {
            let step = self.take(key, buffer, now);
            if step != Step::Wait {
                return step;
            }
        }
        if self.entry.is_empty() {
            self.listen();
        }
        Step::Wait
    }

    /// Rows 6 to 9.
    fn take(&mut self, key: char, buffer: &mut TypeAhead, now: Duration) -> Step {
        self.stop_listening();
        if self.options.terminators.contains(key) {
            return if self.entry.is_empty() && self.options.min_digits > 0 {
                self.failed(Opening::NoInput, buffer, now)
            } else if self.enough() {
                self.judge(buffer, now)
            } else {
                self.failed(Opening::NoMatch, buffer, now)
            };
        }
        self.entry.push(key);
        if self.entry.chars().count() >= usize::from(self.options.max_digits) {
            return self.judge(buffer, now);
        }
        self.deadline = Some(now + ms(self.options.inter_digit_timeout_ms));
        Step::Wait
    }

    fn enough(&self) -> bool {
        self.entry.chars().count() >= usize::from(self.options.min_digits)
    }

    /// Rows 12 and 13.
    fn judge(&mut self, buffer: &mut TypeAhead, now: Duration) -> Step {
        let accept = &self.options.accept;
        if accept.is_empty()
            || accept
                .iter()
                .any(|pattern| digits::matches(pattern, &self.entry))
        {
            self.finish(GatherResult::Digits(self.entry.clone()))
        } else {
            self.failed(Opening::NoMatch, buffer, now)
        }
    }

    /// Rows 14, 15 and 26.
    fn failed(&mut self, why: Opening, buffer: &mut TypeAhead, now: Duration) -> Step {
        if let Some(unheard) = self.unheard_result() {
            return self.finish(unheard);
        }
        if self.attempt < self.options.attempts {
            return self.begin_attempt(why, buffer, now);
        }
        self.finish(match why {
            Opening::NoMatch => GatherResult::NoMatch(self.entry.clone()),
            Opening::First | Opening::NoInput => GatherResult::NoInput,
        })
    }

    fn finish(&mut self, result: GatherResult) -> Step {
        self.state = State::Done;
        self.deadline = None;
        self.ear = Ear::Off;
        Step::Done(result)
    }
}

fn ms(value: u32) -> Duration {
    Duration::from_millis(value.into())
}
