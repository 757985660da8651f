//! CPU time of one run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::host::EPOCH;
use crate::sys;

/// A tick that is noticed so soon in a poll is one of the time before it.
const JUST_BEGUN: Duration = Duration::from_millis(1);

/// When the epoch ticked, as far as a flow is concerned; and its CPU time up to now, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tick {
    /// It waited for something, and has just gone on.
    WhileWaiting(u64),
    /// It computed.
    WhileComputing(u64),
}

/// CPU time of one run, over all the threads that polled it. Only the task that runs the flow
/// touches it, so relaxed order suffices.
///
/// The clock of a thread's CPU time is a system call, and most polls are over in microseconds. So
/// a poll is timed by the wall, until the epoch ticks in it: a flow that computes at length is timed by
/// the CPU, from its first tick on.
#[derive(Debug)]
pub(crate) struct Meter {
    made: Instant,
    finished_ns: AtomicU64,
    /// When what is under way began, by the clock in use.
    began_ns: AtomicU64,
    /// The clock in use is the thread's.
    by_cpu: AtomicBool,
    /// The epoch has ticked in this poll.
    ticked: AtomicBool,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter {
            made: Instant::now(),
            finished_ns: AtomicU64::new(0),
            began_ns: AtomicU64::new(0),
            by_cpu: AtomicBool::new(false),
            ticked: AtomicBool::new(false),
        }
    }

    /// The flow notices that the epoch has ticked.
    pub(crate) fn tick(&self) -> Tick {
        let mut since = self.since_ns();
        if !self.by_cpu.load(Relaxed) {
            if since < JUST_BEGUN.as_nanos() as u64 {
                return Tick::WhileWaiting(self.total_ns() + since);
            }
            // What is more, others computed.
            since = since.min(EPOCH.as_nanos() as u64);
        }
        let used = self.total_ns() + since;
        self.ticked.store(true, Relaxed);
        self.finished_ns.store(used, Relaxed);
        self.by_cpu.store(true, Relaxed);
        self.began_ns.store(self.clock_ns(), Relaxed);
        Tick::WhileComputing(used)
    }

    /// CPU time of all polls that are over, nanoseconds.
    pub(crate) fn total_ns(&self) -> u64 {
        self.finished_ns.load(Relaxed)
    }

    fn since_ns(&self) -> u64 {
        self.clock_ns().saturating_sub(self.began_ns.load(Relaxed))
    }

    fn used_ns(&self) -> u64 {
        self.total_ns() + self.since_ns()
    }

    /// A poll begins. Whoever was computing when the last one ended goes on with it.
    fn begin_poll(&self) {
        self.by_cpu.store(self.ticked.swap(false, Relaxed), Relaxed);
        self.began_ns.store(self.clock_ns(), Relaxed);
    }

    fn clock_ns(&self) -> u64 {
        match self.by_cpu.load(Relaxed) {
            true => sys::thread_cpu_ns(),
            false => u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// A future whose polls are metered.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) future: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin_poll();
        let poll = self.future.as_mut().poll(cx);
        let total = self.meter.used_ns();
        self.meter.finished_ns.store(total, Relaxed);
        poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_changes_the_clock_until_a_poll_goes_by_without() {
        let mut ticks = [false, true, false].into_iter();
        let meter = Arc::new(Meter::new());
        let mut metered = Metered {
            meter: Arc::clone(&meter),
            future: Box::pin(std::future::poll_fn(|_| {
                if ticks.next() == Some(true) {
                    assert!(matches!(meter.tick(), Tick::WhileWaiting(_)));
                    let begun = Instant::now();
                    while begun.elapsed() < JUST_BEGUN {
                        std::hint::spin_loop();
                    }
                    assert!(matches!(meter.tick(), Tick::WhileComputing(_)));
                }
                Poll::<()>::Pending
            })),
        };
        let mut clocks = Vec::new();
        let mut last = 0;
        for _ in 0..4 {
            let mut context = Context::from_waker(std::task::Waker::noop());
            assert!(Pin::new(&mut metered).poll(&mut context).is_pending());
            clocks.push(metered.meter.by_cpu.load(Relaxed));
            assert!(metered.meter.total_ns() >= last);
            last = metered.meter.total_ns();
        }
        assert_eq!(clocks, [false, true, true, false]);
        assert!(last > 0);
    }
}
