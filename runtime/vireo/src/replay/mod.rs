//! `vireo replay`: recorded calls on another version of their flow.

mod difference;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vireo_host::{Host, HostConfig, Limits};
use vireo_replay::{Job, Replayer, Tally};

use crate::admin::CallRecordDetail;
use crate::check;
use crate::cli::{
    Candidate, CliError, Exit, Global, Output, RecordedCalls, ReplayArgs, served_component,
};
use crate::config::Config;
use crate::explain::Code;
use crate::serve;
use report::{Call, Report};

/// Memory of a flow when no configuration says how much it may have, bytes: as much as the largest
/// language takes. What a journal shows is not how large a server's flows may be.
const MEMORY: usize = 256 << 20;

/// Calls at the same time, at the most.
const MOST_JOBS: usize = 256;

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("the command cannot start: {error}")))?;
    runtime.block_on(replay(args, global, output))
}

async fn replay(args: &ReplayArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let mut calls = RecordedCalls::new(args.calls.clone(), global)?;
    let mut page = calls.page().await?;
    if page.is_empty() {
        return Err(CliError::new(
            Code::RecordUnknown,
            "no recorded call matches",
        ));
    }
    let flow = flow(args, &page)?;
    let replayer = replayer(args, global, &flow).await?;
    let mut tally = Tally::default();
    let mut told = Vec::new();
    let mut took = Duration::ZERO;
    while !page.is_empty() {
        let started = Instant::now();
        let verdicts = one_page(args, &replayer, &flow, page, &mut tally)?;
        took += started.elapsed();
        if args.verbose {
            told.extend(verdicts);
        }
        page = calls.page().await?;
    }
    Report {
        flow: &flow,
        version: replayer.version.digest(),
        tally: &tally,
        calls: &told,
        took,
        limit: (!args.calls.is_limited()).then(|| args.calls.limit()),
    }
    .show(output)
}

/// Replays a page of calls, and adds what came of them.
fn one_page(
    args: &ReplayArgs,
    replayer: &Replayer,
    flow: &str,
    page: Vec<CallRecordDetail>,
    tally: &mut Tally,
) -> Result<Vec<Call>, CliError> {
    let (records, jobs): (Vec<_>, Vec<_>) = page
        .into_iter()
        .map(|call| {
            let job = Job {
                call_id: call.record.call_id.clone(),
                entries: call.timeline,
            };
            (call.record, job)
        })
        .unzip();
    let verdicts = replayer
        .replay_all(&jobs, Some(flow), jobs_of(args))
        .map_err(|error| CliError::internal(format!("no thread can be started: {error}")))?;
    let calls = records.into_iter().zip(verdicts).map(|(record, verdict)| {
        if let (Ok(_), Some(version)) = (&verdict, &record.version) {
            tally.recorded_with(version);
        }
        tally.add(&record.call_id, verdict.clone());
        Call { record, verdict }
    });
    Ok(calls.collect())
}

fn jobs_of(args: &ReplayArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.jobs.unwrap_or(cores).clamp(1, MOST_JOBS)
}

/// The flow whose runs are compared.
fn flow(args: &ReplayArgs, page: &[CallRecordDetail]) -> Result<String, CliError> {
    let named = match &args.flow {
        Candidate::Served(name) => Some(name.as_str()),
        Candidate::File { flow, .. } => flow.as_deref(),
    };
    if let Some(named) = named.or(args.calls.flow()) {
        return Ok(named.to_owned());
    }
    let flows: BTreeSet<&str> = page
        .iter()
        .filter_map(|call| call.record.flow.as_deref())
        .collect();
    let mut names = flows.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok((*only).to_owned()),
        (None, _) => Err(CliError::new(
            Code::RecordUnknown,
            "none of these calls reached a flow",
        )),
        _ => {
            let names: Vec<&str> = flows.into_iter().collect();
            let message = format!("these are calls of several flows: {}", names.join(", "));
            Err(CliError::new(Code::RequestInvalid, message)
                .details(vec![
                    "say which: --flow NAME=FILE, or flow=NAME in --calls".to_owned(),
                ])
                .exits(Exit::Misunderstood))
        }
    }
}

/// The version, with what a server would give it.
async fn replayer(args: &ReplayArgs, global: &Global, flow: &str) -> Result<Replayer, CliError> {
    let wasm = match &args.flow {
        Candidate::File { file, .. } => std::fs::read(file).map_err(|error| {
            CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
        })?,
        Candidate::Served(name) => served_component(global, name).await?,
    };
    let mut limits = Limits {
        memory_bytes: MEMORY,
        ..Limits::default()
    };
    let mut grants = None;
    if let Some(file) = &global.config {
        let config = Config::read(file)?;
        let Some(section) = config.flows.get(flow) else {
            let message = format!("{} has no [flows.{flow}]", file.display());
            return Err(CliError::new(Code::FlowUnknown, message));
        };
        limits = serve::flow_limits(&config, section).0;
        grants = Some(Arc::new(serve::grants(flow, section)));
    }
    let host = Host::new(HostConfig {
        max_calls: jobs_of(args) as u32,
        memory_bytes: limits.memory_bytes,
        ..HostConfig::default()
    })
    .map_err(|error| CliError::new(Code::EngineStart, error.to_string()))?;
    let version = host.compile(&wasm).map_err(|error| {
        let problems = check::problems(error);
        CliError::new(Code::ComponentRefused, "the version cannot serve as a flow")
            .details(problems.iter().map(ToString::to_string).collect())
    })?;
    Ok(Replayer {
        version,
        grants,
        limits,
        secrets: Arc::new(secrets(args.secrets.as_deref())?),
    })
}

fn secrets(file: Option<&Path>) -> Result<BTreeMap<String, String>, CliError> {
    let Some(file) = file else {
        return Ok(BTreeMap::new());
    };
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::new(Code::FileUnusable, format!("{shown}: {error}")))?;
    // The error's own text would show the line, and with it a secret.
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            1 + text
                .bytes()
                .take(span.start)
                .filter(|byte| *byte == b'\n')
                .count()
        });
        let message = format!("{shown}:{line}: secrets are written NAME = \"VALUE\", one a line");
        CliError::new(Code::SecretUnreadable, message)
    })
}
