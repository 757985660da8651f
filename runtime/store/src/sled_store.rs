//! The embedded store: sled 0.34, with a flusher and a format mark of our own.
//!
//! ```text
//! <directory>/FORMAT   "vireo-store 1": written last, once the store is whole
//! <directory>/sled/    sled's own files
//! ```
//!
//! sled recovers a damaged file by cutting it short, and an unreadable one comes back as an empty
//! store. The mark is kept twice, beside sled's files and as a record in them, so that such a loss
//! is an error and not a silent beginning from nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::flusher::Flusher;
use crate::store::{check_key, check_value, log_index, log_key};
use crate::{
    Batch, Direction, DurableCallback, Operation, Pair, Range, Result, Store, StoreError, Swap,
};

/// The layout of keys and records, as it stands in the mark. Changes with every incompatible change.
const FORMAT: &str = "vireo-store 1";
const FORMAT_KEY: &[u8] = b"!format";
const FORMAT_FILE: &str = "FORMAT";
const SLED_DIR: &str = "sled";

/// sled moves a page that is larger than a segment into a file of its own, which it never syncs.
/// Sixteen values of [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES) fit into a segment of this size.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

/// How to open a [`SledStore`].
#[derive(Debug, Clone)]
pub struct SledOptions {
    dir: PathBuf,
    flush_interval: Duration,
    cache_bytes: u64,
}

impl SledOptions {
    /// The store in `dir`, flushed at most every 50 ms, with 64 MiB of page cache.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            flush_interval: Duration::from_millis(50),
            cache_bytes: 64 * 1024 * 1024,
        }
    }

    /// The least time between the beginnings of two flushes, and so about the most that a kill can lose
    /// of what nobody waited for.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Memory for pages, in bytes.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the store; creates it if the directory is empty or absent.
    ///
    /// # Errors
    /// [`InUse`](StoreError::InUse), [`NotAStore`](StoreError::NotAStore),
    /// [`ForeignVersion`](StoreError::ForeignVersion), [`Corrupt`](StoreError::Corrupt) and
    /// [`Io`](StoreError::Io); the directory is unchanged after the first three.
    pub fn open(self) -> Result<SledStore> {
        let dir = self.dir.clone();
        let state = inspect(&dir)?;
        let db = open_sled(&self)?;
        verify_record(&dir, &db, state)?;
        let file = dir.join(SLED_DIR).join("db");
        let sync = File::open(&file).map_err(|error| StoreError::io("open", &file, error))?;
        let tree: sled::Tree = (*db).clone();
        let flush = {
            let db = db.clone();
            move || flush(&db, &sync, &file)
        };
        flush()?;
        if state == State::New {
            write_mark(&dir)?;
        }
        let flusher = Flusher::start(self.flush_interval, flush)
            .map_err(|error| StoreError::io("start the flushing thread of", &dir, error))?;
        Ok(SledStore { flusher, tree, db })
    }
}

/// The embedded [`Store`].
///
/// Dropping it flushes what was written. The directory is locked against other processes as long
/// as it is open.
#[derive(Debug)]
pub struct SledStore {
    // First: its thread ends, with a last flush, before sled closes.
    flusher: Flusher,
    tree: sled::Tree,
    db: sled::Db,
}

