//! What passes between the sockets and the protocol.

use crate::message::{Message, ParseError};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A transport protocol that this crate listens at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP
    Udp,
    /// TCP
    Tcp,
}

impl Protocol {
    /// Does the transport itself see to it that messages arrive (RFC 3261, 17)?
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        match text {
            _ if text.eq_ignore_ascii_case("udp") => Ok(Self::Udp),
            _ if text.eq_ignore_ascii_case("tcp") => Ok(Self::Tcp),
            _ => Err(UnknownProtocol(text.to_owned())),
        }
    }
}

/// The text names no protocol that this crate listens at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown transport `{0}`: `udp` or `tcp`")]
pub struct UnknownProtocol(String);

/// One connection of a stream transport, never used for another one again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct ConnectionId(pub u64);

/// A message that arrived, or what arrived in the place of one.
#[derive(Debug, Clone)]
pub struct Packet {
    /// How it arrived.
    pub protocol: Protocol,
    /// The address of ours that it arrived at: that of the listening socket, or of our end of the connection.
    pub local: SocketAddr,
    /// Where it came from.
    pub source: SocketAddr,
    /// The connection it came by; `None` for UDP.
    pub connection: Option<ConnectionId>,
    /// The message, or why it is none.
    pub message: Result<Message, ParseError>,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// How to send it.
    pub protocol: Protocol,
    /// The listening address to send it from; the first one of the protocol and address family when `None`.
    pub local: Option<SocketAddr>,
    /// Where to send it.
    pub destination: SocketAddr,
    /// The connection to send it by, as a response must be while it is open (RFC 3261, 18.2.2). A connection to the
    /// destination is found or opened otherwise.
    pub connection: Option<ConnectionId>,
    /// The message as it goes on the wire.
    pub bytes: Vec<u8>,
}
