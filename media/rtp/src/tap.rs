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
    piece: [i16; FRAMES * FRAME],
    filled: usize,
}

impl Tap {
    pub fn new(listener: Box<dyn Listener>, jitter: JitterConfig) -> Tap {
        Tap {
            listener,
            playout: Playout::new(jitter),
            piece: [0; FRAMES * FRAME],
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
        let mut frame = [0; FRAME];
        self.playout.pull(buffer, now, missing, &mut frame);
        let place = self.filled * FRAME..(self.filled + 1) * FRAME;
        if let Some(place) = self.piece.get_mut(place) {
            place.copy_from_slice(&frame);
        }
        self.filled += 1;
        if self.filled == FRAMES {
            self.filled = 0;
            self.listener.hear(&self.piece);
        }
    }
}
