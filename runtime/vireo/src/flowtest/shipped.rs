//! The tests that a component brings along, run where it is to be deployed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vireo_call::hearing;
use vireo_component::TestFile;
use vireo_sim::{Listened, Stage};

use super::Checked;
use super::load;
use super::report::explain;
use crate::phrases::Phrases;

/// What came of the tests.
#[derive(Debug, Default)]
pub(crate) struct Shipped {
    /// Calls that were run.
    pub calls: usize,
    /// Those that did not pass, and files that are not understood, each with the reasons.
    pub failed: Vec<(String, Vec<String>)>,
    /// What the gathers of all calls listened for.
    pub phrases: Phrases,
}

/// Runs all calls of all files, one after the other; the component, the prompts, the limits and the
/// time zone are those of `stage`, all else is the scripts' own.
///
/// # Errors
/// They take longer than `longest`.
pub(crate) fn run_shipped(
    files: &[TestFile],
    stage: &Stage,
    longest: Duration,
) -> Result<Shipped, String> {
    let started = Instant::now();
    let mut shipped = Shipped::default();
    for file in files {
        let suite = match load::parse(Path::new(&file.file), &file.text) {
            Ok(suite) => suite,
            Err(error) => {
                let lines = error.to_string();
                let lines = lines.lines().map(ToOwned::to_owned);
                shipped.failed.push((file.file.clone(), lines.collect()));
                continue;
            }
        };
        let written = suite.grants.as_ref();
        let stage = Arc::new(Stage {
            grants: written.map(|grants| Arc::new(super::stage::written(grants))),
            apology: suite.apology.clone(),
            ..stage.clone()
        });
        for case in suite.cases.into_iter().map(Arc::new) {
            if started.elapsed() > longest {
                let seconds = longest.as_secs();
                return Err(format!(
                    "after {} calls they were not done in {seconds} s",
                    shipped.calls
                ));
            }
            let work = [(Arc::clone(&stage), Arc::clone(&case))];
            let verdict = vireo_sim::check_all(&work, 1).map_err(|error| error.to_string())?;
            shipped.calls += 1;
            for verdict in verdict {
                for Listened { language, speech } in &verdict.listened {
                    (shipped.phrases).add(language, hearing::grammars(speech));
                }
                let checked = Checked {
                    file: file.file.clone(),
                    stage: Arc::clone(&stage),
                    case: Arc::clone(&case),
                    verdict,
                };
                if !checked.passed() {
                    let name = format!("{}: {}", file.file, checked.case.name);
                    shipped.failed.push((name, explain(&checked)));
                }
            }
        }
    }
    Ok(shipped)
}
