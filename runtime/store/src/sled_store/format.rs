//! The directory of a store: what lies in it, and the marks that say that it is whole.
//!
//! ```text
//! <directory>/FORMAT   "vireo-store 3": written last, once the store is whole
//! <directory>/sled/    sled's own files
//! <directory>/log/     the commit log: what is not in sled yet
//! ```
//!
//! sled recovers a damaged file by cutting it short, and an unreadable one comes back as an empty
//! store. The mark is kept twice, beside sled's files and as a record in them, so that such a loss
//! is an error and not a silent beginning from nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::engine;
use crate::{Result, StoreError};

/// The layout of keys and records, as it stands in the mark. Changes with every incompatible change.
pub(super) const FORMAT: &str = "vireo-store 3";
const FORMAT_KEY: &[u8] = b"!format";
const FORMAT_FILE: &str = "FORMAT";
pub(super) const SLED_DIR: &str = "sled";
pub(super) const LOG_DIR: &str = "log";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Absent, empty, or left behind by a creation that was cut short.
    New,
    /// Marked as whole.
    Marked,
}

/// Looks at the directory without changing it.
pub(super) fn inspect(dir: &Path) -> Result<State> {
    let mark = dir.join(FORMAT_FILE);
    match fs::read(&mark) {
        Ok(found) => {
            let found = String::from_utf8_lossy(&found);
            if found.trim_end() == FORMAT {
                return Ok(State::Marked);
            }
            let found = found.trim_end().chars().take(60).collect();
            return Err(StoreError::ForeignVersion {
                dir: dir.to_owned(),
                found,
                supported: FORMAT,
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("read", mark, error)),
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::New),
        Err(error) => return Err(StoreError::io("list", dir, error)),
    };
    for entry in entries {
        let name = entry
            .map_err(|error| StoreError::io("list", dir, error))?
            .file_name();
        // These are ours, and all that a creation leaves behind that was cut short.
        if name != SLED_DIR && name != LOG_DIR && name != "FORMAT.new" {
            let found = name.to_string_lossy().into_owned();
            return Err(StoreError::NotAStore {
                dir: dir.to_owned(),
                found,
            });
        }
    }
    Ok(State::New)
}

/// Checks the format record inside the store, or writes it into a new one.
pub(super) fn verify_record(dir: &Path, db: &sled::Db, state: State) -> Result<()> {
    let corrupt = |detail: &str| StoreError::Corrupt {
        dir: dir.to_owned(),
        detail: detail.to_owned(),
    };
    let found = db
        .get(FORMAT_KEY)
        .map_err(|error| engine("reading", error))?;
    match (found, state) {
        (Some(found), _) if found == FORMAT.as_bytes() => Ok(()),
        (Some(_), _) => Err(corrupt("the format record differs from the file FORMAT")),
        (None, State::Marked) => Err(corrupt("the format record is gone")),
        (None, State::New) if !db.is_empty() => {
            Err(corrupt("there are records but no format record"))
        }
        (None, State::New) => {
            db.insert(FORMAT_KEY, FORMAT)
                .map_err(|error| engine("writing", error))?;
            Ok(())
        }
    }
}

/// Writes the file FORMAT, whole or not at all.
pub(super) fn write_mark(dir: &Path) -> Result<()> {
    let new = dir.join("FORMAT.new");
    let write = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        writeln!(file, "{FORMAT}")?;
        file.sync_all()?;
        fs::rename(&new, dir.join(FORMAT_FILE))?;
        File::open(dir.join(SLED_DIR))?.sync_all()?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| StoreError::io("write the format mark in", dir, error))
}
