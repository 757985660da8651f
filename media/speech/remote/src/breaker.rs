//! A circuit breaker: a server that keeps failing is left alone for a while, so that callers do not wait
//! for it and it can recover. Time in, decisions out.

use std::time::{Duration, Instant};

use crate::Patience;

/// Why a server is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// It is tried again after this.
    pub rest: Duration,
    /// What happened last.
    pub why: String,
}

/// Counts failures of one server.
#[derive(Clone, Debug)]
pub struct Breaker {
    patience: Patience,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Everything is let through.
    Closed { failures: u32 },
    /// Nothing is.
    Open {
        until: Instant,
        rest: Duration,
        why: String,
    },
    /// One question is let through, and its end decides.
    Trial { rest: Duration, why: String },
}

impl Breaker {
    /// Of a server that has not failed yet.
    pub fn new(patience: Patience) -> Self {
        Breaker {
            patience,
            state: State::Closed { failures: 0 },
        }
    }

    /// May the server be asked now? If so, [`succeeded`](Self::succeeded), [`failed`](Self::failed) or
    /// [`abandoned`](Self::abandoned) follows.
    ///
    /// # Errors
    /// It is left alone.
    pub fn admit(&mut self, now: Instant) -> Result<(), Open> {
        match &self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until, rest, why } if now >= *until => {
                self.state = State::Trial {
                    rest: *rest,
                    why: why.clone(),
                };
                Ok(())
            }
            State::Open { until, why, .. } => Err(Open {
                rest: until.duration_since(now),
                why: why.clone(),
            }),
            State::Trial { why, .. } => Err(Open {
                rest: Duration::ZERO,
                why: why.clone(),
            }),
        }
    }

    /// A question was answered. True: the server had been left alone, and is asked again from now on.
    pub fn succeeded(&mut self) -> bool {
        match &self.state {
            // Of a question that was asked before.
            State::Open { .. } => false,
            State::Closed { .. } | State::Trial { .. } => {
                let back = matches!(self.state, State::Trial { .. });
                self.state = State::Closed { failures: 0 };
                back
            }
        }
    }

    /// A question failed. With a time: the server is left alone for so long.
    pub fn failed(&mut self, now: Instant, why: &str) -> Option<Duration> {
        let rest = match &mut self.state {
            State::Open { .. } => return None,
            State::Closed { failures } => {
                *failures += 1;
                if *failures < self.patience.failures {
                    return None;
                }
                self.patience.first_rest
            }
            State::Trial { rest, .. } => rest.saturating_mul(2),
        };
        let rest = rest.min(self.patience.longest_rest);
        self.state = State::Open {
            until: now + rest,
            rest,
            why: why.to_owned(),
        };
        Some(rest)
    }

    /// Nobody wants the answer any more: it says nothing of the server.
    pub fn abandoned(&mut self, now: Instant) {
        if let State::Trial { rest, why } = &self.state {
            self.state = State::Open {
                until: now,
                rest: *rest,
                why: why.clone(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(Patience {
            failures: 3,
            first_rest: 4 * SECOND,
            longest_rest: 10 * SECOND,
            ..Patience::default()
        })
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = breaker();
        let failed: Vec<_> = (0..3).map(|_| breaker.failed(now, "gone")).collect();
        assert_eq!(failed, [None, None, Some(4 * SECOND)]);
        breaker
    }

    fn open(rest: Duration) -> Result<(), Open> {
        Err(Open {
            rest,
            why: "gone".to_owned(),
        })
    }

    #[test]
    fn only_failures_one_after_the_other_open_it() {
        let (mut breaker, now) = (breaker(), Instant::now());
        for _ in 0..5 {
            assert_eq!(breaker.failed(now, "gone"), None);
            assert_eq!(breaker.failed(now, "gone"), None);
            assert!(!breaker.succeeded());
        }
        assert_eq!(breaker.admit(now), Ok(()));
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now + SECOND), open(3 * SECOND));
    }

    #[test]
    fn after_the_rest_one_question_tries() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + 4 * SECOND;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), open(Duration::ZERO));
        assert!(breaker.succeeded());
        assert_eq!(breaker.admit(later), Ok(()));
        // Failures of long ago are forgotten.
        assert_eq!(breaker.failed(later, "gone"), None);
    }

    #[test]
    fn rests_grow_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut rest = 4 * SECOND;
        for expected in [8, 10, 10] {
            now += rest;
            assert_eq!(breaker.admit(now), Ok(()));
            rest = expected * SECOND;
            assert_eq!(breaker.failed(now, "gone"), Some(rest));
            assert_eq!(breaker.admit(now), open(rest));
        }
    }

    #[test]
    fn a_trial_that_nobody_waits_for_leaves_its_place_to_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + 4 * SECOND;
        assert_eq!(breaker.admit(later), Ok(()));
        breaker.abandoned(later);
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.failed(later, "gone"), Some(8 * SECOND));
    }

    #[test]
    fn what_was_asked_before_does_not_count_while_it_is_open() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(!breaker.succeeded());
        assert_eq!(breaker.failed(now + SECOND, "late"), None);
        breaker.abandoned(now);
        assert_eq!(breaker.admit(now + SECOND), open(3 * SECOND));
    }
}
