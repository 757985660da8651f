//! Moving what the log holds into sled.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::overlay::Writes;
use super::{Shared, engine};
use crate::{Result, StoreError};

/// Writes that sled takes at once; readers wait for as long as that takes.
const STEP: usize = 128;

/// When a merge is tried again that the disk refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is to be moved, and the log files that hold nothing else any more.
#[derive(Debug)]
pub(super) struct Order {
    pub writes: Arc<Writes>,
    pub old: Vec<PathBuf>,
}

/// sled, and its file.
#[derive(Debug)]
pub(super) struct Target {
    db: sled::Db,
    file: File,
    path: PathBuf,
}

impl Target {
    pub fn new(db: &sled::Db, path: &Path) -> Result<Self> {
        Ok(Self {
            db: db.clone(),
            file: File::open(path).map_err(|error| StoreError::io("open", path, error))?,
            path: path.to_owned(),
        })
    }

    /// Moves the writes, and deletes their logs when sled has them on disk. Doing it again, wholly or in
    /// part, changes nothing.
    pub fn merge(&self, writes: &Writes, old: &[PathBuf]) -> Result<()> {
        let mut step = sled::Batch::default();
        let mut length = 0;
        for (key, value) in writes {
            match value {
                Some(value) => step.insert(&**key, &**value),
                None => step.remove(&**key),
            }
            length += 1;
            if length == STEP {
                self.apply(std::mem::take(&mut step))?;
                length = 0;
            }
        }
        if length > 0 {
            self.apply(step)?;
        }
        if !writes.is_empty() {
            self.flush()?;
        }
        old.iter().try_for_each(|path| {
            fs::remove_file(path).map_err(|error| StoreError::io("delete", path, error))
        })
    }

    fn apply(&self, step: sled::Batch) -> Result<()> {
        self.db
            .apply_batch(step)
            .map_err(|error| engine("writing", error))
    }

    /// sled asks the kernel to write its buffers out (`sync_file_range`), but not for the file's length
    /// nor the drive's cache: that takes a sync of our own.
    pub fn flush(&self) -> Result<()> {
        self.db.flush().map_err(|error| engine("flushing", error))?;
        self.file
            .sync_data()
            .map_err(|error| StoreError::io("sync", &self.path, error))
    }
}

/// The thread that merges. Dropping it leaves what it has not begun to the log.
#[derive(Debug)]
pub(super) struct Merger {
    orders: Option<Sender<Order>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Merger {
    pub fn start(target: Target, shared: Arc<Shared>) -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name("store-merge".into())
            .spawn(move || run(&target, &shared, &receiver, &stop))?;
        Ok(Self {
            orders: Some(orders),
            stopping,
            thread: Some(thread),
        })
    }

    pub fn sender(&self) -> Sender<Order> {
        let (gone, _) = mpsc::channel();
        self.orders.clone().unwrap_or(gone)
    }
}

fn run(target: &Target, shared: &Shared, orders: &Receiver<Order>, stopping: &AtomicBool) {
    while let Ok(order) = orders.recv() {
        while let Err(error) = target.merge(&order.writes, &order.old) {
            tracing::error!(%error, "the store could not move its commit log into sled");
            if stopping.load(Ordering::Acquire) {
                return;
            }
            thread::sleep(PATIENCE);
        }
        shared.lock().end_merge();
    }
}

impl Drop for Merger {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        drop(self.orders.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's merging thread panicked");
        }
    }
}
