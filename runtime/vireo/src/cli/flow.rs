//! `vireo flow ...`

mod trial;

use hyper::body::Bytes;

use super::args::FlowCommand;
use super::audit;
use super::client::{Client, path, with_query};
use super::error::CliError;
use super::output::{Output, Table, short};
use crate::admin::{
    ChangeKind, DeployReport, DeploymentChange, FlowStatus, LARGEST_UPLOAD, Serving,
};
use crate::explain::Code;

pub(super) async fn run(
    command: &FlowCommand,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        FlowCommand::Deploy {
            name,
            file,
            percent,
            routes,
            callers,
            note,
        } => {
            let wasm = read(file)?;
            let at = path("/v1/flows/", name, "/deployments");
            let percent = percent.map(|percent| percent.to_string());
            let mut query = vec![("percent", percent.as_deref()), ("note", given(note))];
            query.extend(routes.iter().map(|route| ("route", Some(route.as_str()))));
            query.extend(callers.iter().map(|list| ("callers", Some(list.as_str()))));
            let at = with_query(&at, &query);
            let answer = client.post(&at, "application/wasm", wasm).await?;
            deployed(&answer.parse()?, output)
        }
        FlowCommand::Promote {
            name,
            percent,
            note,
        } => {
            let at = path("/v1/flows/", name, "/promote");
            let percent = percent.map(|percent| percent.to_string());
            let query = [("percent", percent.as_deref()), ("note", given(note))];
            let at = with_query(&at, &query);
            let answer = client.post(&at, "", Bytes::new()).await?;
            deployed(&answer.parse()?, output)
        }
        FlowCommand::Rollback { name, note } => {
            let at = path("/v1/flows/", name, "/rollback");
            let at = with_query(&at, &[("note", given(note))]);
            let answer = client.post(&at, "", Bytes::new()).await?;
            deployed(&answer.parse()?, output)
        }
        FlowCommand::Status { name } => {
            let answer = client.get(&path("/v1/flows/", name, "")).await?;
            trial::show(&answer.parse()?, output)
        }
        FlowCommand::List => list(
            &client.get("/v1/flows").await?.parse::<Vec<FlowStatus>>()?,
            output,
        ),
        FlowCommand::History { name } => {
            let answer = client.get(&path("/v1/flows/", name, "/history")).await?;
            history(&answer.parse::<Vec<DeploymentChange>>()?, output)
        }
    }
}

fn given(note: &str) -> Option<&str> {
    Some(note).filter(|note| !note.is_empty())
}

/// Reads a component; what is too large is not even read.
fn read(file: &std::path::Path) -> Result<Bytes, CliError> {
    let fail = |why: String| {
        CliError::new(
            Code::FileUnusable,
            format!("cannot read {}: {why}", file.display()),
        )
    };
    let size = std::fs::metadata(file)
        .map_err(|error| fail(error.to_string()))?
        .len();
    if size > LARGEST_UPLOAD as u64 {
        let message = format!(
            "{} has {size} bytes; a component has at most {LARGEST_UPLOAD}",
            file.display()
        );
        return Err(CliError::new(Code::UploadTooLarge, message));
    }
    std::fs::read(file)
        .map(Bytes::from)
        .map_err(|error| fail(error.to_string()))
}

fn deployed(report: &DeployReport, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(report);
    }
    let version = short(&report.digest);
    if report.unchanged {
        output.line(&format!(
            "{}: {} already, revision {}",
            report.flow,
            match &report.canary {
                None => format!("version {version} serves"),
                Some(canary) => on_trial(canary),
            },
            report.revision
        ));
        return Ok(());
    }
    if let Some(canary) = &report.canary {
        output.line(&format!(
            "{}: {} beside version {version}, revision {}, after {} ms",
            report.flow,
            on_trial(canary),
            report.revision,
            report.took_ms
        ));
        output.line(&format!("how it fares: vireo flow status {}", report.flow));
        return Ok(());
    }
    let before = match &report.previous {
        // A canary was taken away, and the version beside it is what it was.
        Some(previous) if *previous == report.digest => String::new(),
        Some(previous) => format!(" in place of {}", short(previous)),
        None => String::new(),
    };
    output.line(&format!(
        "{}: version {version} serves new calls{before}, revision {}, after {} ms",
        report.flow, report.revision, report.took_ms
    ));
    if report.calls_on_old_versions > 0 {
        output.line(&format!(
            "{} calls go on with the version they began with",
            report.calls_on_old_versions
        ));
    }
    Ok(())
}

fn on_trial(canary: &Serving) -> String {
    format!(
        "canary {} serves {} % of the callers",
        short(&canary.digest),
        canary.percent
    )
}

fn list(flows: &[FlowStatus], output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(flows);
    }
    let mut table = Table::new(&["FLOW", "SERVES", ">REVISION", ">CALLS", "SINCE"]);
    for flow in flows {
        let calls: u32 = flow.calls.iter().map(|version| version.calls).sum();
        table.row([
            flow.flow.clone(),
            serving(&flow.serving),
            flow.revision.to_string(),
            calls.to_string(),
            flow.deployed_ms
                .map(|at| output.moment(at))
                .unwrap_or_default(),
        ]);
    }
    output.table(
        &table,
        "no flow is configured; add [flows.NAME] to the configuration",
    );
    Ok(())
}

fn serving(versions: &[Serving]) -> String {
    match versions {
        [] => "not deployed".to_owned(),
        [only] => short(&only.digest).to_owned(),
        several => {
            let parts: Vec<String> = several
                .iter()
                .map(|version| format!("{} {}%", short(&version.digest), version.percent))
                .collect();
            parts.join(", ")
        }
    }
}

fn history(changes: &[DeploymentChange], output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(changes);
    }
    let mut table = Table::new(&[">REVISION", "WHEN", "WHO", "WHAT", "SERVES", "NOTE"]);
    for change in changes {
        let what = match (change.action, change.restores) {
            (ChangeKind::Deploy, _) => "deploy".to_owned(),
            (ChangeKind::Promote, _) => "promote".to_owned(),
            (ChangeKind::Rollback, Some(to)) => format!("rollback to {to}"),
            (ChangeKind::Rollback, None) => "rollback".to_owned(),
            (ChangeKind::AutomaticRollback, Some(to)) => format!("automatic rollback to {to}"),
            (ChangeKind::AutomaticRollback, None) => "automatic rollback".to_owned(),
            (ChangeKind::Other, _) => "change".to_owned(),
        };
        table.row([
            change.revision.to_string(),
            output.moment(change.at_ms),
            change.who.as_ref().map(audit::name).unwrap_or_default(),
            what,
            serving(&change.serving),
            change.note.clone(),
        ]);
    }
    output.table(&table, "it was never deployed");
    Ok(())
}
