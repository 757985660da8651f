//! What the caller says, for who listens while it is said.

use crate::config::JitterConfig;
use crate::jitter::{FRAME, JitterBuffer, Missing, Playout};
use crate::time::Time;

/// Frames that are handed on at a time: 60 ms.
const FRAMES: usize = 3;

/// Hears the caller while a stream plays and sends as it does: see [`Stream::listen`].
///
/// [`Stream::listen`]: crate::Stream::listen
pub trait Listener: Send {
    /// The next 60 ms of the caller: 8 kHz, linear, packets in their order, losses concealed, silence
    /// where nothing comes. Called in the media thread: it must neither block nor take long.
    fn hear(&mut self, samples: &[i16]);
}

/// A listener at a stream's jitter buffer.
pub(crate) struct Tap {
    listener: Box<dyn Listener>,
    playout: Playout,
    piece: [[i16; FRAME]; FRAMES],
    filled: usize,
}

impl Tap {
    pub fn new(listener: Box<dyn Listener>, jitter: JitterConfig) -> Tap {
        Tap {
            listener,
            playout: Playout::new(jitter),
            piece: [[0; FRAME]; FRAMES],
            filled: 0,
        }
    }

    /// The delay changes with what was agreed on anew.
    pub fn set_jitter(&mut self, jitter: JitterConfig) {
        self.playout = Playout::new(jitter);
    }

    /// Has the place of such a packet been passed?
    pub fn is_past(&self, timestamp: u32, length: usize) -> bool {
        self.playout.is_past(timestamp, length)
    }

    /// One frame of the wire has passed.
    pub fn advance(&mut self, buffer: &JitterBuffer, now: Time, missing: Missing) {
        if let Some(frame) = self.piece.get_mut(self.filled) {
            self.playout.pull(buffer, now, missing, frame);
        }
        self.filled += 1;
        if self.filled == FRAMES {
            self.filled = 0;
            self.listener.hear(self.piece.as_flattened());
        }
    }
}
