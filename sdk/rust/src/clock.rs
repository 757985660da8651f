//! Time and random numbers. Both go through the journal, so that a replayed call sees the same.

use std::time::{Duration, SystemTime};

use crate::Result;
use crate::host::clock as wit;

pub use wit::LocalTime;

/// The time now, to the millisecond.
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(wit::now())
}

/// The wall-clock time now in the server's own time zone.
///
/// # Errors
///
/// [`Error::Failed`](crate::Error::Failed) when the server does not know its time zone.
pub fn local() -> Result<LocalTime> {
    Ok(wit::local(None)?)
}

/// The wall-clock time now in an IANA time zone, as `"Asia/Shanghai"`.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) when there is no such zone.
pub fn local_in(zone: &str) -> Result<LocalTime> {
    Ok(wit::local(Some(zone))?)
}

/// A number that nobody can guess, evenly spread over all of `u64`.
#[must_use]
pub fn random() -> u64 {
    wit::random()
}

/// A number that nobody can guess, evenly spread over 0 to `bound - 1`; 0 when `bound` is 0.
#[must_use]
pub fn random_below(bound: u64) -> u64 {
    below(bound, wit::random)
}

/// Lemire's multiply-and-reject method (ACM TOMACS 29(1), 2019): no value is favoured.
fn below(bound: u64, mut random: impl FnMut() -> u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(random()) * u128::from(bound);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the two halves of the product"
        )]
        let (high, low) = ((product >> 64) as u64, product as u64);
        if low >= threshold {
            return high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_rejects_what_would_favour_a_value() {
        assert_eq!(below(0, || panic!("no number is needed")), 0);
        assert_eq!(below(1, || u64::MAX), 0);
        assert_eq!((below(10, || u64::MAX), below(6, || u64::MAX / 2)), (9, 2));
        // 2^64 mod 10 is 6: products whose low half is below 6 are drawn again.
        let mut numbers = [0, (1 << 63) + 1].into_iter();
        assert_eq!(below(10, || numbers.next().unwrap()), 5);
        assert!(numbers.next().is_none());
    }
}
