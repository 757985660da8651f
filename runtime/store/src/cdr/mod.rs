//! Call detail records, and the marks of calls that are still running.
//!
//! ```text
//! c/o/<call id>                       mark of a running call, removed with its CDR
//! c/t/<received, 8 bytes><call id>    the CDR, in the order of time
//! c/i/<call id>                       when it was received: where the CDR lies
//! ```
//!
//! A call id that begins with the time of its call, as a ULID does, needs no `c/i/`.

mod record;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::{Lines, check_call_id};
use crate::range::walk;
use crate::{Batch, DurableCallback, Journal, MAX_VALUE_BYTES, Range, Result, Store, StoreError};

pub use record::{
    Cdr, Direction, Durations, EndedBy, MediaStats, OpenCall, Outcome, Recognitions, RecordingKind,
    RecordingRef, StreamStats,
};

/// Where the marks of running calls lie.
pub(crate) const OPEN: &str = "c/o/";
const BY_TIME: &[u8] = b"c/t/";
/// Comes after every key that begins with [`BY_TIME`].
const AFTER_ALL: &[u8] = b"c/u";
const BY_ID: &str = "c/i/";

/// What a CDR takes, most often.
const RECORD_BYTES: usize = 1024;

/// Which CDRs are wanted. The default wants the newest hundred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Received at this moment or later, milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: Option<u64>,
    /// Received before this moment.
    pub until_ms: Option<u64>,
    /// Exactly this caller.
    pub caller: Option<String>,
    /// Exactly this called number.
    pub called: Option<String>,
    /// This flow.
    pub flow: Option<String>,
    /// A version whose digest begins with this.
    pub version: Option<String>,
    /// This trunk.
    pub trunk: Option<String>,
    /// This outcome.
    pub outcome: Option<Outcome>,
    /// Those that a list has after this record: its moment in milliseconds and its call id.
    pub before: Option<(u64, String)>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            from_ms: None,
            until_ms: None,
            caller: None,
            called: None,
            flow: None,
            version: None,
            trunk: None,
            outcome: None,
            before: None,
            limit: 100,
        }
    }
}

impl Query {
    fn wants(&self, cdr: &Cdr) -> bool {
        let same =
            |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        same(&self.caller, Some(&cdr.call.caller))
            && same(&self.called, Some(&cdr.call.called))
            && same(&self.flow, cdr.call.flow.as_deref())
            && same(&self.trunk, Some(&cdr.call.trunk))
            && self.outcome.is_none_or(|outcome| outcome == cdr.outcome)
            && self.version.as_ref().is_none_or(|wanted| {
                let version = cdr.call.version.as_ref();
                version.is_some_and(|version| version.to_string().starts_with(wanted))
            })
    }

    /// The key that ends the wanted ones.
    fn end(&self) -> Vec<u8> {
        let until = self.until_ms.map(|until| time_key(until, ""));
        let before = self.before.as_ref();
        let before = before.map(|(received_ms, call_id)| time_key(*received_ms, call_id));
        let ends = [until, before, Some(AFTER_ALL.to_vec())];
        ends.into_iter().flatten().min().unwrap_or_default()
    }
}

/// What is known of a running call, as it is stored: another thread can write it without a copy of
/// the call.
pub struct Mark {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.key))
    }
}

impl Mark {
    /// The mark of a call.
    ///
    /// # Errors
    /// [`StoreError::CallId`].
    pub fn of(call: &OpenCall) -> Result<Self> {
        let key = open_key(&call.call_id)?;
        let value = if call.is_bounded() {
            to_json(call)?
        } else {
            to_json(&call.clone().bounded())?
        };
        Ok(Self { key, value })
    }
}

/// The CDRs of all calls.
#[derive(Debug, Clone)]
pub struct Cdrs {
    store: Arc<dyn Store>,
}

