//! A call in virtual time: what a server's call actor is, without packets, disk and clock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use vireo_call::simulation::{
    Action, Heard as PlayEnd, Machine, Offer, Progress, RecordEnd, RecordSlot, parts, verb,
};
use vireo_host::contract::{Error, Event};
use vireo_host::{Answer, Control, Request, Secret};
use vireo_rtp::{Repeat, Segment};

use crate::caller::{Act, Caller, Notice, Turn};
use crate::case::Case;
use crate::log::{Happened, Listener, SaidBy};
use crate::media::{self, Finder, Full, Playing, Prompts, Recording};
use crate::run::Stage;
use crate::speech::{Ear, Tells};
use crate::world::World;

/// A call in virtual time; the flow's [`Control`].
pub struct SimCall<C> {
    pub(crate) world: World,
    pub(crate) caller: C,
    machine: Machine,
    prompts: Prompts,
    longest: Duration,
    /// Since the INVITE.
    pub(crate) now: Duration,
    playing: Option<Playing>,
    /// Digits on their way, and when they are out.
    sending: Option<(u64, Duration)>,
    recordings: Vec<Recording>,
    /// Lengths of finished recordings, ms.
    recorded: HashMap<String, u32>,
    /// Since when the caller has the call on hold.
    held: Option<Duration>,
    /// The recognizer of the gather that listens.
    ear: Option<Ear>,
    /// Until when the caller has spoken, or is going to.
    spoken: Duration,
    pub(crate) answered: Option<Duration>,
    pub(crate) ended: Option<(SaidBy, Duration)>,
    pub(crate) status: Option<u16>,
}

