//! Who did what to the server, in order.
//!
//! ```text
//! a\0<number, 8 bytes>     one entry
//! ```
//!
//! Entries are added at the end and never changed.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::range::walk;
use crate::store::log_index;
use crate::{Range, Result, Store, StoreError};

const LOG: &[u8] = b"a\0";

/// The longest name of an operator, in bytes.
pub const MAX_WHO_BYTES: usize = 128;

/// The longest text of an entry, in bytes.
const MAX_DETAIL_BYTES: usize = 2048;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The name.
    pub name: String,
    /// Is it only what a client said of itself? Whoever has the admin token can say anything.
    #[serde(default)]
    pub claimed: bool,
}

impl Who {
    /// The server itself.
    pub fn server() -> Self {
        Self {
            name: "vireo".to_owned(),
            claimed: false,
        }
    }

    /// Somebody that the server knows by `name`.
    pub fn known(name: &str) -> Self {
        Self {
            name: tidy(name, MAX_WHO_BYTES),
            claimed: false,
        }
    }

    /// Somebody who says to be `name`.
    pub fn claimed(name: &str) -> Self {
        Self {
            claimed: true,
            ..Self::known(name)
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Act {
    /// A component was deployed.
    Deploy,
    /// A canary got a larger share, or became the version.
    Promote,
    /// A flow went back to what served before.
    Rollback,
    /// A canary was withdrawn by the server itself.
    AutomaticRollback,
    /// No new calls from then on.
    Drain,
    /// New calls again.
    Open,
    /// The configuration was read again.
    Reload,
    /// A call was ended.
    Hangup,
    /// A flow's key was written.
    SetKey,
    /// A flow's key was deleted.
    DeleteKey,
    /// What a newer version of Vireo has written and this one does not know.
    #[serde(other)]
    Other,
}

impl Act {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::AutomaticRollback => "automatic-rollback",
            Self::Drain => "drain",
            Self::Open => "open",
            Self::Reload => "reload",
            Self::Hangup => "hangup",
            Self::SetKey => "set-key",
            Self::DeleteKey => "delete-key",
            Self::Other => "other",
        }
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// Who did it.
    pub who: Who,
    /// What was done.
    pub act: Act,
    /// To what: the flow's name, the call's id; empty for the server as a whole.
    #[serde(default)]
    pub subject: String,
    /// In words: versions, shares, notes.
    #[serde(default)]
    pub detail: String,
}

/// The audit log.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Arc<dyn Store>,
}

impl Audit {
    /// The audit log of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Adds an entry at the end and returns its number, from 0, when it is on disk. Texts are cut to
    /// their longest, and control characters in them become blanks.
    ///
    /// # Errors
    /// What the store reports.
    pub fn add(&self, mut entry: Entry) -> Result<u64> {
        entry.who.name = tidy(&entry.who.name, MAX_WHO_BYTES);
        entry.subject = tidy(&entry.subject, MAX_DETAIL_BYTES);
        entry.detail = tidy(&entry.detail, MAX_DETAIL_BYTES);
        let value = serde_json::to_vec(&entry).map_err(|error| StoreError::Encode {
            what: "audit entry",
            detail: error.to_string(),
        })?;
        let number = self.store.append(LOG, &value)?;
        self.store.flush()?;
        Ok(number)
    }

    /// The entries since a moment with their numbers, newest first, at most `limit`. They are in the
    /// order in which they were written, whatever the clock said: the walk ends at the first entry
    /// that is older.
    ///
    /// # Errors
    /// What the store reports.
    pub fn list(&self, since_ms: u64, limit: usize) -> Result<Vec<(u64, Entry)>> {
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        walk(&*self.store, Range::prefix(LOG).backward(), |key, value| {
            let unreadable =
                |why: String| StoreError::record("audit entry", String::from_utf8_lossy(key), why);
            let number =
                log_index(LOG, key).ok_or_else(|| unreadable("it has no number".into()))?;
            let entry: Entry =
                serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
            if entry.at_ms < since_ms {
                return Ok(ControlFlow::Break(()));
            }
            entries.push((number, entry));
            Ok(match entries.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })?;
        Ok(entries)
    }
}

fn tidy(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text[..end].chars().map(blank).collect()
}
