//! UDP and TCP sockets. The only part of this crate that knows tokio and makes system calls.
//!
//! [`Transports::receive`] reads and parses what the UDP sockets have, without a task or a channel between, and takes
//! what the tasks of the connections have parsed. Messages go out by [`Transports::send`], which never waits.

mod counters;
mod impairment;
mod mmsg;
mod packet;
mod tcp;
mod udp;

pub use counters::Counters;
pub use impairment::{DirectionOfTravel, Fate, Impairment};
pub use packet::{ConnectionId, Packet, Protocol, Transmit, UnknownProtocol};

use counters::{Tally, add};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tcp::Handle;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use udp::Udp;

/// Batches between the sockets' tasks and the receiver.
const ARRIVALS: usize = 64;

/// Batches that one call of [`Transports::receive`] hands out at the most.
const AT_ONCE: usize = 16;

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listen {
    /// At what protocol.
    pub protocol: Protocol,
    /// At what address; port 0 for any free one.
    pub address: SocketAddr,
}

/// What connections may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, in and out.
    pub connections: usize,
    /// Most messages waiting to be written to one connection; one more closes it.
    pub write_queue: usize,
    /// A connection without use is closed after this time.
    pub idle_timeout: Duration,
    /// A message that was begun must be complete after this time.
    pub partial_timeout: Duration,
    /// Opening a connection may take this long.
    pub connect_timeout: Duration,
    /// Writing one message may take this long.
    pub write_timeout: Duration,
    /// A connection whose stream cannot be followed stays open this long for the answer to it.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            write_queue: 256,
            idle_timeout: Duration::from_secs(30 * 60),
            partial_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(500),
        }
    }
}

/// Why the sockets cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// An address cannot be listened at.
    #[error("cannot listen at {protocol} {address}: {source}")]
    Bind {
        /// The protocol.
        protocol: Protocol,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Messages to this destination may be lost: the connection could not be opened, or it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The protocol.
    pub protocol: Protocol,
    /// Where they were to go.
    pub destination: SocketAddr,
    /// The connection, if there was one.
    pub connection: Option<ConnectionId>,
    /// What the system says; `QuotaExceeded` when there are too many connections, `WouldBlock` when the peer of one
    /// does not read.
    pub error: io::ErrorKind,
}

/// What the sockets' tasks report, in order.
enum Arrival {
    Packets(Vec<Packet>),
    Opened(ConnectionId, Handle),
    Closed(ConnectionId, Option<Failure>),
}

/// What all tasks share.
struct Shared {
    arrivals: mpsc::Sender<Arrival>,
    limits: Limits,
    tally: Tally,
    line: impairment::Line,
    permits: Arc<Semaphore>,
    last_connection: AtomicU64,
}

