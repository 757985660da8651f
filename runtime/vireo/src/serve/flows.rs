//! Deployments, from the runtime's terms to those of the admin API.

use std::time::Instant;

use vireo_call::LiveCall;
use vireo_call::canary::AutomaticRollback;
use vireo_call::canary::evidence::{Comparison, Counts};
use vireo_call::deploy::{self, DeployError, Deployed};
use vireo_call::route::Routes;
use vireo_store::deployments::{Change, DeployError as StoreDeployError};

use crate::admin::{
    Canary, CanaryStatus, DeployReport, FlowStatus, LastCanary, OperationError, RateComparison,
    Serving, VersionCalls, VersionCounts,
};
use crate::check;

/// What a deploy or a rollback did.
pub(super) fn report(deployed: Deployed, live: &[LiveCall], began: Instant) -> DeployReport {
    let canary = deployed.canary;
    let old = live.iter().filter(|call| {
        call.flow == deployed.flow
            && call.version != deployed.version
            && (canary.as_ref()).is_none_or(|(canary, _)| call.version != *canary)
    });
    DeployReport {
        calls_on_old_versions: u32::try_from(old.count()).unwrap_or(u32::MAX),
        flow: deployed.flow,
        digest: deployed.version,
        previous: deployed.previous,
        canary: canary.map(|(digest, percent)| Serving { digest, percent }),
        revision: deployed.revision,
        unchanged: deployed.unchanged,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        findings: Vec::new(),
    }
}

/// A flow and what it serves.
pub(super) fn status(flow: deploy::FlowStatus, changed: Option<&Change>) -> FlowStatus {
    FlowStatus {
        serving: (flow.serving.into_iter())
            .map(|(digest, percent)| Serving { digest, percent })
            .collect(),
        revision: flow.revision,
        deployed_ms: changed.map(|change| change.at_ms),
        calls: (flow.calls.into_iter())
            .map(|(digest, calls)| VersionCalls {
                digest,
                calls: u32::try_from(calls).unwrap_or(u32::MAX),
            })
            .collect(),
        counts: counts(flow.counts),
        canary: flow.canary.map(canary),
        last_canary: flow.last_canary.map(|last| LastCanary {
            digest: last.version,
            total: counts(last.total),
        }),
        flow: flow.flow,
    }
}

fn counts(counts: Counts) -> VersionCounts {
    VersionCounts {
        calls: counts.calls,
        failed: counts.failed,
        apologies: counts.apologies,
        early_hangups: counts.early_hangups + counts.early_hangups_chosen,
        hurt: counts.hurt(),
    }
}

fn canary(status: deploy::CanaryStatus) -> CanaryStatus {
    CanaryStatus {
        canary: Canary {
            digest: status.canary.digest.to_string(),
            percent: status.percent,
            routes: status.canary.routes,
            callers: status.canary.callers,
        },
        counts: counts(status.counts),
        total: counts(status.total),
        comparisons: status.comparisons.iter().map(comparison).collect(),
        automatic_rollback: status.automatic_rollback == AutomaticRollback::On,
        min_calls: status.min_calls,
        calls_to_rollback: status.calls_to_rollback,
    }
}

fn comparison(comparison: &Comparison) -> RateComparison {
    RateComparison {
        rate: comparison.rate.name().to_owned(),
        canary_bad: comparison.canary.bad,
        canary_calls: comparison.canary.calls,
        version_bad: comparison.version.bad,
        version_calls: comparison.version.calls,
        margin_points: comparison.margin * 100.0,
        // JSON has no infinity.
        evidence: comparison.evidence.min(f64::MAX),
        evidence_needed: comparison.needed,
    }
}

/// The routes and caller lists that a canary waits for in vain.
pub(super) fn lost(flow: &deploy::FlowStatus, routes: &Routes) -> Vec<String> {
    let Some(status) = &flow.canary else {
        return Vec::new();
    };
    let warning = |what: &str, name: &str| {
        format!(
            "the canary of flow {} is for the {what} {name:?}, which the configuration has no more",
            flow.flow
        )
    };
    let (by_route, by_list) = (&status.canary.routes, &status.canary.callers);
    let no_route = by_route
        .iter()
        .filter(|name| !routes.names().any(|known| known == *name));
    let no_list = by_list
        .iter()
        .filter(|name| !routes.lists().any(|known| known == *name));
    no_route
        .map(|name| warning("route", name))
        .chain(no_list.map(|name| warning("caller list", name)))
        .collect()
}

/// Why a deployment was not changed.
pub(super) fn refusal(error: DeployError) -> OperationError {
    match error {
        DeployError::Component(vireo_host::ComponentError::Compiler(error)) => {
            OperationError::CompilerFailed(error.to_string())
        }
        DeployError::Component(error) => OperationError::ComponentRefused(check::problems(error)),
        DeployError::Grants { flow, missing } => OperationError::ComponentRefused(
            (missing.into_iter())
                .map(|grant| check::missing_grant(&flow, grant))
                .collect(),
        ),
        DeployError::UnknownFlow(flow) => OperationError::FlowUnknown(flow),
        DeployError::CanaryStands {
            flow,
            digest,
            percent,
        } => OperationError::CanaryStands {
            flow,
            digest: digest.short(),
            percent,
        },
        DeployError::NoCanary(flow) => OperationError::NoCanary(flow),
        DeployError::NothingBeside(flow) => OperationError::NothingBeside(flow),
        DeployError::Canary(why) => OperationError::Invalid(why),
        DeployError::Store(StoreDeployError::NothingBefore { flow, .. }) => {
            OperationError::NothingToRollBack(flow)
        }
        DeployError::Store(StoreDeployError::Conflict { flow, .. }) => {
            OperationError::DeploymentChanged(flow)
        }
        DeployError::Store(StoreDeployError::Store(error)) => OperationError::Store(error),
        DeployError::Store(
            error @ (StoreDeployError::FlowName(_) | StoreDeployError::Shares { .. }),
        ) => OperationError::Invalid(error.to_string()),
        other => OperationError::Internal(other.to_string()),
    }
}
