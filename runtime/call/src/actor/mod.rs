//! The task that owns a call: it carries out what the state machine decides.
//!
//! The actor *is* the flow's [`Control`]: while the flow waits in a verb, the actor turns SIP and
//! media events into machine inputs and the machine's actions into SIP and media commands. So a
//! call is one task, with no lock and no queue between the flow and its call.

mod hearing;
mod leg;
mod media;
mod recordings;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use vireo_audio::Codec;
use vireo_audio::recorder::{Finished, Layout, Spec as TrackSpec};
use vireo_host::contract::{Error, Event, Info};
use vireo_host::{Answer, Control, Reply, Request, Secret};
use vireo_rtp::{
    MediaEvent, Play, PlayEnd, RecordLimits, RecordSlot, RecordStart, Stream, StreamStats,
};
use vireo_sip::endpoint::{EndedBy, Incoming, LegError, LegEvent, Rejection};
use vireo_sip::message::Reason;
use vireo_sip::offer_answer::{Direction, Negotiation};
use vireo_sip::stack::Leg;
use vireo_speech::asr::Heard;
use vireo_store::cdr;

use crate::journal::CallJournal;
use crate::live::{Command, Registration};
use crate::machine::{Action, Machine, Offer, Progress, Verb};
use crate::prompts::{self, Lookup, Missing, Played};
use crate::settings::{FlowSettings, Settings};
use crate::shared::Shared;
use crate::speech::{Needed, Speaker, Speaking};
use crate::{media_map, verbs};
use hearing::next_event;
pub(crate) use recordings::RecordingFile;
use recordings::{Done, Recordings};

/// How the wire side of a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireEnd {
    pub by: EndedBy,
    pub reason: Option<String>,
}

/// How the server or an operator ended a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub outcome: cdr::Outcome,
    pub by: cdr::EndedBy,
    /// In words, where the outcome does not say it all.
    pub why: Option<String>,
}

impl Ending {
    fn new(outcome: cdr::Outcome, by: cdr::EndedBy) -> Self {
        Self {
            outcome,
            by,
            why: None,
        }
    }

    /// The server had to, for a reason that only words can tell.
    fn by_server(outcome: cdr::Outcome, why: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            ..Self::new(outcome, cdr::EndedBy::Server)
        }
    }
}

/// What is needed to make an [`Actor`].
pub(crate) struct Parts {
    pub shared: Arc<Shared>,
    pub settings: Arc<Settings>,
    pub info: Info,
    pub invite: Box<Incoming>,
    pub leg: Leg,
    pub stream: Stream,
    pub media_events: mpsc::Receiver<MediaEvent>,
    pub negotiation: Negotiation,
    /// The SDP answer, when the INVITE carried an offer.
    pub sdp_answer: Option<Vec<u8>>,
    pub registration: Registration,
    pub commands: mpsc::Receiver<Command>,
    pub journal: CallJournal,
    pub started: Instant,
}

/// What the timeline says of an INVITE.
#[derive(Serialize)]
struct Invited<'a> {
    trunk: &'a str,
    source: String,
    caller: &'a str,
    called: &'a str,
    sip_call_id: &'a str,
}

/// What the timeline says of the way to a flow.
#[derive(Serialize)]
struct Routed<'a> {
    route: &'a str,
    flow: &'a str,
    version: &'a str,
}

