//! What came of a replay.

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use vireo_host::Request;

/// How a version stands to what happened, the least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It asks the same and ends the same.
    Same,
    /// The caller hears something else; all the rest is the same.
    DifferentPrompt,
    /// It calls another function, or the same with other arguments.
    DifferentBranch,
    /// It wants to know something that the recorded call never asked for.
    NotInJournal,
    /// It ends earlier, or in another way.
    EndsOtherwise,
    /// It is stopped by a trap or a limit, which the recorded run was not.
    Traps,
}

impl Class {
    /// All of them, the least grave first.
    pub const ALL: [Class; 6] = [
        Class::Same,
        Class::DifferentPrompt,
        Class::DifferentBranch,
        Class::NotInJournal,
        Class::EndsOtherwise,
        Class::Traps,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Same => "same",
            Class::DifferentPrompt => "different prompt",
            Class::DifferentBranch => "different branch",
            Class::NotInJournal => "asks for what the journal does not hold",
            Class::EndsOtherwise => "ends earlier or otherwise",
            Class::Traps => "traps",
        })
    }
}

/// What one side does at the point where they part.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// The flow asks this.
    Asks(Box<Request>),
    /// The flow ends so: "completed", "hung up", "panic: ...".
    Ends(String),
}

impl Serialize for Side {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Side::Asks(request) => {
                map.serialize_entry("verb", request.verb())?;
                map.serialize_entry("request", request)?;
            }
            Side::Ends(outcome) => map.serialize_entry("ends", outcome)?,
        }
        map.end()
    }
}

/// Where the two sides part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Number of the journal's entry.
    pub entry: u32,
    /// When that was, milliseconds since the INVITE.
    pub at_ms: u64,
    /// What the journal holds.
    pub then: Side,
    /// What the version does.
    pub now: Side,
}

/// Do log lines differ? They are not compared otherwise: no caller notices them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logs {
    /// They are the same.
    Same,
    /// At least one is not.
    Differ,
}

/// What came of replaying a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// How the version stands to what happened.
    pub class: Class,
    /// Where they part; none when all is the same. For a different prompt it is the first of
    /// them.
    pub point: Option<Point>,
    /// Prompts that differ until then, in their order.
    pub prompts: Vec<Point>,
    /// Do log lines differ?
    pub logs: Logs,
    /// Secrets whose value was not given, and which the flow has read.
    pub placeholders: BTreeSet<String>,
    /// Does the journal stop before its flow did? It is compared as far as it goes.
    pub incomplete: bool,
    /// Questions that the journal answered.
    pub answered: usize,
}
