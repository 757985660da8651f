//! The key-value store of the flows: interface `kv` of `sdk/wit/services.wit`.
//!
//! A key lies at `k/<namespace>\0<key>`. The first byte of a value says who wrote it: `set` (bytes)
//! or `increment` (a counter), so that a counter cannot be mistaken for bytes that look like one.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::range::walk;
use crate::{Range, Store, StoreError, Swap};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 512;

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The most keys that one [`Namespace::list_keys`] returns.
pub const MAX_LISTED_KEYS: u32 = 1000;

/// The longest name of a namespace, in bytes.
pub const MAX_NAMESPACE_BYTES: usize = 128;

const BYTES: u8 = b'b';
const COUNTER: u8 = b'c';

/// Why a key-value operation failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    /// An argument is out of range, or the value is of another kind: WIT's `invalid`.
    #[error("{0}")]
    Invalid(String),
    /// The store failed: WIT's `failed`.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `set`, or `compare_and_swap`.
    Bytes,
    /// `increment`.
    Counter,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The value, as [`Namespace::get`] returns it.
    pub value: Vec<u8>,
    /// Who wrote it.
    pub kind: Kind,
}

/// Which keys are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys that begin so.
    pub prefix: String,
    /// Only keys behind this one, in byte order: the next page.
    pub after: Option<String>,
    /// At most so many, 1 to [`MAX_LISTED_KEYS`].
    pub limit: u32,
}

/// So many bytes of values make a page full.
const PAGE_BYTES: usize = 4 << 20;

/// The key-value store, all namespaces of it.
#[derive(Debug, Clone)]
pub struct Kv {
    store: Arc<dyn Store>,
}

impl Kv {
    /// The key-value room of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The keys under one name: usually the flow's, or one that several flows share.
    ///
    /// # Errors
    /// [`KvError::Invalid`] unless the name has 1 to [`MAX_NAMESPACE_BYTES`] bytes and no control
    /// character.
    pub fn namespace(&self, name: &str) -> Result<Namespace, KvError> {
        if name.is_empty() || name.len() > MAX_NAMESPACE_BYTES || name.contains(char::is_control) {
            return Err(KvError::Invalid(format!(
                "{name:?} cannot name a key-value namespace: 1 to {MAX_NAMESPACE_BYTES} bytes without control \
                 characters are allowed"
            )));
        }
        Ok(Namespace {
            store: Arc::clone(&self.store),
            prefix: format!("k/{name}\0").into_bytes(),
        })
    }
}

/// One flow's keys.
///
/// Writes are at once visible to every call and reach the disk with the next flush, 100 ms later
/// at the most; who must know that they have waits with [`Store::on_durable`].
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn Store>,
    prefix: Vec<u8>,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace")
            .field(&String::from_utf8_lossy(&self.prefix))
            .finish()
    }
}

