//! A caller by script: places one call, listens, presses keys, speaks, and keeps what it hears.
//!
//! It is what `vireo call` and `make demo` use, over the same SIP stack and media engine as the
//! server, in a process of its own.

mod caller;
mod script;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use vireo_audio::Codec;
use vireo_audio::prompt::PromptError;
use vireo_audio::recorder::{Recorder, RecorderConfig};
use vireo_rtp::{Engine, EngineConfig, RawSocket, Realtime, Wake};
use vireo_sip::endpoint::{Invite, LegError, Next};
use vireo_sip::message::{NameAddr, Uri};
use vireo_sip::offer_answer::{Capabilities, Direction, Negotiation};
use vireo_sip::stack::{Stack, StackConfig, StackError};
use vireo_sip::transport::{Listen, Protocol};
use vireo_sip::trunk::{Destination, Trunks};

use crate::media_map;
use caller::Caller;
pub use script::{Step, StepError};

/// A call to place.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whom to call.
    pub to: String,
    /// The next hop.
    pub destination: SocketAddr,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// Who calls: the user part of From.
    pub from: String,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Offer telephone-event (RFC 4733)? Without it keys travel as tones.
    pub telephone_event: TelephoneEvent,
    /// What to do once the call is answered.
    pub steps: Vec<Step>,
    /// Where what is heard is kept.
    pub directory: PathBuf,
    /// The call is ended after so long.
    pub longest: Duration,
}

/// Whether the caller offers telephone-event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TelephoneEvent {
    /// As payload type 101.
    Offered,
    /// Not at all.
    Absent,
}