impl Shared {
    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.last_connection.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The sockets of one endpoint. Dropping it closes them.
pub struct Transports {
    shared: Arc<Shared>,
    arrivals: mpsc::Receiver<Arrival>,
    udp: Vec<Udp>,
    listens: Vec<Listen>,
    connections: HashMap<ConnectionId, Handle>,
    /// The newest connection to each peer.
    peers: HashMap<SocketAddr, ConnectionId>,
    failures: Vec<Failure>,
    /// Datagrams of one call of `send`, by socket.
    outgoing: Vec<Vec<Transmit>>,
}

impl Transports {
    /// Binds all addresses and starts to receive.
    ///
    /// # Errors
    /// When one of them cannot be listened at; none is then.
    #[expect(
        clippy::unused_async,
        reason = "must be called within a runtime, which an async function makes plain"
    )]
    pub async fn bind(listens: &[Listen], limits: Limits) -> Result<Self, TransportError> {
        let (sender, arrivals) = mpsc::channel(ARRIVALS);
        let shared = Arc::new(Shared {
            arrivals: sender,
            limits,
            tally: Tally::default(),
            line: impairment::Line::default(),
            permits: Arc::new(Semaphore::new(
                limits.connections.min(Semaphore::MAX_PERMITS),
            )),
            last_connection: AtomicU64::new(0),
        });
        let mut udp = Vec::new();
        let mut bound = Vec::new();
        for &Listen { protocol, address } in listens {
            let local = match protocol {
                Protocol::Udp => Udp::bind(address).map(|socket| {
                    let local = socket.local;
                    udp.push(socket);
                    local
                }),
                Protocol::Tcp => tcp::listen(address, &shared),
            };
            let local = local.map_err(|source| TransportError::Bind {
                protocol,
                address,
                source,
            })?;
            bound.push(Listen {
                protocol,
                address: local,
            });
        }
        let outgoing = udp.iter().map(|_| Vec::new()).collect();
        Ok(Self {
            shared,
            arrivals,
            udp,
            listens: bound,
            connections: HashMap::new(),
            peers: HashMap::new(),
            failures: Vec::new(),
            outgoing,
        })
    }

    /// Where we listen, in the order asked for, with the ports that were given.
    pub fn local_addresses(&self) -> &[Listen] {
        &self.listens
    }

    /// What the sockets have seen.
    pub fn counters(&self) -> Counters {
        self.shared.tally.snapshot()
    }

    /// Has datagrams lost, doubled or delayed from now on; for tests.
    pub fn set_impairment(&mut self, impairment: Impairment) {
        self.shared.line.set(impairment);
    }

    /// Waits until something arrived and appends it to `batch`. Nothing may have been appended when only connections or
    /// failures arrived: see [`Transports::take_failures`]. May be dropped at any time without losing a message.
    pub async fn receive(&mut self, batch: &mut Vec<Packet>) {
        poll_fn(|cx| self.poll_receive(cx, batch)).await
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Packet>) -> Poll<()> {
        let before = batch.len();
        for socket in &mut self.udp {
            socket.receive(cx, &self.shared, batch);
        }
        let mut arrived = batch.len() > before || !self.failures.is_empty();
        for _ in 0..AT_ONCE {
            // We hold a sender ourselves, so that this never ends.
            let Poll::Ready(Some(arrival)) = self.arrivals.poll_recv(cx) else {
                break;
            };
            self.take_in(arrival, batch);
            arrived = true;
        }
        if arrived {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Connections that broke or could not be opened since the last call.
    pub fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    fn take_in(&mut self, arrival: Arrival, batch: &mut Vec<Packet>) {
        match arrival {
            Arrival::Packets(packets) => batch.extend(packets),
            Arrival::Opened(id, handle) => self.register(id, handle),
            Arrival::Closed(id, failure) => {
                self.forget(id);
                self.failures.extend(failure);
            }
        }
    }

    fn register(&mut self, id: ConnectionId, handle: Handle) {
        self.peers.insert(handle.peer, id);
        self.connections.insert(id, handle);
    }

    fn forget(&mut self, id: ConnectionId) {
        if let Some(handle) = self.connections.remove(&id)
            && self.peers.get(&handle.peer) == Some(&id)
        {
            self.peers.remove(&handle.peer);
        }
    }

    /// Sends what it can at once. What finds a full buffer or queue is lost and counted: the retransmissions of the
    /// transactions above are the remedy, and a caller that waited would hold up all other calls.
    pub fn send(&mut self, messages: impl Iterator<Item = Transmit>) {
        for message in messages {
            match message.protocol {
                Protocol::Tcp => self.send_by_connection(message),
                Protocol::Udp => match self
                    .udp
                    .iter()
                    .position(|socket| Self::suits(socket.local, &message))
                {
                    Some(index) => {
                        if let Some(queue) = self.outgoing.get_mut(index) {
                            queue.push(message);
                        }
                    }
                    None => add(&self.shared.tally.failed, 1),
                },
            }
        }
        for (socket, queue) in self.udp.iter().zip(&mut self.outgoing) {
            socket.send(queue, &self.shared);
            queue.clear();
        }
    }

    fn suits(local: SocketAddr, message: &Transmit) -> bool {
        match message.local {
            Some(wanted) => local == wanted,
            None => local.is_ipv4() == message.destination.is_ipv4(),
        }
    }

    fn send_by_connection(&mut self, message: Transmit) {
        let open = message
            .connection
            .filter(|id| self.connections.contains_key(id));
        let id = match open.or_else(|| self.peers.get(&message.destination).copied()) {
            Some(id) => id,
            None => {
                let listens = self
                    .listens
                    .iter()
                    .filter(|listen| listen.protocol == Protocol::Tcp);
                let local = listens
                    .map(|listen| listen.address)
                    .find(|local| Self::suits(*local, &message));
                let Some((id, handle)) = tcp::connect(message.destination, local, &self.shared)
                else {
                    return self.fail(message.destination, None, io::ErrorKind::QuotaExceeded);
                };
                self.register(id, handle);
                id
            }
        };
        let Some(handle) = self.connections.get(&id) else {
            return;
        };
        match handle.queue.try_send(message.bytes) {
            Ok(()) => add(&self.shared.tally.sent, 1),
            Err(mpsc::error::TrySendError::Full(_)) => {
                // A stream with a gap is of no use to anyone.
                add(&self.shared.tally.dropped, 1);
                self.forget(id);
                self.fail(message.destination, Some(id), io::ErrorKind::WouldBlock);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.forget(id);
                self.fail(message.destination, Some(id), io::ErrorKind::BrokenPipe);
            }
        }
    }

    fn fail(
        &mut self,
        destination: SocketAddr,
        connection: Option<ConnectionId>,
        error: io::ErrorKind,
    ) {
        add(&self.shared.tally.failed, 1);
        self.failures.push(Failure {
            protocol: Protocol::Tcp,
            destination,
            connection,
            error,
        });
    }
}
