//! `vireo status`, `vireo drain`, `vireo reload`

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use serde_json::json;

use super::args::Switch;
use super::client::Client;
use super::error::CliError;
use super::output::{Output, duration};
use crate::admin::{Admission, ReloadReport, Status};

pub(super) async fn status(client: &Client, output: &Output) -> Result<(), CliError> {
    show(&client.get("/v1/status").await?.parse()?, output)
}

pub(super) async fn drain(
    switch: Switch,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let admission = match switch {
        Switch::On => Admission::Draining,
        Switch::Off => Admission::Open,
    };
    let answer = client
        .put_json("/v1/admission", &json!({ "admission": admission }))
        .await?;
    show(&answer.parse()?, output)
}

pub(super) async fn reload(client: &Client, output: &Output) -> Result<(), CliError> {
    let report: ReloadReport = client.post("/v1/reload", "", Bytes::new()).await?.parse()?;
    if output.is_json() {
        return output.json(&report);
    }
    if report.changed.is_empty() && report.needs_restart.is_empty() {
        output.line("nothing has changed");
    }
    for change in &report.changed {
        output.line(&format!("changed: {change}"));
    }
    for change in &report.needs_restart {
        output.line(&output.alarm(&format!("takes a restart: {change}")));
    }
    Ok(())
}

fn show(status: &Status, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(status);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let up = u64::try_from(now)
        .unwrap_or(u64::MAX)
        .saturating_sub(status.started_ms);
    let admission = match status.admission {
        Admission::Open => "takes calls",
        Admission::Draining => "draining: new calls get 503",
    };
    output.line(&output.heading(&format!(
        "{} (Vireo {}), {admission}",
        status.name, status.version
    )));
    output.line(&format!(
        "  up {}, since {}",
        duration(up),
        output.moment(status.started_ms)
    ));
    output.line(&format!("  {} of {} calls", status.calls, status.max_calls));
    output.line(&format!("  SIP on {}", status.sip.join(", ")));
    let widest = status
        .counters
        .iter()
        .map(|counter| counter.value.to_string().len())
        .max()
        .unwrap_or(0);
    for counter in &status.counters {
        output.line(&format!("  {:>widest$} {}", counter.value, counter.name));
    }
    for warning in &status.warnings {
        output.line(&format!("{}: {warning}", output.alarm("warning")));
    }
    Ok(())
}