/// Why a call could not be placed or carried through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The called address cannot be written into a request.
    #[error("{0:?} cannot be called: write a number or a user name")]
    Address(String),
    /// The SIP side did not come up.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The call could not be placed.
    #[error("the call could not be placed: {0}")]
    Leg(#[from] LegError),
    /// The media side did not come up.
    #[error(transparent)]
    Engine(#[from] vireo_rtp::EngineError),
    /// No stream could be opened.
    #[error(transparent)]
    Stream(#[from] vireo_rtp::OpenError),
    /// The recordings cannot be written.
    #[error(transparent)]
    Recorder(#[from] vireo_audio::recorder::RecordError),
    /// A file to speak cannot be used.
    #[error(transparent)]
    Wav(#[from] vireo_audio::wav::WavError),
    /// A file to speak cannot be spoken.
    #[error(transparent)]
    Speech(#[from] PromptError),
    /// No local address reaches the destination.
    #[error("no way to {0}: {1}")]
    NoWay(SocketAddr, std::io::Error),
    /// The answer cannot be used.
    #[error("the answer cannot be used: {0}")]
    Answer(String),
    /// A step could not be finished.
    #[error("{step}: {why}")]
    Step {
        /// The step.
        step: String,
        /// What happened instead.
        why: &'static str,
    },
}

/// What happened, for people and for checks.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Final status of the INVITE.
    pub status: u16,
    /// Who ended the call.
    pub ended_by: &'static str,
    /// From the INVITE to the final response, ms.
    pub setup_ms: u64,
    /// From the answer to the end, ms.
    pub talk_ms: u64,
    /// The codec.
    pub codec: Option<&'static str>,
    /// What was done.
    pub steps: Vec<Done>,
    /// All of the call: left what was heard, right what was sent.
    pub recording: Option<PathBuf>,
    /// RTP packets received, lost, and sent.
    pub received: u64,
    /// See `received`.
    pub lost: u64,
    /// See `received`.
    pub sent: u64,
}

/// A step that is done.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// The step as it was written.
    pub step: String,
    /// When it began, ms since the INVITE.
    pub at_ms: u64,
    /// How long it took, ms.
    pub took_ms: u64,
    /// What was heard in a `listen`.
    pub heard: Option<PathBuf>,
}

/// Our payload type for telephone-event.
const TELEPHONE_EVENT: u8 = 101;

/// Where the client's own ports are: beside those that servers are usually given.
const PORTS: RangeInclusive<u16> = 40_000..=48_999;

/// How long the end of the call may take.
const CLOSING: Duration = Duration::from_secs(5);

/// Places a call and carries out its steps. `progress` is told each line as it happens.
///
/// # Errors
/// See [`ClientError`]. A call that was refused is a [`Report`] with its status, not an error.
pub async fn place(
    order: Order,
    mut progress: impl FnMut(Duration, &str),
) -> Result<Report, ClientError> {
    let local = local_address(order.destination)?;
    let recorder = Recorder::start(RecorderConfig::new(&order.directory))?;
    let engine = Engine::start(engine_config(local.ip()), recorder.clone())?;
    let (stack, _incoming) = Stack::start(stack_config(order.protocol, local.ip())?).await?;
    let (stream, media_events) = engine.open()?;
    let capabilities = Capabilities {
        address: local.ip(),
        port: stream.local().port(),
        codecs: order
            .codecs
            .iter()
            .copied()
            .map(media_map::sdp_codec)
            .collect(),
        ptime_ms: 20,
        telephone_event: (order.telephone_event == TelephoneEvent::Offered)
            .then_some(TELEPHONE_EVENT),
    };
    let mut negotiation = Negotiation::new(capabilities, rand::random::<u32>().into());
    let leg = stack.invite(invite(
        &order,
        local,
        negotiation.offer(Direction::SendRecv),
    )?)?;
    let started = Instant::now();
    progress(
        Duration::ZERO,
        &format!("INVITE to {} at {}", order.to, order.destination),
    );
    let mut caller = Caller::new(
        leg,
        stream,
        media_events,
        negotiation,
        recorder.clone(),
        started,
    );
    let deadline = started + order.longest;
    let result = tokio::time::timeout_at(deadline, caller.run(&order, &mut progress)).await;
    let report = match result {
        Ok(Ok(status)) => Ok(caller.close(status).await),
        Ok(Err(error)) => {
            caller.close(0).await;
            Err(error)
        }
        Err(_) => {
            caller.close(0).await;
            Err(ClientError::Step {
                step: "the call".into(),
                why: "it took longer than it may (--longest)",
            })
        }
    };
    stack.shutdown(CLOSING).await;
    engine.shutdown();
    recorder.shutdown();
    report
}

/// One stream on ports of its own.
fn engine_config(address: IpAddr) -> EngineConfig {
    EngineConfig {
        threads: 1,
        address,
        ports: PORTS,
        realtime: Realtime::Off,
        raw_socket: RawSocket::Off,
        wake: Wake::AtOnce,
        max_streams: 1,
    }
}

/// A socket to call from; calls to it are refused, for it has no trunks.
fn stack_config(protocol: Protocol, address: IpAddr) -> Result<StackConfig, ClientError> {
    let listen = Listen {
        protocol,
        address: SocketAddr::new(address, 0),
    };
    Ok(StackConfig::new(vec![listen.into()], Trunks::default()))
}

/// The address from which the destination is reached.
fn local_address(destination: SocketAddr) -> Result<SocketAddr, ClientError> {
    let any: SocketAddr = if destination.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let probe = std::net::UdpSocket::bind(any).and_then(|socket| {
        socket
            .connect(destination)
            .and_then(|()| socket.local_addr())
    });
    probe.map_err(|error| ClientError::NoWay(destination, error))
}

fn invite(order: &Order, local: SocketAddr, sdp: Vec<u8>) -> Result<Invite, ClientError> {
    let uri = |user: &str, at: SocketAddr| -> Result<Uri, ClientError> {
        let text = if user.contains(':') {
            user.to_owned()
        } else {
            format!("sip:{user}@{at}")
        };
        text.parse()
            .map_err(|_| ClientError::Address(user.to_owned()))
    };
    let to = uri(&order.to, order.destination)?;
    Ok(Invite {
        via: Next::Address(Destination {
            protocol: order.protocol,
            address: order.destination,
        }),
        request_uri: to.clone(),
        from: NameAddr::new(uri(&order.from, local)?),
        to: NameAddr::new(to),
        sdp: Some(sdp),
        headers: Vec::new(),
        max_forwards: 70,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
