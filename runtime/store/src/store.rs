//! The trait that everything else here is built on.

use std::fmt;
use std::sync::mpsc;

use crate::{Batch, Pair, Range, Result, StoreError};

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// The longest value, in bytes.
///
/// Small on purpose: distributed engines have limits like this one (FoundationDB: 100,000), and
/// sled keeps up to sixteen values in one page. Rooms cut what is longer into pieces.
pub const MAX_VALUE_BYTES: usize = 96 * 1024;

/// What is called once everything that was written before is on disk, or cannot get there.
pub type DurableCallback = Box<dyn FnOnce(Result<()>) + Send + 'static>;

/// How a [`Store::compare_and_swap`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// The value was the expected one and is now the new one.
    Done,
    /// The value was another one, and is unchanged.
    Conflict {
        /// What it is (`None`: the key is absent).
        current: Option<Vec<u8>>,
    },
}

/// Bytes to bytes, ordered by key.
///
/// Every operation is atomic and at once visible to every other thread. None waits for the disk
/// but those that say so. Keys have 1 to [`MAX_KEY_BYTES`] bytes, values at most
/// [`MAX_VALUE_BYTES`]; anything else is an error that changes nothing.
///
/// Every implementation passes the suite in `tests/it/conformance.rs`.
pub trait Store: Send + Sync + fmt::Debug {
    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Sets `key` to `value`.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<()>;

    /// Sets `key` to `new` (`None`: deletes it), if its value is `expected` (`None`: absent).
    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap>;

    /// Deletes `key`; an absent one is no error.
    fn delete(&self, key: &[u8]) -> Result<()>;

    /// The pairs of a range, in its direction, at most its limit.
    fn range(&self, range: &Range) -> Result<Vec<Pair>>;

    /// Adds `value` to the end of `log` and returns its index there: 0 for the first.
    ///
    /// Entry *i* is the pair (`log` followed by *i* as 8 bytes, big-endian; `value`), so that
    /// [`range`](Self::range) over the prefix `log` reads a log. No log's name may be the beginning
    /// of another key's: end it with a byte that is in no name.
    fn append(&self, log: &[u8], value: &[u8]) -> Result<u64>;

    /// Applies all operations of a batch, in order, or none.
    fn batch(&self, batch: &Batch) -> Result<()>;

    /// Calls `done` once everything that this thread wrote before is on disk, or has failed to get
    /// there. Never blocks; `done` runs on the flushing thread and must not block either.
    ///
    /// This is the way to wait from asynchronous code: let `done` send on a oneshot channel.
    fn on_durable(&self, done: DurableCallback);

    /// As [`on_durable`](Self::on_durable), for those who are in no hurry: waits for the flush that comes
    /// anyway, so that many calls that end in a row cost one.
    fn on_flushed(&self, done: DurableCallback) {
        self.on_durable(done);
    }

    /// Waits until everything that this thread wrote before is on disk. Many waiters share one
    /// flush, so this takes as long as the disk plus at most the flush interval.
    fn flush(&self) -> Result<()> {
        let (send, receive) = mpsc::sync_channel(1);
        self.on_durable(Box::new(move |result| {
            // The receiver is gone only if its thread panicked: nobody is left to tell.
            let _ = send.send(result);
        }));
        receive.recv().unwrap_or_else(|_| {
            Err(StoreError::Engine {
                doing: "flushing",
                detail: "the flushing thread is gone".into(),
            })
        })
    }

    /// [`put`](Self::put), then [`flush`](Self::flush).
    fn put_durable(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put(key, value)?;
        self.flush()
    }

    /// [`batch`](Self::batch), then [`flush`](Self::flush).
    fn batch_durable(&self, batch: &Batch) -> Result<()> {
        self.batch(batch)?;
        self.flush()
    }
}

pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(StoreError::KeySize { size: key.len() });
    }
    Ok(())
}

pub(crate) fn check_value(value: &[u8]) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(StoreError::ValueSize { size: value.len() });
    }
    Ok(())
}

/// The key of entry `index` of `log`.
pub(crate) fn log_key(log: &[u8], index: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(log.len() + 8);
    key.extend_from_slice(log);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The index that a log's key carries, if it is a key of that log.
pub(crate) fn log_index(log: &[u8], key: &[u8]) -> Option<u64> {
    let index = key.strip_prefix(log)?;
    Some(u64::from_be_bytes(index.try_into().ok()?))
}
