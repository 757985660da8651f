//! TCP listeners and connections.

use super::counters::add;
use super::{Arrival, ConnectionId, Failure, Packet, Protocol, Shared};
use crate::message::Message;
use crate::message::stream::{Fatal, Frame, Framer, PONG};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// Pause after an accept that failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds a listener and starts accepting.
pub(super) fn listen(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<SocketAddr> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    tokio::spawn(accept(listener, Arc::clone(shared)));
    Ok(local)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.arrivals.closed() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
            add(&shared.tally.connections_refused, 1);
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let (handle, outbox) = Handle::new(peer, &shared);
        let link = Link {
            id: shared.next_connection(),
            local,
            peer,
            shared: Arc::clone(&shared),
        };
        // Announced before anything can arrive by it.
        if shared
            .arrivals
            .send(Arrival::Opened(link.id, handle))
            .await
            .is_err()
        {
            return;
        }
        tokio::spawn(link.run(stream, outbox, permit));
    }
}

/// The sending end of a connection, which is closed when this is dropped.
pub(super) struct Handle {
    pub(super) queue: mpsc::Sender<Vec<u8>>,
    pub(super) peer: SocketAddr,
    _open: oneshot::Sender<()>,
}

/// The other end of a [`Handle`].
struct Outbox {
    queue: mpsc::Receiver<Vec<u8>>,
    /// For the answers to keep-alives.
    own: mpsc::Sender<Vec<u8>>,
    closing: oneshot::Receiver<()>,
}

impl Handle {
    fn new(peer: SocketAddr, shared: &Shared) -> (Self, Outbox) {
        let (sender, queue) = mpsc::channel(shared.limits.write_queue.max(1));
        let (_open, closing) = oneshot::channel();
        (
            Self {
                queue: sender.clone(),
                peer,
                _open,
            },
            Outbox {
                queue,
                own: sender,
                closing,
            },
        )
    }
}

/// Begins to open a connection; what is queued meanwhile goes out once it is open. `None` when there are too many.
pub(super) fn connect(
    peer: SocketAddr,
    local: Option<SocketAddr>,
    shared: &Arc<Shared>,
) -> Option<(ConnectionId, Handle)> {
    let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
        add(&shared.tally.connections_refused, 1);
        return None;
    };
    let (handle, outbox) = Handle::new(peer, shared);
    let id = shared.next_connection();
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let opened = timeout(shared.limits.connect_timeout, TcpStream::connect(peer)).await;
        let error = match opened {
            Ok(Ok(stream)) => match local.map_or_else(|| stream.local_addr(), Ok) {
                Ok(local) => {
                    let link = Link {
                        id,
                        local,
                        peer,
                        shared,
                    };
                    return link.run(stream, outbox, permit).await;
                }
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        drop(permit);
        tracing::debug!(%error, %peer, "connection not opened");
        let failure = Failure {
            protocol: Protocol::Tcp,
            destination: peer,
            connection: Some(id),
            error: error.kind(),
        };
        // Nobody is left to be told otherwise.
        let _ = shared
            .arrivals
            .send(Arrival::Closed(id, Some(failure)))
            .await;
    });
    Some((id, handle))
}

/// One open connection.
struct Link {
    id: ConnectionId,
    local: SocketAddr,
    peer: SocketAddr,
    shared: Arc<Shared>,
}

/// Why a connection ended.
enum End {
    /// By the peer, or for good reason by us.
    Closed,
    /// Messages of ours may be lost.
    Broken(io::ErrorKind),
}

impl Link {
    async fn run(self, stream: TcpStream, outbox: Outbox, permit: OwnedSemaphorePermit) {
        add(&self.shared.tally.connections, 1);
        // Requests must not wait for the acknowledgement of others; without it they only go out later.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let activity = Activity::new();
        let Outbox {
            queue,
            own,
            closing,
        } = outbox;
        let end = tokio::select! {
            end = self.read(reader, &own, &activity) => end,
            end = self.write(writer, queue, &activity) => end,
            _ = closing => End::Closed,
        };
        self.shared
            .tally
            .connections
            .fetch_sub(1, Ordering::Relaxed);
        drop(permit);
        let failure = match end {
            End::Closed => None,
            End::Broken(error) => Some(Failure {
                protocol: Protocol::Tcp,
                destination: self.peer,
                connection: Some(self.id),
                error,
            }),
        };
        let _ = self
            .shared
            .arrivals
            .send(Arrival::Closed(self.id, failure))
            .await;
    }

