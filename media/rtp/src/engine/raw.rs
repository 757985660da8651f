//! Packets of many streams leave by one system call.
//!
//! Sent through its stream's own socket, a packet costs a system call, and finds that stream's file,
//! socket and route cold in the processor's caches. A raw socket (raw(7), IP_HDRINCL) takes packets of
//! all streams together, each with the IPv4 and UDP headers that its stream's socket would have given
//! it; nobody can tell them apart on the wire. The kernel still routes and filters them. It needs
//! CAP_NET_RAW, and is there for IPv4 only.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use super::io::send_many;
use super::ports::EXPEDITED;

/// Octets of the two headers: IPv4 without options (RFC 791, 3.1), UDP (RFC 768).
pub(crate) const HEADERS: usize = IPV4 + UDP;
const IPV4: usize = 20;
const UDP: usize = 8;

/// IPPROTO_RAW: such a socket sends, and is never given what others send.
const SEND_ONLY: i32 = 255;

const UDP_PROTOCOL: u8 = 17;

/// RFC 1700's number, Linux's too.
const TIME_TO_LIVE: u8 = 64;

/// Octets that may wait for a network card; the system may allow less.
const BUFFER: usize = 4 << 20;

/// A packet to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Outbound<'a> {
    /// Source port.
    pub from: u16,
    pub to: SocketAddrV4,
    pub datagram: &'a [u8],
}

/// A socket that sends for many ports of one address.
#[derive(Debug)]
pub(crate) struct RawSender {
    socket: Socket,
    source: Ipv4Addr,
}

impl RawSender {
    /// # Errors
    /// When the process may not (CAP_NET_RAW), or `address` is not one IPv4 address.
    pub fn open(address: IpAddr) -> io::Result<RawSender> {
        let IpAddr::V4(source) = address else {
            return Err(io::Error::other("the address is not IPv4"));
        };
        if source.is_unspecified() {
            return Err(io::Error::other("0.0.0.0 is not one address"));
        }
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(SEND_ONLY)))?;
        socket.set_nonblocking(true)?;
        // The route is chosen as for a socket that is bound to the address; the marking in the header
        // chooses no queue by itself.
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
        let _ = socket.set_tos_v4(EXPEDITED);
        let _ = socket.set_send_buffer_size(BUFFER);
        Ok(RawSender { socket, source })
    }

    /// Sends packets in their order; how many the kernel took. The first that is left cannot be sent
    /// this way.
    pub fn send<'a>(&self, packets: impl Iterator<Item = Outbound<'a>>) -> usize {
        let packets = packets.map(|packet| {
            let headers = headers(self.source, packet);
            (*packet.to.ip(), headers, packet.datagram)
        });
        send_many(&self.socket, packets)
    }
}

/// What stands before a datagram. The kernel adds the checksum of the IPv4 header.
fn headers(source: Ipv4Addr, packet: Outbound<'_>) -> [u8; HEADERS] {
    let udp_length = u16::try_from(UDP + packet.datagram.len()).unwrap_or(u16::MAX);
    let length = udp_length.saturating_add(IPV4 as u16).to_be_bytes();
    let [udp_high, udp_low] = udp_length.to_be_bytes();
    let ([from_high, from_low], [to_high, to_low]) =
        (packet.from.to_be_bytes(), packet.to.port().to_be_bytes());
    let mut headers = [0; HEADERS];
    // Version 4, five words; a packet that may not be fragmented needs no identification (RFC 6864,
    // 4.1), but the kernel would look for one instead of zero.
    headers[..12].copy_from_slice(&[
        0x45,
        EXPEDITED as u8,
        length[0],
        length[1],
        0,
        1,
        0x40,
        0,
        TIME_TO_LIVE,
        UDP_PROTOCOL,
        0,
        0,
    ]);
    headers[12..16].copy_from_slice(&source.octets());
    headers[16..20].copy_from_slice(&packet.to.ip().octets());
    headers[20..26].copy_from_slice(&[from_high, from_low, to_high, to_low, udp_high, udp_low]);
    let [high, low] = checksum(&headers, packet.datagram);
    headers[26] = high;
    headers[27] = low;
    headers
}

/// The checksum of a UDP packet, whose own place in the headers is zero (RFC 768), as it is sent.
fn checksum(headers: &[u8; HEADERS], datagram: &[u8]) -> [u8; 2] {
    let [.., udp_high, udp_low, _, _] = *headers;
    let pseudo = [0, UDP_PROTOCOL, udp_high, udp_low];
    let sum = words(&headers[12..]) + words(&pseudo) + words(datagram);
    // Sums of the machine's own byte order are right in that order (RFC 1071, 2 (B)).
    let folded = (0..4).fold(sum, |sum, _| (sum & 0xFFFF) + (sum >> 16));
    match !(folded as u16) {
        // Zero says that there is no checksum.
        0 => [0xFF, 0xFF],
        sum => sum.to_ne_bytes(),
    }
}

/// The sum of 32-bit words; the last is filled up with zeros.
fn words(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let word = |octets: &[u8; 4]| u64::from(u32::from_ne_bytes(*octets));
    // No packet is long enough for 64 bits.
    words
        .iter()
        .fold(word(&last), |sum, octets| sum.wrapping_add(word(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sixteen bits after the other, as RFC 1071 writes it down first.
    fn by_the_book(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        sum as u16
    }

    fn sample<'a>(datagram: &'a [u8]) -> Outbound<'a> {
        Outbound {
            from: 0xABCD,
            to: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 0x1234),
            datagram,
        }
    }

    #[test]
    fn headers_are_those_of_the_rfcs() {
        let headers = headers(Ipv4Addr::new(192, 0, 2, 1), sample(&[1, 2, 3]));
        #[rustfmt::skip]
        assert_eq!(headers[..26], [
            0x45, 0xB8, 0, 31, 0, 1, 0x40, 0, 64, 17, 0, 0,
            192, 0, 2, 1, 198, 51, 100, 7,
            0xAB, 0xCD, 0x12, 0x34, 0, 11,
        ]);
    }

    proptest! {
        #[test]
        fn a_receiver_finds_the_checksum_right(
            datagram in prop::collection::vec(any::<u8>(), 0..400),
            source in any::<[u8; 4]>(),
        ) {
            let headers = headers(source.into(), sample(&datagram));
            let length = (UDP + datagram.len()) as u16;
            let mut whole = headers[12..].to_vec();
            whole.extend_from_slice(&datagram);
            if !whole.len().is_multiple_of(2) {
                whole.push(0);
            }
            whole.extend_from_slice(&[0, UDP_PROTOCOL]);
            whole.extend_from_slice(&length.to_be_bytes());
            prop_assert_eq!(by_the_book(&whole), 0xFFFF);
            prop_assert_ne!(&headers[26..], &[0, 0]);
        }
    }

    #[test]
    fn addresses_that_it_cannot_send_from_are_refused() {
        assert!(RawSender::open("::1".parse().unwrap()).is_err());
        assert!(RawSender::open("0.0.0.0".parse().unwrap()).is_err());
    }
}
