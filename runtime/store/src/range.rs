//! A stretch of keys, and walking along it.

use std::ops::{Bound, ControlFlow};

use crate::{Batch, Result, Store};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Pairs per step of a walk: few enough that a page of the largest values stays below 7 MiB.
const PAGE: usize = 64;

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Ascending byte order of the keys.
    #[default]
    Forward,
    /// Descending byte order of the keys.
    Backward,
}

/// A stretch of keys, a direction and a limit.
///
/// ```
/// use vireo_store::{MemoryStore, Range, Store};
/// # fn main() -> Result<(), vireo_store::StoreError> {
/// let store = MemoryStore::new();
/// for key in ["fruit/fig", "fruit/pear", "tree/oak"] {
///     store.put(key.as_bytes(), b"")?;
/// }
/// let last = store.range(&Range::prefix("fruit/").backward().limit(1))?;
/// assert_eq!(last, [(b"fruit/pear".to_vec(), vec![])]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    direction: Direction,
    limit: usize,
}

impl Range {
    /// The limit of a range that names none, in pairs.
    pub const DEFAULT_LIMIT: usize = 1000;

    /// Keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let prefix = prefix.into();
        let end = successor(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self {
            start: Bound::Included(prefix),
            end,
            direction: Direction::Forward,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Keys from `start` (included) to `end` (not included).
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self {
            start: Bound::Included(start.into()),
            end: Bound::Excluded(end.into()),
            direction: Direction::Forward,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// From the last key to the first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most `limit` pairs.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Only what comes after `key` in the range's direction: the next page.
    #[must_use]
    pub fn after(mut self, key: impl Into<Vec<u8>>) -> Self {
        match self.direction {
            Direction::Forward => self.start = Bound::Excluded(key.into()),
            Direction::Backward => self.end = Bound::Excluded(key.into()),
        }
        self
    }

    /// Where the keys begin and end; the lower bound is always the first.
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (
            self.start.as_ref().map(Vec::as_slice),
            self.end.as_ref().map(Vec::as_slice),
        )
    }

    /// Which end comes first.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The most pairs that are wanted.
    pub fn max(&self) -> usize {
        self.limit
    }

    /// Whether no key can lie in it. Ordered maps panic when asked for such a range.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Excluded(end) | Bound::Included(end),
            ) => start >= end,
        }
    }
}

/// The first key behind every key that begins with `prefix`; none when there is no such key.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix.get(..=last)?.to_vec();
    if let Some(byte) = next.last_mut() {
        *byte += 1;
    }
    Some(next)
}

/// Shows every pair of `range` to `visit`, a page at a time, until it breaks. The range's limit is
/// the page's: a walk has none. Writes made meanwhile are seen or not.
pub(crate) fn walk(
    store: &dyn Store,
    range: Range,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut range = range.limit(PAGE);
    loop {
        let page = store.range(&range)?;
        for (key, value) in &page {
            if visit(key, value)?.is_break() {
                return Ok(());
            }
        }
        match page.into_iter().nth(PAGE - 1) {
            Some((key, _)) => range = range.after(key),
            None => return Ok(()),
        }
    }
}

/// Deletes every key that begins with `prefix`, a page at a time; returns how many there were.
pub(crate) fn delete_prefix(store: &dyn Store, prefix: &[u8]) -> Result<u64> {
    let mut deleted = 0;
    loop {
        let page = store.range(&Range::prefix(prefix).limit(PAGE))?;
        let mut batch = Batch::new();
        for (key, _) in page {
            batch.delete(key);
            deleted += 1;
        }
        if batch.is_empty() {
            return Ok(deleted);
        }
        store.batch(&batch)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successor_of_a_prefix() {
        for (prefix, expected) in [
            (&b"a"[..], Some(&b"b"[..])),
            (b"a\xff", Some(b"b")),
            (b"a\xff\xff", Some(b"b")),
            (b"ab", Some(b"ac")),
            (b"\xff\xff", None),
            (b"", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    #[test]
    fn empty_ranges_are_known_as_such() {
        assert!(Range::between("b", "a").is_empty());
        assert!(Range::between("a", "a").is_empty());
        assert!(!Range::between("a", "b").is_empty());
        assert!(!Range::prefix("").is_empty());
        assert!(Range::between("a", "b").after("z").is_empty());
        assert!(Range::between("a", "b").backward().after("a").is_empty());
    }
}
