//! One change of a deployment: what serves since, who made it, and why.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{DeployError, MAX_NOTE_BYTES, MAX_SELECTOR_BYTES, MAX_SELECTORS};
use crate::Digest;
pub use crate::audit::Who;

/// A version and its share of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The component.
    pub digest: Digest,
    /// Its share of new calls, 1 to 100; 0 for a canary that only its routes and lists lead to.
    pub percent: u8,
}

/// A version on trial beside the one that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The component; its share of the calls stands with the others.
    pub digest: Digest,
    /// Routes whose calls all go to it.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Caller lists whose callers all go to it.
    #[serde(default)]
    pub callers: Vec<String>,
}

/// What a flow name serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The flow's name.
    pub flow: String,
    /// Its version, and its canary if there is one; their shares add up to 100.
    pub serving: Vec<Serving>,
    /// Which of them is a canary.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// Counts the changes, from 1.
    pub revision: u64,
}

impl Deployment {
    /// The version that serves whoever does not get the canary.
    pub fn version(&self) -> Option<Digest> {
        let canary = self.canary.as_ref().map(|canary| canary.digest);
        let mut others = self.serving.iter().map(|serving| serving.digest);
        others.find(|digest| Some(*digest) != canary)
    }

    /// The canary's share of the calls that no route or list decides, percent; 0 without a canary.
    pub fn canary_percent(&self) -> u8 {
        let Some(canary) = &self.canary else { return 0 };
        let mut serving = self.serving.iter();
        serving
            .find(|serving| serving.digest == canary.digest)
            .map_or(0, |serving| serving.percent)
    }
}

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Somebody chose what serves.
    Deploy,
    /// The canary got a larger share, or became the version that serves.
    Promote,
    /// Back to what served before.
    Rollback,
    /// The same, by the server itself: the canary was worse than the version beside it.
    AutomaticRollback,
}

/// Who changes a deployment, why, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who.
    pub who: Who,
    /// Why, in words; may be empty. What is longer than [`MAX_NOTE_BYTES`] is cut.
    pub note: String,
    /// Now, milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
}

/// One change of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The revision that it made.
    pub revision: u64,
    /// When, milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// What kind of change it was.
    pub action: Action,
    /// Who made it; none: it was made before that was recorded.
    #[serde(default)]
    pub who: Option<Who>,
    /// What has served since.
    pub serving: Vec<Serving>,
    /// Which of them is a canary.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// In the words of whoever made it; may be empty.
    #[serde(default)]
    pub note: String,
    /// For a rollback: the revision whose version serves again.
    #[serde(default)]
    pub restores: Option<u64>,
}

impl Change {
    /// A change that follows revision `replaces`, without what serves.
    pub(super) fn of(replaces: u64, action: Action, reason: Reason) -> Self {
        let mut note = reason.note;
        note.truncate(note.floor_char_boundary(MAX_NOTE_BYTES));
        Self {
            revision: replaces.saturating_add(1),
            at_ms: reason.at_ms,
            action,
            who: Some(reason.who),
            serving: Vec::new(),
            canary: None,
            note,
            restores: None,
        }
    }

    /// The revision that somebody deployed and that now serves.
    pub(super) fn origin(&self) -> u64 {
        self.restores.unwrap_or(self.revision)
    }
}

/// A deploy that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// The flow's name: 1 to [`MAX_FLOW_BYTES`](super::MAX_FLOW_BYTES) letters, digits, `-`, `_` and `.`.
    pub flow: String,
    /// The revision that it replaces; 0 for a flow that was never deployed.
    pub replaces: u64,
    /// What shall serve: one version, or a version and its canary, each stored. Shares of 1 to 100
    /// that add up to 100.
    pub serving: Vec<Serving>,
    /// Which of them is a canary.
    pub canary: Option<Canary>,
    /// [`Action::Deploy`] or [`Action::Promote`].
    pub action: Action,
    /// Who wants it, and why.
    pub reason: Reason,
}

/// What served before, found by [`earlier`](super::Deployments::earlier).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    pub(super) flow: String,
    pub(super) replaces: u64,
    pub(super) restores: u64,
    pub(super) serving: Vec<Serving>,
}

impl Earlier {
    /// The versions that would serve again.
    pub fn serving(&self) -> &[Serving] {
        &self.serving
    }

    /// The revision that would be replaced.
    pub fn replaces(&self) -> u64 {
        self.replaces
    }
}

/// The shares add up, and who is a canary is said of every second version.
pub(super) fn check_shares(deploy: &Deploy) -> Result<(), DeployError> {
    let wrong = |detail| DeployError::Shares {
        flow: deploy.flow.clone(),
        detail,
    };
    let canary = deploy.canary.as_ref();
    let mut seen = HashSet::new();
    for Serving { digest, percent } in &deploy.serving {
        let chosen = canary.is_some_and(|canary| {
            canary.digest == *digest && !(canary.routes.is_empty() && canary.callers.is_empty())
        });
        if *percent == 0 && !chosen {
            return Err(wrong(format!(
                "version {} has 0 %: leave it out",
                digest.short()
            )));
        }
        if !seen.insert(digest) {
            return Err(wrong(format!(
                "version {} is named twice: add its shares up",
                digest.short()
            )));
        }
    }
    let sum: u32 = (deploy.serving.iter())
        .map(|serving| u32::from(serving.percent))
        .sum();
    if sum != 100 {
        return Err(wrong(format!("they add up to {sum} %, not to 100 %")));
    }
    let others = (deploy.serving.iter())
        .filter(|serving| canary.is_none_or(|canary| canary.digest != serving.digest))
        .count();
    if others != 1 || deploy.serving.len() != 1 + usize::from(canary.is_some()) {
        return Err(wrong(
            "one version serves, and one canary at the most".to_owned(),
        ));
    }
    let selectors = canary
        .iter()
        .flat_map(|canary| [&canary.routes, &canary.callers]);
    for names in selectors {
        if names.len() > MAX_SELECTORS || names.iter().any(|name| name.len() > MAX_SELECTOR_BYTES) {
            return Err(wrong(format!(
                "a canary has at most {MAX_SELECTORS} routes and caller lists, whose names have at most {MAX_SELECTOR_BYTES} bytes"
            )));
        }
    }
    Ok(())
}