impl<C: Caller> SimCall<C> {
    /// A call whose INVITE has just arrived.
    pub fn new(stage: &Stage, case: &Case, caller: C) -> Self {
        let world = World::new(stage, case);
        SimCall {
            machine: Machine::new(world.info.call_id.clone(), Offer::InInvite),
            world,
            caller,
            prompts: stage.prompts.clone(),
            longest: stage.longest,
            now: Duration::ZERO,
            playing: None,
            sending: None,
            recordings: Vec::new(),
            recorded: HashMap::new(),
            held: None,
            ear: None,
            spoken: Duration::ZERO,
            answered: None,
            ended: None,
            status: None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.machine.progress() == Progress::Over
    }

    /// Performs a verb.
    pub(crate) async fn serve(&mut self, request: &Request) -> Answer {
        self.serve_until(request, None).await
    }

    /// Performs a verb, and gives it up at `until`.
    pub(crate) async fn serve_until(
        &mut self,
        request: &Request,
        until: Option<Duration>,
    ) -> Answer {
        if let Some(answer) = self.world.serve_at_once(request, self.now) {
            return answer;
        }
        if let Request::HttpSend(sent) = request {
            let (answer, takes) = self.world.send(sent);
            let until = self.now + takes;
            while self.now < until {
                self.step(Some(until)).await;
            }
            return answer;
        }
        let language = self.world.info.language.clone();
        let (_, language) = parts(request, &language);
        let finder = Finder {
            prompts: &self.prompts,
            language,
            recorded: &self.recorded,
            missing: RefCell::default(),
        };
        let found = verb(request, &finder);
        self.world.missing.append(&mut finder.missing.into_inner());
        let Some(verb) = found? else {
            let verb = request.verb();
            return Err(Error::Failed(format!("{verb} cannot be simulated")));
        };
        self.machine.begin(verb, self.now);
        self.act();
        loop {
            if let Some(answer) = self.machine.take_answer() {
                return answer;
            }
            if self.is_over() {
                return Err(Error::HungUp);
            }
            if until.is_some_and(|until| self.now >= until) {
                return Err(Error::Failed("it takes too long".to_owned()));
            }
            self.step(until).await;
        }
    }

    /// Lets the next thing happen, at `until` at the latest.
    async fn step(&mut self, until: Option<Duration>) {
        let deadline = self.deadline(until).max(self.now);
        let turn = match self.is_over() {
            true => Turn::Deadline,
            false => self.caller.next(&self.world, self.now, deadline).await,
        };
        match turn {
            Turn::Deadline => {
                self.now = deadline;
                self.due();
            }
            Turn::Act { at, act } => {
                self.now = at.clamp(self.now, deadline);
                self.on_act(act);
            }
        }
        self.act();
    }

    fn deadline(&self, until: Option<Duration>) -> Duration {
        let recordings = self.recordings.iter();
        let recordings = recordings.filter_map(|open| open.deadline(self.spoken));
        let times = [
            until,
            self.machine.deadline(),
            self.playing
                .as_ref()
                .and_then(|playing| self.runs(playing.ends)),
            self.sending.and_then(|(_, out)| self.runs(Some(out))),
            self.ear.as_ref().and_then(Ear::deadline),
            recordings.map(|(at, _)| at).min(),
        ];
        let next = times.into_iter().flatten().min();
        match self.is_over() {
            true => next.unwrap_or(self.now),
            // This also ends a wait for nothing.
            false => next.unwrap_or(self.longest).min(self.longest),
        }
    }

    /// When something comes to its end that goes out to the caller: not while the call is on hold.
    fn runs(&self, ends: Option<Duration>) -> Option<Duration> {
        match self.held {
            Some(_) => None,
            None => ends,
        }
    }

    /// One thing whose time has come.
    fn due(&mut self) {
        let now = self.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if self.held.is_none() {
            let ended = self.playing.take_if(|playing| due(playing.ends));
            if let Some(playing) = ended {
                return self.stopped(playing, PlayEnd::Finished);
            }
            if let Some((id, _)) = self.sending.take_if(|(_, out)| *out <= now) {
                return self.machine.digits_sent(id);
            }
        }
        let spoken = self.spoken;
        let full = self.recordings.iter().find_map(|open| {
            let (at, why) = open.deadline(spoken)?;
            (at <= now).then_some((open.slot, why))
        });
        if let Some((slot, why)) = full {
            return match why {
                Full::Length => self.close(slot, RecordEnd::MaxDuration, Duration::ZERO),
                Full::Silence(cut) => self.close(slot, RecordEnd::Silence, cut),
            };
        }
        match self.ear.as_mut().and_then(|ear| ear.tells(now)) {
            Some(Tells::Speech) => return self.machine.speech_started(now),
            Some(Tells::Said(said)) => return self.machine.said(said, now),
            None => {}
        }
        if due(self.machine.deadline()) {
            return self.machine.timeout(now);
        }
        if now >= self.longest && !self.is_over() {
            self.world.note(now, Happened::TooLong);
            self.end(SaidBy::Server, Happened::Ended(SaidBy::Server));
            self.machine.ended();
        }
    }

    fn on_act(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::KeyDown(key) => {
                self.world.note(now, Happened::Key(key));
                self.machine.key_down(key, now);
            }
            Act::KeyUp { key, held_ms } => self.machine.key(key, held_ms, "simulated", now),
            Act::Say(saying) => {
                let listener = match &mut self.ear {
                    Some(ear) => {
                        ear.hear(&saying, now);
                        Listener::Gather
                    }
                    None => Listener::Nobody,
                };
                self.spoken = now + saying.length();
                self.world.note(now, Happened::Says(saying, listener));
            }
            Act::Speak(length) => {
                self.world.note(now, Happened::Speaks(length));
                self.spoken = now + length;
            }
            Act::Hold => {
                self.held = Some(now);
                self.world.note(now, Happened::Held);
                self.machine.hold(Event::Held);
            }
            Act::Resume => self.resume(),
            Act::HangUp => {
                self.end(SaidBy::Caller, Happened::Ended(SaidBy::Caller));
                self.machine.ended();
            }
        }
    }

    /// What plays goes on where it stood still.
    fn resume(&mut self) {
        let now = self.now;
        let Some(held) = self.held.take() else { return };
        if let Some(playing) = &mut self.playing {
            let stood = now - held.max(playing.started);
            playing.stood += stood;
            playing.ends = playing.ends.map(|ends| ends + stood);
        }
        if let Some((_, out)) = &mut self.sending {
            *out += now - held;
        }
        self.world.note(now, Happened::Resumed);
        self.machine.hold(Event::Resumed);
    }

