//! RTP payload types and what they stand for (RFC 3551, 6; RFC 8866, 6.6).

use super::{Codec, TelephoneEvent};
use crate::sdp::Media;

impl Codec {
    /// The encoding name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }

    /// The payload type that RFC 3551 gives it.
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
        }
    }

    fn find(name: &str) -> Option<Self> {
        [Self::Pcmu, Self::Pcma, Self::G722]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

/// RTP clock of every codec here, G.722 included, and so of their telephone-event.
pub(super) const CLOCK_RATE: u32 = 8000;

/// One payload type of a media description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    Codec(u8, Codec),
    TelephoneEvent(u8),
}

/// The payload types of a stream that mean something to us, in the stream's order. `a=rtpmap` goes before the static
/// assignment.
pub(super) fn payloads(media: &Media<'_>) -> Vec<Payload> {
    let mut found = Vec::with_capacity(media.formats.len());
    for format in &media.formats {
        let Some(number) = format.parse::<u8>().ok().filter(|number| *number < 128) else {
            continue;
        };
        let mapped = media.attributes("rtpmap").find_map(|value| {
            let (mapped, encoding) = value.split_once(char::is_whitespace)?;
            (mapped.parse() == Ok(number)).then(|| encoding.trim())
        });
        found.extend(match mapped {
            Some(encoding) => read_encoding(number, encoding),
            None => [Codec::Pcmu, Codec::Pcma, Codec::G722]
                .into_iter()
                .find(|codec| codec.static_payload_type() == number)
                .map(|codec| Payload::Codec(number, codec)),
        });
    }
    found
}

/// From `PCMU/8000/1`.
fn read_encoding(number: u8, encoding: &str) -> Option<Payload> {
    let mut parts = encoding.split('/').map(str::trim);
    let (name, rate, channels) = (parts.next()?, parts.next()?, parts.next());
    if rate.parse() != Ok(CLOCK_RATE) || channels.is_some_and(|channels| channels != "1") {
        return None;
    }
    if name.eq_ignore_ascii_case("telephone-event") {
        return Some(Payload::TelephoneEvent(number));
    }
    Codec::find(name).map(|codec| Payload::Codec(number, codec))
}

/// The first payload type of telephone-event.
pub(super) fn event_type(payloads: &[Payload]) -> Option<u8> {
    payloads.iter().find_map(|payload| match payload {
        Payload::TelephoneEvent(number) => Some(*number),
        Payload::Codec(..) => None,
    })
}

/// Events when both sides have a payload type for them.
pub(super) const fn agree_on_events(
    send: Option<u8>,
    receive: Option<u8>,
) -> Option<TelephoneEvent> {
    match (send, receive) {
        (Some(send_payload_type), Some(receive_payload_type)) => Some(TelephoneEvent {
            send_payload_type,
            receive_payload_type,
            clock_rate: CLOCK_RATE,
        }),
        _ => None,
    }
}
