//! How long something takes, over all the times that it was done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Steps for each doubling of the time: a quantile is exact to a fifth.
const STEPS: f64 = 4.0;

/// From a microsecond to half a minute.
const BUCKETS: usize = 100;

/// Durations, counted in buckets of a quarter of an octave. Counting takes no lock.
#[derive(Debug)]
pub(crate) struct Durations([AtomicU64; BUCKETS]);

impl Durations {
    pub(crate) fn new() -> Self {
        Durations(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn add(&self, duration: Duration) {
        let micros = duration.as_secs_f64() * 1e6;
        let bucket = (micros.max(1.0).log2() * STEPS) as usize;
        if let Some(count) = self.0.get(bucket.min(BUCKETS - 1)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The time that `share` (0 to 1) of all stayed below; none before the first.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let wanted = ((all as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let bucket = counts.iter().position(|count| {
            below += count;
            below >= wanted
        })?;
        let micros = ((bucket + 1) as f64 / STEPS).exp2();
        Some(Duration::from_secs_f64(micros / 1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let durations = Durations::new();
        assert_eq!(durations.quantile(0.5), None);
        for micros in 1..=1_000 {
            durations.add(Duration::from_micros(micros));
        }
        durations.add(Duration::from_secs(1_000_000));
        for (share, micros) in [(0.01, 11.0), (0.5, 501.0), (0.99, 991.0)] {
            let found = durations.quantile(share).unwrap().as_secs_f64() * 1e6;
            assert!((micros..micros * 1.2).contains(&found), "{share}: {found}");
        }
        assert!(durations.quantile(1.0).unwrap() > Duration::from_secs(20));
    }
}