    async fn read(
        &self,
        mut reader: OwnedReadHalf,
        own: &mpsc::Sender<Vec<u8>>,
        activity: &Activity,
    ) -> End {
        let limits = &self.shared.limits;
        let mut framer = Framer::new();
        let mut buffer = vec![0; READ];
        let mut partial_since: Option<Instant> = None;
        loop {
            let deadline = match partial_since {
                Some(since) => since + limits.partial_timeout,
                None => activity.last() + limits.idle_timeout,
            };
            let count = match timeout_at(deadline, reader.read(&mut buffer)).await {
                Ok(Ok(0)) => return End::Closed,
                Ok(Ok(count)) => count,
                Ok(Err(error)) => return End::Broken(error.kind()),
                // Something was written meanwhile: the connection is in use.
                Err(_)
                    if partial_since.is_none()
                        && activity.last() + limits.idle_timeout > Instant::now() =>
                {
                    continue;
                }
                Err(_) => {
                    add(&self.shared.tally.connections_timed_out, 1);
                    return End::Closed;
                }
            };
            activity.mark();
            framer.push(buffer.get(..count).unwrap_or_default());
            let mut packets = Vec::new();
            let taken = self.take_messages(&mut framer, own, &mut packets);
            if !packets.is_empty() {
                // A message came whole: what is left begins anew.
                partial_since = None;
                if self
                    .shared
                    .arrivals
                    .send(Arrival::Packets(packets))
                    .await
                    .is_err()
                {
                    return End::Closed;
                }
            }
            if let Err(fatal) = taken {
                add(&self.shared.tally.connections_unframed, 1);
                return self.give_up(fatal).await;
            }
            partial_since = if framer.is_partial() {
                partial_since.or_else(|| Some(Instant::now()))
            } else {
                None
            };
        }
    }

    fn take_messages(
        &self,
        framer: &mut Framer,
        own: &mpsc::Sender<Vec<u8>>,
        packets: &mut Vec<Packet>,
    ) -> Result<(), Fatal> {
        while let Some(frame) = framer.poll()? {
            match frame {
                Frame::Message(message) => packets.push(self.packet(message)),
                Frame::Ping => {
                    add(&self.shared.tally.keep_alives, 1);
                    // A peer that does not read needs no answer either.
                    let _ = own.try_send(PONG.to_vec());
                }
            }
        }
        Ok(())
    }

    fn packet(&self, message: Result<Message, crate::message::ParseError>) -> Packet {
        add(&self.shared.tally.received, 1);
        add(&self.shared.tally.malformed, usize::from(message.is_err()));
        Packet {
            protocol: Protocol::Tcp,
            local: self.local,
            source: self.peer,
            connection: Some(self.id),
            message,
        }
    }

    /// Hands the malformed message up, leaves time for the answer to it, and closes.
    async fn give_up(&self, Fatal(error): Fatal) -> End {
        let packet = self.packet(Err(error));
        if self
            .shared
            .arrivals
            .send(Arrival::Packets(vec![packet]))
            .await
            .is_ok()
        {
            sleep(self.shared.limits.linger).await;
        }
        End::Closed
    }

    async fn write(
        &self,
        mut writer: OwnedWriteHalf,
        mut queue: mpsc::Receiver<Vec<u8>>,
        activity: &Activity,
    ) -> End {
        while let Some(bytes) = queue.recv().await {
            match timeout(self.shared.limits.write_timeout, writer.write_all(&bytes)).await {
                Ok(Ok(())) => activity.mark(),
                Ok(Err(error)) => return End::Broken(error.kind()),
                Err(_) => return End::Broken(io::ErrorKind::TimedOut),
            }
        }
        End::Closed
    }
}

/// When a connection was used last.
struct Activity {
    opened: Instant,
    /// Milliseconds after `opened`.
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn mark(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.opened + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}
