//! What was used how recently, and how large it is.

use std::collections::{BTreeMap, HashMap};

use super::cache::Key;

/// Sizes by key, in the order of their last use. A use is a number that grows.
#[derive(Debug, Default)]
pub(super) struct Recency {
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    used: u64,
    bytes: u64,
}

impl Recency {
    /// The size of what is there.
    pub fn size(&self, key: Key) -> Option<u64> {
        self.entries.get(&key).map(|entry| entry.bytes)
    }

    /// All sizes together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// It is there, of this size, and used now.
    pub fn put(&mut self, key: Key, bytes: u64) {
        self.remove(key);
        self.uses += 1;
        let used = self.uses;
        self.entries.insert(key, Entry { used, bytes });
        self.by_use.insert(used, key);
        self.bytes += bytes;
    }

    /// It is gone.
    pub fn remove(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out what was not used for longest, until no more than `limit` bytes are left.
    pub fn shrink(&mut self, limit: u64) -> Vec<Key> {
        let mut gone = Vec::new();
        while self.bytes > limit
            && let Some((_, &key)) = self.by_use.first_key_value()
        {
            self.remove(key);
            gone.push(key);
        }
        gone
    }
}