    /// Carries out the machine's actions.
    fn act(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Provisional(status) => {
                    self.world.note(self.now, Happened::Provisional(status));
                }
                Action::Answer => {
                    self.answered = Some(self.now);
                    self.world.note(self.now, Happened::Answered);
                    // The ACK of a caller next door.
                    self.machine.acknowledged(self.now);
                }
                Action::Reject(status) => {
                    self.status = Some(status);
                    self.end(SaidBy::Flow, Happened::Rejected(status));
                }
                Action::Bye => self.end(SaidBy::Flow, Happened::Ended(SaidBy::Flow)),
                Action::Play { id, prompt, repeat } => self.play(id, &prompt, repeat),
                Action::StopPlaying => {
                    if let Some(playing) = self.playing.take() {
                        self.stopped(playing, PlayEnd::Stopped);
                    }
                }
                Action::SendDigits { id, digits } => {
                    // What begins on hold goes out when the call is taken back.
                    let from = self.held.unwrap_or(self.now);
                    self.sending = Some((id, from + media::sending(&digits)));
                }
                Action::OpenRecording {
                    slot,
                    id,
                    max_duration_ms,
                    silence_ms,
                } => {
                    let ms = |ms: u32| Duration::from_millis(ms.into());
                    self.recordings.push(Recording {
                        slot,
                        id,
                        opened: self.now,
                        longest: max_duration_ms.map(ms),
                        silence: silence_ms.map(ms),
                    });
                    if slot == RecordSlot::Message {
                        self.world.note(self.now, Happened::Listens);
                    }
                }
                Action::StopRecording { slot, trim_ms } => {
                    let trim = Duration::from_millis(trim_ms.into());
                    self.close(slot, RecordEnd::Stopped, trim);
                }
                Action::Discard(id) => {
                    self.recorded.remove(&id);
                }
                Action::Listen { speech, .. } => self.ear = Some(Ear::new(*speech)),
                Action::StopListening => self.ear = None,
                Action::PauseRecording | Action::ResumeRecording | Action::Note { .. } => {}
            }
        }
        if self.is_over() {
            self.ear = None;
            self.playing = None;
            self.sending = None;
        }
    }

    fn play(&mut self, id: u64, prompt: &[Segment], repeat: Repeat) {
        if let Some(before) = self.playing.take() {
            self.stopped(before, PlayEnd::Replaced);
        }
        let length = (repeat == Repeat::Once).then(|| media::length(prompt));
        self.playing = Some(Playing {
            id,
            started: self.now,
            stood: Duration::ZERO,
            ends: length.map(|length| self.now + length),
        });
        let parts = media::heard(prompt);
        let what = Happened::Starts {
            parts: parts.clone(),
            length,
        };
        self.world.note(self.now, what);
        let notice = Notice::Starts {
            parts: &parts,
            length,
        };
        self.caller.notice(self.now, &self.world, notice);
    }

    fn stopped(&mut self, playing: Playing, how: PlayEnd) {
        let standing = self.held.map(|held| self.now - held.max(playing.started));
        let stood = playing.stood + standing.unwrap_or_default();
        let heard = self.now.saturating_sub(playing.started + stood).as_millis();
        self.world.note(self.now, Happened::Stops);
        self.caller.notice(self.now, &self.world, Notice::Stops);
        let heard = u32::try_from(heard).unwrap_or(u32::MAX);
        self.machine.play_finished(playing.id, heard, how, self.now);
    }

    /// Ends a recording, of which so much of its end is cut off.
    fn close(&mut self, slot: RecordSlot, how: RecordEnd, cut: Duration) {
        let Some(at) = self.recordings.iter().position(|open| open.slot == slot) else {
            return;
        };
        let Recording { id, opened, .. } = self.recordings.remove(at);
        let length = self.now.saturating_sub(opened + cut).as_millis();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.recorded.insert(id.clone(), length);
        self.machine.record_finished(slot, id, length, how);
    }

    fn end(&mut self, by: SaidBy, how: Happened) {
        if self.ended.is_none() {
            self.ended = Some((by, self.now));
            self.world.note(self.now, how);
            self.caller.notice(self.now, &self.world, Notice::Ended(by));
        }
    }
}

impl<C: Caller> Control for SimCall<C> {
    async fn perform(&mut self, request: Request) -> Answer {
        let asked = self.now;
        let answer = self.serve(&request).await;
        let notice = Notice::Verb {
            request: &request,
            answer: &answer,
        };
        // The log has it before the caller learns of it, as the journal has it before the flow.
        let what = Happened::Verb {
            asked,
            request: Box::new(request.clone()),
            answer: Box::new(answer.clone()),
        };
        self.world.note(self.now, what);
        self.caller.notice(self.now, &self.world, notice);
        answer
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        self.world.reveal(name)
    }
}
