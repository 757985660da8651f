//! What callers answered, kept in the store for `vireo results`.
//!
//! A record lies at `results/<name>/<milliseconds>-<id>`: in order of time, and a record of one
//! call cannot meet that of another. It is written again after each answer, so what was answered
//! before the caller hung up is kept.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use vireo_sdk::{Result, kv};

use crate::line::Line;

/// Whose results they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The calling number is kept.
    Named,
    /// It is not.
    Anonymous,
}

/// What one caller answered.
#[derive(Debug, serde::Serialize)]
pub struct Record {
    #[serde(skip)]
    key: String,
    call: String,
    caller: String,
    called: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    at: u64,
    language: String,
    complete: bool,
    answers: Answers,
}

/// In the order of the questions.
#[derive(Debug, Default)]
struct Answers(Vec<(String, Value)>);

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (question, answer) in &self.0 {
            map.serialize_entry(question, answer)?;
        }
        map.end()
    }
}

impl Record {
    /// A record without answers, not yet written. `id` tells it from others of the same moment.
    #[must_use]
    pub fn new(name: &str, line: &Line<'_>, at: SystemTime, id: &str, caller: Caller) -> Self {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let info = line.call.info();
        Self {
            key: format!("results/{name}/{at:013}-{id}"),
            call: info.call_id.clone(),
            caller: match caller {
                Caller::Named => info.caller.clone(),
                Caller::Anonymous => String::new(),
            },
            called: info.called.clone(),
            at,
            language: line.language(),
            complete: false,
            answers: Answers::default(),
        }
    }

    /// Sets an answer.
    pub fn answer(&mut self, question: &str, answer: impl Into<Value>) {
        let answer = answer.into();
        match self
            .answers
            .0
            .iter_mut()
            .find(|(known, _)| known == question)
        {
            Some((_, value)) => *value = answer,
            None => self.answers.0.push((question.to_owned(), answer)),
        }
    }

    /// Nothing more is to come.
    pub fn complete(&mut self) {
        self.complete = true;
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        kv::set(&self.key, text)
    }
}
