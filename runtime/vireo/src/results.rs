//! What callers answered to the ready flows, as the flows keep it: records, their totals, and CSV.
//!
//! A record is the value of a key `results/NAME/MILLISECONDS-ID`, in JSON (`flows/library/src/results.rs`).

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Where results lie among the keys of a namespace.
pub const PREFIX: &str = "results/";

/// More different answers than these are counted together.
const MANY: usize = 20;

/// What one caller answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The call.
    pub call: String,
    /// The calling number; empty when withheld, or when the flow does not keep it.
    pub caller: String,
    /// The called number.
    pub called: String,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// The language of the call, as a BCP 47 tag.
    pub language: String,
    /// Did the caller come to the end?
    pub complete: bool,
    /// The answers, in the order of the questions.
    pub answers: Answers,
}

/// Answers by question, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub Vec<(String, Value)>);

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (question, answer) in &self.0 {
            map.serialize_entry(question, answer)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Answers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("answers by question")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answers, A::Error> {
                let mut answers = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    answers.push(entry);
                }
                Ok(Answers(answers))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The name under which a key's record was kept; none for a key that is no result.
#[must_use]
pub fn name_of(key: &str) -> Option<&str> {
    let (name, _) = key.strip_prefix(PREFIX)?.split_once('/')?;
    Some(name)
}

/// The answers to one question, counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Total {
    /// The question.
    pub question: String,
    /// How many callers answered it.
    pub answered: usize,
    /// The mean of answers that are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// How often each answer was given, the answers in order; empty when there are too many
    /// different ones, and for recordings.
    pub answers: Vec<Count>,
}

/// How often an answer was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The answer.
    pub answer: String,
    /// How often.
    pub count: usize,
}

/// Counts the answers, question by question.
#[must_use]
pub fn totals(records: &[Record]) -> Vec<Total> {
    let of_question = |question: String| {
        let answers: Vec<&Value> = records
            .iter()
            .flat_map(|record| &record.answers.0)
            .filter(|(asked, _)| *asked == question)
            .map(|(_, answer)| answer)
            .collect();
        let numbers: Vec<f64> = answers
            .iter()
            .filter_map(|answer| answer.as_f64())
            .collect();
        let all_numbers = numbers.len() == answers.len() && !answers.is_empty();
        let mut counts = std::collections::BTreeMap::new();
        for answer in answers.iter().filter(|answer| !answer.is_object()) {
            *counts.entry(plain(answer)).or_insert(0) += 1;
        }
        if counts.len() > MANY {
            counts.clear();
        }
        Total {
            question,
            answered: answers.len(),
            mean: all_numbers.then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
            answers: counts
                .into_iter()
                .map(|(answer, count)| Count { answer, count })
                .collect(),
        }
    };
    questions(records, |_, _| Vec::new())
        .into_iter()
        .map(of_question)
        .collect()
}

/// The questions of all records in an order that fits each of them as well as may be: one that is
/// new stands behind the one that came before it. `parts` names what an answer is made of.
fn questions(records: &[Record], parts: impl Fn(&str, &Value) -> Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for record in records {
        let mut place = 0;
        for (question, answer) in &record.answers.0 {
            let mut names = parts(question, answer);
            if names.is_empty() {
                names.push(question.clone());
            }
            for name in names {
                match all.iter().position(|known| *known == name) {
                    Some(at) => place = at + 1,
                    None => {
                        all.insert(place, name);
                        place += 1;
                    }
                }
            }
        }
    }
    all
}

/// An answer as text.
fn plain(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The columns of CSV that do not depend on the questions.
const COLUMNS: [&str; 6] = ["call", "caller", "called", "at", "language", "complete"];

/// Records as CSV (RFC 4180), a row each, with a heading. Moments are in UTC (RFC 3339). An answer
/// of several parts, such as a recording and its length, takes a column for each. A cell that a
/// spreadsheet would take for a formula begins with an apostrophe: callers choose what they send.
#[must_use]
pub fn csv(records: &[Record]) -> String {
    let parts = |question: &str, answer: &Value| match answer {
        Value::Object(parts) => parts
            .keys()
            .map(|part| format!("{question}.{part}"))
            .collect(),
        _ => Vec::new(),
    };
    let questions = questions(records, parts);
    let mut text = String::new();
    let heading = COLUMNS
        .iter()
        .copied()
        .chain(questions.iter().map(String::as_str));
    row(&mut text, heading.map(ToOwned::to_owned));
    for record in records {
        let at = i64::try_from(record.at).ok();
        let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let fixed = [
            record.call.clone(),
            record.caller.clone(),
            record.called.clone(),
            at.map(|at| at.to_string()).unwrap_or_default(),
            record.language.clone(),
            record.complete.to_string(),
        ];
        let answers = questions.iter().map(|question| record.cell(question));
        row(&mut text, fixed.into_iter().chain(answers));
    }
    text
}

impl Record {
    /// What stands in the column of a question, or of a part of its answer.
    fn cell(&self, column: &str) -> String {
        for (question, answer) in &self.answers.0 {
            let Some(rest) = column.strip_prefix(question.as_str()) else {
                continue;
            };
            match (answer, rest.strip_prefix('.')) {
                (Value::Object(parts), Some(part)) => {
                    if let Some(value) = parts.get(part) {
                        return plain(value);
                    }
                }
                (Value::Object(_), None) => {}
                (answer, _) if rest.is_empty() => return plain(answer),
                _ => {}
            }
        }
        String::new()
    }
}

fn row(text: &mut String, cells: impl Iterator<Item = String>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push(',');
        }
        let cell = match is_formula(&cell) {
            true => format!("'{cell}"),
            false => cell,
        };
        match cell.contains([',', '"', '\r', '\n']) {
            // Writing to a String cannot fail.
            true => drop(write!(text, "\"{}\"", cell.replace('"', "\"\""))),
            false => text.push_str(&cell),
        }
    }
    text.push_str("\r\n");
}

/// Would a spreadsheet compute it? A number with its sign, as "+4930123456", it may.
fn is_formula(cell: &str) -> bool {
    match cell.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !cell.chars().skip(1).all(|c| c.is_ascii_digit()),
        _ => false,
    }
}
