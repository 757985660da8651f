//! Deleting what is old.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::{Cdrs, Journal, Result, Store, StoreError};

/// Up to where journals were already deleted, so that a sweep does not walk the CDRs of years.
const JOURNALS_SWEPT: &[u8] = b"r/journals";

/// How long records are kept, in milliseconds after the call was received; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How long journals are kept.
    pub journals_ms: Option<u64>,
    /// How long CDRs are kept. A journal goes with its CDR at the latest.
    pub cdrs_ms: Option<u64>,
}

/// What a sweep has deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Calls whose journal was looked for and is gone.
    pub journals: u64,
    /// CDRs.
    pub cdrs: u64,
}

/// Calls that one step of a sweep deletes, before other writers get their turn.
const STEP: usize = 256;

impl Retention {
    /// Deletes the journals and CDRs that are too old. Running calls have no CDR yet and are left alone.
    ///
    /// # Errors
    /// What the store reports; what was deleted until then stays deleted.
    pub fn sweep(&self, store: &Arc<dyn Store>, now_ms: u64) -> Result<Swept> {
        let cdrs = Cdrs::new(Arc::clone(store));
        let journal = Journal::new(Arc::clone(store));
        let mut swept = Swept::default();
        if let Some(until) = self.cdrs_ms.map(|keep| now_ms.saturating_sub(keep)) {
            loop {
                let old = oldest(&cdrs, 0, until)?;
                for call_id in &old {
                    journal.delete(call_id)?;
                    cdrs.delete(call_id)?;
                    swept.journals += 1;
                    swept.cdrs += 1;
                }
                if old.len() < STEP {
                    break;
                }
            }
        }
        if let Some(until) = self.journals_ms.map(|keep| now_ms.saturating_sub(keep)) {
            let from = journals_swept(&**store)?;
            cdrs.walk_ids(from, until, |call_id| {
                journal.delete(call_id)?;
                swept.journals += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            store.put(JOURNALS_SWEPT, &until.max(from).to_be_bytes())?;
        }
        Ok(swept)
    }
}

fn oldest(cdrs: &Cdrs, from: u64, until: u64) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    cdrs.walk_ids(from, until, |call_id| {
        ids.push(call_id.to_owned());
        Ok(if ids.len() < STEP {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    Ok(ids)
}

fn journals_swept(store: &dyn Store) -> Result<u64> {
    let Some(value) = store.get(JOURNALS_SWEPT)? else {
        return Ok(0);
    };
    <[u8; 8]>::try_from(value)
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::record("sweep mark", "r/journals", "it is not 8 bytes long"))
}
