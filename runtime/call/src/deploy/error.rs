//! Why a deployment was not changed.

use vireo_host::{ComponentError, MissingGrant};
use vireo_store::Digest;

/// Why a deployment was not changed; what served goes on serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The component is not one, or not one for this server.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The flow lacks grants that the component needs.
    #[error("flow {flow:?} lacks grants: {}", advice(.missing))]
    Grants {
        /// The flow.
        flow: String,
        /// What it lacks.
        missing: Vec<MissingGrant>,
    },
    /// The configuration does not know the flow.
    #[error("the configuration has no [flows.{0}]: add it, and reload or restart the server")]
    UnknownFlow(String),
    /// There is a canary already.
    #[error(
        "flow {flow:?} has a canary, version {} at {percent} %: promote it or roll it back first", digest.short()
    )]
    CanaryStands {
        /// The flow.
        flow: String,
        /// The canary.
        digest: Digest,
        /// Its share of the calls.
        percent: u8,
    },
    /// There is no canary.
    #[error("flow {0:?} has no canary that could be promoted")]
    NoCanary(String),
    /// A canary needs a version beside it.
    #[error(
        "flow {0:?} serves nothing that a canary could be compared with: deploy a version for all calls first"
    )]
    NothingBeside(String),
    /// A canary that cannot be: its share, a route or a caller list.
    #[error("{0}")]
    Canary(String),
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] vireo_store::deployments::DeployError),
    /// The component could not be stored or read back.
    #[error(transparent)]
    Stored(#[from] vireo_store::deployments::ComponentError),
    /// A deployed version is not in the store.
    #[error("version {0} is not in the store: deploy it again")]
    Missing(Digest),
    /// The store's thread died.
    #[error("the deploy was aborted")]
    Aborted,
}

fn advice(missing: &[MissingGrant]) -> String {
    missing
        .iter()
        .map(|grant| grant.advice.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}
