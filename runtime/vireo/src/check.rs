//! `vireo check`: what a component is, needs, and what is wrong with it, without a server.

use vireo_host::{ComponentError, Host, HostConfig, Inspection, Problem};

use crate::admin::{ComponentProblem, Import, InspectionReport};
use crate::cli::{CheckArgs, CliError, Global, Output};
use crate::config::Config;
use crate::explain::Code;
use crate::serve;

/// An inspection as the admin API and the command line show it.
pub(crate) fn report(inspection: Inspection) -> InspectionReport {
    InspectionReport {
        digest: inspection.digest,
        size: inspection.size,
        contract: inspection.contract,
        imports: (inspection.imports.into_iter())
            .map(|import| Import {
                interface: import.interface,
                functions: import.functions,
            })
            .collect(),
        grants: inspection.grants,
        problems: inspection.problems.into_iter().map(problem).collect(),
    }
}

/// Why a component cannot run, as the admin API and the command line show it.
pub(crate) fn problems(error: ComponentError) -> Vec<ComponentProblem> {
    match error {
        ComponentError::Problems(problems) => problems.into_iter().map(problem).collect(),
        other => vec![ComponentProblem {
            what: other.to_string(),
            advice:
                "`vireo build` makes a component of a core module; `vireo new` writes a project \
                     that builds one"
                    .to_owned(),
        }],
    }
}

fn problem(problem: Problem) -> ComponentProblem {
    ComponentProblem {
        what: problem.what,
        advice: problem.advice,
    }
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let wasm = std::fs::read(&args.file).map_err(|error| {
        CliError::new(
            Code::FileUnusable,
            format!("{}: {error}", args.file.display()),
        )
    })?;
    let host = Host::new(HostConfig {
        max_calls: 1,
        ..HostConfig::default()
    })
    .map_err(|error| CliError::new(Code::EngineStart, error.to_string()))?;
    let inspection = match host.inspect(&wasm) {
        Ok(inspection) => inspection,
        Err(error) => return Err(refused(problems(error))),
    };
    let mut report = report(inspection);
    if let Some(flow) = &args.flow {
        report
            .problems
            .extend(missing_grants(&host, &wasm, flow, global)?);
    }
    if output.is_json() {
        output.json(&report)?;
    } else {
        show(&report, output);
    }
    if report.problems.is_empty() {
        Ok(())
    } else {
        Err(refused(report.problems))
    }
}

fn refused(problems: Vec<ComponentProblem>) -> CliError {
    CliError::new(
        Code::ComponentRefused,
        "this component cannot serve as a flow here",
    )
    .details(problems.iter().map(ToString::to_string).collect())
}

fn missing_grants(
    host: &Host,
    wasm: &[u8],
    flow: &str,
    global: &Global,
) -> Result<Vec<ComponentProblem>, CliError> {
    let Some(file) = &global.config else {
        return Ok(Vec::new());
    };
    let config = Config::load(file)?;
    let Some(settings) = config.flows.get(flow) else {
        let message = format!("{} has no [flows.{flow}]", file.display());
        return Err(CliError::new(Code::FlowUnknown, message));
    };
    let Ok(version) = host.compile(wasm) else {
        // Its problems are in the report already.
        return Ok(Vec::new());
    };
    let missing = version.check_grants(&serve::grants(flow, settings));
    let missing = missing.into_iter().map(|grant| missing_grant(flow, grant));
    Ok(missing.collect())
}

/// A grant that `flow` lacks, as a problem of the component.
pub(crate) fn missing_grant(flow: &str, grant: vireo_host::MissingGrant) -> ComponentProblem {
    ComponentProblem {
        what: format!(
            "it uses {}, and the flow is not granted {}",
            grant.needed_by, grant.grant
        ),
        advice: grant
            .advice
            .replace("[flows.NAME.", &format!("[flows.{flow}.")),
    }
}

fn show(report: &InspectionReport, output: &Output) {
    output.line(&format!("digest    {}", report.digest));
    output.line(&format!("size      {} bytes", report.size));
    output.line(&format!(
        "contract  {}",
        report
            .contract
            .as_deref()
            .unwrap_or("imports nothing of vireo:flow")
    ));
    output.line(&format!(
        "grants    {}",
        if report.grants.is_empty() {
            "none".to_owned()
        } else {
            report.grants.join(", ")
        }
    ));
    for import in &report.imports {
        let functions = match import.functions.as_slice() {
            [] => "types only".to_owned(),
            functions => functions.join(", "),
        };
        output.line(&format!("imports   {}: {functions}", import.interface));
    }
}
