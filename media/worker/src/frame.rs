//! What goes over the socket: `length (4) kind (1) exchange (8) body`, numbers big-endian. The length
//! counts what follows it.

/// The largest body, bytes.
pub const LARGEST_BODY: usize = 1 << 20;

/// Kind and exchange.
const HEAD: usize = 9;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Worker: "I am ready"; the body is [`greeting`].
    Hello = 1,
    /// Server: the first message of an exchange.
    Open = 2,
    /// Server: more input.
    Input = 3,
    /// Server: no more input comes.
    Finish = 4,
    /// Server: nobody waits for the answer any more. The worker ends the exchange all the same.
    Cancel = 5,
    /// Worker: a piece of the answer.
    Part = 6,
    /// Worker: the last piece.
    End = 7,
    /// Worker: it did not work; the body says why.
    Failed = 8,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        use Kind::{Cancel, End, Failed, Finish, Hello, Input, Open, Part};
        [Hello, Open, Input, Finish, Cancel, Part, End, Failed]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: Kind,
    /// The exchange that it belongs to; 0 for [`Kind::Hello`].
    pub exchange: u64,
    /// What it carries, at most [`LARGEST_BODY`].
    pub body: Vec<u8>,
}

/// The body of a worker's first frame: protocol, its version, the worker's name.
pub fn greeting(name: &str) -> Vec<u8> {
    format!("vireo-worker 1 {name}").into_bytes()
}

/// Why bytes are no frames; the stream cannot go on after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is not one that a frame has.
    #[error("a frame of {0} bytes; at most {max} are allowed", max = HEAD + LARGEST_BODY)]
    Length(usize),
    /// Nobody knows this kind.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
}

impl Frame {
    /// A frame of an exchange.
    pub fn new(kind: Kind, exchange: u64, body: impl Into<Vec<u8>>) -> Frame {
        let body = body.into();
        Frame {
            kind,
            exchange,
            body,
        }
    }

    /// Appends it to `out`.
    ///
    /// # Errors
    /// The body is too large.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = HEAD + self.body.len();
        let written = match u32::try_from(length) {
            Ok(written) if self.body.len() <= LARGEST_BODY => written,
            _ => return Err(FrameError::Length(length)),
        };
        out.extend_from_slice(&written.to_be_bytes());
        out.push(self.kind as u8);
        out.extend_from_slice(&self.exchange.to_be_bytes());
        out.extend_from_slice(&self.body);
        Ok(())
    }
}

/// Makes frames of bytes as they come.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Up to here they have become frames.
    taken: usize,
}

impl Decoder {
    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    /// The bytes are no frames.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if !(HEAD..=HEAD + LARGEST_BODY).contains(&length) {
            return Err(FrameError::Length(length));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let Some((&[kind, ref exchange @ ..], body)) = frame.split_first_chunk::<HEAD>() else {
            return Err(FrameError::Length(length));
        };
        let made = Frame {
            kind: Kind::of(kind).ok_or(FrameError::Kind(kind))?,
            exchange: u64::from_be_bytes(*exchange),
            body: body.to_vec(),
        };
        self.taken += 4 + length;
        Ok(Some(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn too_large_is_an_error_on_both_sides() {
        let frame = Frame::new(Kind::Part, 1, vec![0; LARGEST_BODY + 1]);
        let mut out = Vec::new();
        assert_eq!(
            frame.write(&mut out),
            Err(FrameError::Length(HEAD + LARGEST_BODY + 1))
        );
        assert!(out.is_empty());
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_be_bytes());
        assert_eq!(
            decoder.next_frame(),
            Err(FrameError::Length(u32::MAX as usize))
        );
    }

    #[test]
    fn an_unknown_kind_is_an_error() {
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0, 0, 9, 77, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(decoder.next_frame(), Err(FrameError::Kind(77)));
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_are_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8),
            cut in 1usize..40,
        ) {
            let frames: Vec<Frame> = (0..).zip(bodies).map(|(at, body)| Frame::new(Kind::Part, at, body)).collect();
            let mut bytes = Vec::new();
            for frame in &frames {
                frame.write(&mut bytes).unwrap();
            }
            let (mut decoder, mut back) = (Decoder::default(), Vec::new());
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    back.push(frame);
                }
            }
            prop_assert_eq!(back, frames);
        }

        #[test]
        fn hostile_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }
}
