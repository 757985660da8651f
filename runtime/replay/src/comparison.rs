//! The control of a replayed flow: answers from the journal, and sees where the flow parts from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vireo_host::contract::Error;
use vireo_host::{Answer, Control, Divergence, Outcome, Reply, Request, Secret};

use crate::recorded::{Asked, Recorded};
use crate::verdict::{Class, Logs, Point, Side, Verdict};

/// Stands for a secret whose value was not given, also within a URL.
const PLACEHOLDER: &str = "placeholder-of-a-secret";

/// Answers from a journal and compares.
pub(crate) struct Comparison {
    recorded: Recorded,
    /// The entry that comes next.
    next: usize,
    answered: usize,
    secrets: Arc<BTreeMap<String, String>>,
    placeholders: BTreeSet<String>,
    prompts: Vec<Point>,
    logs: Logs,
    /// Why the comparison has ended.
    stopped: Option<Stopped>,
    /// Handed to the host, which then ends the flow.
    divergence: Option<Divergence>,
}

enum Stopped {
    /// The flow parts from the journal.
    Parts(Class, Box<Point>),
    /// The journal stops here, as it was written.
    JournalStops,
}

/// What the journal has for a request.
enum Found {
    /// The same request, and its place.
    Same(usize),
    /// The same function with other prompts.
    OtherPrompt(usize),
    /// An answer that is the same throughout a call.
    Fact(usize),
    /// Something else, or nothing more.
    Parts(usize),
}

impl Comparison {
    pub fn new(recorded: Recorded, secrets: Arc<BTreeMap<String, String>>) -> Self {
        Comparison {
            recorded,
            next: 0,
            answered: 0,
            secrets,
            placeholders: BTreeSet::new(),
            prompts: Vec::new(),
            logs: Logs::Same,
            stopped: None,
            divergence: None,
        }
    }

    fn answer(&mut self, request: Request) -> Answer {
        match self.find(&request) {
            Found::Same(at) => self.take(at),
            Found::Fact(at) => self.tell(at),
            Found::OtherPrompt(at) => {
                let point = self.point(at, Side::Asks(Box::new(request)));
                self.prompts.push(point);
                self.take(at)
            }
            // A log line has no answer that could lead anywhere.
            Found::Parts(_) if is_log(&request) => {
                self.logs = Logs::Differ;
                if self.entry(self.next).is_some_and(is_log_entry) {
                    self.next += 1;
                }
                Ok(Reply::Done)
            }
            Found::Parts(at) => {
                self.part(at, request);
                // The host ends the flow before it sees this.
                Ok(Reply::Done)
            }
        }
    }

    fn find(&self, request: &Request) -> Found {
        if (self.entry(self.next)).is_some_and(|entry| entry.request == *request) {
            return Found::Same(self.next);
        }
        if is_log(request) {
            return Found::Parts(self.next);
        }
        let at = self.pass_over();
        match self.entry(at).map(|entry| &entry.request) {
            Some(then) if then == request => return Found::Same(at),
            Some(then) if differ_in_prompts(then, request) => return Found::OtherPrompt(at),
            _ => {}
        }
        let same = |entry: &Asked| entry.request == *request;
        match self.recorded.asked.iter().position(same) {
            Some(fact) if is_fact(request) => Found::Fact(fact),
            _ => Found::Parts(at),
        }
    }

    /// The place of the next entry that a caller, or the next call, could notice.
    fn pass_over(&self) -> usize {
        let rest = self.recorded.asked.iter().skip(self.next);
        let quiet = rest.take_while(|entry| is_log_entry(entry) || is_fact(&entry.request));
        self.next + quiet.count()
    }

    /// Answers from this entry and goes on behind it.
    fn take(&mut self, at: usize) -> Answer {
        let passed = self.recorded.asked.get(self.next..at);
        if passed.is_some_and(|passed| passed.iter().any(is_log_entry)) {
            self.logs = Logs::Differ;
        }
        self.next = at + 1;
        self.tell(at)
    }

    fn tell(&mut self, at: usize) -> Answer {
        self.answered += 1;
        self.entry(at)
            .map_or(Ok(Reply::Done), |entry| entry.answer.clone())
    }

    fn part(&mut self, at: usize, request: Request) {
        let expected = self.entry(at).map(|entry| Arc::new(entry.request.clone()));
        self.divergence = Some(Divergence {
            at: self.answered,
            expected,
            got: Arc::new(request.clone()),
        });
        let ahead = self.recorded.asked.get(at..).unwrap_or_default();
        let holds = ahead.iter().any(|entry| entry.request == request);
        self.stopped = Some(match (ahead.is_empty(), &self.recorded.ended) {
            (true, None) => Stopped::JournalStops,
            (over, _) => {
                let class = match over || (is_question(&request) && !holds) {
                    true => Class::NotInJournal,
                    false => Class::DifferentBranch,
                };
                let point = self.point(at, Side::Asks(Box::new(request)));
                Stopped::Parts(class, Box::new(point))
            }
        });
    }

