//! What is found when a component is looked at before it serves.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// [`Finding::check`] of what callers may say.
pub(crate) const PHRASES: &str = "phrases";

/// What was found when a component was looked at before it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreflightReport {
    /// The flow that it is for.
    pub flow: String,
    /// The component's SHA-256; none for what is no component.
    pub digest: Option<String>,
    /// It can be deployed: nothing was found, or warnings only.
    pub passed: bool,
    /// Calls of its own tests that were run.
    pub test_calls: u32,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Does it keep the component from being deployed?
    pub severity: Severity,
    /// Where: `component`, `grants`, `prompts`, `tests` or `phrases`.
    pub check: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: String,
}

/// Does a finding keep a component from being deployed?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It does.
    Failure,
    /// It may be wrong.
    Warning,
}

impl Finding {
    /// Is it about what a deploy refuses in any case?
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.check.as_str(), "component" | "grants")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.check, self.what, self.advice)
    }
}