/// A call on its way.
pub(crate) struct Actor {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    flow: Arc<FlowSettings>,
    info: Info,
    invite: Box<Incoming>,
    leg: Leg,
    /// Have the leg's events not come to their end?
    leg_events: Events,
    /// None once the call is over: nothing is sent after a BYE.
    stream: Option<Stream>,
    media_events: mpsc::Receiver<MediaEvent>,
    stream_events: Events,
    negotiation: Negotiation,
    /// What was agreed on before the re-INVITE under way.
    agreed_before: Option<Box<Negotiation>>,
    /// The answer to the offer of the INVITE.
    sdp_answer: Option<Vec<u8>>,
    held: bool,
    machine: Machine,
    registration: Registration,
    commands: mpsc::Receiver<Command>,
    pub(crate) journal: CallJournal,
    started: Instant,
    answered: Option<Duration>,
    wire_end: Option<WireEnd>,
    final_status: Option<u16>,
    ended: Option<Duration>,
    ending: Option<Ending>,
    /// What the recognizer that listens has to tell.
    heard: Option<Heard>,
    /// Recordings' files; made with the first recording.
    finished: Option<Files>,
    recordings: Recordings,
    played: Played,
    /// Texts that are being spoken.
    speaking: Option<Speaking>,
    stats: Option<Box<StreamStats>>,
}

/// Where the recorder reports files that are complete.
struct Files {
    sender: mpsc::Sender<Finished>,
    receiver: mpsc::Receiver<Finished>,
}

impl Files {
    fn new() -> Self {
        // More than a call has recordings at a time.
        let (sender, receiver) = mpsc::channel(8);
        Self { sender, receiver }
    }
}

async fn next_file(files: Option<&mut Files>) -> Option<Finished> {
    match files {
        Some(files) => files.receiver.recv().await,
        None => std::future::pending().await,
    }
}

/// Does a queue of events still have some to come?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Events {
    Open,
    Ended,
}

/// After the call is over a flow may still store and report what it learned, for so long.
const AFTER_CALL: Duration = Duration::from_secs(60);

/// How long the record of a call waits for SIP stack, media thread and recorder to hand in their
/// last: longer than a recording waits for its file.
const CLOSING: Duration = Duration::from_secs(15);

/// An apology must not keep a caller who is on hold.
const APOLOGY: Duration = Duration::from_secs(60);

impl Actor {
    pub fn new(parts: Parts) -> Self {
        let offer = if parts.sdp_answer.is_some() {
            Offer::InInvite
        } else {
            Offer::Late
        };
        let machine = Machine::new(parts.info.call_id.clone(), offer);
        let mut actor = Self {
            shared: parts.shared,
            flow: parts
                .settings
                .flows
                .get(&parts.info.flow)
                .cloned()
                .unwrap_or_default(),
            settings: parts.settings,
            info: parts.info,
            invite: parts.invite,
            leg: parts.leg,
            leg_events: Events::Open,
            stream: Some(parts.stream),
            media_events: parts.media_events,
            stream_events: Events::Open,
            negotiation: parts.negotiation,
            agreed_before: None,
            sdp_answer: parts.sdp_answer,
            held: false,
            machine,
            registration: parts.registration,
            commands: parts.commands,
            journal: parts.journal,
            started: parts.started,
            answered: None,
            wire_end: None,
            final_status: None,
            ended: None,
            ending: None,
            heard: None,
            finished: None,
            recordings: Recordings::default(),
            played: Played::new(),
            speaking: None,
            stats: None,
        };
        actor.note_beginning();
        actor
    }

    fn note_beginning(&mut self) {
        let now = self.now();
        let Self { info, invite, .. } = self;
        let invited = Invited {
            trunk: &info.trunk,
            source: invite.source.to_string(),
            caller: &info.caller,
            called: &info.called,
            sip_call_id: &invite.call_id,
        };
        self.journal.event(now, "invite", &invited);
        let routed = Routed {
            route: &info.route,
            flow: &info.flow,
            version: &info.version,
        };
        self.journal.event(now, "route", &routed);
    }

