//! Collecting digits: the state machine of the table in `sdk/wit/media.wit`.
//!
//! It knows nothing of prompts, packets or clocks: keys, the end of the prompt and the time go in,
//! and what to do next comes out. The numbers in the comments are the rows of that table.

use std::time::Duration;

use vireo_host::contract::{BargeIn, GatherOptions, GatherResult, TypeAhead as Buffering};

use crate::digits::{self, TypeAhead};

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
        (full && !self.options.terminators.is_empty()).then(|| {
            (
                self.options.terminators.as_str(),
                Duration::from_millis(self.options.inter_digit_timeout_ms.into()),
            )
        })
    }

    /// A key went down. Only barge-in cares: the prompt stops at the press, not at the release.
    pub fn key_down(&mut self, now: Duration) -> Step {
        if self.state == State::Prompt && self.options.barge_in == BargeIn::On {
            self.state = State::KeyDown;
            self.deadline = Some(now + LONGEST_PRESS);
            return Step::StopPlaying;
        }
        if self.state == State::Collecting {
            // The caller is typing: a long press must not run into the timers.
            self.deadline = Some(now + LONGEST_PRESS);
        }
        Step::Wait
    }

    /// A key was pressed and let go.
    ///
    /// Returns the steps in order: a prompt to stop may come before the result.
    pub fn key(&mut self, key: char, buffer: &mut TypeAhead, now: Duration) -> Vec<Step> {
        match (self.state, self.options.barge_in) {
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
        let silent = self.options.prompt.is_empty()
            && match opening {
                Opening::First => true,
                Opening::NoInput => self.options.no_input_prompt.is_empty(),
                Opening::NoMatch => self.options.no_match_prompt.is_empty(),
            };
        let typed_ahead = self.options.barge_in == BargeIn::On && !buffer.is_empty();
        if silent || typed_ahead {
            self.collect(buffer, now)
        } else {
            self.state = State::Prompt;
            Step::Play(opening)
        }
    }

    /// Starts the first-digit timer, and takes the keys that are there already.
    fn collect(&mut self, buffer: &mut TypeAhead, now: Duration) -> Step {
        self.state = State::Collecting;
        self.deadline = Some(now + ms(self.options.first_digit_timeout_ms));
        while let Some(key) = buffer.pop() {
            let step = self.take(key, buffer, now);
            if step != Step::Wait {
                return step;
            }
        }
        Step::Wait
    }

    /// Rows 6 to 9.
    fn take(&mut self, key: char, buffer: &mut TypeAhead, now: Duration) -> Step {
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

    /// Rows 14 and 15.
    fn failed(&mut self, why: Opening, buffer: &mut TypeAhead, now: Duration) -> Step {
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
        Step::Done(result)
    }
}

fn ms(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

#[cfg(test)]
mod tests {
    use vireo_host::contract::Part;

    use super::*;

    fn options() -> GatherOptions {
        GatherOptions {
            prompt: vec![Part::File("menu".into())],
            language: None,
            min_digits: 1,
            max_digits: 4,
            terminators: "#".into(),
            accept: Vec::new(),
            barge_in: BargeIn::On,
            type_ahead: Buffering::Keep,
            first_digit_timeout_ms: 5_000,
            inter_digit_timeout_ms: 2_000,
            attempts: 1,
            no_input_prompt: Vec::new(),
            no_match_prompt: Vec::new(),
        }
    }

    /// Runs a script against a gather: `p` the prompt ends, `+N` N ms pass, `v` a key goes down,
    /// any other character is a key. The outcome is written as it comes: `play`, `stop`, a result.
    fn run(options: GatherOptions, ahead: &str, script: &str) -> String {
        let mut buffer = TypeAhead::default();
        ahead.chars().for_each(|key| buffer.push(key));
        let mut now = Duration::ZERO;
        let mut out = Vec::new();
        let mut note = |step: Step| match step {
            Step::Wait => {}
            Step::Play(opening) => out.push(format!("play-{opening:?}").to_lowercase()),
            Step::StopPlaying => out.push("stop".into()),
            Step::Done(GatherResult::Digits(d)) => out.push(format!("digits({d})")),
            Step::Done(GatherResult::NoInput) => out.push("no-input".into()),
            Step::Done(GatherResult::NoMatch(d)) => out.push(format!("no-match({d})")),
        };
        let (mut gather, first) = Gather::start(options, &mut buffer, now);
        note(first);
        for word in script.split_whitespace() {
            if word == "p" {
                note(gather.prompt_ended(&mut buffer, now));
            } else if let Some(time) = word.strip_prefix('+') {
                now += ms(time.parse().unwrap());
                if gather.deadline().is_some_and(|deadline| deadline <= now) {
                    note(gather.timeout(&mut buffer, now));
                }
            } else if word == "v" {
                note(gather.key_down(now));
            } else {
                for key in word.chars() {
                    gather
                        .key(key, &mut buffer, now)
                        .into_iter()
                        .for_each(&mut note);
                }
            }
        }
        while let Some(left) = buffer.pop() {
            out.push(format!("left({left})"));
        }
        out.join(" ")
    }

    type Change = fn(&mut GatherOptions);

    #[test]
    fn the_table_of_gather_options() {
        #[rustfmt::skip]
        let rows: &[(&str, Change, &str, &str, &str)] = &[
            ("1 flush", |o| o.type_ahead = Buffering::Flush, "12", "", "play-first"),
            ("2 keep, full entry", |_| {}, "1234", "", "digits(1234)"),
            ("2 keep, part of it", |_| {}, "12", "34", "digits(1234)"),
            ("2 keep, more than one entry", |o| o.max_digits = 1, "12", "", "digits(1) left(2)"),
            ("2 keep, barge-in off: prompt first", |o| o.barge_in = BargeIn::Off, "1234", "p", "play-first digits(1234)"),
            ("2 keep, deaf: prompt first", |o| o.barge_in = BargeIn::Deaf, "1234", "p", "play-first digits(1234)"),
            ("3 barge-in", |o| o.max_digits = 1, "", "7", "play-first stop digits(7)"),
            ("3 stops at the press", |o| o.max_digits = 1, "", "v +700 7", "play-first stop digits(7)"),
            ("4 off keeps", |o| o.barge_in = BargeIn::Off, "", "12 p 3#", "play-first digits(123)"),
            ("4 deaf drops", |o| o.barge_in = BargeIn::Deaf, "", "12 p 3#", "play-first digits(3)"),
            ("5, 10 first-digit timer from the end of the prompt", |_| {}, "", "+60000 p +4999 +1", "play-first no-input"),
            ("6 terminator", |_| {}, "", "p 12#", "play-first digits(12)"),
            ("6 terminator alone, nothing required", |o| o.min_digits = 0, "", "p #", "play-first digits()"),
            ("7 too short", |o| o.min_digits = 3, "", "p 12#", "play-first no-match(12)"),
            ("7 terminator alone", |_| {}, "", "p #", "play-first no-input"),
            ("8 timers", |_| {}, "", "p +4999 1 +1999 2 +1999 3#", "play-first digits(123)"),
            ("8 a long press holds the timers", |_| {}, "", "p 1 v +5000 2 #", "play-first digits(12)"),
            ("9 full", |_| {}, "", "p 12345", "play-first digits(1234) left(5)"),
            ("11 enough", |_| {}, "", "p 12 +2000", "play-first digits(12)"),
            ("11 too few", |o| o.min_digits = 3, "", "p 12 +2000", "play-first no-match(12)"),
            ("12 accepted", |o| o.accept = vec!["12".into(), "9x".into()], "", "p 95#", "play-first digits(95)"),
            ("13 not accepted", |o| o.accept = vec!["12".into()], "", "p 13#", "play-first no-match(13)"),
            ("14 again, then right", |o| { o.attempts = 3; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p +5000 p 2 p 1",
                "play-first play-noinput play-nomatch digits(1)"),
            ("15 the last failure counts", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p 2 p +5000",
                "play-first play-nomatch no-input"),
            ("15 no-match last", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p +5000 p 2",
                "play-first play-noinput no-match(2)"),
            ("14 keys typed ahead answer the next attempt", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "21", "",
                "digits(1)"),
            ("no prompt at all", |o| o.prompt.clear(), "", "+5000", "no-input"),
            ("a key that never comes up", |_| {}, "", "v +20000", "play-first stop no-input"),
        ];
        for (name, change, ahead, script, expected) in rows {
            let mut options = options();
            change(&mut options);
            assert_eq!(run(options, ahead, script), *expected, "{name}");
        }
    }

    #[test]
    fn a_terminator_behind_a_full_entry_is_swallowed() {
        let mut buffer = TypeAhead::default();
        let (mut gather, _) = Gather::start(
            GatherOptions {
                max_digits: 2,
                ..options()
            },
            &mut buffer,
            Duration::ZERO,
        );
        gather.key('1', &mut buffer, Duration::ZERO);
        assert_eq!(gather.swallow(), None);
        gather.key('2', &mut buffer, Duration::ZERO);
        assert_eq!(gather.swallow(), Some(("#", ms(2_000))));
    }
}
