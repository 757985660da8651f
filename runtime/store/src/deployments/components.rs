//! Components by the SHA-256 digest of their bytes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::each;
use crate::range::delete_prefix;
use crate::{Digest, Result, Store, StoreError};

/// Bytes of a component in one record: sixteen of them, and so one page of sled, stay below 1 MiB.
const PIECE_BYTES: usize = 48 * 1024;

/// The largest component, in bytes.
pub(crate) const MAX_COMPONENT_BYTES: usize = 256 * 1024 * 1024;

/// What is known of a stored component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored, milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
}

/// Why a component was not stored or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// It is too large.
    #[error(
        "a component of {size} bytes; at most {MAX_COMPONENT_BYTES} are allowed: is it a release build?"
    )]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// What came back is not what was stored.
    #[error("the stored component {digest} is damaged: {detail}; upload it again")]
    Damaged {
        /// Its name.
        digest: Digest,
        /// What was found.
        detail: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The stored components. A component is immutable: equal bytes have one name and are stored once.
#[derive(Debug, Clone)]
pub struct Components {
    store: Arc<dyn Store>,
}

impl Components {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Stores a component and returns its name when it is on disk. Storing it again repairs it.
    ///
    /// # Errors
    /// [`ComponentError::TooLarge`], and what the store reports.
    pub fn put(&self, bytes: &[u8], at_ms: u64) -> Result<Digest, ComponentError> {
        if bytes.len() > MAX_COMPONENT_BYTES {
            return Err(ComponentError::TooLarge { size: bytes.len() });
        }
        let digest = Digest::of(bytes);
        for (number, piece) in (0_u32..).zip(bytes.chunks(PIECE_BYTES)) {
            self.store.put(&piece_key(digest, number), piece)?;
        }
        // Last: a component is there once its description is.
        let component = Component {
            digest,
            size: bytes.len() as u64,
            at_ms,
        };
        let description = serde_json::to_vec(&component).map_err(|error| StoreError::Encode {
            what: "component",
            detail: error.to_string(),
        })?;
        self.store
            .put_durable(prefix(digest).as_bytes(), &description)?;
        Ok(digest)
    }

    /// The bytes of a component, compared with its name; none if it is not there.
    ///
    /// # Errors
    /// [`ComponentError::Damaged`], and what the store reports.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, ComponentError> {
        let Some(component) = self.describe(digest)? else {
            return Ok(None);
        };
        let damaged = |detail: String| ComponentError::Damaged { digest, detail };
        let size = usize::try_from(component.size).unwrap_or(usize::MAX);
        if size > MAX_COMPONENT_BYTES {
            return Err(damaged(format!("its size is given as {size} bytes")));
        }
        let mut bytes = Vec::with_capacity(size);
        for number in (0_u32..).take(size.div_ceil(PIECE_BYTES)) {
            let piece = self.store.get(&piece_key(digest, number))?;
            bytes.extend(piece.ok_or_else(|| damaged(format!("piece {number} is missing")))?);
        }
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(damaged(format!("its bytes have the digest {found}")));
        }
        Ok(Some(bytes))
    }

    /// Whether a component is there.
    ///
    /// # Errors
    /// What the store reports.
    pub fn contains(&self, digest: Digest) -> Result<bool> {
        Ok(self.store.get(prefix(digest).as_bytes())?.is_some())
    }

    /// All components, by digest.
    ///
    /// # Errors
    /// What the store reports.
    pub fn list(&self) -> Result<Vec<Component>> {
        let mut components = Vec::new();
        each(&*self.store, "d/c/", |key, value| {
            if key.ends_with(b"\0") && key.len() == "d/c/".len() + 64 + 1 {
                components.push(decode(key, value)?);
            }
            Ok(())
        })?;
        Ok(components)
    }

    pub(crate) fn delete(&self, digest: Digest) -> Result<()> {
        delete_prefix(&*self.store, prefix(digest).as_bytes()).map(drop)
    }

    fn describe(&self, digest: Digest) -> Result<Option<Component>> {
        let key = prefix(digest);
        self.store
            .get(key.as_bytes())?
            .map(|value| decode(key.as_bytes(), &value))
            .transpose()
    }
}

fn prefix(digest: Digest) -> String {
    format!("d/c/{digest}\0")
}

fn piece_key(digest: Digest, number: u32) -> Vec<u8> {
    let mut key = prefix(digest).into_bytes();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn decode(key: &[u8], value: &[u8]) -> Result<Component> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError::record("component", String::from_utf8_lossy(key), error))
}
