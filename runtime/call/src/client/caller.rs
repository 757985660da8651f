//! The caller's side of one call.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vireo_audio::prompt::Prompt;
use vireo_audio::recorder::{Finished, Format, Layout, Recorder, Spec};
use vireo_audio::wav;
use vireo_rtp::{
    DigitOut, JitterConfig, MediaEvent, Play, RecordEnd, RecordLimits, RecordSlot, RecordStart,
    Repeat, Segment, Silence, Stream, StreamStats,
};
use vireo_sip::endpoint::LegEvent;
use vireo_sip::offer_answer::{Direction, Negotiation};
use vireo_sip::stack::Leg;

use super::{CLOSING, ClientError, Done, Order, Report, Step, millis};
use crate::media_map;
use crate::settings::{InbandDtmf, MediaSettings};

/// A call that the client has placed.
pub(super) struct Caller {
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
    /// A call whose INVITE has just been sent.
    pub(super) fn new(
        leg: Leg,
        stream: Stream,
        media_events: mpsc::Receiver<MediaEvent>,
        negotiation: Negotiation,
        recorder: Recorder,
        started: Instant,
    ) -> Self {
        // More than a script can have recordings under way.
        let (finished_sender, finished) = mpsc::channel(64);
        Self {
            leg,
            stream: Some(stream),
            media_events,
            negotiation,
            recorder,
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
        }
    }

    /// The whole call; returns the final status of the INVITE.
    pub(super) async fn run(
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
                    // After an answer that came early (183), that of the 200 only repeats it.
                    if self.codec.is_none() {
                        self.use_answer(&sdp.unwrap_or_default())?;
                    }
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
        if !self.negotiation.is_pending() {
            // The 200 repeats the answer that a 183 brought (RFC 3261, 13.2.1).
            return Ok(());
        }
        let audio = self
            .negotiation
            .accept_answer(sdp)
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let settings = MediaSettings {
            address: IpAddr::from([0, 0, 0, 0]),
            codecs: Vec::new(),
            ptime_ms: 20,
            // As a telephone does.
            silence: Silence::Send,
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
        // An earlier call may have left its recording in the same directory.
        if let Err(error) = self.recorder.discard(id) {
            tracing::error!(id, %error, "the recording of an earlier call cannot be replaced");
        }
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

    pub(super) async fn close(&mut self, status: u16) -> Report {
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