impl Cdrs {
    /// The CDR room of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Marks a call as running, or brings its mark up to date (when it is answered, for example).
    /// The mark is on disk with the next flush, 100 ms later at the most.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn open(&self, call: &OpenCall) -> Result<()> {
        self.mark(&Mark::of(call)?)
    }

    /// As [`open`](Self::open), with a mark that was made before.
    ///
    /// # Errors
    /// What the store reports.
    pub fn mark(&self, mark: &Mark) -> Result<()> {
        self.store.put(&mark.key, &mark.value)
    }

    /// The marks: calls that are running, or were when the process died. Ordered by call id.
    ///
    /// # Errors
    /// What the store reports.
    pub fn open_calls(&self) -> Result<Vec<OpenCall>> {
        let mut calls = Vec::new();
        walk(&*self.store, Range::prefix(OPEN), |key, value| {
            match from_json("mark of a call", key, value) {
                Ok(call) => calls.push(call),
                Err(error) => tracing::error!(%error, "the mark of a call is skipped"),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(calls)
    }

    /// Writes the CDR of a call that has ended and removes its mark, in one step, and returns when
    /// both are on disk. Writing it again replaces it.
    ///
    /// Many callers share one flush. It blocks the thread: asynchronous code uses
    /// [`finish_then`](Self::finish_then).
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn finish(&self, cdr: Cdr) -> Result<()> {
        self.write(cdr, &Lines::default())?;
        self.store.flush()
    }

    /// Like [`finish`](Self::finish), but adds the last lines of the call's journal, returns at once, and
    /// calls `done` when all that is on disk or cannot get there: within 100 ms. `done` must not
    /// block.
    pub fn finish_then(&self, cdr: Cdr, lines: &Lines, done: DurableCallback) {
        match self.write(cdr, lines) {
            Ok(()) => self.store.on_flushed(done),
            Err(error) => done(Err(error)),
        }
    }

    /// The CDR of a call.
    ///
    /// # Errors
    /// [`StoreError::CallId`]; [`StoreError::Record`] if it cannot be read.
    pub fn get(&self, call_id: &str) -> Result<Option<Cdr>> {
        let Some(key) = self.find(call_id)? else {
            return Ok(None);
        };
        let value = self.store.get(&key)?;
        value
            .map(|value| from_json("CDR", call_id.as_bytes(), &value))
            .transpose()
    }

    /// CDRs, those of the latest calls first. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// What the store reports.
    pub fn list(&self, query: &Query) -> Result<Vec<Cdr>> {
        let mut cdrs = Vec::new();
        if query.limit == 0 {
            return Ok(cdrs);
        }
        let start = time_key(query.from_ms.unwrap_or(0), "");
        let range = Range::between(start, query.end()).backward();
        walk(&*self.store, range, |key, value| {
            match from_json("CDR", key, value) {
                Ok(cdr) if query.wants(&cdr) => cdrs.push(cdr),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a CDR is left out of a list"),
            }
            Ok(if cdrs.len() < query.limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(cdrs)
    }

    /// Turns every mark into a CDR with [`Outcome::LostInCrash`], and returns these when they are on
    /// disk. For the start of the server, before it takes its first call.
    ///
    /// A lost call ended at some moment after its last journal entry; that is the end its CDR names.
    ///
    /// # Errors
    /// What the store reports.
    pub fn recover(&self, now_ms: u64) -> Result<Vec<Cdr>> {
        let journal = Journal::new(Arc::clone(&self.store));
        let mut lost = Vec::new();
        for call in self.open_calls()? {
            let lived_ms = match journal.read(&call.call_id) {
                Ok(entries) => entries.last().map_or(0, |entry| entry.at_ms),
                Err(error) => {
                    tracing::error!(%error, call_id = call.call_id, "the journal of a lost call is unreadable");
                    0
                }
            };
            let ended_ms = call
                .received_ms
                .saturating_add(lived_ms)
                .max(call.answered_ms.unwrap_or(0));
            let mut cdr = Cdr::new(call, ended_ms, Outcome::LostInCrash);
            cdr.recovered_ms = Some(now_ms);
            cdr.reason = Some("the server stopped during the call".into());
            self.write(cdr.clone(), &Lines::default())?;
            lost.push(cdr);
        }
        if !lost.is_empty() {
            self.store.flush()?;
        }
        Ok(lost)
    }

    /// Shows the id of every CDR that was received from `from_ms` until `until_ms`, oldest first, until
    /// `visit` breaks.
    pub(crate) fn walk_ids(
        &self,
        from_ms: u64,
        until_ms: u64,
        mut visit: impl FnMut(&str) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let range = Range::between(time_key(from_ms, ""), time_key(until_ms, ""));
        walk(&*self.store, range, |key, _| {
            let call_id = key
                .get(BY_TIME.len() + 8..)
                .and_then(|id| std::str::from_utf8(id).ok());
            visit(call_id.ok_or_else(|| {
                StoreError::record("CDR", String::from_utf8_lossy(key), "its key is damaged")
            })?)
        })
    }

    /// Deletes a CDR. The mark of a running call stays.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn delete(&self, call_id: &str) -> Result<()> {
        let Some(key) = self.find(call_id)? else {
            return Ok(());
        };
        let mut batch = Batch::new();
        batch.delete(key).delete(id_key(call_id));
        self.store.batch(&batch)
    }

    fn write(&self, cdr: Cdr, lines: &Lines) -> Result<()> {
        let mut cdr = cdr.bounded();
        let mut record = to_json(&cdr)?;
        while record.len() > MAX_VALUE_BYTES && cdr.recordings.pop().is_some() {
            record = to_json(&cdr)?;
        }
        let call_id = &cdr.call.call_id;
        let key = time_key(cdr.call.received_ms, call_id);
        let mut batch = Batch::new();
        batch.delete(open_key(call_id)?);
        if ulid_ms(call_id) != Some(cdr.call.received_ms) {
            if let Some(old) = self.find(call_id)?.filter(|old| *old != key) {
                batch.delete(old);
            }
            batch.put(id_key(call_id), cdr.call.received_ms.to_be_bytes());
        }
        batch.put(key, record);
        Journal::new(Arc::clone(&self.store)).close(call_id, lines, &mut batch)?;
        self.store.batch(&batch)
    }

    /// The key under which the CDR of a call lies.
    fn find(&self, call_id: &str) -> Result<Option<Vec<u8>>> {
        check_call_id(call_id)?;
        let Some(received) = self.store.get(&id_key(call_id))? else {
            let key = ulid_ms(call_id).map(|received_ms| time_key(received_ms, call_id));
            return match key {
                Some(key) => Ok(self.store.get(&key)?.map(|_| key)),
                None => Ok(None),
            };
        };
        let received = <[u8; 8]>::try_from(received)
            .map_err(|_| StoreError::record("CDR index", call_id, "it is not 8 bytes long"))?;
        Ok(Some(time_key(u64::from_be_bytes(received), call_id)))
    }
}

fn open_key(call_id: &str) -> Result<Vec<u8>> {
    check_call_id(call_id)?;
    Ok([OPEN, call_id].concat().into_bytes())
}

fn id_key(call_id: &str) -> Vec<u8> {
    [BY_ID, call_id].concat().into_bytes()
}

/// The milliseconds that a ULID begins with: 48 bits in the first ten of its 26 characters, in
/// Crockford's base 32, here in lower case.
fn ulid_ms(call_id: &str) -> Option<u64> {
    let time = call_id
        .as_bytes()
        .get(..10)
        .filter(|_| call_id.len() == 26)?;
    time.iter().try_fold(0, |value: u64, character| {
        let digit = match character {
            b'0'..=b'9' => character - b'0',
            b'a'..=b'h' => character - b'a' + 10,
            b'j' | b'k' => character - b'j' + 18,
            b'm' | b'n' => character - b'm' + 20,
            b'p'..=b't' => character - b'p' + 22,
            b'v'..=b'z' => character - b'v' + 27,
            _ => return None,
        };
        Some(value << 5 | u64::from(digit))
    })
}

fn time_key(received_ms: u64, call_id: &str) -> Vec<u8> {
    [BY_TIME, &received_ms.to_be_bytes(), call_id.as_bytes()].concat()
}

fn to_json<T: Serialize>(record: &T) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(RECORD_BYTES);
    serde_json::to_writer(&mut text, record).map_err(|error| StoreError::Encode {
        what: "CDR",
        detail: error.to_string(),
    })?;
    Ok(text)
}

fn from_json<T: DeserializeOwned>(what: &'static str, key: &[u8], value: &[u8]) -> Result<T> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError::record(what, String::from_utf8_lossy(key), error))
}
