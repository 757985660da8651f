//! The clock that is handed in.
//!
//! Nothing in this crate but [`crate::engine`]'s thread reads a clock; everything else is told what
//! time it is, so that tests run in virtual time.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on a monotonic clock with an arbitrary origin, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// From nanoseconds since the clock's origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// From milliseconds since the clock's origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }

    /// Nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment in ticks of a media clock of `rate` Hz, modulo 2^32 as RTP timestamps are.
    #[must_use]
    pub const fn in_clock(self, rate: u32) -> u32 {
        // Split so that the product cannot overflow: whole seconds, then the rest.
        let seconds = self.0 / 1_000_000_000;
        let rest = self.0 % 1_000_000_000;
        let ticks = seconds.wrapping_mul(rate as u64) + rest * rate as u64 / 1_000_000_000;
        (ticks & 0xFFFF_FFFF) as u32
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        Time(
            self.0
                .saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, d: Duration) -> Time {
        Time(
            self.0
                .saturating_sub(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Milliseconds of a duration, saturating.
pub(crate) fn millis(d: Duration) -> u32 {
    u32::try_from(d.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_clock_wraps_as_timestamps_do() {
        assert_eq!(Time::from_millis(20).in_clock(8000), 160);
        // 2^32 samples at 8 kHz are 536,870.912 s.
        let wrap = Time::from_nanos(536_870_912_000_000);
        assert_eq!(wrap.in_clock(8000), 0);
        assert_eq!((wrap + Duration::from_millis(20)).in_clock(8000), 160);
        assert_eq!(
            (wrap - Duration::from_millis(20)).in_clock(8000),
            0u32.wrapping_sub(160)
        );
    }
}
