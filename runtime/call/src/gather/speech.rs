//! What is said in a gather: rows 17 to 28 of its table.

use std::time::Duration;

use vireo_host::contract::{GatherOptions, GatherResult, Recognition, Unheard};

use super::{Gather, Opening, State, Step, ms};
use crate::digits::TypeAhead;

/// Does a gather listen?
#[derive(Debug, Clone)]
pub(super) enum Ear {
    Off,
    Listens,
    /// There was speech: the recognizer finds out where it ends.
    Hears,
    /// Not in this attempt any more (row 25).
    Lost(Unheard),
}

/// What a recognizer made of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A grammar matches, and the recognizer is sure enough.
    Match(Recognition),
    /// It is not.
    NoMatch(Recognition),
}

/// A recognizer that found no end so long after the longest answer is not going to.
const RECOGNIZERS_PATIENCE: Duration = Duration::from_secs(10);

impl Gather {
    /// Names the recognition that is wanted now; another number wants another one, none wants none.
    pub fn listening(&self) -> Option<u32> {
        matches!(self.ear, Ear::Listens | Ear::Hears).then_some(self.listened)
    }

    /// What was asked for.
    pub fn options(&self) -> &GatherOptions {
        &self.options
    }

    pub(super) fn is_spoken_to(&self) -> bool {
        matches!(self.ear, Ear::Hears)
    }

    /// Rows 17 and 18.
    pub(super) fn listen(&mut self) {
        if self.options.speech.is_some() && matches!(self.ear, Ear::Off) {
            self.ear = Ear::Listens;
            self.listened += 1;
        }
    }

    /// Row 19.
    pub(super) fn stop_listening(&mut self) {
        if self.listening().is_some() {
            self.ear = Ear::Off;
        }
    }

    /// Row 24.
    fn listen_anew(&mut self) -> Step {
        self.ear = Ear::Off;
        self.listen();
        Step::Wait
    }

    /// The caller speaks: rows 20 and 21.
    pub fn speech_started(&mut self, now: Duration) -> Step {
        let (Ear::Listens, Some(speech)) = (&self.ear, &self.options.speech) else {
            return Step::Wait;
        };
        self.deadline =
            Some(now + ms(speech.longest_ms) + ms(speech.end_of_speech_ms) + RECOGNIZERS_PATIENCE);
        self.ear = Ear::Hears;
        match std::mem::replace(&mut self.state, State::Collecting) {
            State::Prompt => Step::StopPlaying,
            _ => Step::Wait,
        }
    }

    /// What the caller said: rows 22 to 24. Returns the steps in order: a prompt to stop may come
    /// before the result.
    pub fn said(&mut self, said: Said, buffer: &mut TypeAhead, now: Duration) -> Vec<Step> {
        if self.listening().is_none() {
            return Vec::new();
        }
        match said {
            Said::Match(recognition) => {
                let plays = self.state == State::Prompt;
                let done = self.finish(GatherResult::Speech(recognition));
                (plays.then_some(Step::StopPlaying).into_iter())
                    .chain([done])
                    .collect()
            }
            Said::NoMatch(_) if !self.is_spoken_to() => vec![self.listen_anew()],
            Said::NoMatch(recognition) => vec![self.misheard(recognition, buffer, now)],
        }
    }

    /// Row 23.
    fn misheard(
        &mut self,
        recognition: Recognition,
        buffer: &mut TypeAhead,
        now: Duration,
    ) -> Step {
        if self.attempt < self.options.attempts {
            return self.begin_attempt(Opening::NoMatch, buffer, now);
        }
        self.finish(GatherResult::Misheard(recognition))
    }

    /// Nobody listens to the caller in this attempt (row 25).
    pub fn unheard(&mut self, why: Unheard, now: Duration) -> Step {
        if self.listening().is_none() {
            return Step::Wait;
        }
        if self.is_spoken_to() {
            self.deadline = Some(now + ms(self.options.first_digit_timeout_ms));
        }
        self.ear = Ear::Lost(why);
        match self.state {
            State::Collecting => self.unheard_alone().unwrap_or(Step::Wait),
            State::Prompt | State::KeyDown | State::Done => Step::Wait,
        }
    }

    /// What the gather returns because nobody listened (row 26).
    pub(super) fn unheard_result(&self) -> Option<GatherResult> {
        let Ear::Lost(reason) = &self.ear else {
            return None;
        };
        Some(GatherResult::Unheard(Unheard {
            digits: self.entry.clone(),
            ..reason.clone()
        }))
    }

    /// Without keys there is nothing to wait for (row 28).
    pub(super) fn unheard_alone(&mut self) -> Option<Step> {
        let result = self.unheard_result().filter(|_| !self.takes_keys())?;
        Some(self.finish(result))
    }
}
