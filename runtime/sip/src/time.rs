//! The clock that drivers hand in, and the queue of deadlines.
//!
//! No state machine in this crate reads a clock. Whoever drives one says what time it is, so the same code runs
//! under real time, in virtual time in tests, and in another process after a restore.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch.
///
/// Wall-clock based, unlike [`std::time::Instant`], so that a deadline written down by one process means the same
/// in the next. The driver keeps it from running backwards.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The point `milliseconds` after the Unix epoch.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates; a fraction of a millisecond counts as a whole one, so that no deadline comes early.
    fn add(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(
            self.0
                .saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Time {
    type Output = Duration;

    /// The same as [`Time::since`].
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Deadlines of many owners, soonest first; O(log n) to add and to take.
///
/// There is no removal: an owner that changed its mind is asked too early once, answers that nothing is due, and
/// says when to come back. That keeps an entry at 24 bytes and cancelling free, which matters because nearly every
/// timer of SIP is cancelled.
#[derive(Debug)]
pub(crate) struct TimerQueue<K> {
    heap: BinaryHeap<Reverse<(Time, K)>>,
}

impl<K: Ord + Copy> TimerQueue<K> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(capacity),
        }
    }

    /// Asks for `owner` to be woken at `deadline`, unless a wake-up that is due earlier stands already.
    ///
    /// `scheduled` is the owner's memory of the soonest entry that it has in the queue.
    pub(crate) fn schedule(
        &mut self,
        owner: K,
        deadline: Option<Time>,
        scheduled: &mut Option<Time>,
    ) {
        let Some(deadline) = deadline else { return };
        if scheduled.is_none_or(|at| deadline < at) {
            *scheduled = Some(deadline);
            self.heap.push(Reverse((deadline, owner)));
        }
    }

    /// The soonest wake-up.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one wake-up that is due. The owner must forget `scheduled` if it equals the time returned.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(Time, K)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_never_comes_early() {
        let start = Time::from_millis(1_000);
        assert_eq!(start + Duration::from_micros(1), Time::from_millis(1_001));
        assert_eq!(start + Duration::from_millis(7), Time::from_millis(1_007));
        assert_eq!(
            Time::from_millis(u64::MAX) + Duration::from_secs(1),
            Time::from_millis(u64::MAX)
        );
        assert_eq!(start - Time::from_millis(2_000), Duration::ZERO);
    }

    #[test]
    fn the_queue_holds_one_entry_for_a_deadline_that_moves_away() {
        let mut queue = TimerQueue::with_capacity(4);
        let mut scheduled = None;
        for deadline in [500, 600, 700] {
            queue.schedule(1_u32, Some(Time::from_millis(deadline)), &mut scheduled);
        }
        assert_eq!(queue.heap.len(), 1);
        assert_eq!(queue.next(), Some(Time::from_millis(500)));
        queue.schedule(1, Some(Time::from_millis(100)), &mut scheduled);
        assert_eq!(queue.pop_due(Time::from_millis(99)), None);
        assert_eq!(
            queue.pop_due(Time::from_millis(100)),
            Some((Time::from_millis(100), 1))
        );
        assert_eq!(
            queue.pop_due(Time::from_millis(900)),
            Some((Time::from_millis(500), 1))
        );
        assert_eq!(queue.pop_due(Time::from_millis(900)), None);
    }
}
