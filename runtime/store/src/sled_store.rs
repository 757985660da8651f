//! The embedded store: sled 0.34 for what stays, and a commit log and a group commit of our own
//! before it.
//!
//! A write goes into memory and, with the next flush, into the log. When 4 MiB have come together a
//! thread moves them into sled, in an order that fills its pages, and the log begins anew. So a promise
//! costs one write and one sync whatever was written, sled is written to in few large steps, and
//! the marks of calls, which are deleted after seconds, are never written to it.

mod commit_log;
mod format;
mod merge;
mod overlay;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::commit_log::{Frame, LogFile};
use self::format::{LOG_DIR, SLED_DIR, State};
use self::merge::{Merger, Target};
use self::overlay::Overlay;
use crate::flusher::Flusher;
use crate::store::{check_key, check_value, log_index, log_key};
use crate::{Batch, DurableCallback, Pair, Range, Result, Store, StoreError, Swap};

/// sled moves a page that is larger than a segment into a file of its own, which it never syncs.
/// Sixteen values of [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES) fit into a segment of this size.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

/// So many bytes of writes are moved into sled together; more when many calls are up.
const MERGE_BYTES: usize = 4 * 1024 * 1024;

/// Somebody else may have the directory for so long before opening it fails.
const CLOSING: Duration = Duration::from_millis(200);

/// What a disk that takes nothing may make us keep in memory.
const UNWRITTEN_BYTES: usize = 64 * 1024 * 1024;

/// How to open a [`SledStore`].
#[derive(Debug, Clone)]
pub struct SledOptions {
    dir: PathBuf,
    flush_interval: Duration,
    cache_bytes: u64,
    merge_bytes: usize,
}

impl SledOptions {
    /// The store in `dir`, flushed 100 ms after a write, with 4 MiB of page cache.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            flush_interval: Duration::from_millis(100),
            // Merges write ever onwards, and what is read was mostly written long ago.
            cache_bytes: 4 * 1024 * 1024,
            merge_bytes: MERGE_BYTES,
        }
    }

    /// How long a write may wait for its flush when nobody is in a hurry, and so about the most that a
    /// kill can lose of what nobody waited for. A flush that somebody waits for begins at once, and
    /// at least a tenth of this after the one before.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Memory for sled's pages, in bytes.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How many bytes of writes are moved into sled together.
    #[must_use]
    pub fn merge_bytes(mut self, bytes: usize) -> Self {
        self.merge_bytes = bytes;
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
        let state = format::inspect(&dir)?;
        let db = open_sled(&self)?;
        format::verify_record(&dir, &db, state)?;
        let target = Target::new(&db, &dir.join(SLED_DIR).join("db"))?;
        target.flush()?;
        let log_dir = dir.join(LOG_DIR);
        fs::create_dir_all(&log_dir).map_err(|error| StoreError::io("create", &log_dir, error))?;
        if state == State::New {
            format::write_mark(&dir)?;
        }
        let shared = Arc::new(Shared {
            tree: (*db).clone(),
            overlay: Mutex::new(Overlay::new()),
        });
        let log = recover(&log_dir, &shared, &target)?;
        let start = |error| StoreError::io("start a thread of", &dir, error);
        let merger = Merger::start(target, Arc::clone(&shared)).map_err(start)?;
        let mut commits = Commits {
            log,
            log_dir,
            shared: Arc::clone(&shared),
            merger: merger.sender(),
            merge_bytes: self.merge_bytes,
            unwritten: Frame::new(),
            before_merge: Vec::new(),
        };
        let flusher =
            Flusher::start(self.flush_interval, move || commits.flush()).map_err(start)?;
        Ok(SledStore {
            flusher: Some(flusher),
            merger: Some(merger),
            shared,
            db,
            dir,
        })
    }
}

/// Moves what the last process left in the log into sled, and begins a new log.
fn recover(log_dir: &Path, shared: &Shared, target: &Target) -> Result<LogFile> {
    commit_log::discard_spare(log_dir)?;
    let (old, next) = commit_log::files(log_dir)?;
    let mut overlay = shared.lock();
    for path in &old {
        commit_log::replay(path, |key, value| overlay.take(key, value))?;
    }
    let writes = overlay.begin_merge();
    let mut frame = std::mem::replace(&mut overlay.frame, Frame::new());
    drop(overlay);
    let mut log = LogFile::create(log_dir, next)?;
    if !frame.is_empty() {
        log.commit(&mut frame)?;
    }
    target.merge(&writes, &old)?;
    shared.lock().end_merge();
    Ok(log)
}

