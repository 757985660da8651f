//! The queue of one leg's events, between the stack's task and the leg's owner.
//!
//! Bounded, but empty at first: a leg has a handful of events in its life, and a queue that sets aside room for all that
//! it may hold would be the largest part of the leg.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::endpoint::LegEvent;

/// What both ends share.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    /// Commands of the leg that wait for the task.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct State {
    events: VecDeque<LegEvent>,
    most: usize,
    reader: Reader,
    /// Whether more may come.
    writer: Writer,
}

#[derive(Debug)]
enum Reader {
    Busy,
    Waits(Waker),
    Gone,
}

#[derive(Debug, PartialEq, Eq)]
enum Writer {
    There,
    Gone,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an event was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The owner does not read.
    Full,
    /// The owner is gone.
    Closed,
}

/// Why there is no event now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// None has come since the last one.
    #[error("no event yet")]
    Yet,
    /// None will come any more.
    #[error("no event any more")]
    AnyMore,
}

/// The queue of a leg that takes `most` events at a time.
pub(super) fn queue(most: usize) -> (EventWriter, LegEvents) {
    let queue = Arc::new(Queue {
        state: Mutex::new(State {
            events: VecDeque::new(),
            most,
            reader: Reader::Busy,
            writer: Writer::There,
        }),
        waiting: AtomicUsize::new(0),
    });
    (EventWriter(Arc::clone(&queue)), LegEvents(queue))
}

/// The task's end.
#[derive(Debug)]
pub(super) struct EventWriter(Arc<Queue>);

impl EventWriter {
    pub(super) fn try_send(&self, event: LegEvent) -> Result<(), NotQueued> {
        let mut state = self.0.lock();
        if matches!(state.reader, Reader::Gone) {
            return Err(NotQueued::Closed);
        }
        if state.events.len() >= state.most {
            return Err(NotQueued::Full);
        }
        state.events.push_back(event);
        wake(state);
        Ok(())
    }

    /// Commands of the leg that wait for the task.
    pub(super) fn waiting(&self) -> &AtomicUsize {
        &self.0.waiting
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.writer = Writer::Gone;
        wake(state);
    }
}

/// Wakes the reader, if it waits, after the lock has been released.
fn wake(mut state: MutexGuard<'_, State>) {
    if let Reader::Waits(_) = state.reader
        && let Reader::Waits(waker) = std::mem::replace(&mut state.reader, Reader::Busy)
    {
        drop(state);
        waker.wake();
    }
}

/// The events of a leg, in order.
#[derive(Debug)]
pub struct LegEvents(Arc<Queue>);

impl LegEvents {
    /// Waits for the next event; `None` when none will come any more. May be dropped at any time without losing one.
    pub async fn recv(&mut self) -> Option<LegEvent> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next event, if it is there.
    ///
    /// # Errors
    /// None is there now, or none will come any more.
    pub fn try_recv(&mut self) -> Result<LegEvent, NoEvent> {
        let mut state = self.0.lock();
        match state.events.pop_front() {
            Some(event) => Ok(event),
            None if state.writer == Writer::Gone => Err(NoEvent::AnyMore),
            None => Err(NoEvent::Yet),
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<LegEvent>> {
        let mut state = self.0.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.writer == Writer::Gone {
            return Poll::Ready(None);
        }
        match &mut state.reader {
            Reader::Waits(waker) => waker.clone_from(cx.waker()),
            reader => *reader = Reader::Waits(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Commands of the leg that wait for the task.
    pub(super) fn waiting(&self) -> &AtomicUsize {
        &self.0.waiting
    }
}

impl Drop for LegEvents {
    fn drop(&mut self) {
        let (events, reader) = {
            let mut state = self.0.lock();
            (
                std::mem::take(&mut state.events),
                std::mem::replace(&mut state.reader, Reader::Gone),
            )
        };
        // Dropped without the lock, whatever they hold.
        drop((events, reader));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: u16) -> LegEvent {
        LegEvent::ReinviteFailed { status }
    }

    fn status(event: Option<LegEvent>) -> Option<u16> {
        match event {
            Some(LegEvent::ReinviteFailed { status }) => Some(status),
            _ => None,
        }
    }

    #[tokio::test]
    async fn events_come_in_order_up_to_the_bound() {
        let (writer, mut events) = queue(2);
        assert_eq!(events.try_recv().unwrap_err(), NoEvent::Yet);
        assert_eq!(writer.try_send(event(1)), Ok(()));
        assert_eq!(writer.try_send(event(2)), Ok(()));
        assert_eq!(writer.try_send(event(3)), Err(NotQueued::Full));
        assert_eq!(status(events.recv().await), Some(1));
        assert_eq!(writer.try_send(event(4)), Ok(()));
        drop(writer);
        assert_eq!(status(events.recv().await), Some(2));
        assert_eq!(status(events.try_recv().ok()), Some(4));
        assert_eq!(events.try_recv().unwrap_err(), NoEvent::AnyMore);
        assert!(events.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_an_event_and_by_the_end() {
        let (writer, mut events) = queue(2);
        let reader = tokio::spawn(async move {
            let first = status(events.recv().await);
            (first, status(events.recv().await))
        });
        tokio::task::yield_now().await;
        assert_eq!(writer.try_send(event(7)), Ok(()));
        tokio::task::yield_now().await;
        drop(writer);
        assert_eq!(reader.await.unwrap(), (Some(7), None));
    }

    #[tokio::test]
    async fn nothing_is_queued_for_an_owner_who_is_gone() {
        let (writer, events) = queue(2);
        drop(events);
        assert_eq!(writer.try_send(event(1)), Err(NotQueued::Closed));
    }
}
