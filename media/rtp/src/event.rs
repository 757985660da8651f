//! What a stream reports.

use std::net::SocketAddr;

use crate::config::RecordSlot;
use crate::stats::StreamStats;

/// What happens on a stream. Events are in order; [`MediaEvent::Closed`] is the last.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// A play ended.
    PlayFinished {
        /// Of [`crate::Play`].
        id: u64,
        /// How much of it was sent, repetitions included.
        heard_ms: u32,
        /// Silence in its middle, where a [`crate::Late`] was waited for.
        gap_ms: u32,
        /// Why.
        end: PlayEnd,
    },
    /// A key went down. Every `DigitStarted` is followed by one `Digit`, unless the stream closes.
    DigitStarted {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// A key came up: this is the one report of it.
    Digit {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// How long it was pressed, as the sender says.
        duration_ms: u32,
        /// How it came.
        source: DigitSource,
    },
    /// All digits of a `send_digits` were sent.
    DigitsSent {
        /// As given to `send_digits`.
        id: u64,
    },
    /// A recording ended; its file is being completed by the recorder's thread.
    RecordFinished {
        /// Which recording.
        slot: RecordSlot,
        /// Of the track.
        id: String,
        /// Of what was kept.
        duration_ms: u32,
        /// Why.
        end: RecordEnd,
    },
    /// Nothing came from the peer for the configured time; reported once per silence.
    NoMedia {
        /// How long.
        for_ms: u32,
    },
    /// Packets come again after [`MediaEvent::NoMedia`].
    MediaBack,
    /// A source was latched (see [`crate::Latch`]).
    Latched {
        /// Where the peer sends from.
        source: SocketAddr,
    },
    /// The stream is closed and its ports are free.
    Closed(Box<StreamStats>),
}

impl MediaEvent {
    /// May the event be dropped when nobody reads the events in time?
    #[must_use]
    pub fn is_expendable(&self) -> bool {
        matches!(
            self,
            MediaEvent::DigitStarted { .. }
                | MediaEvent::NoMedia { .. }
                | MediaEvent::MediaBack
                | MediaEvent::Latched { .. }
        )
    }
}

/// Why a play ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// It was sent to its end.
    Finished,
    /// `stop` was called, or the stream closed.
    Stopped,
    /// Another play took its place.
    Replaced,
    /// A [`crate::Late`] that it came to has failed.
    Failed,
}

/// How a digit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitSource {
    /// As telephone-event packets.
    Rfc4733,
    /// As tones in the audio.
    Inband,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEnd {
    /// `stop_record`, or another recording took its slot.
    Stopped,
    /// The caller was silent for the given time.
    Silence,
    /// It reached its greatest length.
    MaxDuration,
    /// It could not be written any more; what was written is kept.
    Failed,
    /// The stream was closed.
    Closed,
}
