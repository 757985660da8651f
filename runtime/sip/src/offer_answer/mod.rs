//! Offer and answer of one audio stream (RFC 3264): what both sides agree on, and the session descriptions that say so.

mod negotiation;
mod payload;
mod stream;
#[cfg(test)]
mod tests;

pub use negotiation::Negotiation;

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 mu-law, 8 kHz, payload type 0
    Pcmu,
    /// G.711 A-law, 8 kHz, payload type 8
    Pcma,
    /// G.722, 16 kHz, payload type 9; its RTP clock is 8000 Hz all the same (RFC 3551, 4.5.2)
    G722,
}

/// Which way media flows, as seen by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We send, the peer only listens.
    SendOnly,
    /// The peer sends, we only listen.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Do we send?
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Do we receive?
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, as seen by the other side.
    pub const fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// The ways that both allow.
    pub const fn and(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// The attribute that says so (RFC 8866, 6.7).
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// What we can do, and where we listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Address that we receive RTP at, as the peer sees it.
    pub address: IpAddr,
    /// Port that we receive RTP at; RTCP at the next one.
    pub port: u16,
    /// Codecs, best first: the order of our offers. In answers the offer's order counts (RFC 3264, 6.1).
    pub codecs: Vec<Codec>,
    /// Milliseconds of audio in a packet when the peer has no wish: 10, 20, 30 or 40.
    pub ptime_ms: u16,
    /// Payload type of telephone-event (RFC 4733) in our offers; `None` when we do not do it.
    pub telephone_event: Option<u8>,
}

/// What was agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    /// Where the peer receives RTP. Nothing may be sent there while `held`: port or address may be zero then.
    pub remote: SocketAddr,
    /// Where the peer receives RTCP: the next port, or what `a=rtcp` says (RFC 3605).
    pub remote_rtcp: SocketAddr,
    /// Codec to send.
    pub codec: Codec,
    /// Payload type to send it with.
    pub payload_type: u8,
    /// Payload types that may come in, and the codec of each.
    pub receive_payload_types: Vec<(u8, Codec)>,
    /// RFC 4733 events, when both sides do them.
    pub telephone_event: Option<TelephoneEvent>,
    /// Milliseconds of audio that the peer wants in a packet: 10, 20, 30 or 40.
    pub ptime_ms: u16,
    /// Which way media flows.
    pub direction: Direction,
    /// Has the peer put us on hold: by direction, by the address 0.0.0.0 (RFC 2543) or by port 0?
    pub held: bool,
}

/// RFC 4733 events as agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelephoneEvent {
    /// Payload type to send with.
    pub send_payload_type: u8,
    /// Payload type that they come in with.
    pub receive_payload_type: u8,
    /// Clock rate in Hz.
    pub clock_rate: u32,
}

/// Why a session description is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{status}: {warning}")]
pub struct Reject {
    /// Status of the response: 488, or 400 for what cannot be read.
    pub status: u16,
    /// Value of the Warning header (RFC 3261, 20.43).
    pub warning: String,
}

impl Reject {
    fn new(status: u16, code: u16, text: &str) -> Self {
        let text = text.replace(['"', '\\', '\r', '\n'], "'");
        Self {
            status,
            warning: format!("{code} vireo \"{text}\""),
        }
    }
}
