//! The caller who follows a test script.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use vireo_host::contract::Message;
use vireo_host::{Reply, Request};

use crate::caller::{Act, Caller, Notice, Turn};
use crate::case::{Case, Deed, Step, Strict, What, When};
use crate::log::{Happened, Heard, Record};
use crate::script::{RecordEnd, RecordsText, Value};
use crate::span::Span;
use crate::world::World;

/// How long a key is down, and the pause before the next.
const PRESS: Duration = Duration::from_millis(100);

/// Where a call left its script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The step that was to come, by its place; none when all were done.
    pub step: Option<usize>,
    /// What happened instead.
    pub actual: String,
    /// When.
    pub at: Duration,
    /// Which record of the log it is about.
    pub row: usize,
}

/// A step that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its place in the case.
    pub step: usize,
    /// When.
    pub at: Duration,
    /// Which record of the log it is about.
    pub row: usize,
}

/// A caller who follows a test script, and notes where the flow does something else.
#[derive(Debug)]
pub struct Follower {
    case: Arc<Case>,
    /// The step to come.
    next: usize,
    /// How many names of a `hears` were heard.
    names: usize,
    done: Vec<Done>,
    mismatch: Option<Mismatch>,
    /// What was heard and no step has asked for yet.
    heard: VecDeque<Heard>,
    playing: Option<Playing>,
    /// When what was heard last has ended.
    quiet: Duration,
    /// When the step before was done.
    since: Duration,
    /// The rest of what the caller is doing: the keys to come, the end of a hold.
    acts: VecDeque<(Duration, Act)>,
    messages: VecDeque<Message>,
    /// Requests that steps have asked for.
    requests: usize,
    /// Records of the log that steps have looked through for lines of the flow.
    read: usize,
}

#[derive(Clone, Copy, Debug)]
struct Playing {
    started: Duration,
    /// Does it play until it is stopped? Then nobody waits for its end.
    endless: Endless,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endless {
    Yes,
    No,
}

impl Follower {
    /// At the beginning.
    #[must_use]
    pub fn new(case: Arc<Case>) -> Self {
        Follower {
            case,
            next: 0,
            names: 0,
            done: Vec::new(),
            mismatch: None,
            heard: VecDeque::new(),
            playing: None,
            quiet: Duration::ZERO,
            since: Duration::ZERO,
            acts: VecDeque::new(),
            messages: VecDeque::new(),
            requests: 0,
            read: 0,
        }
    }

    /// The steps that were done, in order.
    #[must_use]
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// Where the call left the script, if it did.
    #[must_use]
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    /// The step to come.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        self.case.steps.get(self.next)
    }

    /// The call and the flow have come to their end: sees to what can still be seen to.
    pub(crate) fn settle(&mut self, at: Duration, world: &World) {
        self.advance(at, world);
    }

    /// The step to come is done.
    pub(crate) fn complete(&mut self, at: Duration, row: usize) {
        let step = self.next;
        self.done.push(Done { step, at, row });
        self.next += 1;
        self.names = 0;
        self.since = self.since.max(at);
    }

    pub(crate) fn fail(&mut self, at: Duration, row: usize, actual: impl Into<String>) {
        if self.mismatch.is_none() {
            let step = (self.next < self.case.steps.len()).then_some(self.next);
            self.mismatch = Some(Mismatch {
                step,
                actual: actual.into(),
                at,
                row,
            });
        }
    }

    /// Sees to the steps that need no time.
    fn advance(&mut self, at: Duration, world: &World) {
        let case = Arc::clone(&self.case);
        let row = world.log().len().saturating_sub(1);
        while self.mismatch.is_none()
            && let Some(step) = case.steps.get(self.next)
        {
            let met = match &step.what {
                What::Hears(names) => self.hears(names, at, row),
                What::HearsMatch(pattern) => self.hears_match(pattern, at, row),
                What::Kv(keys) => keys.iter().all(|(key, value)| holds(world, key, value)),
                What::Http(asked) => {
                    let made = world.requests[self.requests..].iter();
                    let met = made.clone().position(|request| asked.fits(request));
                    self.requests += met.map_or(0, |at| at + 1);
                    met.is_some()
                }
                What::Logs(pattern) => {
                    let rest = world.log()[self.read..].iter();
                    let met = rest.clone().position(|record| says(record, pattern));
                    self.read += met.map_or(0, |at| at + 1);
                    met.is_some()
                }
                What::Records(wanted) => match self.messages.pop_front() {
                    None => false,
                    Some(message) => match unlike(wanted, &message) {
                        None => true,
                        Some(actual) => return self.fail(at, row, actual),
                    },
                },
                What::Does(..) | What::Silent(_) | What::Ends { .. } => {
                    return self.nothing_unexpected(&step.what, at, row);
                }
            };
            if !met {
                return;
            }
            self.complete(at, row);
        }
    }

