//! A caller by script: places one call, listens, presses keys, speaks, and keeps what it hears.
//!
//! It is what `vireo call` and `make demo` use, over the same SIP stack and media engine as the
//! server, in a process of its own.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use vireo_audio::Codec;
use vireo_audio::prompt::{Prompt, PromptError};
use vireo_audio::recorder::{Finished, Format, Layout, Recorder, RecorderConfig, Spec};
use vireo_audio::wav;
use vireo_rtp::{
    DigitOut, Engine, EngineConfig, JitterConfig, MediaEvent, Play, Realtime, RecordEnd,
    RecordLimits, RecordSlot, RecordStart, Repeat, Segment, Stream, StreamStats,
};
use vireo_sip::endpoint::{Invite, LegError, LegEvent, Next};
use vireo_sip::message::{NameAddr, Uri};
use vireo_sip::offer_answer::{Capabilities, Direction, Negotiation};
use vireo_sip::stack::{Leg, Stack, StackConfig, StackError};
use vireo_sip::transport::{Listen, Protocol};
use vireo_sip::trunk::{Destination, Trunks};

use crate::media_map;
use crate::settings::{InbandDtmf, MediaSettings};

/// One thing that the caller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Lets time pass.
    Wait(Duration),
    /// Listens until there is silence for so long; keeps what was heard as a file of its own.
    Listen(Duration),
    /// Presses keys, 100 ms each.
    Press(String),
    /// Speaks a WAV file.
    Say(PathBuf),
    /// Waits until the other side hangs up.
    ExpectHangup,
    /// Hangs up.
    Hangup,
}

/// A word of the script that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "step {0:?}: write listen, listen:1500ms, press:12#, say:file.wav, wait:2s, expect-hangup or hangup"
)]
pub struct StepError(String);

/// Silence that ends a `listen` when none is given: longer than the pauses inside a prompt.
const SILENCE: Duration = Duration::from_millis(1200);

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let bad = || StepError(text.to_owned());
        let (verb, argument) = text
            .split_once(':')
            .map_or((text, None), |(verb, argument)| (verb, Some(argument)));
        match (verb, argument) {
            ("listen", None) => Ok(Step::Listen(SILENCE)),
            ("listen", Some(silence)) => Ok(Step::Listen(duration(silence).ok_or_else(bad)?)),
            ("wait", Some(time)) => Ok(Step::Wait(duration(time).ok_or_else(bad)?)),
            ("press", Some(keys))
                if !keys.is_empty()
                    && keys.chars().all(|key| "0123456789*#ABCD,".contains(key)) =>
            {
                Ok(Step::Press(keys.to_owned()))
            }
            ("say", Some(file)) if !file.is_empty() => Ok(Step::Say(file.into())),
            ("expect-hangup", None) => Ok(Step::ExpectHangup),
            ("hangup", None) => Ok(Step::Hangup),
            _ => Err(bad()),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(scale)?,
    ))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Wait(time) => write!(f, "wait:{}ms", time.as_millis()),
            Step::Listen(silence) => write!(f, "listen:{}ms", silence.as_millis()),
            Step::Press(keys) => write!(f, "press:{keys}"),
            Step::Say(file) => write!(f, "say:{}", file.display()),
            Step::ExpectHangup => f.write_str("expect-hangup"),
            Step::Hangup => f.write_str("hangup"),
        }
    }
}

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
    let (finished_sender, finished) = mpsc::channel(64);
    let mut caller = Caller {
        leg,
        stream: Some(stream),
        media_events,
        negotiation,
        recorder: recorder.clone(),
        finished,
        finished_sender,
        started,
        answered: None,
        over: None,
        stats: None,
        files: Vec::new(),
        done: Vec::new(),
        codec: None,
        media_event: None,
        next_id: 0,
    };
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

struct Caller {
    leg: Leg,
    /// None once it is closed.
    stream: Option<Stream>,
    media_events: mpsc::Receiver<MediaEvent>,
    negotiation: Negotiation,
    recorder: Recorder,
    finished: mpsc::Receiver<Finished>,
    finished_sender: mpsc::Sender<Finished>,
    started: Instant,
    answered: Option<Instant>,
    over: Option<(&'static str, Instant)>,
    stats: Option<Box<StreamStats>>,
    files: Vec<Finished>,
    done: Vec<Done>,
    codec: Option<&'static str>,
    media_event: Option<MediaEvent>,
    next_id: u64,
}

impl Caller {
    /// The whole call; returns the final status of the INVITE.
    async fn run(
        &mut self,
        order: &Order,
        progress: &mut impl FnMut(Duration, &str),
    ) -> Result<u16, ClientError> {
        let status = self.wait_for_answer(progress).await?;
        if status != 200 {
            return Ok(status);
        }
        self.record("call", RecordSlot::Call, None);
        for step in &order.steps {
            if self.over.is_some() && !matches!(step, Step::ExpectHangup) {
                return Err(ClientError::Step {
                    step: step.to_string(),
                    why: "the other side has hung up",
                });
            }
            let began = Instant::now();
            let heard = self.step(step).await?;
            self.done.push(Done {
                step: step.to_string(),
                at_ms: millis(began - self.started),
                took_ms: millis(began.elapsed()),
                heard: heard.clone(),
            });
            let heard = heard
                .map(|path| format!(", kept as {}", path.display()))
                .unwrap_or_default();
            progress(
                self.started.elapsed(),
                &format!("{step} ({} ms{heard})", began.elapsed().as_millis()),
            );
        }
        Ok(200)
    }

