//! The clock that drivers hand in, and the queue of deadlines.
//!
//! No state machine in this crate reads a clock. Whoever drives one says what time it is, so the same code runs
//! under real time, in virtual time in tests, and in another process after a restore.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
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

    /// The same point or the next one that is a whole multiple of `grain`: what is not urgent shares its wake-ups.
    #[must_use]
    pub(crate) const fn round_up(self, grain: u64) -> Self {
        Self(self.0.saturating_add(grain - 1) / grain * grain)
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

/// Deadlines of many owners, soonest first.
///
/// There is no removal: an owner that changed its mind is asked once when its entry comes to the front, answers that
/// nothing is due, and says when to come back. That keeps an entry at 24 bytes and cancelling free, which matters because
/// nearly every timer of SIP is cancelled.
///
/// A deadline that is no sooner than the last one of the `line` joins it at its end, the others go to the heap. Finished
/// transactions, which all wait for the same 32 s, so cost O(1) however many they are, and the heap holds only what is due
/// before them, which is little: O(log n).
#[derive(Debug)]
pub(crate) struct TimerQueue<K> {
    line: VecDeque<(Time, K)>,
    heap: BinaryHeap<Reverse<(Time, K)>>,
}

impl<K: Ord + Copy> TimerQueue<K> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            line: VecDeque::with_capacity(capacity),
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
            if self.line.back().is_none_or(|(last, _)| *last <= deadline) {
                self.line.push_back((deadline, owner));
            } else {
                self.heap.push(Reverse((deadline, owner)));
            }
        }
    }

    /// The soonest wake-up, and whose it is.
    pub(crate) fn next(&self) -> Option<(Time, K)> {
        let heap = self.heap.peek().map(|Reverse(entry)| *entry);
        match (self.line.front().copied(), heap) {
            (Some(line), Some(heap)) => Some(line.min(heap)),
            (line, heap) => line.or(heap),
        }
    }

    /// Takes the soonest wake-up. The owner must forget `scheduled` if it equals the time returned.
    pub(crate) fn pop(&mut self) -> Option<(Time, K)> {
        let next = self.next()?;
        if self.line.front() == Some(&next) {
            self.line.pop_front()
        } else {
            self.heap.pop().map(|Reverse(entry)| entry)
        }
    }

    /// The same when it is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(Time, K)> {
        let (at, _) = self.next()?;
        if at > now { None } else { self.pop() }
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
        assert_eq!(queue.heap.len() + queue.line.len(), 1);
        assert_eq!(queue.next(), Some((Time::from_millis(500), 1)));
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

    #[test]
    fn deadlines_come_in_order_whatever_the_order_they_were_asked_for_in() {
        let mut queue = TimerQueue::with_capacity(4);
        let deadlines = [32_000, 500, 32_000, 32_001, 400, 5_000, 32_001, 501, 40_000];
        for (owner, deadline) in (0_u32..).zip(deadlines) {
            queue.schedule(owner, Some(Time::from_millis(deadline)), &mut None);
        }
        let mut sorted = deadlines.to_vec();
        sorted.sort_unstable();
        let mut taken = Vec::new();
        while let Some((at, owner)) = queue.pop() {
            assert_eq!(deadlines[owner as usize], at.as_millis());
            taken.push(at.as_millis());
        }
        assert_eq!(taken, sorted);
    }

    #[test]
    fn rounding_never_comes_early() {
        for (at, rounded) in [(0, 0), (1, 128), (128, 128), (129, 256)] {
            assert_eq!(
                Time::from_millis(at).round_up(128),
                Time::from_millis(rounded)
            );
        }
    }
}
