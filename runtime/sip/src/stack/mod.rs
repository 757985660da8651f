//! An [`Endpoint`](crate::endpoint::Endpoint) joined to its sockets: one task owns both, everyone else holds handles.
//!
//! Nothing that the owner of a leg does, or fails to do, holds the task up: commands are queued, each leg's events have
//! a bounded queue of their own, and a leg that does not read them is ended.

mod alarm;
mod driver;
mod events;
mod leg;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use events::{LegEvents, NoEvent};
pub use leg::{IncomingCall, Leg};

use crate::endpoint::{
    Admission, Counters, Endpoint, EndpointConfig, Invite, LegError, LocalAddress, TrunkLoad,
};
use crate::message::Host;
use crate::transport::{self, Impairment, Listen, TransportError, Transports};
use crate::trunk::Trunks;
use driver::{Command, Driver};

/// A socket to listen at, and how peers reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAt {
    /// The socket.
    pub listen: Listen,
    /// The host in Via and Contact, for instance the public address before a NAT. When absent, the socket's address;
    /// for a socket on all addresses, the one that the system's routes prefer.
    pub advertised_host: Option<Host>,
    /// The port in Via and Contact; the socket's when absent.
    pub advertised_port: Option<u16>,
}

impl From<Listen> for ListenAt {
    fn from(listen: Listen) -> Self {
        Self {
            listen,
            advertised_host: None,
            advertised_port: None,
        }
    }
}

/// What a stack is told when it starts.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// Where to listen.
    pub listen: Vec<ListenAt>,
    /// Bounds on connections.
    pub connections: transport::Limits,
    /// Timers, limits, names. Its `local` is filled in from `listen`.
    pub endpoint: EndpointConfig,
    /// The trunks.
    pub trunks: Trunks,
    /// Inbound calls that nobody has taken over yet. One more gets 503 with Retry-After.
    pub incoming_queue: usize,
    /// Events of one leg that its owner has not read yet. One more ends the leg.
    pub leg_queue: usize,
}

impl StackConfig {
    /// Defaults for these sockets and trunks.
    #[must_use]
    pub fn new(listen: Vec<ListenAt>, trunks: Trunks) -> Self {
        Self {
            listen,
            connections: transport::Limits::default(),
            endpoint: EndpointConfig::new(Vec::new()),
            trunks,
            // Half a second of 4,000 calls a second: a moment of other work on the core refuses nobody.
            incoming_queue: 2048,
            leg_queue: 64,
        }
    }
}

/// Why a stack did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StackError {
    /// A socket could not be opened.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The system has no random numbers to draw unguessable tags from.
    #[error("the system's random numbers are not available: {0}")]
    Random(String),
}

/// What the handles and the task share.
struct Shared {
    counters: Mutex<(Counters, transport::Counters)>,
    last_handle: AtomicU64,
    /// Calls to place that the task has not taken up yet.
    waiting_invites: AtomicUsize,
}

