//! What passes a stream's sockets.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::counters::{Cells, add};
use super::io::{BATCH, Batch, MANY};
use super::raw::{Outbound, RawSender};
use crate::inbound::Received;
use crate::packet::MAX_PACKET_OUT;
use crate::stream::Transmit;
use crate::time::Time;

/// Batches that are taken from one socket in one turn; more wait in the kernel, or are dropped there.
const MAX_BATCHES: usize = 4;

/// Packets that are built before the first of them is sent: what the processor fetches for one stream
/// is on its way while another's packet is built, and a system call would wait for it.
pub(crate) const BURST: usize = MANY;

/// How a packet leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// With those of other streams, if there is a raw socket.
    Together,
    /// By its stream's socket.
    Alone,
}

struct Outgoing {
    index: u32,
    way: Way,
    /// The stream's RTP port.
    from: u16,
    to: Transmit,
    buffer: [u8; MAX_PACKET_OUT],
}

/// Packets that were built and not sent yet.
pub(crate) struct Burst {
    packets: Box<[Outgoing]>,
    count: usize,
}

impl Burst {
    pub fn new() -> Burst {
        let nothing = || Outgoing {
            index: 0,
            way: Way::Alone,
            from: 0,
            to: Transmit {
                to: SocketAddr::from(([0, 0, 0, 0], 0)),
                length: 0,
            },
            buffer: [0; MAX_PACKET_OUT],
        };
        Burst {
            packets: std::iter::repeat_with(nothing).take(BURST).collect(),
            count: 0,
        }
    }

    pub fn is_full(&self) -> bool {
        self.count >= self.packets.len()
    }

    /// Has a stream build a packet; nothing happens when the burst is full.
    pub fn build(
        &mut self,
        index: u32,
        way: Way,
        from: u16,
        build: impl FnOnce(&mut [u8]) -> Option<Transmit>,
    ) {
        if let Some(place) = self.packets.get_mut(self.count)
            && let Some(to) = build(&mut place.buffer)
        {
            (place.index, place.way, place.from, place.to) = (index, way, from, to);
            self.count += 1;
        }
    }

    /// Sends the packets: those that may by `raw`, all others, and those that it does not take, by
    /// `alone`, which is given the index of the stream. How many went together.
    pub fn send(
        &mut self,
        raw: Option<&RawSender>,
        mut alone: impl FnMut(u32, SocketAddr, &[u8]),
    ) -> usize {
        let count = std::mem::take(&mut self.count);
        let packets = self.packets.get(..count).unwrap_or_default();
        let mut alone = |packet: &Outgoing| alone(packet.index, packet.to.to, packet.datagram());
        let together = |packet: &&Outgoing| raw.is_some() && packet.way == Way::Together;
        let mut sent = 0;
        if let Some(raw) = raw {
            let mut rest = packets.iter().filter(together);
            while rest.clone().next().is_some() {
                match raw.send(rest.clone().map_while(Outgoing::outbound)) {
                    0 => rest.by_ref().take(1).for_each(&mut alone),
                    n => {
                        sent += n;
                        rest.by_ref().take(n).for_each(drop);
                    }
                }
            }
        }
        packets
            .iter()
            .filter(|packet| !together(packet))
            .for_each(alone);
        sent
    }
}

impl Outgoing {
    fn datagram(&self) -> &[u8] {
        self.buffer.get(..self.to.length).unwrap_or_default()
    }

    fn outbound(&self) -> Option<Outbound<'_>> {
        let SocketAddr::V4(to) = self.to.to else {
            return None;
        };
        Some(Outbound {
            from: self.from,
            to,
            datagram: self.datagram(),
        })
    }
}

/// Takes everything from a socket.
pub(crate) struct Drain<'a> {
    pub batch: &'a mut Batch,
    pub wall_offset: i64,
    pub now: Time,
}

impl Drain<'_> {
    pub fn drain(&mut self, socket: &UdpSocket, mut take: impl FnMut(&[u8], SocketAddr, Time)) {
        let mut refusals = 0;
        for _ in 0..MAX_BATCHES {
            let taken = match self.batch.receive(socket) {
                Ok(taken) => taken,
                // An ICMP error of an earlier packet of ours; it is reported once.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && refusals < 2 => {
                    refusals += 1;
                    continue;
                }
                Err(_) => return,
            };
            for i in 0..taken {
                if let Some((data, source, wall)) = self.batch.datagram(i) {
                    take(data, source, self.arrival(wall));
                }
            }
            if taken < BATCH {
                return;
            }
        }
    }

    /// When the kernel got a datagram. The wall clock may have been set meanwhile: what lies in the
    /// future or more than a second back came just now.
    fn arrival(&self, wall: Option<i64>) -> Time {
        let Some(wall) = wall else { return self.now };
        let arrival = Time::from_nanos(
            u64::try_from(wall.wrapping_sub(self.wall_offset)).unwrap_or(u64::MAX),
        );
        let plausible = arrival <= self.now && self.now.since(arrival) < Duration::from_secs(1);
        if plausible { arrival } else { self.now }
    }
}

pub(crate) fn count(received: Received, cells: &Cells) {
    let cell = match received {
        Received::Taken => &cells.packets_in,
        Received::Malformed => &cells.malformed,
        Received::Stray => &cells.strays,
        Received::UnknownPayload => &cells.unknown_payload,
        Received::Unwanted => &cells.unwanted,
    };
    add(cell, 1);
}

pub(crate) fn send(
    socket: &UdpSocket,
    connected: bool,
    to: SocketAddr,
    datagram: &[u8],
) -> io::Result<()> {
    let attempt = || {
        if connected {
            socket.send(datagram)
        } else {
            socket.send_to(datagram, to)
        }
    };
    match attempt() {
        // The error is that of an earlier packet; this one was not sent yet.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => attempt(),
        other => other,
    }
    .map(|_| ())
}

pub(crate) fn send_rtcp(socket: &UdpSocket, transmit: Transmit, buffer: &[u8], cells: &Cells) {
    let datagram = buffer.get(..transmit.length).unwrap_or_default();
    if send(socket, false, transmit.to, datagram).is_ok() {
        add(&cells.rtcp_out, 1);
    }
}
