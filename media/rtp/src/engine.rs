//! The engine: media threads, and the handles by which calls command their streams.

mod counters;
mod io;
mod mailbox;
mod ports;
mod raw;
mod rest;
mod shard;
mod watch;
mod wheel;
mod wire;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc as events;
use vireo_audio::Codec;
use vireo_audio::recorder::Recorder;

pub use counters::Counters;

use crate::config::{DigitOut, Play, RecordSlot, RecordStart, Segment, StreamConfig};
use crate::event::MediaEvent;
use crate::reports::NtpOrigin;
use crate::stream::{Identity, StreamState};
use crate::tap::Listener;
use counters::Cells;
use mailbox::{Outbox, Ringer, mailbox};
use ports::{NoPair, Pool, Quota};
use raw::RawSender;
use shard::{Command, Entry, Given, Order, Shard, Shared};
use watch::Watch;

/// SCHED_FIFO priority of media threads: above ordinary work, below the kernel's own threads.
const PRIORITY: i32 = 40;

/// Commands that may wait for a media thread, which takes them within a millisecond.
const COMMANDS: usize = 8192;

/// Events that may wait for the reader of a stream.
const EVENTS: usize = 128;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Media threads; at least one. Each takes a share of the ports.
    pub threads: usize,
    /// The address that sockets are bound to.
    pub address: IpAddr,
    /// UDP ports; a stream takes an even one and the odd one above it.
    pub ports: RangeInclusive<u16>,
    /// Ask the kernel for real-time scheduling?
    pub realtime: Realtime,
    /// Send the packets of many streams at once?
    pub raw_socket: RawSocket,
    /// When is a media thread that sleeps woken for a command?
    pub wake: Wake,
    /// Streams at one time.
    pub max_streams: usize,
}

/// When a media thread that sleeps is woken for a command.
#[derive(Debug, Clone)]
pub enum Wake {
    /// At once.
    AtOnce,
    /// By this runtime, when those of its tasks that are ready have run: what they command at the same time costs one
    /// wake-up. A task that goes on working after its command delays it until it yields. Once the runtime has ended,
    /// commands may be taken late.
    Together(Handle),
}

/// Scheduling of media threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realtime {
    /// SCHED_FIFO if it is allowed, with a loud warning if it is not.
    Try,
    /// As any other thread.
    Off,
}

