//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vireo_store::audit::{Entry, Who};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    /// The name.
    pub name: String,
    /// Is it only what the client says of itself (header `Vireo-Operator`)?
    pub claimed: bool,
}

impl From<Who> for Operator {
    fn from(who: Who) -> Self {
        Operator {
            name: who.name,
            claimed: who.claimed,
        }
    }
}

/// Something that was done to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the log, from 0.
    pub number: u64,
    /// When.
    pub at_ms: u64,
    /// Who did it.
    pub who: Operator,
    /// What was done: "deploy", "promote", "rollback", "automatic-rollback", "drain", "open", "reload",
    /// "hangup", "set-key" or "delete-key".
    pub act: String,
    /// To what: the flow, the call, the namespace and its key; empty for the server as a whole.
    pub subject: String,
    /// In words.
    pub detail: String,
}

impl AuditEntry {
    /// The entry of this number.
    #[must_use]
    pub fn of(number: u64, entry: Entry) -> Self {
        AuditEntry {
            number,
            at_ms: entry.at_ms,
            who: entry.who.into(),
            act: entry.act.name().to_owned(),
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}
