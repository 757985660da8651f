//! What came of many replays, those together that part alike.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::recorded::JournalError;
use crate::verdict::{Class, Logs, Point, Verdict};

/// Calls that are named for each group.
const EXAMPLES: usize = 3;

/// Calls that part alike: by the same function and arguments on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// How the version stands to what happened.
    pub class: Class,
    /// How many calls.
    pub calls: usize,
    /// The first and the last entry at which one of them parts.
    pub entries: (u32, u32),
    /// Where the first of them parts.
    pub point: Point,
    /// Some of the calls.
    pub examples: Vec<String>,
}

/// What came of many replays.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Class, usize>,
    groups: HashMap<(Class, String), Group>,
    unusable: Vec<(String, JournalError)>,
    /// Calls without a journal, or without a run of the flow.
    pub passed_over: usize,
    /// Calls whose journal stops before its flow did.
    pub incomplete: usize,
    /// Calls in which log lines differ.
    pub logs_differ: usize,
    /// Calls in which more prompts differ than the one that they are grouped by, or a prompt before
    /// they part otherwise.
    pub more_prompts: usize,
    /// Secrets whose value was not given, and in how many calls they were read.
    pub placeholders: BTreeMap<String, usize>,
    versions: BTreeSet<String>,
}

impl Tally {
    /// Adds what came of a call.
    pub fn add(&mut self, call_id: &str, result: Result<Verdict, JournalError>) {
        let verdict = match result {
            Ok(verdict) => verdict,
            Err(JournalError::Empty | JournalError::OtherFlow(_) | JournalError::NotStarted(_)) => {
                self.passed_over += 1;
                return;
            }
            Err(error) => {
                self.unusable.push((call_id.to_owned(), error));
                return;
            }
        };
        *self.counts.entry(verdict.class).or_default() += 1;
        self.incomplete += usize::from(verdict.incomplete);
        self.logs_differ += usize::from(verdict.logs == Logs::Differ);
        let own = usize::from(verdict.class == Class::DifferentPrompt);
        self.more_prompts += usize::from(verdict.prompts.len() > own);
        for name in verdict.placeholders {
            *self.placeholders.entry(name).or_default() += 1;
        }
        if let Some(point) = verdict.point {
            self.group(call_id, verdict.class, point);
        }
    }

    /// Adds the version that a call was recorded with.
    pub fn recorded_with(&mut self, version: &str) {
        if !self.versions.contains(version) {
            self.versions.insert(version.to_owned());
        }
    }

    fn group(&mut self, call_id: &str, class: Class, point: Point) {
        // Both sides have a JSON form; it is what makes them equal to people.
        let key = serde_json::to_string(&(&point.then, &point.now)).unwrap_or_default();
        let entry = point.entry;
        let group = self.groups.entry((class, key)).or_insert_with(|| Group {
            class,
            calls: 0,
            entries: (entry, entry),
            point,
            examples: Vec::new(),
        });
        group.calls += 1;
        group.entries = (group.entries.0.min(entry), group.entries.1.max(entry));
        if group.examples.len() < EXAMPLES {
            group.examples.push(call_id.to_owned());
        }
    }

    /// How many calls are of this class.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        self.counts.get(&class).copied().unwrap_or_default()
    }

    /// How many calls were compared.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.counts.values().sum()
    }

    /// Was every call compared, and found the same?
    #[must_use]
    pub fn is_all_same(&self) -> bool {
        self.calls() == self.count(Class::Same) && self.unusable.is_empty()
    }

    /// Calls whose journal could not be replayed, and why.
    #[must_use]
    pub fn unusable(&self) -> &[(String, JournalError)] {
        &self.unusable
    }

    /// The versions that the calls were recorded with.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().map(String::as_str)
    }

    /// Where calls part, the most frequent first.
    #[must_use]
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.values().collect();
        groups.sort_by(|one, other| {
            let by_count = other.calls.cmp(&one.calls);
            by_count.then_with(|| one.examples.cmp(&other.examples))
        });
        groups
    }
}
