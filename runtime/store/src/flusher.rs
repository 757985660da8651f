//! Group commit: one thread flushes, everybody waits for the same flush.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use crate::{DurableCallback, Result, StoreError};

/// Flushes in a row, for those in a hurry, keep this part of the interval between them.
const HURRY: u32 = 10;

/// Runs `flush` on a thread of its own: at once when somebody is in a hurry, but at least a tenth of
/// the interval after the last flush began; otherwise one interval after the first write at the latest.
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Something was written since the last flush began. Beside the mutex, so that a write takes
    /// no lock unless it is the first one after a flush.
    dirty: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: Vec<DurableCallback>,
    /// One of them is in a hurry.
    hurry: bool,
    /// The thread sleeps until it is woken.
    idle: bool,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match time {
            None => self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                self.wake
                    .wait_timeout(state, time)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }

    /// Sleeps until a flush is due; returns whom to tell, or `None` when there is nothing more to do.
    ///
    /// For one interval after a flush the thread looks again by itself, and whoever writes need not
    /// wake it. When nothing was written by then it sleeps until it is woken.
    fn next(&self, interval: Duration, last: Instant) -> Option<Vec<DurableCallback>> {
        let earliest = last + interval / HURRY;
        let mut unasked = last + interval;
        let mut state = self.lock();
        loop {
            let work = !state.waiting.is_empty() || self.dirty.load(Ordering::Acquire);
            let due = if state.hurry { earliest } else { unasked };
            let now = Instant::now();
            if state.stopping || now >= due {
                if work {
                    state.hurry = false;
                    return Some(std::mem::take(&mut state.waiting));
                }
                if state.stopping {
                    return None;
                }
                state.idle = true;
                state = self.wait(state, None);
                state.idle = false;
                unasked = Instant::now() + interval;
            } else {
                state = self.wait(state, Some(due - now));
            }
        }
    }

    fn run(&self, interval: Duration, mut flush: impl FnMut() -> Result<()>) {
        let mut last = Instant::now();
        while let Some(waiting) = self.next(interval, last) {
            last = Instant::now();
            // Before the flush: what is written while it runs asks for the next one.
            self.dirty.store(false, Ordering::Release);
            // A panic of the engine must not leave callers waiting for ever.
            let result = catch_unwind(AssertUnwindSafe(&mut flush)).unwrap_or_else(|_| {
                Err(StoreError::Engine {
                    doing: "flushing",
                    detail: "the engine panicked".into(),
                })
            });
            if let Err(error) = &result {
                tracing::error!(%error, waiting = waiting.len(), "the store could not flush");
            }
            for done in waiting {
                if catch_unwind(AssertUnwindSafe(|| done(result.clone()))).is_err() {
                    tracing::error!("a callback that waited for the store panicked");
                }
            }
        }
    }
}

impl Flusher {
    pub(crate) fn start(
        interval: Duration,
        flush: impl FnMut() -> Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("store-flush".into())
            .spawn(move || worker.run(interval, flush))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Something was written.
    pub(crate) fn written(&self) {
        if !self.shared.dirty.swap(true, Ordering::AcqRel) {
            // Taking the lock orders this behind the thread's look at `dirty`: no wake-up is lost.
            let state = self.shared.lock();
            if state.idle {
                self.shared.wake.notify_one();
            }
        }
    }

    /// Calls `done` after a flush that begins as soon as may be.
    pub(crate) fn on_durable(&self, done: DurableCallback) {
        let mut state = self.shared.lock();
        state.waiting.push(done);
        if !std::mem::replace(&mut state.hurry, true) {
            self.shared.wake.notify_one();
        }
    }

    /// Calls `done` after the next flush, which begins within an interval.
    pub(crate) fn on_flushed(&self, done: DurableCallback) {
        let mut state = self.shared.lock();
        state.waiting.push(done);
        if state.idle {
            self.shared.wake.notify_one();
        }
    }
}

impl Drop for Flusher {
    /// Flushes what is left, tells who waits, and ends the thread.
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the store's flushing thread panicked");
        }
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher")
            .field("dirty", &self.shared.dirty)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    fn failure() -> StoreError {
        StoreError::Engine {
            doing: "flushing",
            detail: "the disk is full".into(),
        }
    }

    #[test]
    fn a_hundred_waiters_share_one_flush() {
        let flushes = Arc::new(AtomicUsize::new(0));
        let (begun, begins) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let counted = Arc::clone(&flushes);
        let flusher = Flusher::start(Duration::ZERO, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            begun.send(()).unwrap();
            gate.recv().map_err(|_| failure())
        })
        .unwrap();
        let (told, tells) = mpsc::channel();
        let wait = |name: usize| {
            let told = told.clone();
            flusher.on_durable(Box::new(move |result| {
                told.send((name, result.is_ok())).unwrap()
            }));
        };
        wait(0);
        begins.recv().unwrap();
        // The first flush is running: it may have missed what these wrote.
        (1..=100).for_each(wait);
        go.send(()).unwrap();
        assert_eq!(tells.recv().unwrap(), (0, true));
        begins.recv().unwrap();
        assert!(
            tells.try_recv().is_err(),
            "nobody is told before the flush is done"
        );
        go.send(()).unwrap();
        let rest: Vec<_> = tells.iter().take(100).collect();
        assert_eq!(rest, (1..=100).map(|name| (name, true)).collect::<Vec<_>>());
        drop(go);
        drop(flusher);
        assert_eq!(flushes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_nobody_waits_for_is_flushed_too() {
        let (begun, begins) = mpsc::channel();
        let flusher = Flusher::start(Duration::from_millis(1), move || {
            begun.send(()).unwrap();
            Ok(())
        })
        .unwrap();
        flusher.written();
        begins.recv().unwrap();
        flusher.written();
        // In time or, at the latest, by its end.
        drop(flusher);
        assert!(begins.iter().count() >= 1);
    }

    #[test]
    fn failures_and_panics_reach_whoever_waits() {
        let calls = AtomicUsize::new(0);
        let flusher = Flusher::start(Duration::ZERO, move || {
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => Err(failure()),
                1 => panic!("a panic of the test"),
                _ => Ok(()),
            }
        })
        .unwrap();
        let ask = || {
            let (told, tells) = mpsc::channel();
            flusher.on_durable(Box::new(move |result| told.send(result).unwrap()));
            tells.recv().unwrap()
        };
        assert!(ask().unwrap_err().to_string().contains("the disk is full"));
        assert!(ask().unwrap_err().to_string().contains("panicked"));
        flusher.on_durable(Box::new(|_| panic!("a panic of the test")));
        ask().unwrap();
    }
}
