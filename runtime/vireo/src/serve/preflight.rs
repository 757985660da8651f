//! What is looked at before a component serves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_component::{PromptName, ShippedFiles};
use vireo_host::{Host, Version};
use vireo_sim::{Prompts, Stage};
use vireo_speech::asr::Recognizers;

use super::build;
use crate::admin::{Finding, OperationError, PHRASES, PreflightReport, Severity};
use crate::check;
use crate::config::{self, Config};
use crate::flowtest;
use crate::phrases::{NotUnderstood, Phrases};

/// How long the tests of a component may take. They run at several thousand calls a second.
const LONGEST_TESTS: Duration = Duration::from_secs(60);

/// The most names that are told of missing prompts.
const MOST_NAMES: usize = 20;

/// One component on its way into service.
pub(super) struct Preflight {
    pub name: String,
    pub flow: config::Flow,
    pub config: Config,
    pub host: Host,
    pub recognizers: Option<Recognizers>,
    pub wasm: Bytes,
}

impl Preflight {
    /// Looks at everything; what is found is not an error of this function. The version is alive in
    /// the answer, so that a deploy of the same bytes compiles nothing.
    ///
    /// # Errors
    /// The compiler failed.
    pub async fn run(self) -> Result<(PreflightReport, Option<Arc<Version>>), OperationError> {
        let compiled = self.host.compile_in_background(self.wasm.to_vec()).await;
        let version = match compiled {
            Ok(version) => version,
            Err(vireo_host::ComponentError::Compiler(error)) => {
                return Err(OperationError::CompilerFailed(error.to_string()));
            }
            Err(error) => {
                let problems = check::problems(error).into_iter();
                let findings =
                    problems.map(|problem| failed("component", problem.what, problem.advice));
                return Ok((self.report(None, 0, findings.collect()), None));
            }
        };
        let (done, result) = tokio::sync::oneshot::channel();
        let looking_at = Arc::clone(&version);
        std::thread::Builder::new()
            .name("vireo-preflight".to_owned())
            .spawn(move || {
                // On Linux the priority is the thread's own; without it the tests only cost more.
                let _ = rustix::process::setpriority_process(None, 19);
                // Nobody waits any more: the deploy was cancelled.
                let _ = done.send(self.look_at(&looking_at));
            })
            .map_err(|error| OperationError::Internal(error.to_string()))?;
        let report = result
            .await
            .map_err(|_| OperationError::Internal("the preflight was aborted".to_owned()))?;
        Ok((report, Some(version)))
    }

    fn look_at(&self, version: &Arc<Version>) -> PreflightReport {
        let missing = version.check_grants(&build::grants(&self.name, &self.flow));
        let mut findings: Vec<Finding> = missing
            .into_iter()
            .map(|grant| check::missing_grant(&self.name, grant))
            .map(|problem| failed("grants", problem.what, problem.advice))
            .collect();
        let (mut calls, mut shipped) = (0, ShippedFiles::default());
        let mut phrases = Phrases::declared(&self.flow);
        match ShippedFiles::of(&self.wasm) {
            Ok(files) => shipped = files,
            Err(error) => findings.push(failed(
                "tests",
                error.to_string(),
                "build the component anew with the `vireo build` of this version".to_owned(),
            )),
        }
        match self.library() {
            Err(error) => findings.push(failed(
                "prompts",
                error,
                "make the prompts directory readable".to_owned(),
            )),
            Ok(library) => {
                findings.extend(self.named_prompts(&library, &shipped.prompts));
                findings.extend(self.likely_prompts());
                let stage = self.stage(version, library);
                match flowtest::run_shipped(&shipped.tests, &stage, LONGEST_TESTS) {
                    Ok(tests) => {
                        calls = tests.calls;
                        phrases.merge(tests.phrases);
                        findings.extend(tests.failed.into_iter().map(|(case, why)| {
                            let what = format!("{case} did not pass: {}", why.join(" / "));
                            failed("tests", what, TEST_ADVICE.to_owned())
                        }));
                    }
                    Err(why) => findings.push(failed(
                        "tests",
                        format!("the tests took too long: {why}"),
                        "bring fewer of them along".to_owned(),
                    )),
                }
            }
        }
        findings.extend(self.phrases(&phrases));
        self.report(Some(version), calls, findings)
    }

    fn report(
        &self,
        version: Option<&Version>,
        calls: usize,
        findings: Vec<Finding>,
    ) -> PreflightReport {
        PreflightReport {
            flow: self.name.clone(),
            digest: version.map(|version| version.digest().to_owned()),
            passed: findings
                .iter()
                .all(|finding| finding.severity == Severity::Warning),
            test_calls: u32::try_from(calls).unwrap_or(u32::MAX),
            findings,
        }
    }

