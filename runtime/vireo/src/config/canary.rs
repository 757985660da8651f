//! `[canary]`: how versions on trial are watched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How versions on trial (`vireo flow deploy --percent`) are watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Canary {
    /// Does the server withdraw a canary that is worse than the version beside it? If not, it only
    /// counts.
    pub automatic_rollback: bool,
    /// By how much the canary's rate of failed flows, and of apologies, may exceed the version's,
    /// percentage points.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub margin_points: f64,
    /// The same for callers who hang up early.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub early_hangup_margin_points: f64,
    /// A caller who hangs up within so many seconds after the answer has hung up early.
    #[schemars(range(min = 1, max = 3600))]
    pub early_hangup_s: u32,
    /// 100 less the percentage of the canaries that are withdrawn though they are no worse.
    #[schemars(range(min = 50.0, max = 99.9999))]
    pub confidence_percent: f64,
    /// Nothing is decided before so many calls of the canary have ended.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_calls: u32,
}

impl Default for Canary {
    fn default() -> Self {
        Canary {
            automatic_rollback: true,
            margin_points: 0.5,
            early_hangup_margin_points: 5.0,
            early_hangup_s: 10,
            confidence_percent: 99.0,
            min_calls: 5,
        }
    }
}