    /// Are all these names heard? What is heard instead fails, or is passed over.
    fn hears(&mut self, names: &[String], at: Duration, row: usize) -> bool {
        while let Some(name) = names.get(self.names) {
            let Some(part) = self.heard.pop_front() else {
                return false;
            };
            if part.text == *name {
                self.names += 1;
            } else if part.counts() && self.case.strict == Strict::Yes {
                let actual = format!("hears {}", self.rest(&part));
                self.fail(at, row, actual);
                return false;
            }
        }
        true
    }

    fn hears_match(&mut self, pattern: &regex::Regex, at: Duration, row: usize) -> bool {
        if self.heard.is_empty() {
            return false;
        }
        let all: Vec<&str> = self.heard.iter().map(|part| &*part.text).collect();
        let all = all.join(", ");
        let counts = self.heard.iter().any(Heard::counts);
        self.heard.clear();
        let met = pattern.is_match(&all);
        if !met && counts && self.case.strict == Strict::Yes {
            self.fail(at, row, format!("hears {all}"));
        }
        met
    }

    /// A part and what is heard behind it.
    fn rest(&self, first: &Heard) -> String {
        let all = std::iter::once(first).chain(&self.heard);
        all.map(|part| &*part.text).collect::<Vec<_>>().join(", ")
    }

    /// A step that is no hearing is next: is nothing heard that the script does not name? Whoever
    /// presses a key while a prompt plays need not listen to the rest of it.
    fn nothing_unexpected(&mut self, what: &What, at: Duration, row: usize) {
        let interrupts = matches!(what, What::Does(_, When::WhilePlaying(_)));
        if interrupts || self.case.strict == Strict::No {
            self.heard.clear();
        }
        while let Some(part) = self.heard.pop_front() {
            if part.counts() {
                let actual = format!("hears {}", self.rest(&part));
                return self.fail(at, row, actual);
            }
        }
    }

    fn starts(&mut self, at: Duration, world: &World, parts: &[Heard], length: Option<Duration>) {
        let row = world.log().len().saturating_sub(1);
        self.playing = Some(Playing {
            started: at,
            endless: match length {
                None => Endless::Yes,
                Some(_) => Endless::No,
            },
        });
        self.heard.clear();
        self.heard.extend(parts.iter().cloned());
        let must = |step: &Step| matches!(step.what, What::Kv(_) | What::Http(_) | What::Logs(_));
        if self.step().is_some_and(must) {
            // It had until now to come true; what is heard comes after it.
            let heard = std::mem::take(&mut self.heard);
            self.advance(at, world);
            self.heard = heard;
            if self.step().is_some_and(must) {
                let actual = self.instead(world, "something else is heard");
                return self.fail(at, row, actual);
            }
        }
        self.advance(at, world);
    }

    fn stops(&mut self, at: Duration, world: &World) {
        let row = world.log().len().saturating_sub(1);
        self.playing = None;
        self.quiet = at;
        let waits = matches!(
            self.step().map(|step| &step.what),
            Some(What::Does(_, When::WhilePlaying(_)))
        );
        if waits {
            self.fail(at, row, "the prompt has ended");
        }
    }

    /// From when the time of the next deed counts; none while the caller still listens.
    fn from(&self, when: When) -> Option<Duration> {
        match (when, self.playing) {
            (When::WhilePlaying(_), playing) => Some(self.since.max(playing?.started)),
            (When::After(_), Some(playing)) if playing.endless == Endless::No => None,
            (When::After(_), _) => Some(self.since.max(self.quiet)),
        }
    }

