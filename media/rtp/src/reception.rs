//! What is known about a peer's packets: loss, order, jitter (RFC 3550, 6.4.1, A.1, A.3, A.8).

use crate::time::Time;

/// A jump forward of more than this is a new sequence, if the next packet follows it (A.1).
const MAX_DROPOUT: u16 = 3000;

/// Sequence numbers behind the highest one that are looked up for duplicates.
const WINDOW: u16 = 64;

/// Where a packet stands in its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The next one, or one after a gap.
    New,
    /// It was overtaken.
    Late,
    /// It came before.
    Duplicate,
    /// The first of another sequence: the source started anew.
    Restart,
}

/// The figures of one source.
#[derive(Debug, Clone)]
pub struct Reception {
    /// Its SSRC.
    pub ssrc: u32,
    highest: u16,
    cycles: u32,
    base: u32,
    /// Bit `i`: `highest - i` was received.
    seen: u64,
    /// A jump was seen to just before this sequence number.
    candidate: Option<u16>,
    received: u64,
    expected_before: u32,
    received_before: u64,
    transit: Option<u32>,
    jitter_q4: u32,
}

impl Reception {
    /// A source whose first packet has this sequence number.
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16) -> Reception {
        Reception {
            ssrc,
            highest: sequence,
            cycles: 0,
            base: u32::from(sequence),
            seen: 0,
            candidate: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter_q4: 0,
        }
    }

    /// Takes a packet's sequence number.
    pub fn receive(&mut self, sequence: u16) -> Order {
        let ahead = sequence.wrapping_sub(self.highest);
        if self.seen == 0 {
            self.seen = 1;
            self.received += 1;
            return Order::New;
        }
        if ahead == 0 {
            return Order::Duplicate;
        }
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.seen = if ahead >= WINDOW {
                1
            } else {
                self.seen << ahead | 1
            };
            self.highest = sequence;
            self.received += 1;
            self.candidate = None;
            return Order::New;
        }
        let behind = ahead.wrapping_neg();
        if behind < WINDOW {
            let bit = 1u64 << behind;
            if self.seen & bit != 0 {
                return Order::Duplicate;
            }
            self.seen |= bit;
            self.received += 1;
            return Order::Late;
        }
        if self.candidate == Some(sequence) {
            *self = Reception {
                jitter_q4: self.jitter_q4,
                ..Reception::new(self.ssrc, sequence)
            };
            self.seen = 1;
            self.received = 1;
            return Order::Restart;
        }
        // It may be a packet from far back, or the first of a new sequence: the next one tells.
        self.candidate = Some(sequence.wrapping_add(1));
        Order::Late
    }

    /// Updates the jitter (A.8) with the arrival of a packet of a clock of `rate` Hz.
    pub fn arrival(&mut self, timestamp: u32, arrival: Time, rate: u32) {
        let transit = arrival.in_clock(rate).wrapping_sub(timestamp);
        if let Some(before) = self.transit {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the timestamps is not jitter.
            if difference < rate {
                self.jitter_q4 =
                    (self.jitter_q4 + difference).saturating_sub((self.jitter_q4 + 8) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    /// Jitter in timestamp units.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter_q4 >> 4
    }

    /// Extended highest sequence number received.
    #[must_use]
    pub fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    /// Packets that should have come.
    #[must_use]
    pub fn expected(&self) -> u32 {
        if self.seen == 0 {
            0
        } else {
            self.extended_highest()
                .wrapping_sub(self.base)
                .wrapping_add(1)
        }
    }

    /// Packets missing so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        u64::from(self.expected()).saturating_sub(self.received)
    }

    /// The fraction lost since the last call, as a fixed-point number of 256ths (A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected();
        let expected_interval = u64::from(expected.wrapping_sub(self.expected_before));
        let received_interval = self.received.saturating_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost = expected_interval.saturating_sub(received_interval);
        let fraction = (lost * 256).checked_div(expected_interval).unwrap_or(0);
        u8::try_from(fraction).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn feed(sequences: &[u16]) -> (Reception, Vec<Order>) {
        let mut reception = Reception::new(1, sequences[0]);
        let orders = sequences.iter().map(|s| reception.receive(*s)).collect();
        (reception, orders)
    }

    #[test]
    fn loss_order_and_duplicates() {
        use Order::{Duplicate, Late, New, Restart};
        let cases: [(&str, &[u16], &[Order], u64); 7] = [
            ("in order", &[1, 2, 3], &[New, New, New], 0),
            ("a gap", &[1, 4], &[New, New], 2),
            ("overtaken", &[1, 3, 2], &[New, New, Late], 0),
            ("twice", &[1, 2, 2, 1], &[New, New, Duplicate, Duplicate], 0),
            (
                "wrap-around",
                &[65_534, 65_535, 0, 1],
                &[New, New, New, New],
                0,
            ),
            (
                "wrap-around, overtaken",
                &[65_535, 1, 0],
                &[New, New, Late],
                0,
            ),
            (
                "a new sequence",
                &[1, 30_000, 30_001],
                &[New, Late, Restart],
                0,
            ),
        ];
        for (name, sequences, expected, lost) in cases {
            let (reception, orders) = feed(sequences);
            assert_eq!(orders, expected, "{name}");
            assert_eq!(reception.lost(), lost, "{name}");
        }
    }

    #[test]
    fn fraction_is_that_of_the_interval() {
        let (mut reception, _) = feed(&[0, 1, 2, 3]);
        assert_eq!(reception.fraction_lost(), 0);
        reception.receive(5);
        reception.receive(7);
        assert_eq!(reception.fraction_lost(), 128);
        assert_eq!(reception.fraction_lost(), 0);
        assert_eq!(reception.lost(), 2);
    }

    #[test]
    fn jitter_of_alternating_delay_converges_to_it() {
        let mut reception = Reception::new(1, 0);
        for i in 0..1000u64 {
            let late = Duration::from_millis(if i % 2 == 0 { 0 } else { 10 });
            reception.arrival((i * 160) as u32, Time::from_millis(i * 20) + late, 8000);
        }
        assert!(
            (78..=80).contains(&reception.jitter()),
            "{}",
            reception.jitter()
        );
    }

    #[test]
    fn steady_arrivals_have_no_jitter_over_a_timestamp_wrap() {
        let mut reception = Reception::new(1, 0);
        for i in 0..100u32 {
            reception.arrival(
                (u32::MAX - 800).wrapping_add(i * 160),
                Time::from_millis(u64::from(i) * 20),
                8000,
            );
        }
        assert_eq!(reception.jitter(), 0);
    }
}
