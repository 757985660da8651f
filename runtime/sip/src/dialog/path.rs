//! Where messages go to and come from.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Dialog;
use crate::message::Via;
use crate::transaction::Reliability;
use crate::transport::{ConnectionId, Protocol, Transmit};
use crate::trunk::DialogRequests;

/// The way to a peer: which of our sockets, and which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Path {
    pub(crate) protocol: Protocol,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) destination: SocketAddr,
    /// Connections do not outlive their process.
    #[serde(skip)]
    pub(crate) connection: Option<ConnectionId>,
}

impl Path {
    /// The way of a response to a request that came from here (RFC 3261 section 18.2.2, RFC 3581 section 4).
    ///
    /// The address is always the one the request came from, whatever `maddr` and `sent-by` say, so that a request with
    /// a lying Via cannot turn our responses on a third party.
    pub(crate) fn reply(mut self, via: &Via) -> Self {
        if self.protocol == Protocol::Udp && !via.wants_rport() {
            self.destination.set_port(via.port_or_default());
        }
        self
    }

    pub(crate) fn reliability(&self) -> Reliability {
        match self.protocol {
            Protocol::Udp => Reliability::Unreliable,
            Protocol::Tcp => Reliability::Reliable,
        }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.destination.ip().to_canonical()
    }

    pub(crate) fn transmit(&self, bytes: Vec<u8>) -> Transmit {
        Transmit {
            protocol: self.protocol,
            local: self.local,
            destination: self.destination,
            connection: self.connection,
            bytes,
        }
    }
}

/// The default port of SIP over UDP and TCP.
const SIP_PORT: u16 = 5060;

/// Where the next request of a dialog goes (RFC 3261 section 12.2.1.1).
///
/// A host that is a name stands for the address that the dialog's last message came from: names are not looked up yet
/// (RFC 3263). A URI without `transport` keeps the dialog's transport, since the peer has proved that it speaks it.
pub(crate) fn in_dialog(dialog: &Dialog, last: Path, follow: DialogRequests) -> Path {
    let hop = match follow {
        DialogRequests::FollowContact => dialog.next_hop(),
        DialogRequests::FollowSource => None,
    };
    let Some(hop) = hop else { return last };
    let protocol = hop.protocol.unwrap_or(last.protocol);
    let Some(destination) = hop.host.socket_address(hop.port.unwrap_or(SIP_PORT)) else {
        return last;
    };
    if protocol != last.protocol {
        return Path {
            protocol,
            local: None,
            destination,
            connection: None,
        };
    }
    let same_host = destination.ip().to_canonical() == last.address();
    Path {
        protocol,
        local: last.local,
        destination,
        connection: last.connection.filter(|_| same_host),
    }
}
