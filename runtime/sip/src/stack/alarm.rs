//! One timer for the task, set anew only when the time changes: most turns of the task do not move it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Completes at the time it is set to; never without one.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
}

impl Alarm {
    /// Sets the time.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        if self.at == at {
            return;
        }
        self.at = at;
        match (&mut self.sleep, at) {
            (Some(sleep), Some(at)) => sleep.as_mut().reset(at),
            (None, Some(at)) => self.sleep = Some(Box::pin(sleep_until(at))),
            (_, None) => {}
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at.is_none() {
            return Poll::Pending;
        }
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        let due = sleep.as_mut().poll(cx);
        if due.is_ready() {
            self.at = None;
        }
        due
    }
}