    /// What the journal holds at a place, beside what the version does.
    fn point(&self, at: usize, now: Side) -> Point {
        if let Some(entry) = self.entry(at) {
            return Point {
                entry: entry.seq,
                at_ms: entry.at_ms,
                then: Side::Asks(Box::new(entry.request.clone())),
                now,
            };
        }
        let ended = self.recorded.ended.as_ref();
        Point {
            entry: ended.map_or(0, |ended| ended.seq),
            at_ms: ended.map_or(0, |ended| ended.at_ms),
            then: Side::Ends(ended.map(|ended| ended.outcome.clone()).unwrap_or_default()),
            now,
        }
    }

    fn entry(&self, at: usize) -> Option<&Asked> {
        self.recorded.asked.get(at)
    }

    /// The verdict on a run that has ended so.
    pub fn judge(mut self, outcome: &Outcome) -> Verdict {
        let incomplete = self.recorded.ended.is_none();
        let (class, point) = match self.stopped.take() {
            Some(Stopped::Parts(class, point)) => (class, Some(*point)),
            Some(Stopped::JournalStops) => (Class::Same, None),
            None => self.compare_ends(outcome),
        };
        let (class, point) = match (class, self.prompts.first()) {
            (Class::Same, Some(first)) => (Class::DifferentPrompt, Some(first.clone())),
            other => (other.0, point),
        };
        Verdict {
            class,
            point,
            prompts: self.prompts,
            logs: self.logs,
            placeholders: self.placeholders,
            incomplete,
            answered: self.answered,
        }
    }

    /// The flow has ended, and has not parted from the journal before.
    fn compare_ends(&mut self, outcome: &Outcome) -> (Class, Option<Point>) {
        let at = self.pass_over();
        let passed = self.recorded.asked.get(self.next..at).unwrap_or_default();
        if passed.iter().any(is_log_entry) {
            self.logs = Logs::Differ;
        }
        let ends = || Side::Ends(outcome.to_string());
        let alike = match &self.recorded.ended {
            _ if at < self.recorded.asked.len() => false,
            Some(ended) => end_alike(&ended.outcome, outcome),
            None => true,
        };
        match outcome {
            _ if alike => (Class::Same, None),
            Outcome::Trapped(_) => (Class::Traps, Some(self.point(at, ends()))),
            _ => (Class::EndsOtherwise, Some(self.point(at, ends()))),
        }
    }
}

impl Control for Comparison {
    async fn perform(&mut self, request: Request) -> Answer {
        self.answer(request)
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        Ok(match self.secrets.get(name) {
            Some(value) => Secret::new(value),
            None => {
                self.placeholders.insert(name.to_owned());
                Secret::new(PLACEHOLDER)
            }
        })
    }

    fn divergence(&mut self) -> Option<Divergence> {
        self.divergence.take()
    }
}

/// A trap is compared by its kind: the names of functions change from version to version.
fn end_alike(then: &str, now: &Outcome) -> bool {
    match now {
        Outcome::Trapped(trap) => {
            let kind = then.split_once(": ").map_or(then, |(kind, _)| kind);
            kind == trap.kind.to_string()
        }
        other => then == other.to_string(),
    }
}

fn is_log(request: &Request) -> bool {
    matches!(request, Request::Log { .. })
}

fn is_log_entry(entry: &Asked) -> bool {
    is_log(&entry.request)
}

/// Is the answer the same throughout a call, however often and in whatever order it is asked for?
fn is_fact(request: &Request) -> bool {
    matches!(
        request,
        Request::GetInfo
            | Request::Header { .. }
            | Request::SettingsGet { .. }
            | Request::Secret { .. }
    )
}

/// Does the flow want to know something from beyond its call?
fn is_question(request: &Request) -> bool {
    is_fact(request)
        || matches!(
            request,
            Request::KvGet { .. }
                | Request::KvIncrement { .. }
                | Request::KvCompareAndSwap { .. }
                | Request::KvListKeys { .. }
                | Request::HttpSend(_)
                | Request::Now
                | Request::LocalTime { .. }
                | Request::Random
        )
}

/// Is it the same function with the same arguments, but for what the caller hears?
fn differ_in_prompts(then: &Request, now: &Request) -> bool {
    match (then, now) {
        (Request::Play { options, .. }, Request::Play { options: other, .. }) => {
            options.interrupt_keys == other.interrupt_keys
        }
        (Request::StartPlaying { repeat, .. }, Request::StartPlaying { repeat: other, .. }) => {
            repeat == other
        }
        (Request::Gather(then), Request::Gather(now)) => {
            let mut heard = now.clone();
            heard.prompt.clone_from(&then.prompt);
            heard.no_input_prompt.clone_from(&then.no_input_prompt);
            heard.no_match_prompt.clone_from(&then.no_match_prompt);
            heard.language.clone_from(&then.language);
            heard == *then
        }
        (Request::Record(then), Request::Record(now)) => {
            let mut heard = now.clone();
            heard.prompt.clone_from(&then.prompt);
            heard.language.clone_from(&then.language);
            heard == *then
        }
        _ => false,
    }
}
