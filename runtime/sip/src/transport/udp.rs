//! UDP sockets.

use super::counters::add;
use super::impairment::{DirectionOfTravel, Fate};
use super::mmsg::{self, BATCH, Inbox};
use super::{Arrival, Packet, Protocol, Shared, Transmit};
use crate::message::Message;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Kernel buffers, in bytes: 4 MiB hold some 3,000 INVITEs, the traffic of a scheduling pause. The kernel cuts it down
/// to net.core.rmem_max without saying so.
const KERNEL_BUFFER: usize = 4 << 20;

/// Calls by which one turn empties a socket. More wait for the next turn, so that timers and commands get theirs.
const CALLS_AT_ONCE: usize = 4;

/// A bound UDP socket.
pub(super) struct Udp {
    socket: Arc<UdpSocket>,
    pub(super) local: SocketAddr,
    inbox: Inbox,
}

impl Udp {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Smaller buffers than wished for still work.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            inbox: Inbox::new(),
        })
    }

    /// Appends what has arrived; asks to be woken when that is all. When the reader does not keep up, the kernel's
    /// buffer fills.
    pub(super) fn receive(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Arc<Shared>,
        packets: &mut Vec<Packet>,
    ) {
        for _ in 0..CALLS_AT_ONCE {
            match self.socket.poll_recv_ready(cx) {
                Poll::Pending => return,
                // Such as the runtime's end; the caller finds nothing.
                Poll::Ready(Err(error)) => {
                    return tracing::debug!(%error, local = %self.local, "receiving failed");
                }
                Poll::Ready(Ok(())) => {}
            }
            let (socket, inbox) = (&self.socket, &mut self.inbox);
            let received = socket.try_io(Interest::READABLE, || {
                inbox.receive(socket.as_fd())?;
                // A batch that is not full has emptied the socket: to say so now saves the call that would find that
                // out. A datagram that comes meanwhile makes the socket ready again.
                if inbox.is_full() {
                    Ok(())
                } else {
                    Err(io::ErrorKind::WouldBlock.into())
                }
            });
            match received {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    // Such as a pending ICMP error; the socket itself stays usable.
                    tracing::debug!(%error, local = %self.local, "receiving failed");
                }
                _ => {
                    add(&shared.tally.receive_calls, 1);
                    for (datagram, source) in self.inbox.datagrams() {
                        take_in(datagram, source, self.local, shared, packets);
                    }
                    self.inbox.clear();
                }
            }
        }
        // There may be more: another turn, after everybody else's.
        cx.waker().wake_by_ref();
    }

    /// Sends what the kernel takes at once; the rest is lost and counted, as datagrams may be.
    pub(super) fn send(&self, messages: &[Transmit], shared: &Shared) {
        let mut batch: Vec<(SockAddr, &[u8])> = Vec::with_capacity(messages.len().min(BATCH));
        for message in messages {
            let copies = match shared.line.fate(&message.bytes, DirectionOfTravel::Out) {
                Fate::Deliver => 1,
                Fate::Duplicate => 2,
                Fate::Drop => 0,
                Fate::Delay(time) => {
                    let (socket, message) = (Arc::clone(&self.socket), message.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(time).await;
                        // Lost like any other datagram when it cannot be sent.
                        let _ = socket.try_send_to(&message.bytes, message.destination);
                    });
                    0
                }
            };
            for _ in 0..copies {
                batch.push((message.destination.into(), &message.bytes));
                if batch.len() == BATCH {
                    self.flush(&mut batch, shared);
                }
            }
        }
        self.flush(&mut batch, shared);
    }

    fn flush(&self, batch: &mut Vec<(SockAddr, &[u8])>, shared: &Shared) {
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            add(&shared.tally.send_calls, 1);
            let done = match mmsg::send(self.socket.as_fd(), rest) {
                Ok(sent) => {
                    add(&shared.tally.sent, sent);
                    sent.max(1)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    add(&shared.tally.dropped, rest.len());
                    rest.len()
                }
                Err(error) => {
                    add(&shared.tally.failed, 1);
                    let destination = rest.first().and_then(|(address, _)| address.as_socket());
                    tracing::debug!(%error, ?destination, "datagram not sent");
                    1
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
        batch.clear();
    }
}

fn take_in(
    datagram: &[u8],
    source: SocketAddr,
    local: SocketAddr,
    shared: &Arc<Shared>,
    packets: &mut Vec<Packet>,
) {
    if is_keep_alive(datagram) {
        add(&shared.tally.keep_alives, 1);
        return;
    }
    let fate = shared.line.fate(datagram, DirectionOfTravel::In);
    if fate == Fate::Drop {
        return;
    }
    let message = Message::parse(datagram);
    add(&shared.tally.received, 1);
    add(&shared.tally.malformed, usize::from(message.is_err()));
    let packet = Packet {
        protocol: Protocol::Udp,
        local,
        source,
        connection: None,
        message,
    };
    match fate {
        Fate::Delay(time) => {
            let arrivals = shared.arrivals.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                // Nobody is left to receive it otherwise.
                let _ = arrivals.send(Arrival::Packets(vec![packet])).await;
            });
        }
        Fate::Duplicate => packets.extend([packet.clone(), packet]),
        Fate::Deliver | Fate::Drop => packets.push(packet),
    }
}

/// What phones send to keep a NAT binding open: nothing, line breaks, zeros, or a few bytes of no meaning.
fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.len() <= 4
        || datagram
            .iter()
            .all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
