//! Speech in memory: made once, however many ask for it at the same time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use vireo_audio::prompt::Prompt;

use super::cache::Key;
use super::recency::Recency;

type Cell = Arc<OnceCell<Arc<Prompt>>>;

/// The sounds, of at most `limit` bytes.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Those that are being made, and those that are.
    cells: HashMap<Key, Cell>,
    /// Those that are.
    made: Recency,
}

impl Memory {
    pub fn new(limit: u64) -> Self {
        Memory {
            limit,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sounds that are being made.
    #[cfg(test)]
    pub fn awaited(&self) -> usize {
        let held = self.held();
        let awaited = |cell: &&Cell| cell.get().is_none();
        held.cells.values().filter(awaited).count()
    }

    /// What is there already.
    pub fn get(&self, key: Key) -> Option<Arc<Prompt>> {
        let mut held = self.held();
        let prompt = Arc::clone(held.cells.get(&key)?.get()?);
        held.made.put(key, cost(&prompt));
        Some(prompt)
    }

    /// What is there, or what `make` makes; who asks meanwhile waits for the same.
    pub async fn get_or_make<E>(
        &self,
        key: Key,
        make: impl Future<Output = Result<Arc<Prompt>, E>>,
    ) -> Result<Arc<Prompt>, E> {
        let asking = Asking {
            memory: self,
            key,
            cell: Cell::clone(self.held().cells.entry(key).or_default()),
        };
        let made = asking.cell.get_or_try_init(|| make).await.map(Arc::clone);
        if let Ok(prompt) = &made {
            let mut held = self.held();
            held.made.put(key, cost(prompt));
            for gone in held.made.shrink(self.limit) {
                held.cells.remove(&gone);
            }
        }
        made
    }
}

/// Somebody who waits for a sound. What came to nothing, by a failure or because nobody wanted it any
/// more, is forgotten: the next who asks tries again; so do those who still wait.
struct Asking<'a> {
    memory: &'a Memory,
    key: Key,
    cell: Cell,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.memory.held().forget(self.key, &self.cell);
    }
}

impl Held {
    /// Forgets a sound that is not there, unless somebody else waits for it.
    fn forget(&mut self, key: Key, cell: &Cell) {
        let same = self
            .cells
            .get(&key)
            .is_some_and(|held| Arc::ptr_eq(held, cell));
        // One is held here, one by who asks.
        let alone = Arc::strong_count(cell) <= 2;
        if same && alone && cell.get().is_none() {
            self.cells.remove(&key);
        }
    }
}

/// Bytes of a prompt: linear, and in both codecs.
fn cost(prompt: &Prompt) -> u64 {
    prompt.length() as u64 * 4 + 512
}
