//! What the sockets have seen.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What the sockets have seen since they were bound.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct Counters { $($(#[$doc])+ pub $name: u64,)+ }

        #[derive(Debug, Default)]
        pub(super) struct Tally { $(pub(super) $name: AtomicU64,)+ }

        impl Tally {
            pub(super) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Messages received, malformed ones included.
    received,
    /// Malformed messages among them.
    malformed,
    /// Keep-alives received.
    keep_alives,
    /// Calls by which datagrams were received.
    receive_calls,
    /// Messages handed to the kernel, or to the queue of a connection.
    sent,
    /// Calls by which datagrams were sent.
    send_calls,
    /// Messages not sent because a buffer or a connection's queue was full.
    dropped,
    /// Messages not sent because of an error: no socket of that kind, unreachable, too long.
    failed,
    /// Connections open now (a gauge).
    connections,
    /// Connections refused because there were too many.
    connections_refused,
    /// Connections closed because nothing, or only part of a message, came in time.
    connections_timed_out,
    /// Connections closed because their stream could not be followed.
    connections_unframed,
}

pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
