//! What can go wrong between a room and the disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// `std::result::Result` with [`StoreError`].
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store could not do its work. Every text says where, and what to do.
///
/// It is `Clone` because one failed flush is reported to everybody who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the directory.
    #[error(
        "the store {} is in use by another process: stop that one, or give this one a directory of its own", dir.display()
    )]
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },

    /// The directory holds something that is not a Vireo store; nothing was changed in it.
    #[error("{} is not empty and not a Vireo store ({found}): choose an empty or a new directory", dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// What was found in it.
        found: String,
    },

    /// The store was written by a version of Vireo that lays its records out differently.
    #[error(
        "the store {} has format {found:?}, this version reads {supported:?}: start the version that wrote it, \
         or move the directory away to begin with an empty store", dir.display()
    )]
    ForeignVersion {
        /// The store's directory.
        dir: PathBuf,
        /// The format that the directory names.
        found: String,
        /// The format that this version reads and writes.
        supported: &'static str,
    },

    /// The files are damaged.
    #[error(
        "the store {} is damaged ({detail}): restore it from a backup, or move the directory away to begin with \
         an empty store", dir.display()
    )]
    Corrupt {
        /// The store's directory.
        dir: PathBuf,
        /// What was found.
        detail: String,
    },

    /// The operating system refused.
    #[error("could not {doing} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb: "create", "open", "sync".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's own words.
        source: Arc<io::Error>,
    },

    /// The engine behind the store failed. Nothing more is accepted: what it still holds in memory
    /// cannot be trusted to reach the disk.
    #[error("the store failed while {doing}: {detail}; check the disk, then restart")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The engine's own words.
        detail: String,
    },

    /// A key is empty or longer than [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES).
    #[error("a store key of {size} bytes; 1 to {limit} are allowed", limit = crate::MAX_KEY_BYTES)]
    KeySize {
        /// Bytes in the key.
        size: usize,
    },

    /// A value is longer than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    #[error("a store value of {size} bytes; at most {limit} are allowed", limit = crate::MAX_VALUE_BYTES)]
    ValueSize {
        /// Bytes in the value.
        size: usize,
    },

    /// A record was read that its room cannot understand.
    #[error(
        "the stored {what} {key:?} cannot be read ({detail}): restore it from a backup, or delete it"
    )]
    Record {
        /// What kind of record: "CDR", "journal".
        what: &'static str,
        /// Its name: a call id, a flow name, a digest.
        key: String,
        /// Why not.
        detail: String,
    },

    /// A record could not be written as JSON; a number that JSON does not have, for example.
    #[error("this {what} cannot be stored ({detail})")]
    Encode {
        /// What kind of record.
        what: &'static str,
        /// Why not.
        detail: String,
    },

    /// A call id is empty, longer than 128 bytes, or holds a control character.
    #[error("{0:?} cannot name a call: 1 to 128 bytes without control characters are allowed")]
    CallId(String),
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.into(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn record(
        what: &'static str,
        key: impl Into<String>,
        detail: impl ToString,
    ) -> Self {
        Self::Record {
            what,
            key: key.into(),
            detail: detail.to_string(),
        }
    }
}
