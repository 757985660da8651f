//! `vireo calls ...`, `vireo cdr ...`

use vireo_store::journal::Entry;

use super::args::{CallsCommand, CdrCommand, CdrFilter};
use super::client::{Client, path, with_query};
use super::error::CliError;
use super::output::{Output, Table, duration, short};
use crate::admin::{CallRecord, CallRecordDetail, LiveCall, LiveCallDetail, MediaDirection};
use crate::timeline::{self, Detail};

pub(super) async fn live(
    command: Option<&CallsCommand>,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        None => list(
            &client.get("/v1/calls").await?.parse::<Vec<LiveCall>>()?,
            output,
        ),
        Some(CallsCommand::Show { call, all }) => {
            let detail: LiveCallDetail =
                client.get(&path("/v1/calls/", call, "")).await?.parse()?;
            if output.is_json() {
                return output.json(&detail);
            }
            show_live(&detail.call, output);
            show_timeline(&detail.timeline, *all, output);
            Ok(())
        }
        Some(CallsCommand::Hangup { call }) => {
            client.delete(&path("/v1/calls/", call, "")).await?;
            if !output.is_json() {
                output.line(&format!("{call} is being ended"));
            }
            Ok(())
        }
    }
}

fn list(calls: &[LiveCall], output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(calls);
    }
    let mut table = Table::new(&[
        "CALL", "SINCE", "STATE", "TRUNK", "CALLER", "CALLED", "FLOW", "VERSION", "DOING",
    ]);
    for call in calls {
        let state = if call.answered_ms.is_some() {
            "answered"
        } else {
            "ringing"
        };
        table.row([
            call.call_id.clone(),
            output.moment(call.received_ms),
            state.to_owned(),
            call.trunk.clone(),
            number(&call.caller),
            call.called.clone(),
            call.flow.clone(),
            short(&call.version).to_owned(),
            call.doing.clone(),
        ]);
    }
    output.table(&table, "no call is in progress");
    Ok(())
}

fn show_live(call: &LiveCall, output: &Output) {
    output.line(&output.heading(&format!("call {}", call.call_id)));
    let rows = [
        ("received", output.moment(call.received_ms)),
        (
            "answered",
            call.answered_ms
                .map_or_else(|| "not yet".to_owned(), |at| output.moment(at)),
        ),
        ("caller", number(&call.caller)),
        ("called", format!("{} on trunk {}", call.called, call.trunk)),
        (
            "flow",
            format!(
                "{} by route {}, version {}",
                call.flow,
                call.route,
                short(&call.version)
            ),
        ),
        ("doing", call.doing.clone()),
    ];
    show_fields(&rows, output);
}

fn show_fields(rows: &[(&str, String)], output: &Output) {
    for (name, value) in rows {
        let value: String = value
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        output.line(&format!("  {name:<10}{value}"));
    }
}

pub(super) async fn records(
    command: &CdrCommand,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        CdrCommand::List(filter) => {
            let records: Vec<CallRecord> = client.get(&query(filter)).await?.parse()?;
            list_records(&records, output)
        }
        CdrCommand::Show { call, all } => {
            let detail: CallRecordDetail =
                client.get(&path("/v1/cdrs/", call, "")).await?.parse()?;
            if output.is_json() {
                return output.json(&detail);
            }
            show_record(&detail.record, output);
            show_timeline(&detail.timeline, *all, output);
            Ok(())
        }
    }
}

fn query(filter: &CdrFilter) -> String {
    let limit = filter.limit.to_string();
    with_query(
        "/v1/cdrs",
        &[
            ("since", filter.since.as_deref()),
            ("until", filter.until.as_deref()),
            ("caller", filter.caller.as_deref()),
            ("called", filter.called.as_deref()),
            ("flow", filter.flow.as_deref()),
            ("trunk", filter.trunk.as_deref()),
            ("outcome", filter.outcome.as_deref()),
            ("limit", Some(&limit)),
        ],
    )
}

fn list_records(records: &[CallRecord], output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(records);
    }
    let head = [
        "RECEIVED", "CALLER", "CALLED", "FLOW", "VERSION", ">TALK", ">SIP", "OUTCOME", "CALL",
    ];
    let mut table = Table::new(&head);
    for record in records {
        table.row([
            output.moment(record.received_ms),
            number(&record.caller),
            record.called.clone(),
            record.flow.clone().unwrap_or_default(),
            record
                .version
                .as_deref()
                .map(short)
                .unwrap_or_default()
                .to_owned(),
            duration(record.talk_ms),
            record
                .sip_status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            record.outcome.clone(),
            record.call_id.clone(),
        ]);
    }
    output.table(&table, "no record matches");
    Ok(())
}

/// Prints a record for people.
pub fn show_record(record: &CallRecord, output: &Output) {
    output.line(&output.heading(&format!("call {}", record.call_id)));
    let mut rows = vec![
        ("received", output.moment(record.received_ms)),
        ("setup", duration(record.setup_ms)),
        ("talk", duration(record.talk_ms)),
        ("caller", number(&record.caller)),
        (
            "called",
            format!("{} on trunk {}", record.called, record.trunk),
        ),
    ];
    if let Some(flow) = &record.flow {
        let version = record.version.as_deref().map(short).unwrap_or_default();
        let route = record.route.as_deref().unwrap_or_default();
        rows.push((
            "flow",
            format!("{flow} by route {route}, version {version}"),
        ));
    }
    let status = record
        .sip_status
        .map(|status| format!(", SIP {status}"))
        .unwrap_or_default();
    let reason = record
        .reason
        .as_ref()
        .map(|reason| format!(", {reason}"))
        .unwrap_or_default();
    rows.push((
        "outcome",
        format!(
            "{}, ended by {}{status}{reason}",
            record.outcome, record.ended_by
        ),
    ));
    rows.push(("keys", record.digits.to_string()));
    if let Some(said) = &record.recognitions {
        let counts = format!(
            "{} understood, {} not, {} not heard",
            said.matched, said.unmatched, said.unheard
        );
        rows.push(("spoken answers", counts));
    }
    if let Some(media) = &record.media {
        rows.push(("heard us", direction(&media.sent)));
        rows.push(("we heard", direction(&media.received)));
    }
    for recording in &record.recordings {
        rows.push((
            "recording",
            format!(
                "{} ({}, {})",
                recording.path,
                recording.kind,
                duration(recording.duration_ms)
            ),
        ));
    }
    show_fields(&rows, output);
}

fn direction(media: &MediaDirection) -> String {
    let mos = media
        .mos
        .map(|mos| format!(", MOS {mos:.1}"))
        .unwrap_or_default();
    format!(
        "{} packets, {} lost, jitter {:.1} ms{mos}",
        media.packets, media.lost, media.jitter_ms
    )
}

/// Prints a timeline for people.
pub fn show_timeline(entries: &[Entry], all: bool, output: &Output) {
    let detail = if all {
        Detail::Everything
    } else {
        Detail::Story
    };
    if entries.is_empty() {
        output.line("no journal: the call reached no flow, or its retention time is over");
    }
    for line in timeline::lines(entries, detail) {
        output.line(&line.to_string());
    }
}

fn number(number: &str) -> String {
    if number.is_empty() {
        "withheld".to_owned()
    } else {
        number.to_owned()
    }
}
