//! The journal: everything that a call's flow learned, in order.
//!
//! A journal is the log `j/<call id>\0`. One [`append`](Journal::append) is one record however many
//! entries it brings: JSON objects, one after the other. What is longer than a record goes into several, of
//! which the first and the last are marked, so that a batch that a crash cut short is left out when
//! it is read, as if it had never been written.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::range::{delete_prefix, walk};
use crate::{Range, Result, Store, StoreError};

/// Bytes of JSON in one record.
const PIECE_BYTES: usize = 64 * 1024;
const FIRST: u8 = 1;
const LAST: u8 = 2;

/// JSON text as it is stored: neither parsed when written nor when read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Serialises `value`.
    ///
    /// # Errors
    /// [`StoreError::Encode`] for what JSON cannot express, such as maps whose keys are no strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|error| encode(&error))
    }

    /// Takes text that is JSON already.
    ///
    /// # Errors
    /// [`StoreError::Encode`] if it is not.
    pub fn from_text(text: String) -> Result<Self> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(|error| encode(&error))
    }

    /// JSON's `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Reads the text as a `T`.
    ///
    /// # Errors
    /// [`StoreError::Record`] if it is none.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.get())
            .map_err(|error| StoreError::record("journal value", "", error))
    }
}

impl PartialEq for Json {
    /// Compares the texts, not what they mean.
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        // A Value is JSON by construction.
        Self::of(&value).unwrap_or_else(|_| Self::null())
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the journal, counted by the writer.
    pub seq: u32,
    /// Milliseconds since the call began.
    pub at_ms: u64,
    /// What happened.
    pub kind: Kind,
}

/// What a journal entry tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A host function that the flow called.
    Verb {
        /// Its name: "gather".
        name: String,
        /// Its arguments.
        request: Json,
        /// What the flow was told.
        reply: Json,
    },
    /// Something else that belongs into the call's timeline: a SIP message, a digit, a hold.
    Event {
        /// Its name: "sip.invite", "digit".
        name: String,
        /// What is known of it.
        detail: Json,
    },
}

impl Entry {
    /// A host function, its arguments, and what the flow was told.
    pub fn verb(seq: u32, at_ms: u64, name: impl Into<String>, request: Json, reply: Json) -> Self {
        Self {
            seq,
            at_ms,
            kind: Kind::Verb {
                name: name.into(),
                request,
                reply,
            },
        }
    }

    /// Something that happened on the call.
    pub fn event(seq: u32, at_ms: u64, name: impl Into<String>, detail: Json) -> Self {
        Self {
            seq,
            at_ms,
            kind: Kind::Event {
                name: name.into(),
                detail,
            },
        }
    }
}

/// The journals of all calls.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Arc<dyn Store>,
}

impl Journal {
    /// The journal room of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Adds entries to the end of a call's journal. They are on disk with the next flush, 50 ms
    /// later at the most.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn append(&self, call_id: &str, entries: &[Entry]) -> Result<()> {
        let log = log(call_id)?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut text = Vec::with_capacity(entries.len() * 160);
        for entry in entries {
            serde_json::to_writer(&mut text, entry).map_err(|error| encode(&error))?;
            text.push(b'\n');
        }
        let pieces = text.chunks(PIECE_BYTES);
        let last = pieces.len() - 1;
        for (number, piece) in pieces.enumerate() {
            let mut record = Vec::with_capacity(piece.len() + 1);
            record
                .push(if number == 0 { FIRST } else { 0 } | if number == last { LAST } else { 0 });
            record.extend_from_slice(piece);
            self.store.append(&log, &record)?;
        }
        Ok(())
    }

    /// The entries of a call, oldest first; none if there is no such journal.
    ///
    /// # Errors
    /// [`StoreError::CallId`]; [`StoreError::Record`] if an entry cannot be read.
    pub fn read(&self, call_id: &str) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut text = Vec::new();
        walk(&*self.store, Range::prefix(log(call_id)?), |_, record| {
            let (flags, piece) = record
                .split_first()
                .ok_or_else(|| StoreError::record("journal", call_id, "a record is empty"))?;
            if flags & FIRST != 0 {
                // Whatever stands here is a batch that a crash cut short.
                text.clear();
            }
            text.extend_from_slice(piece);
            if flags & LAST != 0 {
                // Values may hold line breaks of their own, so lines do not tell entries apart.
                for entry in serde_json::Deserializer::from_slice(&text).into_iter() {
                    entries.push(
                        entry.map_err(|error| StoreError::record("journal", call_id, error))?,
                    );
                }
                text.clear();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(entries)
    }

    /// Deletes a call's journal; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn delete(&self, call_id: &str) -> Result<()> {
        delete_prefix(&*self.store, &log(call_id)?).map(drop)
    }
}

fn encode(error: &serde_json::Error) -> StoreError {
    StoreError::Encode {
        what: "journal entry",
        detail: error.to_string(),
    }
}

/// The log of a call. No call id holds the control character that ends it.
fn log(call_id: &str) -> Result<Vec<u8>> {
    check_call_id(call_id)?;
    Ok(format!("j/{call_id}\0").into_bytes())
}

pub(crate) fn check_call_id(call_id: &str) -> Result<()> {
    if call_id.is_empty() || call_id.len() > 128 || call_id.contains(char::is_control) {
        return Err(StoreError::CallId(call_id.chars().take(128).collect()));
    }
    Ok(())
}