    async fn wait_for_answer(
        &mut self,
        progress: &mut impl FnMut(Duration, &str),
    ) -> Result<u16, ClientError> {
        loop {
            let Some(event) = self.leg.events().recv().await else {
                return Err(ClientError::Answer("the SIP stack has stopped".into()));
            };
            match event {
                LegEvent::Progress { status, sdp } => {
                    progress(self.started.elapsed(), &format!("{status}"));
                    if let Some(sdp) = sdp {
                        self.use_answer(&sdp)?;
                    }
                }
                LegEvent::Answered { sdp } => {
                    self.answered = Some(Instant::now());
                    progress(self.started.elapsed(), "200, answered");
                    self.use_answer(&sdp.unwrap_or_default())?;
                    return Ok(200);
                }
                LegEvent::Failed { status, phrase, .. } => {
                    progress(self.started.elapsed(), &format!("{status} {phrase}"));
                    self.over = Some(("peer", Instant::now()));
                    return Ok(status);
                }
                _ => {}
            }
        }
    }

    fn use_answer(&mut self, sdp: &[u8]) -> Result<(), ClientError> {
        let audio = self
            .negotiation
            .accept_answer(sdp)
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let settings = MediaSettings {
            address: IpAddr::from([0, 0, 0, 0]),
            codecs: Vec::new(),
            ptime_ms: 20,
            no_media_timeout_ms: None,
            inband_dtmf: InbandDtmf::Off,
            jitter: JitterConfig::default(),
        };
        let config = media_map::stream_config(&audio, &settings);
        self.codec = Some(config.codec.name());
        self.media(|stream| stream.configure(config));
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<Option<PathBuf>, ClientError> {
        match step {
            Step::Wait(time) => {
                let until = Instant::now() + *time;
                self.until(|_| false, until).await;
            }
            Step::Listen(silence) => return self.listen(step, *silence).await.map(Some),
            Step::Press(keys) => {
                let digits = keys
                    .chars()
                    .map(|digit| match digit {
                        ',' => DigitOut {
                            digit,
                            duration_ms: 500,
                            pause_ms: 0,
                        },
                        _ => DigitOut {
                            digit,
                            duration_ms: 100,
                            pause_ms: 100,
                        },
                    })
                    .collect();
                let id = self.id();
                self.media(|stream| stream.send_digits(id, digits));
                self.event(step, move |event| matches!(event, MediaEvent::DigitsSent { id: sent } if *sent == id))
                    .await?;
            }
            Step::Say(file) => {
                let speech = Prompt::from_audio("say", wav::read(file)?)?;
                let id = self.id();
                let segments = vec![Segment::Prompt(Arc::new(speech))];
                self.media(|stream| {
                    stream.play(Play {
                        id,
                        segments,
                        repeat: Repeat::Once,
                    })
                });
                self.event(
                    step,
                    move |event| matches!(event, MediaEvent::PlayFinished { id: played, .. } if *played == id),
                )
                .await?;
            }
            Step::ExpectHangup => {
                while self.over.is_none() {
                    self.next().await;
                }
            }
            Step::Hangup => {
                self.over = Some(("us", Instant::now()));
                self.leg.bye(None)?;
            }
        }
        Ok(None)
    }

    fn media(&self, act: impl FnOnce(&Stream)) {
        if let Some(stream) = &self.stream {
            act(stream);
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Records what is heard until it is followed by silence.
    async fn listen(&mut self, step: &Step, silence: Duration) -> Result<PathBuf, ClientError> {
        let id = format!("heard-{}", self.id());
        self.record(&id, RecordSlot::Message, Some(silence));
        let wanted = id.clone();
        let end = self
            .event(step, move |event| matches!(event, MediaEvent::RecordFinished { id, .. } if *id == wanted))
            .await;
        let by_hangup = self.over.is_some();
        if by_hangup {
            self.media(|stream| stream.stop_record(RecordSlot::Message, 0));
        }
        if let Ok(MediaEvent::RecordFinished {
            end: RecordEnd::Failed,
            ..
        }) = end
        {
            return Err(ClientError::Step {
                step: step.to_string(),
                why: "it could not be recorded",
            });
        }
        loop {
            if let Some(file) = self.files.iter().find(|file| file.id == id) {
                return Ok(file.path.clone());
            }
            self.next().await;
        }
    }

    fn record(&mut self, id: &str, slot: RecordSlot, silence: Option<Duration>) {
        let done = self.finished_sender.clone();
        let layout = if slot == RecordSlot::Call {
            Layout::Stereo
        } else {
            Layout::Mono
        };
        let spec = Spec {
            id: id.to_owned(),
            layout,
            format: Format::Pcm16,
            on_finished: Some(Box::new(move |file| drop(done.try_send(file)))),
        };
        match self.recorder.open(spec) {
            Ok(track) => {
                let silence_ms =
                    silence.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
                let limits = RecordLimits {
                    max_duration_ms: None,
                    silence_ms,
                };
                self.media(|stream| {
                    stream.record(RecordStart {
                        track,
                        slot,
                        limits,
                    })
                });
            }
            Err(error) => tracing::error!(%error, "the caller's side cannot be recorded"),
        }
    }

    /// Waits for a media event; the call's end is an error.
    async fn event(
        &mut self,
        step: &Step,
        wanted: impl Fn(&MediaEvent) -> bool,
    ) -> Result<MediaEvent, ClientError> {
        let never = Instant::now() + Duration::from_secs(24 * 3600);
        match self.until(wanted, never).await {
            Some(event) => Ok(event),
            None => Err(ClientError::Step {
                step: step.to_string(),
                why: "the other side has hung up",
            }),
        }
    }

    /// Lets the call go on until an event comes, the call ends, or the time has come.
    async fn until(
        &mut self,
        wanted: impl Fn(&MediaEvent) -> bool,
        deadline: Instant,
    ) -> Option<MediaEvent> {
        while self.over.is_none() && Instant::now() < deadline {
            tokio::select! {
                () = self.next() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
            if let Some(event) = self.media_event.take()
                && wanted(&event)
            {
                return Some(event);
            }
        }
        None
    }

    /// One thing that happens.
    async fn next(&mut self) {
        tokio::select! {
            Some(event) = self.leg.events().recv() => match event {
                LegEvent::Reoffer { sdp } => self.reoffer(sdp.as_deref()),
                LegEvent::Ended { .. } if self.over.is_none() => self.over = Some(("peer", Instant::now())),
                _ => {}
            },
            Some(event) = self.media_events.recv() => match event {
                MediaEvent::Closed(stats) => self.stats = Some(stats),
                event => self.media_event = Some(event),
            },
            Some(file) = self.finished.recv() => self.files.push(file),
        }
    }

    fn reoffer(&mut self, sdp: Option<&[u8]>) {
        let answer = match sdp {
            Some(offer) => self.negotiation.answer(offer).map(|(answer, _)| answer),
            None => Ok(self.negotiation.offer(Direction::SendRecv)),
        };
        // The stack has gone otherwise, and the call with it.
        let _ = match answer {
            Ok(answer) => self.leg.accept_offer(answer),
            Err(reject) => self.leg.refuse_offer(reject.status),
        };
    }

    async fn close(&mut self, status: u16) -> Report {
        if self.over.is_none() {
            self.over = Some(("us", Instant::now()));
            // The stack has gone otherwise, and the call with it.
            let _ = match self.answered {
                Some(_) => self.leg.bye(None),
                None => self.leg.cancel(None),
            };
        }
        let ended = self.over.map_or_else(Instant::now, |(_, at)| at);
        if let Some(stream) = self.stream.take() {
            stream.close();
        }
        let deadline = Instant::now() + CLOSING;
        let complete = |caller: &Self| {
            caller.stats.is_some()
                && (caller.answered.is_none() || caller.files.iter().any(|file| file.id == "call"))
        };
        while !complete(self) && Instant::now() < deadline {
            tokio::select! {
                () = self.next() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
        let stats = self.stats.take();
        Report {
            status,
            ended_by: self.over.map_or("nobody", |(by, _)| by),
            setup_ms: millis(self.answered.unwrap_or(ended) - self.started),
            talk_ms: self.answered.map_or(0, |answered| {
                millis(ended.saturating_duration_since(answered))
            }),
            codec: self.codec,
            steps: std::mem::take(&mut self.done),
            recording: self
                .files
                .iter()
                .find(|file| file.id == "call")
                .map(|file| file.path.clone()),
            received: stats.as_ref().map_or(0, |stats| stats.inbound.packets),
            lost: stats.as_ref().map_or(0, |stats| stats.inbound.lost),
            sent: stats.as_ref().map_or(0, |stats| stats.outbound.packets),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_and_written() {
        let table = [
            ("listen", Some(Step::Listen(SILENCE))),
            (
                "listen:1500ms",
                Some(Step::Listen(Duration::from_millis(1500))),
            ),
            ("wait:2s", Some(Step::Wait(Duration::from_secs(2)))),
            ("press:12#", Some(Step::Press("12#".into()))),
            ("say:a:b.wav", Some(Step::Say("a:b.wav".into()))),
            ("expect-hangup", Some(Step::ExpectHangup)),
            ("hangup", Some(Step::Hangup)),
            ("press:", None),
            ("press:x", None),
            ("wait:2", None),
            ("wait", None),
            ("hangup:1s", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Step>().ok(), expected, "{text}");
            if let Some(step) = expected {
                assert_eq!(step.to_string().parse::<Step>(), Ok(step), "{text}");
            }
        }
    }
}
