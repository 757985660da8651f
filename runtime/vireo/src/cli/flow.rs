//! `vireo flow ...`

mod trial;

use hyper::body::Bytes;

use super::args::FlowCommand;
use super::artifact;
use super::audit;
use super::client::{Client, path, with_query};
use super::error::CliError;
use super::output::{Output, Table, short};
use crate::admin::{
    ChangeKind, DeployReport, DeploymentChange, Finding, FlowStatus, PreflightReport, Serving,
    Severity,
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
            force,
            registry,
        } => {
            let (wasm, from) = artifact::component(file, registry).await?;
            let percent = percent.map(|percent| percent.to_string());
            let note = given(note).or(from.as_deref());
            let mut query = vec![("percent", percent.as_deref()), ("note", note)];
            query.push(("force", force.then_some("true")));
            query.extend(routes.iter().map(|route| ("route", Some(route.as_str()))));
            query.extend(callers.iter().map(|list| ("callers", Some(list.as_str()))));
            deploy(name, wasm, &query, client, output).await
        }
        FlowCommand::Import { file, name } => {
            let (wasm, exported_as, note) = artifact::exported(file)?;
            let name = name.as_ref().or(exported_as.as_ref()).ok_or_else(|| {
                let message = format!("{} does not say of which flow it is", file.display());
                CliError::new(Code::ArtifactRefused, message).details(vec![
                    "name the flow: vireo flow import FILE NAME".to_owned(),
                ])
            })?;
            deploy(name, wasm, &[("note", given(&note))], client, output).await
        }
        FlowCommand::Export(args) => artifact::export(args, client, output).await,
        FlowCommand::Push(args) => artifact::push(args, client, output).await,
        FlowCommand::Pull(args) => artifact::pull(args, output).await,
        FlowCommand::Preflight { name, file } => {
            let at = path("/v1/flows/", name, "/preflight");
            let answer = client
                .post(&at, "application/wasm", artifact::read(file)?.into())
                .await?;
            preflight(&answer.parse()?, output)
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

async fn deploy(
    flow: &str,
    wasm: Vec<u8>,
    query: &[(&str, Option<&str>)],
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let at = with_query(&path("/v1/flows/", flow, "/deployments"), query);
    let answer = client.post(&at, "application/wasm", wasm.into()).await?;
    deployed(&answer.parse()?, output)
}

fn deployed(report: &DeployReport, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(report);
    }
    for finding in &report.findings {
        output.error(&format!("{}: {finding}", severity(finding)));
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

fn preflight(report: &PreflightReport, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        output.json(report)?;
    } else {
        for finding in &report.findings {
            let severity = output.alarm(severity(finding));
            output.line(&format!("{severity}: {finding}"));
        }
        let version = report.digest.as_deref().map_or("the component", short);
        if report.passed {
            output.line(&format!(
                "{}: {version} can be deployed; {} calls of its tests passed",
                report.flow, report.test_calls
            ));
        }
    }
    if report.passed {
        return Ok(());
    }
    let message = format!(
        "the component for {} did not pass its preflight",
        report.flow
    );
    Err(CliError::new(Code::PreflightFailed, message))
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Failure => "failure",
        Severity::Warning => "warning",
    }
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
