//! A small key-value store that outlives calls. Needs the grant `kv`.
//!
//! Every flow has its own keys, unless the configuration puts several flows into one namespace.
//! Keys are 1 to 512 bytes of UTF-8, values at most 64 KiB. Every function fails with
//! [`Error::Denied`](crate::Error::Denied) without the grant, with `Invalid` when a key or a value
//! is too long, and with `Failed` when the store is down.

use crate::Result;
use crate::host::kv as wit;

/// The value of a key; `None` when it is absent.
///
/// # Errors
///
/// As for the module.
pub fn get(key: &str) -> Result<Option<Vec<u8>>> {
    Ok(wit::get(key)?)
}

/// The value of a key as text; `None` when it is absent.
///
/// # Errors
///
/// As for the module, and `Failed` when the value is not UTF-8.
pub fn get_text(key: &str) -> Result<Option<String>> {
    Ok(get(key)?.map(String::from_utf8).transpose()?)
}

/// Writes a value: text or bytes.
///
/// # Errors
///
/// As for the module.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<()> {
    Ok(wit::set(key, value.as_ref())?)
}

/// Deletes a key. An absent one is no error.
///
/// # Errors
///
/// As for the module.
pub fn delete(key: &str) -> Result<()> {
    Ok(wit::delete(key)?)
}

/// Adds to a counter and returns its new value; an absent key counts as 0.
///
/// # Errors
///
/// As for the module, and `Invalid` when the value was not written by `increment`, or when the sum
/// leaves the range of `i64`.
pub fn increment(key: &str, by: i64) -> Result<i64> {
    Ok(wit::increment(key, by)?)
}

/// Writes `new` (`None`: deletes) only if the value is still `expected` (`None`: absent); true if
/// it was.
///
/// # Errors
///
/// As for the module.
pub fn compare_and_swap(key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool> {
    Ok(wit::compare_and_swap(key, expected, new)?)
}

/// Keys that start with `prefix`, in byte order, at most `limit` (1 to 1,000).
///
/// # Errors
///
/// As for the module.
pub fn keys(prefix: &str, limit: u32) -> Result<Vec<String>> {
    Ok(wit::list_keys(prefix, limit)?)
}
