//! Moving what the log holds into sled.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::overlay::Writes;
use super::{Shared, commit_log, engine};
use crate::{Result, StoreError};

/// A leaf of sled's tree holds so many pairs; the next one splits it in two.
const LEAF: usize = 16;

/// So many pairs stay in the left leaf when one splits.
const LEFT: usize = 9;

/// So many leaves are filled before the next ones.
const LEAVES: usize = 64;

/// When a merge is tried again that the disk refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much nicer than calls the merging thread is: a merge computes for tens of milliseconds, and
/// nobody waits for it. On a busy core it gets about a quarter of what one other thread gets, enough
/// to keep up with calls that need the rest.
const NICENESS: i32 = 5;

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

    /// Moves the writes, and puts their logs aside when sled has them on disk. Doing it again, wholly or in
    /// part, changes nothing.
    pub fn merge(&self, writes: &Writes, old: &[PathBuf]) -> Result<()> {
        for (key, value) in filling_pages(writes) {
            let written = match value {
                Some(value) => self.db.insert(&**key, &**value),
                None => self.db.remove(&**key),
            };
            written.map_err(|error| engine("writing", error))?;
        }
        if !writes.is_empty() {
            self.flush()?;
        }
        // In the order of their age: while an older one is there, so are all that came after it.
        old.iter().try_for_each(|path| commit_log::retire(path))
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

/// All writes, in an order that leaves full leaves behind. In the order of the keys every leaf would
/// split as soon as it is full and stay half empty; and a split writes two leaves and the index above
/// them. So of every sixteen keys first come nine, which are what one leaf keeps in a split, and then
/// the seven that fill it up.
fn filling_pages(writes: &Writes) -> impl Iterator<Item = (&Box<[u8]>, &Option<Box<[u8]>>)> {
    let mut ahead = writes.iter();
    let mut later = Vec::with_capacity(LEAVES * (LEAF - LEFT));
    let mut place = 0;
    std::iter::from_fn(move || {
        loop {
            if place == LEAVES * LEAF || ahead.len() == 0 {
                if let Some(write) = later.pop() {
                    return Some(write);
                }
                place = 0;
            }
            let write = ahead.next()?;
            place += 1;
            if place % LEAF < LEFT {
                return Some(write);
            }
            later.push(write);
        }
    })
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
    // On Linux a thread has a niceness of its own.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "the store merges at the priority of calls");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_has_its_turn() {
        for length in [0, 1, 15, 16, 17, 1_023, 1_024, 1_025, 3_000] {
            let mut writes = Writes::new();
            for number in 0..length as u32 {
                let value = (number % 3 != 0).then(|| Box::from(number.to_le_bytes()));
                writes.insert(Box::from(number.to_be_bytes()), value);
            }
            let turns: Vec<_> = filling_pages(&writes).collect();
            assert_eq!(turns.len(), length);
            let again: Writes = (turns.into_iter())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            assert_eq!(again, writes);
        }
    }
}
