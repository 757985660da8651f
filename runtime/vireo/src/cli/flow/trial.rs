//! `vireo flow status`: what serves, and how a version on trial fares beside it.

use super::super::error::CliError;
use super::super::output::{Output, Table, short};
use crate::admin::{CanaryStatus, FlowStatus, RateComparison, VersionCounts};

pub(super) fn show(flow: &FlowStatus, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(flow);
    }
    let Some(version) = flow.serving.first() else {
        output.line(&format!(
            "{0} is not deployed: vireo flow deploy {0} FILE",
            flow.flow
        ));
        return Ok(());
    };
    let since = flow.deployed_ms.map(|at| output.moment(at));
    output.line(&output.heading(&format!(
        "{}, revision {}, since {}",
        flow.flow,
        flow.revision,
        since.unwrap_or_default()
    )));
    let mut table = Table::new(&[
        "",
        "VERSION",
        ">SHARE",
        ">NOW",
        ">ENDED",
        ">FAILED",
        ">APOLOGIES",
        ">EARLY HANG-UPS",
    ]);
    let now = |digest: &str| {
        let calls = flow.calls.iter().find(|calls| calls.digest == digest);
        calls.map_or(0, |calls| calls.calls).to_string()
    };
    let mut row = |what: &str, digest: &str, share: String, counts: &VersionCounts| {
        table.row([
            what.to_owned(),
            short(digest).to_owned(),
            share,
            now(digest),
            counts.calls.to_string(),
            of(counts.failed, counts.calls),
            of(counts.apologies, counts.calls),
            of(counts.early_hangups, counts.calls),
        ]);
    };
    let share = format!("{} %", version.percent);
    row("version", &version.digest, share, &flow.counts);
    if let Some(status) = &flow.canary {
        let share = format!("{} %", status.canary.percent);
        row("canary", &status.canary.digest, share, &status.counts);
    }
    if let Some(last) = &flow.last_canary {
        row("last canary", &last.digest, String::new(), &last.total);
    }
    output.table(&table, "");
    if let Some(status) = &flow.canary {
        canary(status, output);
    }
    if let Some(last) = &flow.last_canary {
        let total = &last.total;
        output.line(&format!(
            "the last canary hurt {} of its {} calls; `vireo flow history {}` says why it ended",
            total.hurt, total.calls, flow.flow
        ));
    }
    Ok(())
}

fn canary(status: &CanaryStatus, output: &Output) {
    for (what, names) in [
        ("all calls of the routes", &status.canary.routes),
        ("all callers of the lists", &status.canary.callers),
    ] {
        if !names.is_empty() {
            output.line(&format!("the canary gets {what} {}", names.join(", ")));
        }
    }
    for comparison in &status.comparisons {
        output.line(&evidence(comparison));
    }
    output.line(
        &match (status.automatic_rollback, status.calls_to_rollback) {
            (false, _) => {
                "it is not withdrawn automatically: [canary] automatic-rollback is false".to_owned()
            }
            (true, None) => "at these rates it stays".to_owned(),
            (true, Some(calls)) => {
                format!("at these rates it is withdrawn after about {calls} more calls of it")
            }
        },
    );
    if status.total.hurt > 0 {
        output.line(&format!(
            "it has hurt {} of its {} calls",
            status.total.hurt, status.total.calls
        ));
    }
}

fn evidence(comparison: &RateComparison) -> String {
    let what = match comparison.rate.as_str() {
        "failed" => "fails more often",
        "apologies" => "apologises more often",
        "early-hangups" => "is hung up on more often",
        other => other,
    };
    format!(
        "that it {what}, by more than {} points: evidence {:.0} of {:.0}",
        comparison.margin_points,
        comparison.evidence.min(1e9),
        comparison.evidence_needed
    )
}

/// "3 (1.5 %)"
#[allow(clippy::cast_precision_loss)]
fn of(part: u64, all: u64) -> String {
    match (part, all) {
        (0, _) | (_, 0) => part.to_string(),
        _ => format!("{part} ({:.1} %)", 100.0 * part as f64 / all as f64),
    }
}
