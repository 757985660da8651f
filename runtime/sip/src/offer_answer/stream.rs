//! What one media description says of where, how much and which way.

use super::{Direction, Reject};
use crate::sdp::{Media, Session};
use std::net::{IpAddr, SocketAddr};

/// Packet lengths that we send, in milliseconds.
const PTIMES: [u16; 4] = [10, 20, 30, 40];

/// Addresses and direction of the peer's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
    /// As seen by the peer.
    pub(super) direction: Direction,
    /// Does the peer take nothing from us?
    pub(super) held: bool,
}

impl Peer {
    /// Reads address, port and direction of a stream; `ours` is the address that it must be reachable from.
    pub(super) fn read(
        session: &Session<'_>,
        media: &Media<'_>,
        ours: IpAddr,
    ) -> Result<Self, Reject> {
        let connection = media.connection.as_ref().or(session.connection.as_ref());
        let connection =
            connection.ok_or_else(|| Reject::new(400, 399, "No connection address"))?;
        let Some(address) = connection.ip() else {
            return Err(Reject::new(
                488,
                301,
                "Incompatible network address formats: not an IP address",
            ));
        };
        if address.is_multicast() {
            return Err(Reject::new(488, 330, "Multicast not available"));
        }
        if address.is_ipv4() != ours.is_ipv4() {
            return Err(Reject::new(
                488,
                300,
                "Incompatible network protocol: other address family",
            ));
        }
        let rtp = SocketAddr::new(address, media.port);
        // RFC 3264, 8.4: the address 0.0.0.0 is hold as RFC 2543 had it.
        let no_address = address.is_unspecified() || media.port == 0;
        let written = direction(session, media);
        let direction = Direction::new(
            written.sends() && media.port != 0,
            written.receives() && !no_address,
        );
        Ok(Self {
            rtp,
            rtcp: rtcp_address(media, rtp),
            direction,
            held: !direction.receives(),
        })
    }
}

/// `a=rtcp` (RFC 3605), or the next port. `a=rtcp-mux` changes nothing, because we never agree to it.
fn rtcp_address(media: &Media<'_>, rtp: SocketAddr) -> SocketAddr {
    let next = SocketAddr::new(
        rtp.ip(),
        if rtp.port() == 0 {
            0
        } else {
            rtp.port().saturating_add(1)
        },
    );
    let Some(value) = media.attribute("rtcp") else {
        return next;
    };
    let mut words = value.split_whitespace();
    let Some(port) = words.next().and_then(|port| port.parse().ok()) else {
        return next;
    };
    let address = words
        .nth(2)
        .and_then(|text| text.parse().ok())
        .filter(|ip: &IpAddr| ip.is_ipv4() == rtp.is_ipv4());
    SocketAddr::new(address.unwrap_or(rtp.ip()), port)
}

/// The stream's direction attribute, else the session's, else both ways (RFC 8866, 6.7).
fn direction(session: &Session<'_>, media: &Media<'_>) -> Direction {
    let find = |attributes: &[crate::sdp::Attribute<'_>]| {
        attributes.iter().find_map(|attribute| {
            [
                Direction::SendRecv,
                Direction::SendOnly,
                Direction::RecvOnly,
                Direction::Inactive,
            ]
            .into_iter()
            .find(|direction| attribute.name.eq_ignore_ascii_case(direction.attribute()))
        })
    };
    find(&media.attributes)
        .or_else(|| find(&session.attributes))
        .unwrap_or(Direction::SendRecv)
}

/// Milliseconds of audio in our packets: the peer's `a=ptime`, else ours; never beyond its `a=maxptime`, and a length
/// that we can send.
pub(super) fn ptime(media: &Media<'_>, ours: u16) -> u16 {
    // Fractions, which RFC 8866, 6.4 allows, are cut off.
    let read = |name| {
        let value = media.attribute(name)?;
        value
            .split('.')
            .next()?
            .parse::<u16>()
            .ok()
            .filter(|ms| *ms > 0)
    };
    let wanted = read("ptime")
        .unwrap_or(ours)
        .min(read("maxptime").unwrap_or(u16::MAX));
    PTIMES
        .into_iter()
        .rev()
        .find(|ms| *ms <= wanted)
        .unwrap_or(10)
}