/// How packets leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawSocket {
    /// Those to peers who are silent, many at a time through a raw socket if it is allowed (CAP_NET_RAW)
    /// and the address is one of IPv4; a packet that it does not take, and all others, through their
    /// streams' sockets.
    Try,
    /// Each through its stream's socket.
    Off,
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The ports do not give each thread a pair.
    #[error(
        "the RTP port range {first}-{last} has fewer than {threads} pairs of an even and an odd port: widen it or use fewer media threads"
    )]
    TooFewPorts {
        /// First of the range.
        first: u16,
        /// Last of the range.
        last: u16,
        /// Threads asked for.
        threads: usize,
    },
    /// No socket can have the address.
    #[error("RTP cannot be sent from {address}: {source}; it must be an address of this machine")]
    Address {
        /// The address of the configuration.
        address: IpAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no epoll instance.
    #[error("cannot watch the RTP sockets: {0}")]
    Watch(#[source] std::io::Error),
    /// A thread could not be started.
    #[error("cannot start a media thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a stream cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No pair of ports is free.
    #[error("no RTP ports are free")]
    NoPorts,
    /// As many streams are open as are allowed.
    #[error("all {0} media streams that are allowed are in use")]
    Limit(usize),
    /// The system refused a socket.
    #[error("cannot open an RTP socket: {0}")]
    Socket(#[source] std::io::Error),
    /// The system gives no random numbers; SSRCs and timestamps must be random (RFC 3550, 5.1).
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The engine is shutting down, or its thread does not keep up.
    #[error("the media engine takes no commands")]
    Busy,
}

/// A media thread as others see it.
struct Link {
    commands: Outbox<Command>,
    pool: Pool,
    cells: Arc<Cells>,
}

/// Owns the media threads. Dropping it closes all streams and joins the threads.
pub struct Engine {
    links: Vec<Arc<Link>>,
    threads: Vec<JoinHandle<()>>,
    open: Arc<AtomicUsize>,
    quota: Arc<Quota>,
    stop: Arc<AtomicBool>,
    address: IpAddr,
    capacity: usize,
    recorder: Recorder,
    ntp_origin: NtpOrigin,
    /// Streams opened so far; numbers them.
    opened: AtomicU64,
}

impl Engine {
    /// Starts the media threads.
    ///
    /// # Errors
    /// When the ports are too few or a thread cannot be started.
    pub fn start(config: EngineConfig, recorder: Recorder) -> Result<Engine, EngineError> {
        let threads = config.threads.max(1);
        let shares = ports::split(&config.ports, threads);
        if shares.len() < threads {
            let (first, last) = (*config.ports.start(), *config.ports.end());
            return Err(EngineError::TooFewPorts {
                first,
                last,
                threads,
            });
        }
        // Better now than at each call.
        let address = config.address;
        UdpSocket::bind((address, 0)).map_err(|source| EngineError::Address { address, source })?;
        let pairs: usize = shares.iter().map(Vec::len).sum();
        let capacity = pairs.min(config.max_streams);
        let mut engine = Engine {
            links: Vec::with_capacity(threads),
            threads: Vec::with_capacity(threads),
            open: Arc::default(),
            quota: Arc::new(Quota::new(capacity)),
            stop: Arc::default(),
            address: config.address,
            capacity,
            recorder,
            ntp_origin: ntp_origin(),
            opened: AtomicU64::new(0),
        };
        for (i, ports) in shares.into_iter().enumerate() {
            let raw = (config.raw_socket == RawSocket::Try)
                .then(|| open_raw(i, address))
                .flatten();
            engine.start_thread(i, ports, &config, raw)?;
        }
        Ok(engine)
    }

    fn start_thread(
        &mut self,
        i: usize,
        ports: Vec<u16>,
        config: &EngineConfig,
        raw: Option<RawSender>,
    ) -> Result<(), EngineError> {
        let realtime = config.realtime;
        let watch = Arc::new(Watch::new().map_err(EngineError::Watch)?);
        let ringer = match &config.wake {
            Wake::AtOnce => None,
            Wake::Together(runtime) => Some(Ringer::start(runtime, Arc::clone(&watch))),
        };
        let (commands, orders) = mailbox(COMMANDS, Arc::clone(&watch), ringer);
        let places = ports.len();
        let quota = Arc::clone(&self.quota);
        let (pool, returns) = Pool::new(self.address, ports, quota, Arc::clone(&watch));
        let cells = Arc::<Cells>::default();
        let given = Given {
            places,
            commands: orders,
            returns,
            watch,
            raw,
            open: Arc::clone(&self.open),
            cells: Arc::clone(&cells),
            stop: Arc::clone(&self.stop),
        };
        let thread = std::thread::Builder::new()
            .name(format!("media-{i}"))
            .spawn(move || {
                prepare_thread(i, realtime);
                Shard::new(given).run();
            })
            .map_err(EngineError::Thread)?;
        self.links.push(Arc::new(Link {
            commands,
            pool,
            cells,
        }));
        self.threads.push(thread);
        Ok(())
    }

    /// Opens a stream on the thread with the fewest. It sends and takes nothing until it is
    /// configured. The receiver ends with [`MediaEvent::Closed`].
    ///
    /// # Errors
    /// When the limit is reached, no ports are free, or the system refuses sockets.
    pub fn open(&self) -> Result<(Stream, events::Receiver<MediaEvent>), OpenError> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(OpenError::Limit(self.capacity));
        }
        self.open_admitted().inspect_err(|_| {
            self.open.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn open_admitted(&self) -> Result<(Stream, events::Receiver<MediaEvent>), OpenError> {
        let mut links: Vec<&Arc<Link>> = self.links.iter().collect();
        links.sort_by_key(|link| link.cells.streams.load(Ordering::Relaxed));
        for link in links {
            match link.pool.take() {
                Ok(pair) => return self.open_on(link, pair),
                Err(NoPair::Exhausted) => {}
                Err(NoPair::System(error)) => return Err(OpenError::Socket(error)),
            }
        }
        Err(OpenError::NoPorts)
    }

    fn open_on(
        &self,
        link: &Arc<Link>,
        pair: ports::Pair,
    ) -> Result<(Stream, events::Receiver<MediaEvent>), OpenError> {
        let port = pair.port;
        let Some(identity) = identity(self.ntp_origin) else {
            link.pool.give_back(pair);
            return Err(OpenError::NoRandomness);
        };
        let local = SocketAddr::new(self.address, port);
        let index = link.pool.index(port);
        let shared = Arc::new(Shared {
            closed: AtomicBool::new(false),
            codec: AtomicU8::new(u8::MAX),
        });
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = events::channel(EVENTS);
        let entry = Entry {
            index,
            number,
            state: StreamState::new(identity),
            pair,
            events: sender,
            shared: Arc::clone(&shared),
            connected: None,
            slot: 0,
            send_failures: 0,
        };
        link.cells.streams.fetch_add(1, Ordering::Relaxed);
        // Until it is configured there is nothing that it could do.
        let opened = link.commands.leave(Command::Open(Box::new(entry)));
        if opened.is_err() {
            link.cells.streams.fetch_sub(1, Ordering::Relaxed);
            return Err(OpenError::Busy);
        }
        Ok((
            Stream {
                link: Arc::clone(link),
                index,
                number,
                local,
                shared,
            },
            receiver,
        ))
    }

    /// Streams that can be open at one time: the limit, or the pairs of ports if they are fewer.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The recorder that tracks are opened with.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Figures since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for link in &self.links {
            link.cells.add_to(&mut counters);
            counters.idle_pairs += link.pool.idle();
        }
        counters.sockets = 2 * self.quota.open();
        counters
    }

    /// Closes all streams (with BYE and their last events) and ends the threads.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for link in &self.links {
            link.commands.wake();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media thread panicked");
            }
        }
        for link in &self.links {
            link.pool.clear();
        }
    }
}