    /// Does the next deed, if its time comes before `deadline`.
    fn act(&mut self, world: &World, now: Duration, deadline: Duration) -> Turn {
        if let Some((at, act)) = self.acts.pop_front_if(|(at, _)| *at <= deadline) {
            return Turn::Act { at, act };
        }
        if !self.acts.is_empty() {
            return Turn::Deadline;
        }
        // The next record is of what is done now.
        let row = world.log().len();
        let case = Arc::clone(&self.case);
        loop {
            if self.mismatch.is_some() || self.next == case.steps.len() {
                let (at, act) = (now, Act::HangUp);
                return Turn::Act { at, act };
            }
            let (when, wait) = match &case.steps[self.next].what {
                What::Does(_, when @ (When::After(wait) | When::WhilePlaying(wait))) => {
                    (*when, *wait)
                }
                What::Silent(length) => (When::After(*length), *length),
                _ => return Turn::Deadline,
            };
            let Some(at) = self.from(when).map(|from| from + wait) else {
                return Turn::Deadline;
            };
            if at > deadline {
                return Turn::Deadline;
            }
            let at = at.max(now);
            match &case.steps[self.next].what {
                What::Does(Deed::Press(keys), _) => {
                    self.complete(at, row);
                    return self.press(keys, at);
                }
                What::Does(Deed::Say(saying), _) => {
                    self.complete(at, row);
                    self.since = at + saying.length();
                    let act = Act::Say(saying.clone());
                    return Turn::Act { at, act };
                }
                What::Does(Deed::Speak(length), _) => {
                    self.complete(at, row);
                    self.since = at + *length;
                    let act = Act::Speak(*length);
                    return Turn::Act { at, act };
                }
                What::Does(Deed::Hold(length), _) => {
                    self.complete(at, row);
                    self.since = at + *length;
                    self.acts.push_back((at + *length, Act::Resume));
                    let act = Act::Hold;
                    return Turn::Act { at, act };
                }
                What::Does(Deed::HangUp, _) => {
                    self.complete(at, row);
                    let act = Act::HangUp;
                    return Turn::Act { at, act };
                }
                _ => {
                    self.complete(at, row.saturating_sub(1));
                    self.advance(at, world);
                }
            }
        }
    }

    /// Puts a finger on the first key.
    fn press(&mut self, keys: &str, at: Duration) -> Turn {
        let mut time = at;
        for key in keys.chars() {
            self.acts.push_back((time, Act::KeyDown(key)));
            let held_ms = PRESS.as_millis() as u32;
            self.acts
                .push_back((time + PRESS, Act::KeyUp { key, held_ms }));
            self.since = time + PRESS;
            time += 2 * PRESS;
        }
        match self.acts.pop_front() {
            Some((at, act)) => Turn::Act { at, act },
            None => Turn::Deadline,
        }
    }
}

impl Caller for Follower {
    fn notice(&mut self, at: Duration, world: &World, what: Notice<'_>) {
        match what {
            Notice::Starts { parts, length } => self.starts(at, world, parts, length),
            Notice::Stops => self.stops(at, world),
            Notice::Verb { request, answer } => {
                if let (Request::Record(_), Ok(Reply::Message(message))) = (request, answer) {
                    self.messages.push_back(message.clone());
                }
                self.advance(at, world);
            }
            Notice::Ended(_) => self.playing = None,
        }
    }

    async fn next(&mut self, world: &World, now: Duration, deadline: Duration) -> Turn {
        self.advance(now, world);
        self.act(world, now, deadline)
    }
}

fn holds(world: &World, key: &str, value: &Value) -> bool {
    let actual = world.key(key);
    match value {
        Value::Absent(_) => actual.is_none(),
        Value::Text(text) => actual.as_deref() == Some(text.as_bytes()),
        Value::Count(number) => actual.as_deref() == Some(number.to_string().as_bytes()),
    }
}

fn actual_keys<'k>(world: &World, keys: impl Iterator<Item = &'k String>) -> String {
    let keys = keys.map(|key| match world.key(key) {
        None => format!("{key} is absent"),
        Some(value) => format!("{key} = {:?}", String::from_utf8_lossy(&value)),
    });
    format!("kv {}", keys.collect::<Vec<_>>().join(", "))
}

fn says(record: &Record, pattern: &regex::Regex) -> bool {
    match &record.what {
        Happened::Verb { request, .. } => match &**request {
            Request::Log { message, .. } => pattern.is_match(message),
            _ => false,
        },
        _ => false,
    }
}

fn actual_requests(world: &World) -> String {
    match world.requests.last() {
        None => "no request was made".to_owned(),
        Some(last) => format!("the last request was {} {}", last.method, last.url),
    }
}

impl Follower {
    /// What there is instead of the step to come, when the call has ended.
    pub(crate) fn instead(&self, world: &World, ended: &str) -> String {
        match self.step().map(|step| &step.what) {
            Some(What::Kv(keys)) => actual_keys(world, keys.keys()),
            Some(What::Http(_)) => actual_requests(world),
            Some(What::Logs(_)) => "the flow wrote no such line".to_owned(),
            _ => ended.to_owned(),
        }
    }
}

/// How a message differs from what is wanted; none when it does not.
fn unlike(wanted: &RecordsText, message: &Message) -> Option<String> {
    let length = Span(Duration::from_millis(message.duration_ms.into()));
    let end = RecordEnd::of(message.ended_by);
    let alike = wanted.ended_by.is_none_or(|wanted| end == Some(wanted))
        && wanted.at_least.is_none_or(|least| length >= least)
        && wanted.at_most.is_none_or(|most| length <= most);
    let end = end.map_or("a failure", RecordEnd::name);
    (!alike).then(|| format!("records a message of {length}, ended by {end}"))
}
