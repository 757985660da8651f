//! A simulated call as rows: what happened, and beside it the steps of the script.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use vireo_host::{Answer, Request};
use vireo_sim::{Happened, Heard, Listener, Record, SaidBy, Span, Trouble};
use vireo_store::journal::{Entry, Json};

use super::Checked;
use crate::cli::Output;
use crate::timeline::{self, Detail};

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub at: Duration,
    /// `caller`, `flow`, `server`.
    pub who: &'static str,
    /// What happened.
    pub text: String,
    /// The steps that it did, or did not do.
    pub steps: Vec<String>,
    /// The step that was to come here instead.
    pub wanted: Option<String>,
}

impl Row {
    /// "+3.837"
    pub fn time(&self) -> String {
        let ms = self.at.as_millis();
        format!("+{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// The rows of a case.
pub(super) fn rows(checked: &Checked) -> Vec<Row> {
    let verdict = &checked.verdict;
    let mismatch = verdict.troubles.iter().find_map(|trouble| match trouble {
        Trouble::Mismatch(mismatch) => Some(mismatch),
        _ => None,
    });
    let mut rows: Vec<Row> = Vec::new();
    for (index, record) in verdict.log.iter().enumerate() {
        if let Some((who, text)) = show(record) {
            rows.push(Row {
                at: record.at,
                who,
                text,
                steps: Vec::new(),
                wanted: None,
            });
        }
        // Steps about what is not shown stand beside what was shown last.
        let Some(row) = rows.last_mut() else {
            continue;
        };
        let done = verdict.done.iter().filter(|done| done.row == index);
        let steps = done.filter_map(|done| checked.case.steps.get(done.step));
        row.steps.extend(steps.map(|step| step.text.clone()));
        if let Some(mismatch) = mismatch.filter(|mismatch| mismatch.row == index) {
            row.wanted = Some(wanted(checked, mismatch.step));
            // What follows is only that the test is over.
            break;
        }
    }
    rows
}

/// The step that was to come.
pub(super) fn wanted(checked: &Checked, step: Option<usize>) -> String {
    match step.and_then(|step| checked.case.steps.get(step)) {
        Some(step) => step.text.clone(),
        None => "nothing more".to_owned(),
    }
}

/// The rows as text: time, who, what, and beside it the script.
pub(super) fn render(rows: &[Row], output: &Output) -> String {
    /// Longer ones push the script's column aside.
    const WIDEST: usize = 64;
    let widths = rows.iter().map(|row| row.text.chars().count());
    let width = widths
        .filter(|width| *width <= WIDEST)
        .max()
        .unwrap_or(0)
        .max(20);
    let mut text = String::new();
    for row in rows {
        let mut script = row.steps.clone();
        let mark = match &row.wanted {
            Some(wanted) => {
                script.push(wanted.clone());
                "x"
            }
            None if script.is_empty() => "",
            None => "|",
        };
        let mut line = format!("{:>10}  {:<6}  {:<width$}", row.time(), row.who, row.text);
        let _ = write!(line, "  {mark} {}", script.join("; "));
        let line = match row.wanted {
            Some(_) => output.alarm(line.trim_end()),
            None => line.trim_end().to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Who did it, and what, in words; none for what tells nobody anything.
pub(crate) fn show(record: &Record) -> Option<(&'static str, String)> {
    let (who, text) = match &record.what {
        Happened::Verb {
            asked,
            request,
            answer,
        } => return verb(*asked, record.at, request, answer),
        Happened::Starts { parts, length } => ("flow", starts(parts, *length)),
        Happened::Stops => return None,
        Happened::Provisional(status) | Happened::Rejected(status) => {
            ("server", timeline::status(*status))
        }
        Happened::Answered => ("server", "200 OK".to_owned()),
        Happened::Key(key) => ("caller", format!("key {key}")),
        Happened::Says(saying, Listener::Gather) => ("caller", saying.to_string()),
        Happened::Says(saying, Listener::Nobody) => {
            ("caller", format!("{saying}, and nobody listens"))
        }
        Happened::Speaks(length) => ("caller", format!("speaks for {}", Span(*length))),
        Happened::Held => ("caller", "holds".to_owned()),
        Happened::Resumed => ("caller", "takes the call back".to_owned()),
        Happened::Listens => ("flow", "records".to_owned()),
        Happened::Failed { flow, why } => {
            let why = why.trim_start_matches("failed: ");
            ("server", format!("flow {flow} failed: {why}"))
        }
        Happened::FallsBack(flow) => ("server", format!("falls back to flow {flow}")),
        Happened::TooLong => ("server", "the call has reached its limit".to_owned()),
        Happened::Ended(SaidBy::Caller) => ("caller", "hangs up".to_owned()),
        Happened::Ended(_) => ("server", "BYE".to_owned()),
    };
    Some((who, text))
}

fn starts(parts: &[Heard], length: Option<Duration>) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| &*part.text).collect();
    let length = match length {
        Some(length) => format!("{:.1} s", length.as_secs_f64()),
        None => "again and again".to_owned(),
    };
    format!("plays {} ({length})", parts.join(", "))
}

/// An answer to the flow as journals have it.
pub(super) fn reply(asked: Duration, at: Duration, answer: &Answer) -> Value {
    let mut reply = json!(answer);
    if let Some(fields) = reply.as_object_mut() {
        fields.insert("took_ms".to_owned(), ms(at.saturating_sub(asked)).into());
    }
    reply
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A verb of the flow as the timeline of a real call shows it. What the caller notices by itself
/// has a row already.
fn verb(
    asked: Duration,
    at: Duration,
    request: &Request,
    answer: &Answer,
) -> Option<(&'static str, String)> {
    let seen = matches!(
        request,
        Request::Play { .. }
            | Request::StartPlaying { .. }
            | Request::Ring
            | Request::EarlyMedia
            | Request::Answer
            | Request::Reject { .. }
            | Request::Hangup
    );
    if seen && answer.is_ok() {
        return None;
    }
    let entry = Entry::verb(
        0,
        ms(asked),
        request.verb(),
        Json::of(request).ok()?,
        reply(asked, at, answer).into(),
    );
    let line = timeline::lines(&[entry], Detail::Story).pop()?;
    Some(("flow", line.sentence()))
}
