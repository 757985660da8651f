//! Fewer new calls when the server is late, before they pile up.
//!
//! A server that gets more calls than it can carry answers late, callers' SIP stacks repeat their
//! INVITEs, and what is left of the CPU goes into copies. So lateness is looked at twenty times a second, and a
//! growing share of new calls gets 503 with Retry-After as long as it lasts; calls that are up are not
//! touched. The share comes down slowly, so that it settles near what the server carries rather than going
//! to and fro.

use std::time::Duration;

/// How often lateness is looked at.
pub(super) const PERIOD: Duration = Duration::from_millis(50);

/// Looks in a row that must find the server late before a call is refused: a pause of the machine is none
/// of the calls' doing.
const PATIENCE: u32 = 3;

/// The share grows by so much with each look that finds the server late: all calls after half a second.
const RISE: u16 = 100;

/// It comes down by so much with each look that does not: from all to none in five seconds.
const FALL: u16 = 10;

/// All calls, in thousandths.
const ALL: u16 = 1_000;

/// With fewer new calls a second than this it is not they who make the server late, and refusing them
/// would not help.
const FEWEST_CALLS_A_SECOND: f64 = 20.0;

/// Looks over which the rate of new calls is taken.
const RATE_LOOKS: f64 = 20.0;

/// Slots of the media threads that begin late, in one look, are too many from here on. The threads have
/// fifty slots in that time; one or two may have waited for the kernel.
const LATE_SLOTS: u64 = 5;

/// Why the server is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Signalling and flows wait for the CPU.
    Signalling,
    /// Media threads do not keep the packet clock.
    Media,
    /// Journals and CDRs wait for the disk.
    Store,
}

impl Cause {
    /// As metrics and the log name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Cause::Signalling => "signalling",
            Cause::Media => "media",
            Cause::Store => "store",
        }
    }
}

/// What one look found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// How much later than it was to run a task has run.
    pub delay: Duration,
    /// New calls that came since the last look, refused ones included.
    pub arrivals: u64,
    /// Slots that media threads began late since the last look.
    pub late_slots: u64,
    /// How full the queue of journal entries is, from 0 to 1.
    pub journal_queue: f64,
}

/// What has changed, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Calls are refused from now on.
    Began(Cause),
    /// None is any more.
    Ended,
}

/// Decides which share of new calls is refused.
#[derive(Debug)]
pub(super) struct Overload {
    /// A task that runs later than this has waited for too long.
    most_delay: Duration,
    share: u16,
    late_in_a_row: u32,
    /// New calls for each look, the older the less.
    arrivals: f64,
}

impl Overload {
    pub(super) fn new(most_delay: Duration) -> Self {
        Self {
            most_delay,
            share: 0,
            late_in_a_row: 0,
            arrivals: 0.0,
        }
    }

    /// Thousandths of new calls that are to be refused.
    pub(super) fn share(&self) -> u16 {
        self.share
    }

    /// Takes in what was found.
    pub(super) fn look(&mut self, look: Look) -> Option<Change> {
        self.arrivals += (look.arrivals as f64 - self.arrivals) / RATE_LOOKS;
        let before = self.share;
        let cause = self.cause(look);
        if cause.is_some() {
            self.late_in_a_row = self.late_in_a_row.saturating_add(1);
            if before > 0 || self.late_in_a_row >= PATIENCE {
                self.share = (self.share + RISE).min(ALL);
            }
        } else {
            self.late_in_a_row = 0;
            self.share = self.share.saturating_sub(FALL);
        }
        match (before, self.share, cause) {
            (0, 1.., Some(cause)) => Some(Change::Began(cause)),
            (1.., 0, _) => Some(Change::Ended),
            _ => None,
        }
    }

    /// Why the server is late; none when it is not, or not because of new calls.
    fn cause(&self, look: Look) -> Option<Cause> {
        if self.arrivals / PERIOD.as_secs_f64() < FEWEST_CALLS_A_SECOND {
            return None;
        }
        if look.delay > self.most_delay {
            Some(Cause::Signalling)
        } else if look.late_slots >= LATE_SLOTS {
            Some(Cause::Media)
        } else if look.journal_queue > 0.5 {
            Some(Cause::Store)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(101);

    fn busy() -> Look {
        Look {
            arrivals: 50,
            ..Look::default()
        }
    }

    /// A server with 1,000 new calls a second.
    fn server() -> Overload {
        let mut overload = Overload::new(Duration::from_millis(100));
        for _ in 0..100 {
            assert_eq!(overload.look(busy()), None);
        }
        overload
    }

    fn late() -> Look {
        Look {
            delay: LATE,
            ..busy()
        }
    }

    #[test]
    fn a_pause_refuses_nobody() {
        let mut overload = server();
        for _ in 0..10 {
            assert_eq!(overload.look(late()), None);
            assert_eq!(overload.look(late()), None);
            assert_eq!(overload.look(busy()), None);
            assert_eq!(overload.share(), 0);
        }
    }

    #[test]
    fn the_share_rises_while_it_lasts_and_comes_down_slowly() {
        let mut overload = server();
        overload.look(late());
        overload.look(late());
        assert_eq!(
            overload.look(late()),
            Some(Change::Began(Cause::Signalling))
        );
        assert_eq!(overload.share(), 100);
        for _ in 0..20 {
            assert_eq!(overload.look(late()), None, "told once");
        }
        assert_eq!(overload.share(), 1_000, "not more than all");
        overload.look(busy());
        assert_eq!(overload.share(), 990);
        overload.look(late());
        assert_eq!(overload.share(), 1_000, "without patience: it is not over");
        for _ in 0..99 {
            assert_eq!(overload.look(busy()), None);
        }
        assert_eq!(overload.look(busy()), Some(Change::Ended));
        assert_eq!(overload.share(), 0);
        assert_eq!(overload.look(busy()), None);
    }

    #[test]
    fn it_settles_where_the_server_keeps_up() {
        // A server that is late as soon as more than 600 of 1,000 calls a second are admitted.
        let mut overload = server();
        let mut admitted = Vec::new();
        for _ in 0..400 {
            let share = f64::from(overload.share()) / 1_000.0;
            admitted.push(1.0 - share);
            overload.look(if share < 0.4 { late() } else { busy() });
        }
        let settled = &admitted[100..];
        let mean = settled.iter().sum::<f64>() / settled.len() as f64;
        assert!((0.5..0.6).contains(&mean), "{mean}");
        assert!(settled.iter().all(|share| *share > 0.4), "never far below");
    }

    #[test]
    fn few_calls_are_not_to_blame() {
        let mut overload = Overload::new(Duration::from_millis(100));
        for _ in 0..1_000 {
            let look = Look {
                arrivals: 0,
                ..late()
            };
            assert_eq!(overload.look(look), None);
        }
        // Twenty calls at once are no rate.
        assert_eq!(
            overload.look(Look {
                arrivals: 19,
                ..late()
            }),
            None
        );
        assert_eq!(overload.share(), 0);
    }

    #[test]
    fn media_and_store_are_causes_as_well() {
        let late_slots = Look {
            late_slots: LATE_SLOTS,
            ..busy()
        };
        let full = Look {
            journal_queue: 0.6,
            ..busy()
        };
        for (look, cause) in [(late_slots, Cause::Media), (full, Cause::Store)] {
            let mut overload = server();
            overload.look(look);
            overload.look(look);
            assert_eq!(overload.look(look), Some(Change::Began(cause)));
        }
    }
}