impl Shared {
    fn new_handle(&self) -> u64 {
        self.last_handle.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Calls to place that may wait for the task; one more is refused as [`LegError::Busy`].
const MAX_WAITING_INVITES: usize = 4_096;

/// A running SIP endpoint.
///
/// When it is dropped without [`shutdown`](Self::shutdown), the sockets close once the last [`Leg`] is dropped too.
pub struct Stack {
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    local: Vec<Listen>,
    leg_queue: usize,
    /// Taken by the first shutdown.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Stack {
    /// Opens the sockets and starts the task on the current tokio runtime.
    ///
    /// # Errors
    /// A socket cannot be opened, or there are no random numbers.
    pub async fn start(
        config: StackConfig,
    ) -> Result<(Self, mpsc::Receiver<IncomingCall>), StackError> {
        let listens: Vec<Listen> = config.listen.iter().map(|at| at.listen).collect();
        let transports = Transports::bind(&listens, config.connections).await?;
        let local = transports.local_addresses().to_vec();
        let mut endpoint = config.endpoint;
        endpoint.local = local
            .iter()
            .zip(&config.listen)
            .map(|(bound, at)| local_address(*bound, at))
            .collect();
        let mut seed = [0; 32];
        SysRng
            .try_fill_bytes(&mut seed)
            .map_err(|error| StackError::Random(error.to_string()))?;
        let endpoint = Endpoint::new(endpoint, config.trunks, seed);
        let shared = Arc::new(Shared {
            counters: Mutex::default(),
            last_handle: AtomicU64::new(0),
            waiting_invites: AtomicUsize::new(0),
        });
        let (commands, receiver) = mpsc::unbounded_channel();
        let (incoming, calls) = mpsc::channel(config.incoming_queue.max(1));
        let leg_queue = config.leg_queue.max(1);
        let driver = Driver::new(
            endpoint,
            transports,
            receiver,
            commands.downgrade(),
            incoming,
            Arc::clone(&shared),
            leg_queue,
        );
        let task = tokio::spawn(driver.run());
        Ok((
            Self {
                commands,
                shared,
                local,
                leg_queue,
                task: Mutex::new(Some(task)),
            },
            calls,
        ))
    }

    /// Places a call. What stands in its way comes as [`LegEvent::Failed`](crate::endpoint::LegEvent::Failed) with 503, or 483 when Max-Forwards has run
    /// out; nothing was sent then.
    ///
    /// # Errors
    /// [`LegError::Busy`]: thousands of calls wait to be placed already, or the stack has shut down.
    pub fn invite(&self, invite: Invite) -> Result<Leg, LegError> {
        if self.shared.waiting_invites.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING_INVITES {
            self.shared.waiting_invites.fetch_sub(1, Ordering::Relaxed);
            return Err(LegError::Busy);
        }
        let (events, reader) = events::queue(self.leg_queue);
        let leg = Leg::new(self.shared.new_handle(), self.commands.clone(), reader);
        let command = Command::Invite {
            handle: leg.handle(),
            invite: Box::new(invite),
            events,
        };
        self.commands.send(command).map_err(|_| LegError::Busy)?;
        Ok(leg)
    }

    /// The sockets, in the order of the configuration, with the ports that were given.
    #[must_use]
    pub fn local_addresses(&self) -> &[Listen] {
        &self.local
    }

    /// What the endpoint has counted, as of its last activity.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// What the sockets have counted, as of the endpoint's last activity.
    #[must_use]
    pub fn transport_counters(&self) -> transport::Counters {
        self.shared
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
    }

    /// Calls of each trunk at this moment; none once the stack has shut down.
    pub async fn trunk_loads(&self) -> Vec<TrunkLoad> {
        let (reply, loads) = oneshot::channel();
        self.command(Command::TrunkLoads(reply));
        loads.await.unwrap_or_default()
    }

    /// Refuses new calls from now on with 503 and Retry-After; calls in progress go on.
    pub fn drain(&self) {
        self.command(Command::Admission(Admission::Draining));
    }

    /// Takes new calls again.
    pub fn open(&self) {
        self.command(Command::Admission(Admission::Open));
    }

    /// Refuses so many of a thousand new calls from now on; see [`Endpoint::shed`].
    pub fn shed(&self, thousandths: u16) {
        self.command(Command::Shed(thousandths));
    }

    /// Takes a new set of trunks; calls in progress go on.
    pub fn set_trunks(&self, trunks: Trunks) {
        self.command(Command::Trunks(Box::new(trunks)));
    }

    /// Has datagrams lost, doubled or delayed from now on; for tests.
    pub fn set_impairment(&self, impairment: Impairment) {
        self.command(Command::Impairment(impairment));
    }

    /// Ends every call (BYE, CANCEL or 480), waits up to `patience` for the peers' answers, and closes the sockets.
    /// Returns how many legs had to be left without an answer.
    pub async fn shutdown(&self, patience: Duration) -> u64 {
        let (reply, left) = oneshot::channel();
        self.command(Command::Shutdown { patience, reply });
        let left = left.await.unwrap_or_default();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // It ends right after its answer; a panic in it has been reported by the runtime.
            let _ = task.await;
        }
        left
    }

    /// Nothing is listening any more once the task is gone, so a command may be lost.
    fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

fn local_address(bound: Listen, at: &ListenAt) -> LocalAddress {
    let mut address = LocalAddress::new(bound.protocol, bound.address);
    if bound.address.ip().is_unspecified()
        && let Ok(preferred) = preferred_address(bound.address.ip())
    {
        address.host = Host::from(preferred);
    }
    if let Some(host) = &at.advertised_host {
        address.host = host.clone();
    }
    if let Some(port) = at.advertised_port {
        address.port = port;
    }
    address
}

/// The address that the system would send from to the world outside. Asks the routing table; sends nothing.
fn preferred_address(family: IpAddr) -> io::Result<IpAddr> {
    let (any, outside): (IpAddr, IpAddr) = match family {
        IpAddr::V4(_) => (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        IpAddr::V6(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(outside, 5060))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests;
