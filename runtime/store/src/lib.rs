//! What must outlive a call: the [`Store`] trait, an embedded implementation of it, and the typed
//! rooms that the runtime keeps in it.
//!
//! ```text
//!   Kv   Journal   Cdrs   Deployments   Audit      typed rooms, one module each
//!     \     |       |      /           /
//!          Store                           bytes to bytes, in byte order
//!         /     \
//!   SledStore  MemoryStore                 one conformance suite for both
//! ```
//!
//! **Durability.** A write is visible at once and on disk a little later: one thread flushes within
//! 100 ms, sooner if somebody waits ([`Store::flush`], [`Store::put_durable`], or
//! [`Store::on_durable`] for callers that may not block a thread), and all who wait share a flush.
//! A process that is killed loses at most what was written since the
//! last flush, and never what somebody waited for.
//!
//! **Threads.** Every call may touch the disk. None of this is for media threads.
//!
//! **Time** is handed in as milliseconds since 1970-01-01T00:00:00Z; nothing here reads the wall
//! clock.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
mod batch;
pub mod cdr;
pub mod deployments;
mod digest;
mod error;
mod flusher;
pub mod journal;
pub mod kv;
mod memory;
mod range;
pub mod retention;
mod sled_store;
mod store;

pub use audit::Audit;
pub use batch::{Batch, Operation};
pub use cdr::Cdrs;
pub use deployments::Deployments;
pub use digest::{Digest, ParseDigestError};
pub use error::{Result, StoreError};
pub use journal::Journal;
pub use kv::Kv;
pub use memory::MemoryStore;
pub use range::{Direction, Pair, Range};
pub use sled_store::{SledOptions, SledStore};
pub use store::{DurableCallback, MAX_KEY_BYTES, MAX_VALUE_BYTES, Store, Swap};
