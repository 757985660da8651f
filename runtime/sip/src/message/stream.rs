//! Messages out of a byte stream (RFC 3261, 18.3; keep-alives of RFC 5626, 4.4.1).

use super::Message;
use super::parse::{Head, MAX_MESSAGE, ParseError};
use thiserror::Error;

/// Cuts the bytes of a connection into messages. Bytes in any portions go in by [`Framer::push`]; what they complete
/// comes out of [`Framer::poll`].
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes of the buffer that were handed out already.
    taken: usize,
    /// Up to here there is no end of the headers, so that bytes in small portions are not searched again and again.
    searched: usize,
    /// What the headers of the message under way ask for: its whole length.
    needed: usize,
}

/// What a connection brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are messages, and each is moved once"
)]
pub enum Frame {
    /// A message. A malformed one costs only itself.
    Message(Result<Message, ParseError>),
    /// A keep-alive, to be answered with [`PONG`].
    Ping,
}

/// The answer to a keep-alive.
pub const PONG: &[u8] = b"\r\n";

/// After this the connection must be closed, because the next message cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the stream cannot be followed: {0}")]
pub struct Fatal(pub ParseError);

impl Framer {
    /// A framer for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what was read. Holds at the most one message and one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Is a message begun and not complete? Line breaks, half a keep-alive, begin none.
    pub fn is_partial(&self) -> bool {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        rest.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next complete message or keep-alive; `None` when more bytes are needed.
    ///
    /// # Errors
    /// Headers without end, no Content-Length (mandatory in streams: RFC 3261, 18.3) or a malformed one, or a message
    /// beyond [`MAX_MESSAGE`]. The error carries the answer that is owed; nothing comes out afterwards.
    pub fn poll(&mut self) -> Result<Option<Frame>, Fatal> {
        loop {
            match self.buffer.get(self.taken..).unwrap_or_default() {
                // A single line break may yet become a keep-alive; before anything else it is passed over.
                [] | b"\r" | b"\r\n" | b"\r\n\r" => return Ok(None),
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.take(4);
                    return Ok(Some(Frame::Ping));
                }
                [b'\r' | b'\n', ..] => self.take(1),
                _ => break,
            }
        }
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        if rest.len() < self.needed {
            return Ok(None);
        }
        if !self.has_whole_head() {
            let waiting = self.buffer.len() - self.taken;
            return if waiting > MAX_MESSAGE {
                Err(Fatal(ParseError::new(waiting, "Headers without end")))
            } else {
                Ok(None)
            };
        }
        self.finish_message()
    }

    /// Looks for the empty line after the headers, from where the last search stopped.
    fn has_whole_head(&mut self) -> bool {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        // A line break may lie across the end of what was searched: step back over it.
        let from = self.searched.saturating_sub(3);
        let tail = rest.get(from..).unwrap_or_default();
        let whole = memchr::memchr_iter(b'\n', tail)
            .any(|at| matches!(tail.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])));
        if !whole {
            self.searched = rest.len();
        }
        whole
    }

    fn finish_message(&mut self) -> Result<Option<Frame>, Fatal> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some(head) = Head::read(rest) else {
            return Err(Fatal(ParseError::new(0, "Headers without end")));
        };
        let Some(length) = head.body_length() else {
            return Err(Fatal(head.refuse_unframed()));
        };
        let whole = head.end.saturating_add(length);
        if whole > MAX_MESSAGE {
            return Err(Fatal(head.refuse_too_large()));
        }
        let Some(body) = rest.get(head.end..whole) else {
            self.needed = whole;
            return Ok(None);
        };
        let message = head.finish(body);
        self.take(whole);
        Ok(Some(Frame::Message(message)))
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
        self.searched = 0;
        self.needed = 0;
    }
}
