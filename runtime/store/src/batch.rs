//! Several writes that happen together or not at all.

use crate::Result;
use crate::store::{check_key, check_value};

/// One write of a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets a key to a value.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its new value.
        value: Vec<u8>,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

/// Writes that [`Store::batch`](crate::Store::batch) applies in order, all or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    operations: Vec<Operation>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds: set `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.operations.push(Operation::Put {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// Adds: delete `key`.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.operations.push(Operation::Delete { key: key.into() });
        self
    }

    /// The writes, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// An error when a key or a value has a size that no store takes.
    pub(crate) fn check(&self) -> Result<()> {
        self.operations
            .iter()
            .try_for_each(|operation| match operation {
                Operation::Put { key, value } => check_key(key).and_then(|()| check_value(value)),
                Operation::Delete { key } => check_key(key),
            })
    }
}
