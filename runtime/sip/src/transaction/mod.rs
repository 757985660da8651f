//! The four transaction machines of RFC 3261 section 17, with the corrections of RFC 6026.
//!
//! The machines know neither messages nor sockets: they are told what happened and when, and answer with what is to
//! be done. Each has one deadline. All are plain values that can be written down and carried on elsewhere.

mod client;
mod server;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use client::{ClientAction, InviteClient, NonInviteClient};
pub use server::{InviteServer, NonInviteServer, ServerAction};

use crate::time::Time;

/// The base values that all SIP timers derive from (RFC 3261 table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    /// T1: the estimated round-trip time, 500 ms by default.
    pub t1: Duration,
    /// T2: the longest gap between retransmissions other than of INVITE requests, 4 s by default.
    pub t2: Duration,
    /// T4: how long a message may stay in the network, 5 s by default.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64*T1: timers B, F, H, J, L and M, and the life of an unacknowledged 2xx (32 s by default).
    #[must_use]
    pub fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: at least 32 s, because the T1 of the server is not known (RFC 3261 section 17.1.1.2).
    fn wait_for_response_retransmits(&self, reliability: Reliability) -> Duration {
        match reliability {
            Reliability::Reliable => Duration::ZERO,
            Reliability::Unreliable => self.give_up().max(Duration::from_secs(32)),
        }
    }

    /// Timers I and K.
    fn linger(&self, reliability: Reliability) -> Duration {
        match reliability {
            Reliability::Reliable => Duration::ZERO,
            Reliability::Unreliable => self.t4,
        }
    }
}

/// Whether the transport delivers by itself (TCP, TLS) or leaves retransmission to SIP (UDP).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reliability {
    /// The transport retransmits.
    Reliable,
    /// SIP retransmits.
    Unreliable,
}

/// Retransmission at growing gaps: T1, 2*T1, 4*T1, ... up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backoff {
    pub(crate) at: Time,
    gap: Duration,
    cap: Option<Duration>,
}

impl Backoff {
    /// The first retransmission comes `first` after `now`; without `cap` the gaps double for ever (timer A).
    pub(crate) fn new(first: Duration, cap: Option<Duration>, now: Time) -> Self {
        Self {
            at: now + first,
            gap: first,
            cap,
        }
    }

    /// Moves on to the next gap once `at` has come.
    pub(crate) fn advance(&mut self, now: Time) {
        let doubled = self.gap.saturating_mul(2);
        self.gap = self.cap.map_or(doubled, |cap| doubled.min(cap));
        self.at = now + self.gap;
    }

    /// From here on retransmit every `gap` (timer E in Proceeding).
    fn settle(&mut self, gap: Duration) {
        self.gap = gap;
        self.cap = Some(gap);
    }
}

/// The sooner of two optional deadlines.
pub(crate) fn sooner(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