impl Namespace {
    /// The value of `key`. A counter reads as decimal digits.
    ///
    /// # Errors
    /// [`KvError::Invalid`] for a key of 0 or more than [`MAX_KEY_BYTES`] bytes; so everywhere here.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        let raw = self.store.get(&self.at(key)?)?;
        Ok(raw
            .map(|raw| Value::decode(key, &raw).map(Value::into_bytes))
            .transpose()?)
    }

    /// `key` with its value, and who wrote it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn item(&self, key: &str) -> Result<Option<Item>, KvError> {
        let raw = self.store.get(&self.at(key)?)?;
        Ok(raw.map(|raw| Item::decode(key, &raw)).transpose()?)
    }

    /// Keys with their values, in byte order. It ends at the limit, or when the values have 4 MiB; what
    /// comes behind the last is had by asking again with `after`.
    ///
    /// # Errors
    /// As [`list_keys`](Self::list_keys).
    pub fn items(&self, wanted: &Wanted) -> Result<Vec<Item>, KvError> {
        let mut range = self.range(&wanted.prefix, wanted.limit)?;
        // Behind a key that lies before the prefix is not within it.
        let after = wanted.after.as_deref();
        if let Some(after) = after.filter(|after| *after >= wanted.prefix.as_str()) {
            range = range.after(self.at(after)?);
        }
        let (mut items, mut bytes) = (Vec::new(), 0);
        walk(&*self.store, range, |key, raw| {
            let item = Item::decode(self.name(key)?, raw)?;
            bytes += item.value.len();
            items.push(item);
            let full = items.len() >= wanted.limit as usize || bytes >= PAGE_BYTES;
            Ok(if full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(items)
    }

    /// Waits until everything that this thread wrote before is on disk.
    ///
    /// # Errors
    /// The store failed.
    pub fn flush(&self) -> Result<(), KvError> {
        Ok(self.store.flush()?)
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// [`KvError::Invalid`] for a value of more than [`MAX_VALUE_BYTES`].
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        Ok(self.store.put(&self.at(key)?, &encode_bytes(value)?)?)
    }

    /// Deletes `key`; an absent one is no error.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, key: &str) -> Result<(), KvError> {
        Ok(self.store.delete(&self.at(key)?)?)
    }

    /// Adds `by` to a counter and returns its new value; an absent key counts as 0.
    ///
    /// # Errors
    /// [`KvError::Invalid`] when the value was written by something else than `increment`, or when the
    /// sum leaves the range of 64 bits; the value is then unchanged.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, KvError> {
        let at = self.at(key)?;
        let mut current = self.store.get(&at)?;
        loop {
            let count = match current
                .as_deref()
                .map(|raw| Value::decode(key, raw))
                .transpose()?
            {
                None => 0,
                Some(Value::Counter(count)) => count,
                Some(Value::Bytes(_)) => {
                    return Err(KvError::Invalid(format!(
                        "the value of {key:?} is no counter: it was not written by increment"
                    )));
                }
            };
            let sum = count.checked_add(by).ok_or_else(|| {
                KvError::Invalid(format!(
                    "the counter {key:?} is {count}; adding {by} leaves the range of 64 bits"
                ))
            })?;
            let mut new = vec![COUNTER];
            new.extend_from_slice(sum.to_string().as_bytes());
            match self
                .store
                .compare_and_swap(&at, current.as_deref(), Some(&new))?
            {
                Swap::Done => return Ok(sum),
                Swap::Conflict { current: other } => current = other,
            }
        }
    }

    /// Sets `key` to `new` (`None`: deletes it) only if [`get`](Self::get) would return `expected`;
    /// true if it would have.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, KvError> {
        let at = self.at(key)?;
        let new = new.map(encode_bytes).transpose()?;
        let mut current = self.store.get(&at)?;
        loop {
            let value = current
                .as_deref()
                .map(|raw| Value::decode(key, raw))
                .transpose()?;
            if value.map(Value::into_bytes).as_deref() != expected {
                return Ok(false);
            }
            match self
                .store
                .compare_and_swap(&at, current.as_deref(), new.as_deref())?
            {
                Swap::Done => return Ok(true),
                Swap::Conflict { current: other } => current = other,
            }
        }
    }

    /// Keys that begin with `prefix`, in byte order, at most `limit`.
    ///
    /// # Errors
    /// [`KvError::Invalid`] for a limit outside 1 to [`MAX_LISTED_KEYS`], or a prefix longer than a key.
    pub fn list_keys(&self, prefix: &str, limit: u32) -> Result<Vec<String>, KvError> {
        let range = self.range(prefix, limit)?;
        let mut keys = Vec::new();
        walk(&*self.store, range, |key, _| {
            keys.push(self.name(key)?.to_owned());
            let full = u32::try_from(keys.len()).is_ok_and(|count| count >= limit);
            Ok(if full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(keys)
    }

    /// The stretch of the keys that begin with `prefix`, once the arguments are in range.
    fn range(&self, prefix: &str, limit: u32) -> Result<Range, KvError> {
        if !(1..=MAX_LISTED_KEYS).contains(&limit) {
            return Err(KvError::Invalid(format!(
                "a limit of {limit} keys; 1 to {MAX_LISTED_KEYS} are allowed"
            )));
        }
        if prefix.len() > MAX_KEY_BYTES {
            return Err(key_size(prefix));
        }
        let mut start = self.prefix.clone();
        start.extend_from_slice(prefix.as_bytes());
        Ok(Range::prefix(start))
    }

    /// A key of the store as the flow calls it.
    fn name<'k>(&self, key: &'k [u8]) -> Result<&'k str, StoreError> {
        let name = key.get(self.prefix.len()..).unwrap_or_default();
        std::str::from_utf8(name)
            .map_err(|error| StoreError::record("key", String::from_utf8_lossy(name), error))
    }

    fn at(&self, key: &str) -> Result<Vec<u8>, KvError> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(key_size(key));
        }
        let mut at = self.prefix.clone();
        at.extend_from_slice(key.as_bytes());
        Ok(at)
    }
}

impl Item {
    fn decode(key: &str, raw: &[u8]) -> Result<Self, StoreError> {
        let value = Value::decode(key, raw)?;
        let kind = match &value {
            Value::Bytes(_) => Kind::Bytes,
            Value::Counter(_) => Kind::Counter,
        };
        Ok(Self {
            key: key.to_owned(),
            value: value.into_bytes(),
            kind,
        })
    }
}

enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

impl Value {
    fn decode(key: &str, raw: &[u8]) -> Result<Self, StoreError> {
        match raw.split_first() {
            Some((&BYTES, bytes)) => Ok(Self::Bytes(bytes.to_vec())),
            Some((&COUNTER, digits)) => std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .map(Self::Counter)
                .ok_or_else(|| StoreError::record("counter", key, "it is no number")),
            _ => Err(StoreError::record("value", key, "it is of an unknown kind")),
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Counter(count) => count.to_string().into_bytes(),
        }
    }
}

fn encode_bytes(value: &[u8]) -> Result<Vec<u8>, KvError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(KvError::Invalid(format!(
            "a value of {} bytes; at most {MAX_VALUE_BYTES} are allowed",
            value.len()
        )));
    }
    let mut raw = Vec::with_capacity(value.len() + 1);
    raw.push(BYTES);
    raw.extend_from_slice(value);
    Ok(raw)
}

fn key_size(key: &str) -> KvError {
    KvError::Invalid(format!(
        "a key of {} bytes; 1 to {MAX_KEY_BYTES} are allowed",
        key.len()
    ))
}
