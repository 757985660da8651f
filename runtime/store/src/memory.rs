//! A store that forgets, for tests and the flow simulator.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::store::{check_key, check_value, log_index, log_key};
use crate::{Batch, Direction, DurableCallback, Operation, Pair, Range, Result, Store, Swap};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// A [`Store`] in memory. "On disk" means nothing here: whoever waits for it is told at once.
#[derive(Debug, Default)]
pub struct MemoryStore {
    map: RwLock<Map>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    // No code that could panic runs under the lock, so a poisoned one guards a whole map all the same.
    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        Ok(self.read().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        check_key(key)?;
        check_value(value)?;
        self.write().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap> {
        check_key(key)?;
        check_value(new.unwrap_or_default())?;
        let mut map = self.write();
        let current = map.get(key);
        if current.map(Vec::as_slice) != expected {
            return Ok(Swap::Conflict {
                current: current.cloned(),
            });
        }
        match new {
            Some(new) => map.insert(key.to_vec(), new.to_vec()),
            None => map.remove(key),
        };
        Ok(Swap::Done)
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        check_key(key)?;
        self.write().remove(key);
        Ok(())
    }

    fn range(&self, range: &Range) -> Result<Vec<Pair>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let map = self.read();
        let pairs = map
            .range::<[u8], _>(range.bounds())
            .map(|(key, value)| (key.clone(), value.clone()));
        Ok(match range.direction() {
            Direction::Forward => pairs.take(range.max()).collect(),
            Direction::Backward => pairs.rev().take(range.max()).collect(),
        })
    }

    fn append(&self, log: &[u8], value: &[u8]) -> Result<u64> {
        check_key(&log_key(log, 0))?;
        check_value(value)?;
        let mut map = self.write();
        let entries = log_key(log, 0)..=log_key(log, u64::MAX);
        let last = map
            .range(entries)
            .rev()
            .find_map(|(key, _)| log_index(log, key));
        let index = last.map_or(0, |last| last + 1);
        map.insert(log_key(log, index), value.to_vec());
        Ok(index)
    }

    fn batch(&self, batch: &Batch) -> Result<()> {
        batch.check()?;
        let mut map = self.write();
        for operation in batch.operations() {
            match operation {
                Operation::Put { key, value } => map.insert(key.clone(), value.clone()),
                Operation::Delete { key } => map.remove(key),
            };
        }
        Ok(())
    }

    fn on_durable(&self, done: DurableCallback) {
        done(Ok(()));
    }
}