impl SledStore {
    /// Opens the store in `dir` with the default [`SledOptions`].
    ///
    /// # Errors
    /// As [`SledOptions::open`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        SledOptions::new(dir).open()
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn size_on_disk(&self) -> Result<u64> {
        self.db
            .size_on_disk()
            .map_err(|error| engine("measuring", error))
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        let value = self
            .tree
            .get(key)
            .map_err(|error| engine("reading", error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        check_key(key)?;
        check_value(value)?;
        self.tree
            .insert(key, value)
            .map_err(|error| engine("writing", error))?;
        self.flusher.written();
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
        let swapped = self.tree.compare_and_swap(key, expected, new);
        match swapped.map_err(|error| engine("writing", error))? {
            Ok(()) => {
                self.flusher.written();
                Ok(Swap::Done)
            }
            Err(conflict) => Ok(Swap::Conflict {
                current: conflict.current.map(|value| value.to_vec()),
            }),
        }
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        check_key(key)?;
        self.tree
            .remove(key)
            .map_err(|error| engine("writing", error))?;
        self.flusher.written();
        Ok(())
    }

    fn range(&self, range: &Range) -> Result<Vec<Pair>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let pairs = self
            .tree
            .range::<&[u8], _>(range.bounds())
            .map(|pair| match pair {
                Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
                Err(error) => Err(engine("reading", error)),
            });
        match range.direction() {
            Direction::Forward => pairs.take(range.max()).collect(),
            Direction::Backward => pairs.rev().take(range.max()).collect(),
        }
    }

    fn append(&self, log: &[u8], value: &[u8]) -> Result<u64> {
        check_key(&log_key(log, 0))?;
        check_value(value)?;
        let entries = log_key(log, 0)..=log_key(log, u64::MAX);
        loop {
            let mut index = 0;
            for key in self.tree.range(entries.clone()).keys().rev() {
                let key = key.map_err(|error| engine("reading", error))?;
                if let Some(last) = log_index(log, &key) {
                    index = last + 1;
                    break;
                }
            }
            // Only one of several writers gets the place; the others look again.
            if self.compare_and_swap(&log_key(log, index), None, Some(value))? == Swap::Done {
                return Ok(index);
            }
        }
    }

    fn batch(&self, batch: &Batch) -> Result<()> {
        batch.check()?;
        // sled's batch is a map and forgets the order, so the last operation on a key must be its only one:
        // inserting them in order does that.
        let mut writes = sled::Batch::default();
        for operation in batch.operations() {
            match operation {
                Operation::Put { key, value } => writes.insert(key.as_slice(), value.as_slice()),
                Operation::Delete { key } => writes.remove(key.as_slice()),
            }
        }
        self.tree
            .apply_batch(writes)
            .map_err(|error| engine("writing", error))?;
        self.flusher.written();
        Ok(())
    }

    fn on_durable(&self, done: DurableCallback) {
        self.flusher.on_durable(done);
    }
}

/// sled asks the kernel to write its buffers out (`sync_file_range`), but not for the file's length
/// nor the drive's cache: that takes a sync of our own.
fn flush(db: &sled::Db, file: &File, path: &Path) -> Result<()> {
    db.flush().map_err(|error| engine("flushing", error))?;
    file.sync_data()
        .map_err(|error| StoreError::io("sync", path, error))
}

fn engine(doing: &'static str, error: sled::Error) -> StoreError {
    StoreError::Engine {
        doing,
        detail: error.to_string(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Absent, empty, or left behind by a creation that was cut short.
    New,
    /// Marked as whole.
    Marked,
}

/// Looks at the directory without changing it.
fn inspect(dir: &Path) -> Result<State> {
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
        // Both are ours, and all that a creation leaves behind that was cut short.
        if name != SLED_DIR && name != "FORMAT.new" {
            let found = name.to_string_lossy().into_owned();
            return Err(StoreError::NotAStore {
                dir: dir.to_owned(),
                found,
            });
        }
    }
    Ok(State::New)
}

fn open_sled(options: &SledOptions) -> Result<sled::Db> {
    let dir = &options.dir;
    let config = sled::Config::new()
        .path(dir.join(SLED_DIR))
        .mode(sled::Mode::HighThroughput)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(None);
    // Some kinds of damage make sled panic instead of returning an error.
    let opened =
        catch_unwind(AssertUnwindSafe(|| config.open())).map_err(|_| StoreError::Corrupt {
            dir: dir.clone(),
            detail: "the engine panicked on its files".into(),
        })?;
    opened.map_err(|error| match error {
        // sled gives its failed lock no kind of its own.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::InUse { dir: dir.clone() }
        }
        sled::Error::Io(error) => StoreError::io("open", dir.join(SLED_DIR), error),
        error => StoreError::Corrupt {
            dir: dir.clone(),
            detail: error.to_string(),
        },
    })
}

/// Checks the format record inside the store, or writes it into a new one.
fn verify_record(dir: &Path, db: &sled::Db, state: State) -> Result<()> {
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
fn write_mark(dir: &Path) -> Result<()> {
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
