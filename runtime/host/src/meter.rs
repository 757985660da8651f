//! CPU time of one run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use crate::sys;

/// CPU time of one run, over all the threads that polled it. Only the task that runs the flow
/// touches it, so relaxed order suffices.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    finished_polls_ns: AtomicU64,
    poll_started_ns: AtomicU64,
}

impl Meter {
    /// CPU time up to now, nanoseconds; to be called from within the poll.
    pub(crate) fn used_ns(&self) -> u64 {
        let poll = sys::thread_cpu_ns().saturating_sub(self.poll_started_ns.load(Relaxed));
        self.finished_polls_ns.load(Relaxed) + poll
    }

    /// CPU time of all polls that are over, nanoseconds.
    pub(crate) fn total_ns(&self) -> u64 {
        self.finished_polls_ns.load(Relaxed)
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
        self.meter
            .poll_started_ns
            .store(sys::thread_cpu_ns(), Relaxed);
        let poll = self.future.as_mut().poll(cx);
        let total = self.meter.used_ns();
        self.meter.finished_polls_ns.store(total, Relaxed);
        poll
    }
}
