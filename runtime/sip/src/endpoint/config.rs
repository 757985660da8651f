//! What an endpoint is told when it is made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::message::{Host, Method};
use crate::transaction::Timers;
use crate::transport::Protocol;

/// A socket that the endpoint is reached at, and what peers are told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The transport.
    pub protocol: Protocol,
    /// The address that the socket is bound to, as packets name it.
    pub bound: SocketAddr,
    /// The host in Via and Contact: what peers can reach, for instance the public address before a NAT.
    pub host: Host,
    /// The port in Via and Contact.
    pub port: u16,
}

impl LocalAddress {
    /// A socket that peers reach at the address it is bound to.
    #[must_use]
    pub fn new(protocol: Protocol, bound: SocketAddr) -> Self {
        Self {
            protocol,
            bound,
            host: Host::from(bound.ip().to_canonical()),
            port: bound.port(),
        }
    }

    /// How well the socket suits a packet: same protocol and family at least.
    pub(crate) fn serves(&self, protocol: Protocol, address: IpAddr) -> bool {
        self.protocol == protocol && self.bound.is_ipv4() == address.is_ipv4()
    }
}

/// Bounds on what peers can make the endpoint hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at the same time, both directions. One more gets 503 with Retry-After.
    pub max_calls: usize,
    /// Server transactions at the same time; finished ones stay for 32 s (timers H, J and L), so that a call takes two
    /// of them for that long. Each takes up to 300 bytes, and the response that it repeats. Calls refused for a limit
    /// take none; half as many are remembered at the most, at up to 72 bytes each.
    pub max_transactions: usize,
    /// 2xx that wait for their ACK. One more call gets 503 with Retry-After: bounds the memory of an INVITE flood.
    pub max_unacknowledged: usize,
    /// What Retry-After says when one of these limits is in the way. Rounded up to seconds.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: 10_000,
            max_transactions: 600_000,
            max_unacknowledged: 5_000,
            retry_after: Duration::from_secs(5),
        }
    }
}

/// The configuration of an [`Endpoint`](super::Endpoint).
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// T1, T2, T4.
    pub timers: Timers,
    /// The sockets.
    pub local: Vec<LocalAddress>,
    /// User-Agent in requests and Server in responses; neither is sent when empty.
    pub user_agent: String,
    /// Bounds.
    pub limits: Limits,
    /// The methods in Allow. A known method beside these gets 405, an unknown one 501.
    pub allow: Vec<Method>,
}

impl EndpointConfig {
    /// Defaults for these sockets.
    #[must_use]
    pub fn new(local: Vec<LocalAddress>) -> Self {
        Self {
            timers: Timers::default(),
            local,
            user_agent: concat!("Vireo/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
            allow: vec![
                Method::Invite,
                Method::Ack,
                Method::Bye,
                Method::Cancel,
                Method::Options,
                Method::Info,
            ],
        }
    }
}

/// Which part of new calls is refused because the server is late: spread evenly over the calls.
#[derive(Debug, Default)]
pub(super) struct Shedding {
    /// Of a thousand new calls so many are refused; none at first.
    thousandths: u16,
    /// What has come together since the last one was refused.
    carried: u16,
}

impl Shedding {
    const ALL: u16 = 1_000;

    /// Refuses so many of a thousand calls from now on.
    pub(super) fn set(&mut self, thousandths: u16) {
        self.thousandths = thousandths.min(Self::ALL);
        if self.thousandths == 0 {
            self.carried = 0;
        }
    }

    /// Of a thousand calls so many are refused.
    pub(super) fn thousandths(&self) -> u16 {
        self.thousandths
    }

    /// A call comes: is it to be refused?
    pub(super) fn takes(&mut self) -> bool {
        self.carried += self.thousandths;
        let taken = self.carried >= Self::ALL;
        if taken {
            self.carried -= Self::ALL;
        }
        taken
    }
}

/// Whether new calls are taken. Calls in progress go on either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// New calls are taken.
    #[default]
    Open,
    /// New calls, and OPTIONS outside a dialog, get 503 with Retry-After, so that peers look elsewhere.
    Draining,
}