fn open_raw(i: usize, address: IpAddr) -> Option<RawSender> {
    match RawSender::open(address) {
        Ok(raw) => Some(raw),
        Err(error) => {
            // Once is enough for all threads.
            if i == 0 {
                tracing::info!(
                    "each RTP packet takes a system call of its own ({error}): with CAP_NET_RAW and an IPv4 \
                     address of this machine, packets to callers who are silent cost a third less"
                );
            }
            None
        }
    }
}

fn prepare_thread(i: usize, realtime: Realtime) {
    io::set_timer_slack();
    if realtime == Realtime::Off {
        return;
    }
    match io::make_realtime(PRIORITY) {
        Ok(()) => tracing::info!("media thread {i} runs under SCHED_FIFO {PRIORITY}"),
        // One warning is enough for all threads.
        Err(error) if i == 0 => tracing::warn!(
            "MEDIA THREADS RUN WITHOUT REAL-TIME PRIORITY ({error}): under load, audio will be paced badly. \
             Allow it with LimitRTPRIO={PRIORITY} (systemd), CAP_SYS_NICE, or `ulimit -r {PRIORITY}`"
        ),
        Err(_) => {}
    }
}

fn identity(ntp_origin: NtpOrigin) -> Option<Identity> {
    let mut random = StdRng::try_from_rng(&mut SysRng).ok()?;
    Some(Identity {
        ssrc: random.random(),
        sequence: random.random(),
        timestamp: random.random(),
        cname: format!("{:024x}", random.random::<u128>() >> 32),
        seed: random.random(),
        ntp_origin,
    })
}

