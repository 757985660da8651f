//! `vireo results ...`

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::client::Client;
use super::error::CliError;
use super::keys;
use super::output::{Output, Table};
use crate::explain::Code;
use crate::moment;
use crate::results::{self, PREFIX, Record, Total};

/// `vireo results ...`
#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// Counts the answers, question by question.
    Show(ResultsFilter),
    /// Prints every record with the totals, as JSON; or the records alone, as CSV.
    Export {
        /// Which records.
        #[command(flatten)]
        filter: ResultsFilter,
        /// As CSV, a row for each call.
        #[arg(long)]
        csv: bool,
    },
}

/// Which results are wanted.
#[derive(Clone, Debug, Args)]
pub struct ResultsFilter {
    /// The name of the flow, or the namespace that its grant `kv` names.
    pub namespace: String,
    /// The `name` in the flow's plan; may be absent when there is only one.
    pub name: Option<String>,
    /// Of calls then or later: "2026-11-22T20:00", "2026-11-22", or how long ago: "15m", "2h", "3d".
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Of calls before then.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
}

pub(super) async fn run(
    command: &ResultsCommand,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        ResultsCommand::Show(filter) => {
            let found = find(filter, client).await?;
            match output.is_json() {
                true => output.json(&found.summary()),
                false => {
                    found.show(output);
                    Ok(())
                }
            }
        }
        ResultsCommand::Export { filter, csv } => {
            let found = find(filter, client).await?;
            if *csv {
                output.raw(&results::csv(&found.records));
                return Ok(());
            }
            output.json(&Summary {
                records: Some(&found.records),
                ..found.summary()
            })
        }
    }
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    calls: usize,
    complete: usize,
    totals: Vec<Total>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<&'a [Record]>,
}

struct Found {
    name: String,
    records: Vec<Record>,
}

/// Reads the records from the server.
async fn find(filter: &ResultsFilter, client: &Client) -> Result<Found, CliError> {
    let namespace = &filter.namespace;
    let name = match &filter.name {
        Some(name) => name.clone(),
        None => only_name(namespace, client).await?,
    };
    let (since, until) = (moment(&filter.since)?, moment(&filter.until)?);
    let prefix = format!("{PREFIX}{name}/");
    // Keys are in order of time: what is too early need not come.
    let after = since.map(|since| format!("{prefix}{since:013}"));
    let found = keys::all(client, namespace, &prefix, after, usize::MAX).await?;
    let mut records = Vec::new();
    for key in &found {
        let record: Record = serde_json::from_str(&key.value).map_err(|error| {
            let why = format!(
                "{} in {namespace} is no record of answers: {error}",
                key.key
            );
            CliError::new(Code::AnswerNotUnderstood, why)
        })?;
        if until.is_none_or(|until| record.at < until) {
            records.push(record);
        }
    }
    if records.is_empty() && since.is_none() && until.is_none() {
        return Err(nothing(format!(
            "there are no results `{name}` in {namespace}"
        )));
    }
    Ok(Found { name, records })
}

/// The one name of results in a namespace. It is found by leaping from name to name.
async fn only_name(namespace: &str, client: &Client) -> Result<String, CliError> {
    let mut names = BTreeSet::new();
    let mut after = None;
    loop {
        let found = keys::all(client, namespace, PREFIX, after.take(), 1).await?;
        let Some(key) = found.first() else { break };
        match results::name_of(&key.key) {
            Some(name) => {
                // '0' is the character behind '/': every key of this name lies before it.
                after = Some(format!("{PREFIX}{name}0"));
                names.insert(name.to_owned());
            }
            None => after = Some(key.key.clone()),
        }
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    match all.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(nothing(format!("there are no results in {namespace}"))),
        several => Err(nothing(format!(
            "which results of {namespace}? one of: {}",
            several.join(", ")
        ))),
    }
}

fn nothing(message: String) -> CliError {
    CliError::new(Code::ResultsUnknown, message)
}

/// Milliseconds since 1970; without an offset in this machine's time zone.
fn moment(text: &Option<String>) -> Result<Option<u64>, CliError> {
    let Some(text) = text else { return Ok(None) };
    let moment = moment::parse(text, Timestamp::now(), &TimeZone::system())
        .map_err(|error| CliError::new(Code::RequestInvalid, error.to_string()))?;
    Ok(Some(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}

impl Found {
    fn summary(&self) -> Summary<'_> {
        Summary {
            name: &self.name,
            calls: self.records.len(),
            complete: self.records.iter().filter(|record| record.complete).count(),
            totals: results::totals(&self.records),
            records: None,
        }
    }

    fn show(&self, output: &Output) {
        let Summary {
            calls,
            complete,
            totals,
            ..
        } = self.summary();
        let times = self.records.first().zip(self.records.last());
        let times = times.map_or(String::new(), |(first, last)| {
            format!(
                ", {} to {}",
                output.moment(first.at),
                output.moment(last.at)
            )
        });
        output.line(&format!(
            "{}: {calls} calls, {complete} complete{times}",
            self.name
        ));
        let mut table = Table::new(&["QUESTION", "ANSWER", ">COUNT", ">SHARE"]);
        for total in &totals {
            let share =
                |count: usize| format!("{:.1} %", 100.0 * count as f64 / total.answered as f64);
            for count in &total.answers {
                table.row([
                    total.question.clone(),
                    count.answer.clone(),
                    count.count.to_string(),
                    share(count.count),
                ]);
            }
            let summary = total
                .mean
                .map_or_else(|| "all".to_owned(), |mean| format!("mean {mean:.2}"));
            table.row([
                total.question.clone(),
                summary,
                total.answered.to_string(),
                String::new(),
            ]);
        }
        output.table(&table, "no question was answered");
    }
}
