//! The journal: everything that a call's flow learned, in order.
//!
//! ```text
//! j/o/<call id>\0<place>      what the journal of a running call has got
//! j/c/<call id>\0<place>      the same, put together when the call ends
//! ```
//!
//! One [`append`](Journal::append) is one record however many entries it brings, one [line](line) after the
//! other. What is longer than a record goes into several, of which the first and the last
//! are marked, so that a batch that a crash cut short is left out when it is read, as if it had
//! never been written. A record's place is the number of its first entry and that of the piece.

mod line;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::line::Line;
use crate::range::{delete_prefix, walk};
use crate::{Batch, Range, Result, Store, StoreError};

/// Where the journals of running calls lie.
pub(crate) const OPEN: &str = "j/o/";
const CLOSED: &str = "j/c/";

/// Bytes of JSON in one record.
const PIECE_BYTES: usize = 64 * 1024;

/// What an entry takes, most often.
const ENTRY_BYTES: usize = 128;

/// What a call writes before it first waits, most often.
const LINES_BYTES: usize = 640;

/// After so many entries a running call's journal is put together: what it has got until then need not
/// be kept at hand.
const SETTLE_ENTRIES: u32 = 256;
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

/// Entries of one call, serialised.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    text: Vec<u8>,
    /// Of the first and the last entry.
    numbers: Option<(u32, u32)>,
}

impl Lines {
    /// Adds an entry. Entries come in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError::Encode`].
    pub fn push(&mut self, entry: &Entry) -> Result<()> {
        let Entry { seq, at_ms, kind } = entry;
        match kind {
            Kind::Verb {
                name,
                request,
                reply,
            } => self.verb(*seq, *at_ms, name, request, reply),
            Kind::Event { name, detail } => self.event(*seq, *at_ms, name, detail),
        }
    }

    /// Adds a host function, its arguments, and what the flow was told: as
    /// [`push`](Self::push) of [`Entry::verb`], without a copy in between.
    ///
    /// # Errors
    /// [`StoreError::Encode`].
    pub fn verb(
        &mut self,
        seq: u32,
        at_ms: u64,
        name: &str,
        request: &impl Serialize,
        reply: &impl Serialize,
    ) -> Result<()> {
        self.write(seq, &line::verb(seq, at_ms, name, request, reply))
    }

    /// Adds something that happened on the call, likewise.
    ///
    /// # Errors
    /// [`StoreError::Encode`].
    pub fn event(
        &mut self,
        seq: u32,
        at_ms: u64,
        name: &str,
        detail: &impl Serialize,
    ) -> Result<()> {
        self.write(seq, &line::event(seq, at_ms, name, detail))
    }

    /// Is there no entry?
    pub fn is_empty(&self) -> bool {
        self.numbers.is_none()
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.numbers
            .map_or(0, |(first, last)| last.wrapping_sub(first).wrapping_add(1))
    }

    fn write(&mut self, seq: u32, entry: &impl Serialize) -> Result<()> {
        let length = self.text.len();
        self.text.reserve(match length {
            0 => LINES_BYTES,
            _ => ENTRY_BYTES,
        });
        if let Err(error) = serde_json::to_writer(&mut self.text, entry) {
            self.text.truncate(length);
            return Err(encode(&error));
        }
        self.text.push(b'\n');
        self.numbers = Some((self.numbers.map_or(seq, |(first, _)| first), seq));
        Ok(())
    }

    /// Adds the entries of `later`, which come after these.
    pub fn append(&mut self, later: Lines) {
        match (self.numbers, later.numbers) {
            (None, _) => *self = later,
            (Some((first, _)), Some((_, last))) => {
                self.text.extend_from_slice(&later.text);
                self.numbers = Some((first, last));
            }
            (Some(_), None) => {}
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

    /// Adds entries to the end of a call's journal. They are on disk with the next flush, 100 ms
    /// later at the most.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn append(&self, call_id: &str, entries: &[Entry]) -> Result<()> {
        let mut lines = Lines::default();
        for entry in entries {
            lines.push(entry)?;
        }
        self.append_lines(call_id, &lines)
    }

    /// As [`append`](Self::append), for entries that were serialised before.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_lines(&self, call_id: &str, lines: &Lines) -> Result<()> {
        check_call_id(call_id)?;
        let Some((first, last)) = lines.numbers else {
            return Ok(());
        };
        let text = &lines.text;
        let pieces = text.len().div_ceil(PIECE_BYTES);
        let log = log(if pieces == 1 { OPEN } else { CLOSED }, call_id);
        if pieces == 1 {
            let record = [&[FIRST | LAST], text.as_slice()].concat();
            self.store.put(&place(&log, first, 0), &record)?;
        } else {
            for (number, piece) in text.chunks(PIECE_BYTES).enumerate() {
                let begins = if number == 0 { FIRST } else { 0 };
                let ends = if number == pieces - 1 { LAST } else { 0 };
                let record = [&[begins | ends], piece].concat();
                self.store.put(&place(&log, first, number), &record)?;
            }
        }
        // The number before this batch's first tells whether a stretch has ended with it.
        if last / SETTLE_ENTRIES != first.saturating_sub(1) / SETTLE_ENTRIES {
            let mut batch = Batch::new();
            self.close(call_id, &Lines::default(), &mut batch)?;
            self.store.batch(&batch)?;
        }
        Ok(())
    }