fn ntp_origin() -> NtpOrigin {
    let offset = u64::try_from(io::wall_offset()).unwrap_or(0);
    let (seconds, nanos) = (offset / 1_000_000_000, offset % 1_000_000_000);
    NtpOrigin(((seconds + NTP_TO_UNIX) << 32) | ((nanos << 32) / 1_000_000_000))
}

/// Commands one stream. No method waits; dropping the handle closes the stream.
///
/// Should a media thread be so far behind that its queue is full, the stream is closed: a call whose
/// command was lost would wait for its end for ever.
#[derive(Debug)]
pub struct Stream {
    link: Arc<Link>,
    index: u32,
    number: u64,
    local: SocketAddr,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Stream {
    /// The address and port that RTP is received on; RTCP is one port above.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sets what offer and answer agreed on; again after a re-negotiation.
    pub fn configure(&self, config: StreamConfig) {
        let codec = Codec::ALL.iter().position(|codec| *codec == config.codec);
        let codec = codec.and_then(|i| u8::try_from(i).ok()).unwrap_or(u8::MAX);
        self.shared.codec.store(codec, Ordering::Relaxed);
        self.order(Order::Configure(Box::new(config)));
    }

    /// Plays; what plays is replaced.
    pub fn play(&self, play: Play) {
        // Encoded here, so that the media thread need not.
        if let Some(codec) = Codec::ALL.get(usize::from(self.shared.codec.load(Ordering::Relaxed)))
        {
            for segment in &play.segments {
                if let Segment::Prompt(prompt) = segment {
                    let _ = prompt.encoded(*codec);
                }
            }
        }
        self.order(Order::Play(play));
    }

    /// Stops what plays.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Sends digits, after those that are still being sent; [`MediaEvent::DigitsSent`] tells when
    /// they are. Prompts wait meanwhile.
    pub fn send_digits(&self, id: u64, digits: Vec<DigitOut>) {
        self.order(Order::SendDigits(id, digits));
    }

    /// Starts a recording; one in the same slot is ended.
    pub fn record(&self, start: RecordStart) {
        self.order(Order::Record(Box::new(start)));
    }

    /// Writes silence instead of what is said and heard, until [`Stream::resume_record`].
    pub fn pause_record(&self, slot: RecordSlot) {
        self.order(Order::PauseRecord(slot));
    }

    /// Ends a pause.
    pub fn resume_record(&self, slot: RecordSlot) {
        self.order(Order::ResumeRecord(slot));
    }

    /// Ends a recording and cuts off its last `trim_ms`.
    pub fn stop_record(&self, slot: RecordSlot, trim_ms: u32) {
        self.order(Order::StopRecord(slot, trim_ms));
    }

    /// Lets somebody hear the caller from now on, behind the jitter buffer; whoever did before is
    /// dropped. A stream that nobody listens to does no work for it.
    pub fn listen(&self, listener: Box<dyn Listener>) {
        self.order(Order::Listen(listener));
    }

    /// Drops who hears the caller.
    pub fn stop_listening(&self) {
        self.order(Order::StopListening);
    }

    /// Closes the stream; its last event is [`MediaEvent::Closed`].
    pub fn close(self) {
        drop(self);
    }

    fn order(&self, order: Order) {
        if self
            .link
            .commands
            .send(Command::Order(self.index, self.number, order))
            .is_err()
        {
            self.shared.closed.store(true, Ordering::Relaxed);
            self.link
                .cells
                .commands_refused
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The flag is what counts; the command makes it quick.
        self.shared.closed.store(true, Ordering::Relaxed);
        let _ = self
            .link
            .commands
            .send(Command::Order(self.index, self.number, Order::Close));
    }
}