    /// The prompts of the server, read anew: those that it has in memory may be of yesterday.
    fn library(&self) -> Result<Arc<Library>, String> {
        let config = LibraryConfig {
            default_language: self.config.prompts.default_language.clone(),
            recheck_after: Duration::MAX,
            ..LibraryConfig::new(self.directory())
        };
        Library::open(config)
            .map(Arc::new)
            .map_err(|error| error.to_string())
    }

    fn directory(&self) -> &PathBuf {
        &self.config.prompts.directory
    }

    /// Prompts that the component says it needs.
    fn named_prompts(&self, library: &Library, names: &[PromptName]) -> Vec<Finding> {
        let advice = format!("put it into {}", self.directory().display());
        let missing = names.iter().filter_map(|prompt| {
            let error = library.find(&prompt.language, &prompt.name).err()?;
            Some(failed("prompts", error.to_string(), advice.clone()))
        });
        missing.take(MOST_NAMES).collect()
    }

    /// Prompts that the component seems to name.
    fn likely_prompts(&self) -> Vec<Finding> {
        let existing = flowtest::names(self.directory());
        let names = unknown_names(&existing, &String::from_utf8_lossy(&self.wasm));
        let findings = names.into_iter().map(|name| Finding {
            severity: Severity::Warning,
            check: "prompts".to_owned(),
            what: format!(
                "{name:?} stands in the component, and looks like a prompt that does not exist"
            ),
            advice: format!("if it is one, put it into {}", self.directory().display()),
        });
        findings.collect()
    }

    /// What callers may say and no model understands. Tomorrow there may be another model, so that is no
    /// reason to refuse the component.
    fn phrases(&self, phrases: &Phrases) -> Vec<Finding> {
        let found = phrases
            .not_understood(self.recognizers.as_ref())
            .into_iter();
        let findings = found.map(|NotUnderstood { what, why, advice }| Finding {
            severity: Severity::Warning,
            check: PHRASES.to_owned(),
            what: format!("{what} is not going to be understood: {why}"),
            advice: advice.to_owned(),
        });
        findings.collect()
    }

    fn stage(&self, version: &Arc<Version>, library: Arc<Library>) -> Stage {
        let (limits, _) = build::flow_limits(&self.config, &self.flow);
        Stage {
            version: Arc::clone(version),
            flow: self.name.clone(),
            prompts: Prompts::Directory(library),
            grants: None,
            limits,
            longest: flowtest::LONGEST,
            settings: Default::default(),
            secrets: Default::default(),
            zone: self.config.server.time_zone.zone(),
            apology: None,
            fallback: None,
        }
    }
}

const TEST_ADVICE: &str =
    "run `vireo test` with this server's prompts: a script that passes there passes here";

fn failed(check: &str, what: String, advice: String) -> Finding {
    Finding {
        severity: Severity::Failure,
        check: check.to_owned(),
        what,
        advice,
    }
}

/// Words of a component that begin like a prompt that exists, with its directory, and are none.
/// Languages that keep their texts without anything in between give longer words; only what cannot
/// begin with the name of a prompt counts.
fn unknown_names(existing: &[String], text: &str) -> Vec<String> {
    let mut directories: Vec<&str> = existing
        .iter()
        .filter_map(|name| Some(name.split_once('/')?.0))
        .collect();
    directories.sort_unstable();
    directories.dedup();
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "_-/".contains(c);
    let mut found = std::collections::BTreeSet::new();
    for directory in directories {
        let start = format!("{directory}/");
        for (at, _) in text.match_indices(&start) {
            let before = text[..at].chars().next_back();
            let word: &str = text[at..]
                .split(|c| !part_of_word(c))
                .next()
                .unwrap_or_default();
            let after = text[at + word.len()..].chars().next();
            let alone = !before.is_some_and(|c| part_of_word(c) || ".:@".contains(c));
            let file = matches!(after, Some('.' | ':' | '@'));
            let known = existing.iter().any(|name| word.starts_with(name.as_str()));
            if alone && !file && !known && word.len() > start.len() && word.len() <= 64 {
                found.insert(word.to_owned());
            }
        }
    }
    found.into_iter().take(MOST_NAMES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_prompts() {
        let existing = ["demo/menu", "demo/bye", "menu", "beep"].map(str::to_owned);
        for (text, expected) in [
            (
                "\"demo/menu\", \"demo/welcome\"",
                ["demo/welcome"].as_slice(),
            ),
            ("\0demo/menudemo/bye\0", &[]),
            ("\0demo/newdemo/bye\0", &["demo/newdemo/bye"]),
            ("flows/demo/lib.rs demo/src.rs vireo:demo/x@0.1.0", &[]),
            ("demo/ other/prompt", &[]),
            ("'demo/a' 'demo/a'", &["demo/a"]),
        ] {
            assert_eq!(unknown_names(&existing, text), expected, "{text}");
        }
    }
}