    /// Time since the INVITE.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn is_over(&self) -> bool {
        self.machine.progress() == Progress::Over
    }

    pub fn is_up(&self) -> bool {
        self.machine.is_up()
    }

    /// Another flow takes the call over.
    pub fn hand_over(&mut self, flow: &str, version: &str) {
        self.info.flow = flow.to_owned();
        self.info.version = version.to_owned();
        self.flow = self.settings.flows.get(flow).cloned().unwrap_or_default();
        self.registration.update(|call| {
            call.flow = flow.to_owned();
            call.version = version.to_owned();
        });
    }

    /// A line of the timeline that is no verb of the flow.
    pub fn note(&mut self, name: &'static str, detail: &impl Serialize) {
        let now = self.now();
        self.journal.event(now, name, detail);
    }

    /// Performs a verb on behalf of the runtime: it is not an entry that a replay would ask for.
    pub async fn perform_aside(&mut self, request: &Request) -> Answer {
        self.perform_live(request).await
    }

    async fn perform_live(&mut self, request: &Request) -> Answer {
        self.catch_up();
        if let Some(answer) = self.serve_at_once(request) {
            return answer;
        }
        if let Some(ended) = self.ended
            && self.now() > ended + AFTER_CALL
            && *request != Request::Hangup
        {
            return Err(Error::HungUp);
        }
        match self.verb(request).await {
            Ok(Some(verb)) => {
                self.registration.update(|call| {
                    call.doing.clear();
                    call.doing.push_str(request.verb());
                });
                self.machine.begin(verb, self.now());
                self.act();
                loop {
                    if let Some(answer) = self.machine.take_answer() {
                        let done = |speaking: &mut Speaking| speaking.needed == Needed::ForVerb;
                        self.speaking.take_if(done);
                        return answer;
                    }
                    self.step().await;
                }
            }
            // In boxes, here and below: a call that waits for a key would hold room for all of it.
            Ok(None) => Box::pin(self.serve(request)).await,
            Err(error) => Err(error),
        }
    }

    /// Services beside the call. The call goes on meanwhile.
    async fn serve(&mut self, request: &Request) -> Answer {
        let service = crate::services::perform(
            Arc::clone(&self.shared),
            self.flow.grants.kv.clone().unwrap_or_default(),
            request.clone(),
        );
        self.alongside(service).await
    }

    fn serve_at_once(&mut self, request: &Request) -> Option<Answer> {
        Some(match request {
            Request::GetInfo => Ok(Reply::Info(self.info.clone())),
            Request::Header { name } => Ok(Reply::Values(self.header(name))),
            Request::SettingsGet { key } => Ok(Reply::Text(self.flow.settings.get(key).cloned())),
            Request::Secret { name } => match self.flow.secrets.contains_key(name) {
                true => Ok(Reply::Done),
                false => Err(Error::NotFound(format!(
                    "secret {name:?}: add it under [flows.{}.secrets] in the server's configuration",
                    self.info.flow
                ))),
            },
            Request::Log { level, message } => {
                crate::services::log(&self.info.call_id, &self.info.flow, *level, message);
                Ok(Reply::Done)
            }
            Request::Now => Ok(Reply::Millis(crate::services::unix_ms())),
            Request::Random => Ok(Reply::Number(rand::random())),
            Request::LocalTime { zone } => {
                crate::services::local_time(zone.as_deref(), &self.settings.time_zone)
                    .map(Reply::Local)
            }
            _ => return None,
        })
    }

    fn header(&self, name: &str) -> Vec<String> {
        if ["authorization", "proxy-authorization"]
            .iter()
            .any(|hidden| name.eq_ignore_ascii_case(hidden))
        {
            return Vec::new();
        }
        let lines = self.invite.request.headers.lines(name);
        lines
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// Runs a future while the call goes on.
    async fn alongside<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                () = self.step() => {}
            }
        }
    }

    /// The machine's verb with its prompts looked up; none for what is not the machine's. What is not
    /// in memory is read where that holds up nobody, while the call goes on.
    async fn verb(&mut self, request: &Request) -> Result<Option<Verb>, Error> {
        let codec = self
            .negotiation
            .audio()
            .map_or(Codec::Pcmu, |audio| media_map::audio_codec(audio.codec));
        let own_language = self.info.language.clone();
        let (lists, language) = prompts::parts(request, &own_language);
        let path = |id: &str| self.recordings.path(id);
        let missing = Missing::of(&self.shared.library, &self.played, &lists, language, path);
        if let Some(missing) = missing {
            let shared = Arc::clone(&self.shared);
            let load = tokio::task::spawn_blocking(move || missing.load(&shared.library, codec));
            let loaded = Box::pin(self.alongside(load)).await;
            self.played
                .extend(loaded.map_err(|_| Error::Failed("prompts: reading was aborted".into()))??);
        }
        let speaker = self.shared.speech.as_ref().map(Speaker::new);
        let lookup = Lookup {
            library: &self.shared.library,
            played: &self.played,
            language,
            codec,
            speaker: speaker.as_ref(),
        };
        let verb = verbs::verb(request, &lookup)?;
        let replaces = lists.iter().any(|parts| !parts.is_empty());
        if replaces || *request == Request::StopPlaying {
            let needed = match request {
                Request::StartPlaying { .. } => Needed::ForBackground,
                _ => Needed::ForVerb,
            };
            self.speaking = speaker.and_then(|speaker| speaker.begin(codec, needed));
        }
        Ok(verb)
    }

    /// Waits for one thing to happen, and sees to it. Cancel-safe.
    async fn step(&mut self) {
        self.journal.hand_over();
        let deadline = [self.machine.deadline(), self.recordings.deadline()];
        let deadline = deadline.into_iter().flatten().min();
        let deadline = deadline.map(|at| self.started + at);
        let longest = self.started + self.flow.longest;
        let over = self.is_over();
        tokio::select! {
            biased;
            event = self.leg.events().recv(), if self.leg_events == Events::Open => match event {
                Some(event) => self.on_leg(event),
                None => self.leg_gone(),
            },
            event = self.media_events.recv(), if self.stream_events == Events::Open => match event {
                Some(event) => self.on_media(event),
                None => self.media_gone(),
            },
            event = next_event(self.heard.as_mut()) => self.on_heard(event),
            Some(file) = next_file(self.finished.as_mut()) => self.on_file(file),
            Some(command) = self.commands.recv() => self.on_command(command),
            () = sleep_until(deadline) => self.on_time(),
            () = tokio::time::sleep_until(longest), if !over => self.on_max_call(),
        }
        self.act();
    }

    /// Sees to what has happened already, for a flow that asks much and never waits.
    fn catch_up(&mut self) {
        while let Ok(event) = self.leg.events().try_recv() {
            self.on_leg(event);
        }
        while let Ok(event) = self.media_events.try_recv() {
            self.on_media(event);
        }
        while let Ok(command) = self.commands.try_recv() {
            self.on_command(command);
        }
        if !self.is_over() && self.now() >= self.flow.longest {
            self.on_max_call();
        }
        self.act();
    }

    fn on_time(&mut self) {
        let now = self.now();
        self.machine.timeout(now);
        let recorder = &self.shared.recorder;
        if let Some(done) = self.recordings.give_up(now, |id| recorder.path(id)) {
            self.recording_done(done);
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Hangup => {
                self.note("operator-hangup", &json!({}));
                let ending = Ending::new(cdr::Outcome::Completed, cdr::EndedBy::Operator);
                self.end_call(ending, None);
            }
            Command::Shutdown => {
                self.note("shutdown", &json!({}));
                let ending = Ending::new(cdr::Outcome::Shutdown, cdr::EndedBy::Server);
                self.end_call(ending, None);
            }
        }
    }

    fn on_max_call(&mut self) {
        let limit_s = self.flow.longest.as_secs();
        self.note("max-call", &json!({ "limit_s": limit_s }));
        let why = format!("the call reached its limit of {limit_s} s");
        self.end_call(Ending::by_server(cdr::Outcome::Completed, why), None);
    }

    /// Carries out the machine's actions.
    fn act(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Provisional(status) => self.provisional(status),
                Action::Answer => self.answer(),
                Action::Reject(status) => self.reject(Rejection::new(status)),
                Action::Bye => self.bye(None),
                Action::Note { name, detail } => self.note(name, &detail),
                Action::Discard(id) => self.discard(&id),
                Action::Listen { speech, language } => self.listen(&speech, language),
                Action::StopListening => self.stop_listening(),
                media => self.act_media(media),
            }
        }
        if self.is_over()
            && let Some(stream) = self.stream.take()
        {
            // The caller's port may be another call's in a moment.
            stream.close();
            self.speaking = None;
        }
    }

    /// Waits for the last that the call has to tell: who ended it, the recordings, the statistics.
    pub async fn close(mut self: Box<Self>) -> Closed {
        let settled = async {
            while self.leg_events == Events::Open
                || self.stream_events == Events::Open
                || !self.recordings.are_settled()
            {
                self.step().await;
            }
        };
        if tokio::time::timeout(CLOSING, settled).await.is_err() {
            tracing::warn!(
                call = self.info.call_id,
                "a call's end is not known in full: the record is written without"
            );
        }
        let now = self.now();
        let actor = *self;
        Closed {
            ended: actor.ended.unwrap_or(now),
            answered: actor.answered,
            wire_end: actor.wire_end,
            final_status: actor.final_status,
            ending: actor.ending,
            keys: actor.machine.keys_pressed(),
            recognitions: actor.machine.recognitions(),
            files: actor.recordings.into_files(),
            stats: actor.stats,
            journal: actor.journal,
            started: actor.started,
            registration: actor.registration,
        }
    }
}

