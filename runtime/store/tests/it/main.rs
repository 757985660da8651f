//! The store from outside: one conformance suite for every implementation, the rooms, the directory
//! on disk, and what a kill leaves behind.

// clippy.toml allows it in tests; this is for the functions beside them.
#![allow(clippy::unwrap_used)]

mod audit;
mod cdr;
mod conformance;
mod deployments;
mod directory;
mod journal;
mod kill;
mod kv;
mod logs;

use std::sync::Arc;

use vireo_store::{MemoryStore, Store};

/// A store for tests of rooms, which do not depend on what is below it.
fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}
