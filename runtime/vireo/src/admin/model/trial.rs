//! Versions on trial.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of the calls of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionCounts {
    /// Calls that have ended.
    pub calls: u64,
    /// Those whose flow failed: a trap, a limit, an error of its own.
    pub failed: u64,
    /// Those of them whose caller heard the apology.
    pub apologies: u64,
    /// Calls that their caller ended soon after the answer, though the flow did not fail.
    pub early_hangups: u64,
    /// Calls that failed or were hung up early.
    pub hurt: u64,
}

/// Who gets a canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Canary {
    /// SHA-256 of the component, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Its share of the calls that no route or list decides, 0 to 99.
    pub percent: u8,
    /// Routes whose calls all go to it.
    pub routes: Vec<String>,
    /// Caller lists whose callers all go to it.
    pub callers: Vec<String>,
}

/// A canary and how it fares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CanaryStatus {
    /// Who gets it.
    #[serde(flatten)]
    pub canary: Canary,
    /// What became of its calls that began since the last change of the deployment, or since the start
    /// of the server.
    pub counts: VersionCounts,
    /// The same with the calls that it had with smaller shares.
    pub total: VersionCounts,
    /// Each rate beside that of the version.
    pub comparisons: Vec<RateComparison>,
    /// Does the server withdraw it when it is worse than the version?
    pub automatic_rollback: bool,
    /// Nothing is decided before so many of its calls have ended.
    pub min_calls: u64,
    /// After so many more of its calls it is withdrawn, if all goes on as it did; none: it is not.
    pub calls_to_rollback: Option<u64>,
}

/// A rate of the canary beside that of the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RateComparison {
    /// "failed", "apologies" or "early-hangups".
    pub rate: String,
    /// So many calls of the canary went wrong in this way...
    pub canary_bad: u64,
    /// ...of so many that could.
    pub canary_calls: u64,
    /// So many calls of the version...
    pub version_bad: u64,
    /// ...of so many.
    pub version_calls: u64,
    /// The canary's rate may exceed the version's by so many percentage points.
    pub margin_points: f64,
    /// How many times worse what was seen is explained if the canary's rate does not exceed the
    /// version's by more than the margin; 1 and less is no evidence.
    pub evidence: f64,
    /// With so much evidence the canary is withdrawn.
    pub evidence_needed: f64,
}

/// The canary that the last change of the deployment has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastCanary {
    /// SHA-256 of the component.
    pub digest: String,
    /// What became of its calls, those included that were in progress when it ended.
    pub total: VersionCounts,
}