#[derive(Debug)]
struct Shared {
    tree: sled::Tree,
    overlay: Mutex<Overlay>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Overlay> {
        // Whoever panics under the lock leaves maps of plain bytes behind, each of them whole.
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The flushing thread's own: brings writes into the log, and begins merges.
struct Commits {
    log: LogFile,
    log_dir: PathBuf,
    shared: Arc<Shared>,
    merger: std::sync::mpsc::Sender<merge::Order>,
    merge_bytes: usize,
    /// What the disk did not take; the frame for what came later fills up meanwhile.
    unwritten: Frame,
    /// The logs that go with the merge that waits for the new log's first flush.
    before_merge: Vec<merge::Order>,
}

impl Commits {
    fn flush(&mut self) -> Result<()> {
        self.commit()?;
        // Only now: nobody waits for a merge.
        let due = self.shared.lock().is_merge_due(self.merge_bytes);
        if due && let Err(error) = self.begin_merge() {
            tracing::error!(%error, "the store could not begin a new commit log");
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        if !self.unwritten.is_empty() {
            self.log.commit(&mut self.unwritten)?;
        }
        self.unwritten.clear();
        std::mem::swap(&mut self.unwritten, &mut self.shared.lock().frame);
        if !self.unwritten.is_empty() {
            self.log.commit(&mut self.unwritten)?;
            self.unwritten.clear();
        }
        for order in self.before_merge.drain(..) {
            // The thread is gone only while the store closes, which merges by itself.
            let _ = self.merger.send(order);
        }
        Ok(())
    }

    fn begin_merge(&mut self) -> Result<()> {
        let (old, next) = commit_log::files(&self.log_dir)?;
        self.log = LogFile::create(&self.log_dir, next)?;
        let writes = self.shared.lock().begin_merge();
        self.before_merge.push(merge::Order { writes, old });
        self.commit()
    }
}

/// The embedded [`Store`].
///
/// Dropping it flushes what was written. The directory is locked against other processes as long
/// as it is open.
#[derive(Debug)]
pub struct SledStore {
    // Some until it is dropped.
    flusher: Option<Flusher>,
    merger: Option<Merger>,
    shared: Arc<Shared>,
    db: sled::Db,
    dir: PathBuf,
}

impl SledStore {
    /// Opens the store in `dir` with the default [`SledOptions`].
    ///
    /// # Errors
    /// As [`SledOptions::open`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        SledOptions::new(dir).open()
    }

    /// Bytes on disk, the commit log left out.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn size_on_disk(&self) -> Result<u64> {
        self.db
            .size_on_disk()
            .map_err(|error| engine("measuring", error))
    }

    fn write(&self, change: impl FnOnce(&mut Overlay)) -> Result<()> {
        let mut overlay = self.shared.lock();
        check_room(&overlay)?;
        change(&mut overlay);
        drop(overlay);
        self.written();
        Ok(())
    }

    fn written(&self) {
        if let Some(flusher) = &self.flusher {
            flusher.written();
        }
    }
}

fn check_room(overlay: &Overlay) -> Result<()> {
    if overlay.frame.len() > UNWRITTEN_BYTES {
        return Err(StoreError::Engine {
            doing: "writing",
            detail: "the disk takes nothing, and too much waits for it".into(),
        });
    }
    Ok(())
}

impl Drop for SledStore {
    /// Flushes, and moves everything into sled.
    fn drop(&mut self) {
        drop(self.flusher.take());
        drop(self.merger.take());
        let close = || {
            let target = Target::new(&self.db, &self.dir.join(SLED_DIR).join("db"))?;
            let log_dir = self.dir.join(LOG_DIR);
            // From the log and not from memory: what the disk did not take was reported as lost.
            *self.shared.lock() = Overlay::new();
            let log = recover(&log_dir, &self.shared, &target)?;
            commit_log::discard_spare(&log_dir)?;
            if !self.shared.lock().has_passing() {
                log.delete()?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = close() {
            tracing::error!(%error, "the store keeps its commit log until it is opened again");
        }
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        self.shared.lock().get(&self.shared.tree, key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        check_key(key)?;
        check_value(value)?;
        self.write(|overlay| overlay.write(key, Some(value)))
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap> {
        check_key(key)?;
        check_value(new.unwrap_or_default())?;
        let mut overlay = self.shared.lock();
        check_room(&overlay)?;
        let current = overlay.get(&self.shared.tree, key)?;
        if current.as_deref() != expected {
            return Ok(Swap::Conflict { current });
        }
        overlay.write(key, new);
        drop(overlay);
        self.written();
        Ok(Swap::Done)
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        check_key(key)?;
        self.write(|overlay| overlay.write(key, None))
    }

    fn range(&self, range: &Range) -> Result<Vec<Pair>> {
        let overlay = self.shared.lock();
        let pairs = overlay.range(&self.shared.tree, range);
        pairs.take(range.max()).collect()
    }

    fn append(&self, log: &[u8], value: &[u8]) -> Result<u64> {
        check_key(&log_key(log, 0))?;
        check_value(value)?;
        let mut overlay = self.shared.lock();
        check_room(&overlay)?;
        let entries = Range::prefix(log).backward();
        let mut index = 0;
        for pair in overlay.range(&self.shared.tree, &entries) {
            if let Some(last) = log_index(log, &pair?.0) {
                index = last + 1;
                break;
            }
        }
        overlay.write(&log_key(log, index), Some(value));
        drop(overlay);
        self.written();
        Ok(index)
    }

    fn batch(&self, batch: &Batch) -> Result<()> {
        batch.check()?;
        self.write(|overlay| {
            for operation in batch.operations() {
                overlay.apply(operation);
            }
        })
    }

    fn on_durable(&self, done: DurableCallback) {
        if let Some(flusher) = &self.flusher {
            flusher.on_durable(done);
        }
    }

    fn on_flushed(&self, done: DurableCallback) {
        if let Some(flusher) = &self.flusher {
            flusher.on_flushed(done);
        }
    }
}

fn engine(doing: &'static str, error: sled::Error) -> StoreError {
    StoreError::Engine {
        doing,
        detail: error.to_string(),
    }
}

/// Opens sled's part of the directory; waits a moment for whoever is just closing it. What sled has put off holds its
/// files a little longer than the store that was dropped.
fn open_sled(options: &SledOptions) -> Result<sled::Db> {
    let begun = Instant::now();
    loop {
        match try_open_sled(options) {
            Err(StoreError::InUse { .. }) if begun.elapsed() < CLOSING => {
                std::thread::sleep(CLOSING / 20);
            }
            opened => return opened,
        }
    }
}

fn try_open_sled(options: &SledOptions) -> Result<sled::Db> {
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
