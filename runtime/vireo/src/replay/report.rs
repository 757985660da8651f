//! What `vireo replay` prints.

use std::time::Duration;

use serde_json::{Value, json};
use vireo_replay::{Class, Group, JournalError, Tally, Verdict};

use super::difference::{place, rows};
use crate::admin::CallRecord;
use crate::cli::{CliError, Output, Table, short};
use crate::explain::Code;

/// Groups that are shown; the JSON has all of them.
const GROUPS: usize = 20;
/// Journals that cannot be replayed, of which the reason is shown.
const UNUSABLE: usize = 10;

/// A call and what came of it.
pub(super) struct Call {
    pub record: CallRecord,
    pub verdict: Result<Verdict, JournalError>,
}

/// The results of a run.
pub(super) struct Report<'a> {
    pub flow: &'a str,
    pub version: &'a str,
    pub tally: &'a Tally,
    /// Every call, where that is wanted.
    pub calls: &'a [Call],
    pub took: Duration,
    /// A limit that nobody wrote.
    pub limit: Option<usize>,
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// [`Code::ReplayDiffers`] when a call is not the same; [`Code::RecordUnknown`] when there was
    /// nothing to compare.
    pub fn show(&self, output: &Output) -> Result<(), CliError> {
        match output.is_json() {
            true => output.json(&self.json())?,
            false => self.text(output),
        }
        let (all, unusable) = (self.tally.calls(), self.tally.unusable().len());
        if all + unusable == 0 {
            let message = format!("no journal of these calls has a run of {}", self.flow);
            return Err(CliError::new(Code::RecordUnknown, message));
        }
        if self.tally.is_all_same() {
            return Ok(());
        }
        let differ = all - self.tally.count(Class::Same);
        let mut message = format!("{differ} of {all} calls part from what happened");
        if unusable > 0 {
            message.push_str(&format!("; {unusable} journals cannot be replayed"));
        }
        Err(CliError::new(Code::ReplayDiffers, message))
    }

    fn text(&self, output: &Output) {
        for call in self.calls {
            output.line(&one(call, output));
        }
        if !self.calls.is_empty() {
            output.line("");
        }
        output.line(&output.heading(&format!(
            "{}, version {}: {} recorded calls in {:.2} s",
            self.flow,
            short(self.version),
            self.tally.calls(),
            self.took.as_secs_f64()
        )));
        for class in Class::ALL {
            let count = self.tally.count(class);
            if count > 0 || class == Class::Same {
                output.line(&format!("{count:>8}  {class}"));
            }
        }
        for note in self.notes() {
            output.line(&format!("          {note}"));
        }
        let groups = self.tally.groups();
        for group in groups.iter().take(GROUPS) {
            output.line("");
            show(group, output);
        }
        if groups.len() > GROUPS {
            let more = groups.len() - GROUPS;
            output.line(&format!(
                "\nand {more} more groups; --json shows all of them"
            ));
        }
    }

    /// What else is to be known.
    fn notes(&self) -> Vec<String> {
        let tally = self.tally;
        let mut notes = Vec::new();
        let mut count = |count: usize, what: &str| {
            if count > 0 {
                notes.push(format!("{count} {what}"));
            }
        };
        count(tally.more_prompts, "of them with more prompts that differ");
        count(
            tally.logs_differ,
            "with other log lines, which are not compared",
        );
        count(
            tally.incomplete,
            "compared as far as their journal goes: it stops before the flow did",
        );
        count(
            tally.passed_over,
            "without a journal of this flow, passed over",
        );
        count(
            tally.unusable().len(),
            "with a journal that cannot be replayed:",
        );
        let unusable = tally.unusable().iter().take(UNUSABLE);
        notes.extend(unusable.map(|(call, why)| format!("  {call}: {why}")));
        for (name, calls) in &tally.placeholders {
            notes.push(format!(
                "the secret {name:?} was stood in for in {calls} calls; --secrets gives its value"
            ));
        }
        if let Some(limit) = self.limit.filter(|limit| tally.calls() >= *limit) {
            notes.push(format!(
                "these are the newest {limit}; limit=COUNT asks for more"
            ));
        }
        notes
    }

    fn json(&self) -> Value {
        let tally = self.tally;
        let counts = Class::ALL.map(|class| (json!(class), tally.count(class)));
        let counts = counts.into_iter().filter_map(|(class, count)| {
            let name = class.as_str()?.to_owned();
            Some((name, Value::from(count)))
        });
        let unusable = tally.unusable().iter();
        let unusable =
            unusable.map(|(call, why)| json!({ "call_id": call, "why": why.to_string() }));
        let calls = self.calls.iter().map(|call| match &call.verdict {
            Ok(verdict) => json!({ "call_id": call.record.call_id, "verdict": verdict }),
            Err(why) => json!({ "call_id": call.record.call_id, "why": why.to_string() }),
        });
        json!({
            "flow": self.flow,
            "version": self.version,
            "recorded_with": tally.versions().collect::<Vec<_>>(),
            "compared": tally.calls(),
            "counts": counts.collect::<serde_json::Map<_, _>>(),
            "groups": tally.groups(),
            "unusable": unusable.collect::<Vec<_>>(),
            "passed_over": tally.passed_over,
            "incomplete": tally.incomplete,
            "more_prompts": tally.more_prompts,
            "logs_differ": tally.logs_differ,
            "placeholders": tally.placeholders,
            "took_ms": self.took.as_millis() as u64,
            "calls": calls.collect::<Vec<_>>(),
        })
    }
}

/// A call in one line.
fn one(call: &Call, output: &Output) -> String {
    let Call { record, verdict } = call;
    let what = match verdict {
        Err(why) => why.to_string(),
        Ok(verdict) => match &verdict.point {
            None => verdict.class.to_string(),
            Some(point) => format!(
                "{} in {}, entry {}",
                verdict.class,
                place(point),
                point.entry
            ),
        },
    };
    format!(
        "{}  {}  {what}",
        record.call_id,
        output.moment(record.received_ms)
    )
}

fn show(group: &Group, output: &Output) {
    let calls = match group.calls {
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    };
    let entries = match group.entries {
        (first, last) if first == last => format!("entry {first}"),
        (first, last) => format!("entries {first} to {last}"),
    };
    let heading = format!(
        "{calls}: {} in {}, {entries}",
        group.class,
        place(&group.point)
    );
    output.line(&output.heading(&heading));
    let mut table = Table::new(&["", "THEN", "NOW"]);
    for row in rows(&group.point) {
        table.row([row.what, row.then, row.now]);
    }
    for line in table.render(output).lines() {
        output.line(&format!("  {line}"));
    }
    output.line(&format!("  as in {}", group.examples.join(", ")));
}
