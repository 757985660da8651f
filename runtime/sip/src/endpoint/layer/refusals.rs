//! Calls that were refused because a limit was reached.
//!
//! They are answered as a stateless server would (RFC 3261 section 8.2.7): the 503 is not retransmitted, because the
//! caller repeats its INVITE until it hears it, and no transaction is kept. What is remembered is which INVITEs were
//! refused, so that a copy that comes a moment later, when a line is free, does not start a call that nobody awaits.

use std::collections::VecDeque;

use crate::endpoint::keys::{Key, WideKeyMap};
use crate::time::Time;

/// The refused INVITEs of the last while, up to 72 bytes each.
pub(in crate::endpoint) struct Refusals {
    /// Retry-After in seconds, by the transaction that there would have been.
    known: WideKeyMap<u64>,
    /// Oldest first: all are remembered for the same time.
    order: VecDeque<(Time, Key)>,
    most: usize,
}

impl Refusals {
    /// Remembers up to `most`; the oldest make room for new ones.
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: WideKeyMap::new(),
            order: VecDeque::new(),
            most,
        }
    }

    /// Remembers a refused INVITE until then.
    pub(in crate::endpoint) fn remember(&mut self, key: Key, retry_after: u64, until: Time) {
        if self.order.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.known.remove(oldest);
        }
        if self.known.insert(key, retry_after).is_none() {
            self.order.push_back((until, key));
        }
    }

    /// The Retry-After that this INVITE was refused with.
    pub(in crate::endpoint) fn retry_after(&self, key: Key) -> Option<u64> {
        self.known.get(key).copied()
    }

    /// When the oldest is to be forgotten.
    pub(in crate::endpoint) fn deadline(&self) -> Option<Time> {
        self.order
            .front()
            .map(|(until, _)| until.round_up(super::LINGER_GRAIN))
    }

    /// Forgets what is old enough.
    pub(in crate::endpoint) fn expire(&mut self, now: Time) {
        while let Some((_, key)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            self.known.remove(key);
        }
    }

    /// How many are remembered.
    pub(in crate::endpoint) fn len(&self) -> usize {
        self.order.len()
    }
}
