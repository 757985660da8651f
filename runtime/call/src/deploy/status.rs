//! What serves, and how it fares.

use vireo_store::deployments::Canary;

use super::Deployer;
use super::error::DeployError;
use super::table::{Entry, OnTrial};
use crate::canary::evidence::{Comparison, Counts, calls_to_decision, compare};
use crate::canary::{AutomaticRollback, CanarySettings};
use crate::live::LiveCall;

/// A flow and what it serves.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowStatus {
    /// The flow.
    pub flow: String,
    /// The version and the canary, if there is one, with their percentages; empty: configured, but not
    /// deployed.
    pub serving: Vec<(String, u8)>,
    /// Counts the changes of this flow; 0: never deployed.
    pub revision: u64,
    /// Calls that run it now, by version.
    pub calls: Vec<(String, usize)>,
    /// What became of the version's calls that began since the last change, or the start of the server.
    pub counts: Counts,
    /// The version on trial.
    pub canary: Option<CanaryStatus>,
    /// The canary that the last change has ended, since the start of the server.
    pub last_canary: Option<LastCanary>,
}

/// A version on trial.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryStatus {
    /// Who gets it.
    pub canary: Canary,
    /// Its share of the calls that no route or list decides.
    pub percent: u8,
    /// What became of its calls that began since the last change, or the start of the server.
    pub counts: Counts,
    /// The same with the calls that it had with smaller shares.
    pub total: Counts,
    /// Each rate beside that of the version.
    pub comparisons: [Comparison; 3],
    /// Is it withdrawn when it is worse?
    pub automatic_rollback: AutomaticRollback,
    /// Nothing is decided before so many calls of it have ended.
    pub min_calls: u64,
    /// After so many more of its calls it would be withdrawn if all goes on as it did; none: never.
    pub calls_to_rollback: Option<u64>,
}

/// A canary that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCanary {
    /// Its digest.
    pub version: String,
    /// What became of all of its calls.
    pub total: Counts,
}

impl Deployer {
    /// All flows that are configured or deployed, by name. `live` are the calls in progress.
    ///
    /// # Errors
    /// The store failed.
    pub fn flows(&self, live: &[LiveCall]) -> Result<Vec<FlowStatus>, DeployError> {
        let settings = self.settings.load();
        let mut names: Vec<String> = settings.flows.keys().cloned().collect();
        names.extend(self.table.names());
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|flow| {
                let revision = self
                    .deployments
                    .current(&flow)?
                    .map_or(0, |deployment| deployment.revision);
                let entry = self.table.get(&flow);
                let entry = entry.as_deref();
                Ok(FlowStatus {
                    serving: entry.map(serving).unwrap_or_default(),
                    revision,
                    calls: calls_by_version(live, &flow),
                    counts: entry
                        .map(|entry| entry.serving.counters.read())
                        .unwrap_or_default(),
                    canary: entry.and_then(|entry| canary(entry, &settings.canary)),
                    last_canary: (entry.and_then(|entry| entry.last_canary.as_ref())).map(|last| {
                        LastCanary {
                            version: last.trial.canary.digest.to_string(),
                            total: last.trial.total(),
                        }
                    }),
                    flow,
                })
            })
            .collect()
    }
}

/// The versions of an entry that calls get, and their shares.
fn serving(entry: &Entry) -> Vec<(String, u8)> {
    let version = entry.serving.version.digest().to_owned();
    let on_trial = entry.canary.as_ref();
    match on_trial.filter(|on_trial| !on_trial.trial.is_withdrawn()) {
        None => vec![(version, 100)],
        Some(OnTrial {
            version: canary,
            trial,
        }) => vec![
            (version, 100_u8.saturating_sub(trial.percent)),
            (canary.digest().to_owned(), trial.percent),
        ],
    }
}

fn calls_by_version(live: &[LiveCall], flow: &str) -> Vec<(String, usize)> {
    let mut calls: Vec<(String, usize)> = Vec::new();
    for call in live.iter().filter(|call| call.flow == flow) {
        match calls
            .iter_mut()
            .find(|(version, _)| *version == call.version)
        {
            Some((_, count)) => *count += 1,
            None => calls.push((call.version.clone(), 1)),
        }
    }
    calls
}

fn canary(entry: &Entry, settings: &CanarySettings) -> Option<CanaryStatus> {
    let trial = &entry.canary.as_ref()?.trial;
    let (counts, beside) = (trial.counters.read(), entry.serving.counters.read());
    Some(CanaryStatus {
        canary: trial.canary.clone(),
        percent: trial.percent,
        counts,
        total: trial.total(),
        comparisons: compare(&counts, &beside, &settings.rules),
        automatic_rollback: settings.automatic_rollback,
        min_calls: settings.rules.min_calls,
        calls_to_rollback: calls_to_decision(&counts, &beside, &settings.rules),
    })
}
