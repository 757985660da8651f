//! How long callers wait for what was understood.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the classes of [`Delays`], ms; the last class has none.
pub const DELAY_CLASSES_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

const CLASSES: usize = DELAY_CLASSES_MS.len() + 1;

/// From the silence that ends an answer to its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Results of each class, those above the last end behind them.
    pub classes: [u64; CLASSES],
    /// All of them together.
    pub sum: Duration,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(super) struct DelayCells {
    classes: [AtomicU64; CLASSES],
    sum_us: AtomicU64,
}

impl DelayCells {
    /// One more result.
    pub fn add(&self, delay: Duration) {
        let ends = DELAY_CLASSES_MS.iter();
        let class = ends
            .take_while(|end| Duration::from_millis(**end) < delay)
            .count();
        if let Some(cell) = self.classes.get(class) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub fn read(&self) -> Delays {
        let classes = self.classes.each_ref();
        Delays {
            classes: classes.map(|cell| cell.load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delay_is_in_the_class_below_whose_end_it_is() {
        let cells = DelayCells::default();
        for us in [0, 5_000, 5_001, 4_999_999, 5_000_000, 5_000_001, 60_000_000] {
            cells.add(Duration::from_micros(us));
        }
        let delays = cells.read();
        assert_eq!(delays.classes, [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2]);
        assert_eq!(delays.sum, Duration::from_micros(75_010_001));
    }
}
