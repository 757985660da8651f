//! Which version of a flow serves, and what served before.
//!
//! ```text
//! d/f/<flow>\0<revision, 8 bytes>     one change; the last one is what serves now
//! d/c/<digest>\0                      a component: its size
//! d/c/<digest>\0<number, 4 bytes>     its bytes, in pieces
//! ```
//!
//! A change is never rewritten. A new one is written under the next revision, if nobody has taken it
//! yet: that one comparison orders deploys that race, and leaves a history that cannot differ from
//! what served.

mod change;
mod components;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::range::walk;
use crate::{Digest, Range, Result, Store, StoreError, Swap};

pub use change::{Action, Canary, Change, Deploy, Deployment, Earlier, Reason, Serving, Who};
pub use components::{Component, ComponentError, Components};

/// The longest flow name, in bytes.
pub const MAX_FLOW_BYTES: usize = 64;

/// The longest note of a change, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024;

/// The most routes, and the most caller lists, that send their calls to a canary.
pub const MAX_SELECTORS: usize = 64;

/// The longest name of a route or caller list, in bytes.
const MAX_SELECTOR_BYTES: usize = 256;

/// Why a deployment was not changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The name is not one that a flow may have.
    #[error(
        "{0:?} cannot name a flow: 1 to {MAX_FLOW_BYTES} letters, digits, '-', '_' and '.' are allowed"
    )]
    FlowName(String),
    /// The shares, or who gets the canary, are wrong.
    #[error("the shares of {flow} are wrong: {detail}")]
    Shares {
        /// The flow.
        flow: String,
        /// What is wrong with them.
        detail: String,
    },
    /// A component is not in the store.
    #[error("there is no component {digest} in the store: upload it first")]
    NoComponent {
        /// The one that is missing.
        digest: Digest,
    },
    /// Somebody else was faster.
    #[error(
        "{flow} is at revision {found}, not {expected}: look at what was deployed meanwhile, then deploy again"
    )]
    Conflict {
        /// The flow.
        flow: String,
        /// The revision that was to be replaced.
        expected: u64,
        /// The revision that serves.
        found: u64,
    },
    /// There is no earlier version.
    #[error("{flow} has nothing to roll back to: {detail}")]
    NothingBefore {
        /// The flow.
        flow: String,
        /// Why.
        detail: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The deployments of all flows, and their components.
#[derive(Debug, Clone)]
pub struct Deployments {
    store: Arc<dyn Store>,
    components: Components,
}

impl Deployments {
    /// The deployment room of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            components: Components::new(Arc::clone(&store)),
            store,
        }
    }

    /// The components, by digest.
    pub fn components(&self) -> &Components {
        &self.components
    }

    /// What a flow serves now; none if it was never deployed.
    ///
    /// # Errors
    /// [`DeployError::FlowName`], and what the store reports.
    pub fn current(&self, flow: &str) -> Result<Option<Deployment>, DeployError> {
        Ok(self.latest(flow)?.map(|change| deployment(flow, change)))
    }

    /// What every flow serves now, by name.
    ///
    /// # Errors
    /// What the store reports.
    pub fn list(&self) -> Result<Vec<Deployment>, DeployError> {
        let mut flows = Vec::new();
        let mut range = Range::prefix("d/f/").limit(1);
        // One step per flow, however long its history is.
        while let Some((key, _)) = self.store.range(&range)?.pop() {
            let name = key
                .get(4..)
                .and_then(|rest| rest.split(|byte| *byte == 0).next())
                .unwrap_or_default();
            let flow = String::from_utf8_lossy(name).into_owned();
            flows.extend(self.current(&flow)?);
            range = Range::between(format!("d/f/{flow}\u{1}"), "d/g").limit(1);
        }
        Ok(flows)
    }

    /// The changes of a flow, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`DeployError::FlowName`], and what the store reports.
    pub fn history(&self, flow: &str, limit: usize) -> Result<Vec<Change>, DeployError> {
        let pairs = self
            .store
            .range(&Range::prefix(changes(flow)?).backward().limit(limit))?;
        Ok(pairs
            .iter()
            .map(|(_, value)| decode(flow, value))
            .collect::<Result<_>>()?)
    }

    /// Changes what a flow serves, and returns when that is on disk.
    ///
    /// # Errors
    /// [`DeployError`]; nothing has changed then, unless it is [`DeployError::Store`].
    pub fn deploy(&self, deploy: Deploy) -> Result<Deployment, DeployError> {
        self.check(&deploy)?;
        let change = Change {
            serving: deploy.serving,
            canary: deploy.canary,
            ..Change::of(deploy.replaces, deploy.action, deploy.reason)
        };
        self.commit(&deploy.flow, deploy.replaces, change)
    }

    /// What a rollback would bring back: while there is a canary, the version beside it alone;
    /// otherwise the version that served alone before the present one, and once more, the one before
    /// that. Canaries in between are passed over.
    ///
    /// # Errors
    /// [`DeployError::NothingBefore`], and what the store reports.
    pub fn earlier(&self, flow: &str) -> Result<Earlier, DeployError> {
        let nothing = |detail| DeployError::NothingBefore {
            flow: flow.to_owned(),
            detail,
        };
        let current = self
            .latest(flow)?
            .ok_or_else(|| nothing("it was never deployed"))?;
        let mut revision = match current.canary {
            Some(_) => current.revision,
            None => current.origin(),
        };
        let before = loop {
            revision = revision.saturating_sub(1);
            let before = self
                .change(flow, revision)?
                .ok_or_else(|| nothing("this is its first version"))?;
            if before.canary.is_none() {
                break before;
            }
        };
        for serving in &before.serving {
            if !self.components.contains(serving.digest)? {
                return Err(DeployError::NoComponent {
                    digest: serving.digest,
                });
            }
        }
        Ok(Earlier {
            flow: flow.to_owned(),
            replaces: current.revision,
            restores: before.origin(),
            serving: before.serving,
        })
    }

    /// Brings back what [`earlier`](Self::earlier) has found, and returns when that is on disk.
    ///
    /// # Errors
    /// [`DeployError::Conflict`] when something was deployed meanwhile, and what the store reports.
    pub fn restore(
        &self,
        earlier: Earlier,
        action: Action,
        reason: Reason,
    ) -> Result<Deployment, DeployError> {
        let change = Change {
            serving: earlier.serving,
            restores: Some(earlier.restores),
            ..Change::of(earlier.replaces, action, reason)
        };
        self.commit(&earlier.flow, earlier.replaces, change)
    }

    /// Deletes the components that no flow serves and that are in none of the latest `keep` changes of
    /// any flow, so that as many rollbacks stay possible; returns which.
    ///
    /// # Errors
    /// What the store reports.
    pub fn prune(&self, keep: usize) -> Result<Vec<Digest>, DeployError> {
        let mut wanted = HashSet::new();
        for deployment in self.list()? {
            for change in self.history(&deployment.flow, keep.max(1))? {
                wanted.extend(change.serving.iter().map(|serving| serving.digest));
            }
        }
        let mut deleted = Vec::new();
        for component in self.components.list()? {
            if !wanted.contains(&component.digest) {
                self.components.delete(component.digest)?;
                deleted.push(component.digest);
            }
        }
        Ok(deleted)
    }

    fn check(&self, deploy: &Deploy) -> Result<(), DeployError> {
        change::check_shares(deploy)?;
        for Serving { digest, .. } in &deploy.serving {
            if !self.components.contains(*digest)? {
                return Err(DeployError::NoComponent { digest: *digest });
            }
        }
        Ok(())
    }

    fn commit(&self, flow: &str, replaces: u64, change: Change) -> Result<Deployment, DeployError> {
        let conflict = |found| DeployError::Conflict {
            flow: flow.to_owned(),
            expected: replaces,
            found,
        };
        let found = self.latest(flow)?.map_or(0, |latest| latest.revision);
        if found != replaces {
            return Err(conflict(found));
        }
        let key = change_key(flow, change.revision)?;
        let value = serde_json::to_vec(&change).map_err(|error| StoreError::Encode {
            what: "deployment",
            detail: error.to_string(),
        })?;
        if let Swap::Conflict { .. } = self.store.compare_and_swap(&key, None, Some(&value))? {
            return Err(conflict(
                self.latest(flow)?.map_or(0, |latest| latest.revision),
            ));
        }
        self.store.flush()?;
        Ok(deployment(flow, change))
    }

    fn latest(&self, flow: &str) -> Result<Option<Change>, DeployError> {
        Ok(self.history(flow, 1)?.pop())
    }

    fn change(&self, flow: &str, revision: u64) -> Result<Option<Change>, DeployError> {
        let value = self.store.get(&change_key(flow, revision)?)?;
        Ok(value.map(|value| decode(flow, &value)).transpose()?)
    }
}

fn deployment(flow: &str, change: Change) -> Deployment {
    Deployment {
        flow: flow.to_owned(),
        serving: change.serving,
        canary: change.canary,
        revision: change.revision,
    }
}

/// The prefix of a flow's changes.
fn changes(flow: &str) -> Result<Vec<u8>, DeployError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if flow.is_empty() || flow.len() > MAX_FLOW_BYTES || !flow.chars().all(allowed) {
        return Err(DeployError::FlowName(
            flow.chars().take(MAX_FLOW_BYTES).collect(),
        ));
    }
    Ok(format!("d/f/{flow}\0").into_bytes())
}

fn change_key(flow: &str, revision: u64) -> Result<Vec<u8>, DeployError> {
    let mut key = changes(flow)?;
    key.extend_from_slice(&revision.to_be_bytes());
    Ok(key)
}

fn decode(flow: &str, value: &[u8]) -> Result<Change> {
    serde_json::from_slice(value).map_err(|error| StoreError::record("deployment", flow, error))
}

/// Shows every key and value below `prefix`.
fn each(
    store: &dyn Store,
    prefix: &str,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    walk(store, Range::prefix(prefix), |key, value| {
        visit(key, value).map(ControlFlow::Continue)
    })
}
