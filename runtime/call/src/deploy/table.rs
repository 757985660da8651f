//! Which flow name serves which versions, for new calls.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use vireo_host::Version;
use vireo_store::Digest;
use vireo_store::deployments::Canary;

use crate::canary::evidence::{Comparison, Counts};
use crate::canary::{CanarySettings, Candidate, Counters, End, Lot, Trial};
use crate::route::Routes;

/// A version and what became of its calls since the last change of the deployment.
#[derive(Debug)]
pub(super) struct Serving {
    pub version: Arc<Version>,
    pub counters: Counters,
}

/// A canary: its version and its trial.
#[derive(Debug)]
pub(super) struct OnTrial {
    pub version: Arc<Version>,
    pub trial: Arc<Trial>,
}

/// The canary that the last change has ended: its late calls are still counted.
#[derive(Debug, Clone)]
pub(super) struct LastCanary {
    pub trial: Arc<Trial>,
}

/// What a flow name serves from one change of its deployment to the next.
#[derive(Debug)]
pub(super) struct Entry {
    pub flow: String,
    pub revision: u64,
    pub serving: Serving,
    pub canary: Option<OnTrial>,
    pub last_canary: Option<LastCanary>,
}

impl Entry {
    /// What follows `before`: with the same canary its trial goes on with a new share, otherwise it
    /// has ended.
    pub fn new(
        flow: &str,
        revision: u64,
        version: Arc<Version>,
        canary: Option<(Arc<Version>, Canary, u8)>,
        before: Option<&Entry>,
    ) -> Self {
        let earlier = before
            .and_then(|before| before.canary.as_ref())
            .map(|on_trial| &on_trial.trial);
        let canary = canary.map(|(version, canary, percent)| {
            let earlier = earlier.filter(|earlier| earlier.canary.digest == canary.digest);
            OnTrial {
                version,
                trial: Arc::new(Trial::new(canary, percent, earlier.cloned())),
            }
        });
        let last_canary = earlier
            .filter(|_| canary.is_none())
            .map(|trial| LastCanary {
                trial: Arc::clone(trial),
            });
        Self {
            flow: flow.to_owned(),
            revision,
            serving: Serving {
                version,
                counters: Counters::default(),
            },
            canary,
            last_canary,
        }
    }

    /// The version of this digest, if it serves.
    pub fn version(&self, digest: Digest) -> Option<Arc<Version>> {
        let digest = digest.to_string();
        let canary = self.canary.as_ref().map(|on_trial| &on_trial.version);
        [Some(&self.serving.version), canary]
            .into_iter()
            .flatten()
            .find(|version| version.digest() == digest)
            .cloned()
    }
}

/// The version that a call got. It keeps it to its end, whatever is deployed meanwhile.
#[derive(Debug)]
pub(crate) struct Pick {
    entry: Arc<Entry>,
    /// None: it is not the canary's.
    canary: Option<Lot>,
}

/// A canary that is to be taken out of its deployment.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub flow: String,
    /// The revision that it was condemned under.
    pub revision: u64,
    pub comparison: Comparison,
    /// What became of all of its calls until then.
    pub total: Counts,
}

impl Pick {
    pub fn version(&self) -> &Arc<Version> {
        match (&self.entry.canary, self.canary) {
            (Some(on_trial), Some(_)) => &on_trial.version,
            _ => &self.entry.serving.version,
        }
    }

    /// Counts the end of the call. The end of a canary's call may be the one that condemns it: then no
    /// further call gets the canary, and what is returned has to be carried out.
    pub fn ended(&self, end: End, settings: &CanarySettings) -> Option<Verdict> {
        let (Some(OnTrial { trial, .. }), Some(lot)) = (&self.entry.canary, self.canary) else {
            self.entry.serving.counters.add(Lot::Drawn, end);
            return None;
        };
        trial.counters.add(lot, end);
        let comparison = trial.condemned(&self.entry.serving.counters, settings)?;
        Some(Verdict {
            flow: self.entry.flow.clone(),
            revision: self.entry.revision,
            comparison,
            total: trial.total(),
        })
    }
}

/// What each flow name serves. Reading takes no lock; a call keeps the version it picked, so a
/// change never touches it.
#[derive(Debug, Default)]
pub(super) struct Table {
    flows: ArcSwap<HashMap<String, Arc<Entry>>>,
}

impl Table {
    /// The version for a new call; none: the name serves nothing.
    pub fn pick(&self, call: &Candidate<'_>, routes: &Routes) -> Option<Pick> {
        let entry = self.get(call.flow)?;
        let canary =
            (entry.canary.as_ref()).and_then(|on_trial| on_trial.trial.takes(call, routes));
        Some(Pick { entry, canary })
    }

    /// Sets what a name serves, from the next pick on.
    pub fn set(&self, entry: Entry) {
        let entry = Arc::new(entry);
        self.flows.rcu(|flows| {
            let mut flows = HashMap::clone(flows);
            flows.insert(entry.flow.clone(), Arc::clone(&entry));
            flows
        });
    }

    /// What a name serves.
    pub fn get(&self, flow: &str) -> Option<Arc<Entry>> {
        self.flows.load().get(flow).cloned()
    }

    /// The names that serve something.
    pub fn names(&self) -> Vec<String> {
        self.flows.load().keys().cloned().collect()
    }
}
