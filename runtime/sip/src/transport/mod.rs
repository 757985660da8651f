//! UDP and TCP sockets. The only part of this crate that knows tokio and makes system calls.

mod packet;

pub use packet::{ConnectionId, Packet, Protocol, Transmit, UnknownProtocol};
