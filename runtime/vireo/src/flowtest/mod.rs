//! `vireo test`: flows against scripts, in virtual time; `vireo try`: against a keyboard.

mod attempt;
mod junit;
mod keyboard;
mod load;
mod report;
mod shipped;
mod stage;
mod transcript;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use vireo_sim::{Case, Stage, Verdict};

use crate::cli::{CliError, Exit, Global, Output, TestArgs};
use crate::explain::Code;
pub(crate) use attempt::run as attempt;
use load::Loaded;
pub(crate) use load::scripts;
use report::Report;
pub(crate) use shipped::run_shipped;
use stage::Stages;
pub(crate) use stage::{LONGEST, names};

/// A case with its file and what came of it.
struct Checked {
    /// As the user named it.
    file: String,
    stage: Arc<Stage>,
    case: Arc<Case>,
    verdict: Verdict,
}

impl Checked {
    fn passed(&self) -> bool {
        self.verdict.troubles.is_empty()
    }
}

/// A case to run: its file, and what it runs on.
type Job = (String, Arc<Stage>, Arc<Case>);

/// Runs the command.
pub(crate) fn run(args: &TestArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    if args.schema {
        return output.json(vireo_sim::schema().as_value());
    }
    let mut stages = Stages::new(args, global)?;
    let jobs = prepare(args, &mut stages)?;
    if jobs.is_empty() {
        let message = match &args.filter {
            Some(filter) => format!("no case has {filter:?} in its file or name"),
            None => "there are no *.test.toml in these directories".to_owned(),
        };
        return Err(CliError::new(Code::FileUnusable, message));
    }
    let started = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work: Vec<_> = (jobs.iter())
        .map(|(_, stage, case)| (Arc::clone(stage), Arc::clone(case)))
        .collect();
    let verdicts = vireo_sim::check_all(&work, args.jobs.unwrap_or(cores))
        .map_err(|error| CliError::internal(format!("no thread can be started: {error}")))?;
    let took = started.elapsed();
    let checked: Vec<Checked> = (jobs.into_iter().zip(verdicts))
        .map(|((file, stage, case), verdict)| Checked {
            file,
            stage,
            case,
            verdict,
        })
        .collect();
    let coverage = match args.coverage || output.is_json() {
        true => stages.coverage(&checked),
        false => Vec::new(),
    };
    if let Some(file) = &args.junit {
        std::fs::write(file, junit::document(&checked)).map_err(|error| {
            CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
        })?;
    }
    Report {
        checked: &checked,
        coverage: &coverage,
        took,
        verbose: args.verbose,
    }
    .show(output)
}

/// Reads the scripts and makes what their calls run on.
fn prepare(args: &TestArgs, stages: &mut Stages<'_>) -> Result<Vec<Job>, CliError> {
    let mut jobs = Vec::new();
    let mut wrong: Option<CliError> = None;
    for file in load::find(&args.paths)? {
        let loaded = match load::load(&file).and_then(|script| stages.stage(script)) {
            Ok(loaded) => loaded,
            Err(error) => {
                wrong = Some(match wrong {
                    Some(before) => before.and(error),
                    None => error,
                });
                continue;
            }
        };
        let (stage, Loaded { suite, .. }) = loaded;
        let shown = file.display().to_string();
        let cases = suite.cases.into_iter().filter(|case| {
            let filter = args.filter.as_deref().unwrap_or_default();
            format!("{shown}: {}", case.name).contains(filter)
        });
        jobs.extend(cases.map(|case| (shown.clone(), Arc::clone(&stage), Arc::new(case))));
    }
    match wrong {
        Some(error) => Err(error),
        None => Ok(jobs),
    }
}

/// A script, or what it names, is not as it should be.
fn misunderstood(error: impl Into<CliError>) -> CliError {
    error.into().exits(Exit::Misunderstood)
}

/// Where a relative path of a script starts.
fn beside(file: &std::path::Path, path: &std::path::Path) -> PathBuf {
    file.parent()
        .map_or_else(|| path.to_owned(), |base| base.join(path))
}
