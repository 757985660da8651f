//! `vireo trace`: what happened in a call, in the terminal or as a page.

use std::path::PathBuf;

use clap::Args;
use vireo_store::journal::Entry;

use super::args::Global;
use super::client::{Client, ClientError, path};
use super::error::CliError;
use super::output::{Output, duration, short};
use crate::admin::{CallRecord, CallRecordDetail, LiveCall, LiveCallDetail};
use crate::config::Config;
use crate::explain::{Code, Coded};
use crate::timeline::{self, Detail, Line};
use crate::trace::{self, Page};

/// Arguments of `vireo trace`.
#[derive(Clone, Debug, Args)]
pub struct TraceArgs {
    /// The call's id.
    pub call: String,
    /// Every entry of the journal, not only what tells the story.
    #[arg(long)]
    pub all: bool,
    /// Writes a page instead, for a browser: the timeline drawn, the entries, and the sound of recordings
    /// that can be read from here. It needs nothing but itself.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// A call, ended or in progress.
enum Call {
    Ended(Box<CallRecord>),
    Live(Box<LiveCall>),
}

/// Runs the command.
pub(super) async fn run(
    args: &TraceArgs,
    client: &Client,
    global: &Global,
    output: &Output,
) -> Result<(), CliError> {
    let (call, entries) = find(&args.call, client).await?;
    let detail = match args.all {
        true => Detail::Everything,
        false => Detail::Story,
    };
    if let Some(file) = &args.html {
        let page = Page {
            title: format!("Call {}", args.call),
            facts: facts(&call, output),
            entries: &entries,
            detail,
            recordings: recordings(&call, global),
        };
        std::fs::write(file, trace::html(&page)).map_err(|error| {
            CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
        })?;
        if !output.is_json() {
            output.line(&format!("{} is written", file.display()));
        }
        return Ok(());
    }
    if output.is_json() {
        return output.json(&entries);
    }
    if entries.is_empty() {
        output.line("no journal: the call reached no flow, or its retention time is over");
        return Ok(());
    }
    let facts: Vec<String> = facts(&call, output)
        .into_iter()
        .filter(|(name, _)| matches!(*name, "flow" | "caller" | "called" | "outcome" | "doing"))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    output.line(&output.heading(&format!("call {}: {}", args.call, clean(&facts.join(", ")))));
    output.line(&format!("{:>10}  {:>8}  {:<6}  WHAT", "AT", "TOOK", "WHO"));
    for line in timeline::lines(&entries, detail) {
        output.line(&row(&line));
    }
    Ok(())
}

/// "    +4.300     0.900  flow    gather demo/menu: digits 1"
fn row(line: &Line) -> String {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let at = format!("+{}", seconds(line.at_ms));
    let took = line.took_ms.map(seconds).unwrap_or_default();
    format!("{at:>10}  {took:>8}  {:<6}  {}", line.who, line.text)
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn find(id: &str, client: &Client) -> Result<(Call, Vec<Entry>), CliError> {
    let ended = client.get(&path("/v1/cdrs/", id, "")).await;
    match ended {
        Ok(answer) => {
            let detail: CallRecordDetail = answer.parse()?;
            Ok((Call::Ended(Box::new(detail.record)), detail.timeline))
        }
        Err(ClientError::Refused(problem)) if problem.code == Code::RecordUnknown.name() => {
            let live = client.get(&path("/v1/calls/", id, "")).await;
            match live {
                Err(error) if error.code() == Code::CallUnknown => {
                    Err(ClientError::Refused(problem).into())
                }
                live => {
                    let detail: LiveCallDetail = live?.parse()?;
                    Ok((Call::Live(Box::new(detail.call)), detail.timeline))
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// What is known of the call beside its journal.
fn facts(call: &Call, output: &Output) -> Vec<(&'static str, String)> {
    let number = |number: &str| match number {
        "" => "withheld".to_owned(),
        number => number.to_owned(),
    };
    let flow = |flow: &str, version: &str| format!("{flow} {}", short(version)).trim().to_owned();
    match call {
        Call::Ended(record) => {
            let version = record.version.as_deref().unwrap_or_default();
            let status = record.sip_status.map(|status| format!(", SIP {status}"));
            let reason = record.reason.as_ref().map(|reason| format!(", {reason}"));
            vec![
                ("received", output.moment(record.received_ms)),
                ("talked", duration(record.talk_ms)),
                (
                    "flow",
                    flow(record.flow.as_deref().unwrap_or("none"), version),
                ),
                ("caller", number(&record.caller)),
                (
                    "called",
                    format!("{} on trunk {}", record.called, record.trunk),
                ),
                (
                    "outcome",
                    format!(
                        "{}, ended by {}{}{}",
                        record.outcome,
                        record.ended_by,
                        status.unwrap_or_default(),
                        reason.unwrap_or_default()
                    ),
                ),
            ]
        }
        Call::Live(live) => vec![
            ("received", output.moment(live.received_ms)),
            ("flow", flow(&live.flow, &live.version)),
            ("caller", number(&live.caller)),
            ("called", format!("{} on trunk {}", live.called, live.trunk)),
            ("doing", live.doing.clone()),
        ],
    }
}

/// The recordings' ids and files. The server names them as it sees them; where its configuration is at
/// hand, they are looked for in its directory, too.
fn recordings(call: &Call, global: &Global) -> Vec<(String, Vec<PathBuf>)> {
    let Call::Ended(record) = call else {
        return Vec::new();
    };
    let config = global.config.as_deref();
    let directory = config.and_then(|file| Some(Config::read(file).ok()?.recordings.directory));
    let places = record.recordings.iter().map(|recording| {
        let own = PathBuf::from(&recording.path);
        let below = directory.iter().map(|directory| directory.join(&own));
        (
            recording.id.clone(),
            std::iter::once(own.clone()).chain(below).collect(),
        )
    });
    places.collect()
}
