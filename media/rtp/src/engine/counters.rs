//! What a media thread counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Figures of the engine since its start.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Streams that are open, by thread.
    pub streams: Vec<usize>,
    /// UDP sockets that are open: two for each stream, and those of pairs that rest.
    pub sockets: usize,
    /// Pairs of sockets that rest until a stream takes them.
    pub idle_pairs: usize,
    /// CPU time of each thread, two seconds old at most.
    pub cpu: Vec<Duration>,
    /// Slots of 1 ms that were worked on; those without anything to do are slept through.
    pub slots: u64,
    /// Times that a thread was woken between two slots, by a command or a datagram.
    pub early_wakes: u64,
    /// Slots that began more than 5 ms late.
    pub late_slots: u64,
    /// Slots that were left out because the thread was late by a whole turn.
    pub skipped_slots: u64,
    /// The longest delay of a slot.
    pub max_late: Duration,
    /// Times that a stream was asked for its packet; one with nothing to do is seldom asked.
    pub ticks: u64,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Those of them that a raw socket sent, many at a time.
    pub packets_together: u64,
    /// RTP packets taken.
    pub packets_in: u64,
    /// RTP packets that the kernel did not take.
    pub send_failures: u64,
    /// Packets left out because a thread was late by more than it may catch up; counted when the
    /// stream closes.
    pub skipped_packets: u64,
    /// Datagrams that are not RTP or RTCP.
    pub malformed: u64,
    /// Datagrams from strangers.
    pub strays: u64,
    /// Packets of a payload type that was not negotiated.
    pub unknown_payload: u64,
    /// Packets while nothing was to be received.
    pub unwanted: u64,
    /// RTCP packets sent.
    pub rtcp_out: u64,
    /// RTCP packets taken.
    pub rtcp_in: u64,
    /// Plays in whose middle a late segment was waited for.
    pub plays_with_gap: u64,
    /// Events that were dropped because nobody read them in time.
    pub events_dropped: u64,
    /// Commands that found their queue full; their streams were closed.
    pub commands_refused: u64,
}

macro_rules! cells {
    ($($name:ident),* $(,)?) => {
        /// The counters of one thread: written by it alone, read by anyone.
        #[derive(Debug, Default)]
        pub(crate) struct Cells {
            pub streams: AtomicUsize,
            pub cpu_nanos: AtomicU64,
            pub max_late_nanos: AtomicU64,
            $(pub $name: AtomicU64,)*
        }

        impl Cells {
            /// Adds this thread's figures.
            pub fn add_to(&self, counters: &mut Counters) {
                counters.streams.push(self.streams.load(Ordering::Relaxed));
                counters.cpu.push(Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed)));
                let max_late = Duration::from_nanos(self.max_late_nanos.load(Ordering::Relaxed));
                counters.max_late = counters.max_late.max(max_late);
                $(counters.$name += self.$name.load(Ordering::Relaxed);)*
            }
        }
    };
}

cells!(
    slots,
    early_wakes,
    late_slots,
    skipped_slots,
    ticks,
    packets_out,
    packets_together,
    packets_in,
    send_failures,
    skipped_packets,
    malformed,
    strays,
    unknown_payload,
    unwanted,
    rtcp_out,
    rtcp_in,
    plays_with_gap,
    events_dropped,
    commands_refused,
);

/// Adds to a counter that only the calling thread writes: no locked instruction is needed.
pub(crate) fn add(cell: &AtomicU64, n: u64) {
    cell.store(
        cell.load(Ordering::Relaxed).wrapping_add(n),
        Ordering::Relaxed,
    );
}