    /// Puts what a running call's journal has got and its last `lines` together: fewer and larger
    /// records.
    pub(crate) fn close(&self, call_id: &str, lines: &Lines, batch: &mut Batch) -> Result<()> {
        if lines.text.len() > PIECE_BYTES {
            self.append_lines(call_id, lines)?;
            return self.close(call_id, &Lines::default(), batch);
        }
        let open = log(OPEN, call_id);
        let mut closed: Option<(Vec<u8>, Vec<u8>)> = None;
        walk(&*self.store, Range::prefix(&*open), |key, record| {
            let place = key.get(open.len()..).unwrap_or_default();
            batch.delete(key);
            match &mut closed {
                Some((_, whole)) if whole.len() + record.len() <= PIECE_BYTES => {
                    whole.extend_from_slice(record.get(1..).unwrap_or_default());
                }
                _ => {
                    let key = [&log(CLOSED, call_id), place].concat();
                    if let Some((key, whole)) = closed.replace((key, record.to_vec())) {
                        batch.put(key, whole);
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((first, _)) = lines.numbers {
            match &mut closed {
                Some((_, whole)) if whole.len() + lines.text.len() <= PIECE_BYTES => {
                    whole.extend_from_slice(&lines.text);
                }
                _ => {
                    let key = place(&log(CLOSED, call_id), first, 0);
                    batch.put(key, [&[FIRST | LAST], lines.text.as_slice()].concat());
                }
            }
        }
        if let Some((key, whole)) = closed {
            batch.put(key, whole);
        }
        Ok(())
    }

    /// The entries of a call, oldest first; none if there is no such journal.
    ///
    /// # Errors
    /// [`StoreError::CallId`]; [`StoreError::Record`] if an entry cannot be read.
    pub fn read(&self, call_id: &str) -> Result<Vec<Entry>> {
        check_call_id(call_id)?;
        let mut records = Vec::new();
        for log in [log(CLOSED, call_id), log(OPEN, call_id)] {
            walk(&*self.store, Range::prefix(&*log), |key, record| {
                records.push((
                    key.get(log.len()..).unwrap_or_default().to_vec(),
                    record.to_vec(),
                ));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        // What a long call has got until now is closed, and what came of it since then is not.
        records.sort_unstable();
        let mut entries = Vec::new();
        let mut text = Vec::new();
        for (_, record) in &records {
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
                for line in serde_json::Deserializer::from_slice(&text).into_iter() {
                    let Line(entry) =
                        line.map_err(|error| StoreError::record("journal", call_id, error))?;
                    entries.push(entry);
                }
                text.clear();
            }
        }
        Ok(entries)
    }

    /// Deletes a call's journal; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::CallId`], and what the store reports.
    pub fn delete(&self, call_id: &str) -> Result<()> {
        check_call_id(call_id)?;
        delete_prefix(&*self.store, &log(CLOSED, call_id))?;
        delete_prefix(&*self.store, &log(OPEN, call_id)).map(drop)
    }
}

fn encode(error: &serde_json::Error) -> StoreError {
    StoreError::Encode {
        what: "journal entry",
        detail: error.to_string(),
    }
}

/// What the keys of a call's journal begin with. No call id holds the control character that ends it.
fn log(room: &str, call_id: &str) -> Vec<u8> {
    [room, call_id, "\0"].concat().into_bytes()
}

/// The key of a record: the number of its first entry, and that of the piece.
fn place(log: &[u8], entry: u32, piece: usize) -> Vec<u8> {
    [log, &entry.to_be_bytes(), &(piece as u32).to_be_bytes()].concat()
}

pub(crate) fn check_call_id(call_id: &str) -> Result<()> {
    if call_id.is_empty() || call_id.len() > 128 || call_id.contains(char::is_control) {
        return Err(StoreError::CallId(call_id.chars().take(128).collect()));
    }
    Ok(())
}