/// What is left of a call for its record.
pub(crate) struct Closed {
    pub ended: Duration,
    pub answered: Option<Duration>,
    pub wire_end: Option<WireEnd>,
    pub final_status: Option<u16>,
    /// How the server or an operator ended it; none when the flow or the caller did.
    pub ending: Option<Ending>,
    pub keys: u32,
    pub recognitions: Option<cdr::Recognitions>,
    pub files: Vec<RecordingFile>,
    pub stats: Option<Box<StreamStats>>,
    pub journal: CallJournal,
    /// When the INVITE came.
    pub started: Instant,
    /// Held while the call is being written down: until then it is live.
    pub registration: Registration,
}

/// Who ended a leg, as the timeline says it.
fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Peer => "peer",
        EndedBy::Local => "us",
        EndedBy::NoAck => "no ACK came",
        EndedBy::Timeout => "the peer stopped answering",
        EndedBy::Transport => "the peer cannot be reached",
        _ => "other",
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

// In a box: it is moved from hand to hand, and each future that it goes through would hold room for it.
impl Control for Box<Actor> {
    async fn perform(&mut self, request: Request) -> Answer {
        let asked = self.now();
        let answer = self.perform_live(&request).await;
        let now = self.now();
        self.journal.verb(asked, now, &request, &answer);
        answer
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        match self.flow.secrets.get(name) {
            Some(value) => Ok(Secret::new(value.reveal())),
            None => Err(Error::NotFound(format!("secret {name:?}"))),
        }
    }
}

/// Plays the apology to a caller whose flow has failed.
pub(crate) async fn apologise(actor: &mut Actor, name: &str) {
    if !actor.is_up() && actor.perform_aside(&Request::EarlyMedia).await.is_err() {
        return;
    }
    let play = Request::Play {
        prompt: vec![vireo_host::contract::Part::File(name.to_owned())],
        options: vireo_host::contract::PlayOptions {
            language: None,
            interrupt_keys: String::new(),
        },
    };
    let Ok(played) = tokio::time::timeout(APOLOGY, actor.perform_aside(&play)).await else {
        return;
    };
    match played {
        Ok(_) => actor.note("apology", &json!({ "prompt": name })),
        Err(Error::HungUp) => {}
        Err(error) => tracing::error!(
            prompt = name,
            error = vireo_host::describe(&error),
            "the apology cannot be played"
        ),
    }
}
