//! What one call is doing: a state machine without clock, sockets or tasks.
//!
//! A verb of the flow goes in by [`Machine::begin`], what happens on the wire by the other methods;
//! [`Machine::poll_action`] says what to do about it and [`Machine::take_answer`] what the flow
//! gets. One verb is under way at a time, because a flow reads from top to bottom. `now` is the
//! time since the INVITE arrived.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use vireo_host::contract::{Error, Event, GatherOptions, PlayEnd, Refusal};
use vireo_host::{Answer, Reply};
use vireo_rtp::{DigitOut, Repeat, Segment};

use crate::digits::TypeAhead;
use crate::gather::{Gather, Opening, Step};
use crate::message::{self, MessageRecording};

/// A verb with its prompts looked up, ready to be heard.
#[derive(Debug)]
pub enum Verb {
    Ring,
    EarlyMedia,
    Answer,
    Reject(Refusal),
    Hangup,
    Wait {
        timeout: Duration,
    },
    Play {
        prompt: Vec<Segment>,
        interrupt_keys: String,
    },
    Gather {
        options: GatherOptions,
        prompts: GatherPrompts,
    },
    Record(message::Spec),
    StartPlaying {
        prompt: Vec<Segment>,
        repeat: Repeat,
    },
    StopPlaying,
    FlushDigits,
    SendDigits(String),
    StartRecording,
    PauseRecording,
    ResumeRecording,
    StopRecording,
    Discard(String),
}

/// The three prompts of a gather.
#[derive(Debug, Default)]
pub struct GatherPrompts {
    pub prompt: Vec<Segment>,
    pub no_input: Vec<Segment>,
    pub no_match: Vec<Segment>,
}

/// The two recordings that a call can have at a time.
pub use vireo_rtp::RecordSlot;

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// A provisional response; 183 carries the SDP answer.
    Provisional(u16),
    /// 200 OK with SDP.
    Answer,
    /// A final response that refuses the call.
    Reject(u16),
    Bye,
    Play {
        id: u64,
        prompt: Vec<Segment>,
        repeat: Repeat,
    },
    StopPlaying,
    SendDigits {
        id: u64,
        digits: Vec<DigitOut>,
    },
    OpenRecording {
        slot: RecordSlot,
        id: String,
        max_duration_ms: Option<u32>,
        silence_ms: Option<u32>,
    },
    StopRecording {
        slot: RecordSlot,
        trim_ms: u32,
    },
    PauseRecording,
    ResumeRecording,
    /// Delete a finished recording's file.
    Discard(String),
    /// A line of the timeline.
    Note {
        name: &'static str,
        detail: Value,
    },
}

/// How far the call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Only 100 Trying was sent.
    Arrived,
    Ringing,
    /// 183 with SDP: the caller hears us, free of charge.
    EarlyMedia,
    /// 200 was sent, the ACK is not here yet.
    Answered,
    /// The ACK is here.
    Confirmed,
    Over,
}

/// Did the INVITE carry an offer (RFC 3264), or does our 200 have to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    InInvite,
    Late,
}

/// How a recording came to its end.
pub use vireo_rtp::RecordEnd;

/// How a prompt came to its end.
pub use vireo_rtp::PlayEnd as Heard;

#[derive(Debug)]
enum Doing {
    /// Waits for the ACK, then goes on with the verb that wanted the call answered.
    Answering {
        deadline: Option<Duration>,
        then: Option<Box<Verb>>,
    },
    Playing {
        id: u64,
        interrupt_keys: String,
        stopped: bool,
    },
    Gathering {
        gather: Box<Gather>,
        prompts: GatherPrompts,
        playing: Option<u64>,
    },
    Recording(MessageRecording),
    Waiting {
        deadline: Duration,
    },
    Sending {
        id: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CallRecording {
    Off,
    On(String),
    Paused(String),
}

/// The state of one call.
#[derive(Debug)]
pub struct Machine {
    call_id: String,
    progress: Progress,
    offer: Offer,
    doing: Option<Doing>,
    answer: Option<Answer>,
    actions: VecDeque<Action>,
    keys: TypeAhead,
    keys_pressed: u32,
    events: VecDeque<Event>,
    swallow: Option<(String, Duration)>,
    last_id: u64,
    background: Option<u64>,
    recording: CallRecording,
    recordings_opened: u32,
    /// Recordings that are finished and were not discarded.
    made: Vec<String>,
}

/// After a 200 the caller's side needs a moment to open its ears; the ACK says that it has. When
/// the ACK is late, one T1 (RFC 3261, 17.1.1.1) is waited for and no longer.
const ACK_PATIENCE: Duration = Duration::from_millis(500);

/// Events kept for `wait`; a flow that never waits needs none of them.
const EVENTS_KEPT: usize = 32;

const DIGIT_MS: u16 = 100;
const DIGIT_PAUSE_MS: u16 = 100;
const COMMA_PAUSE_MS: u16 = 500;

impl Machine {
    /// A call whose INVITE has just arrived.
    pub fn new(call_id: String, offer: Offer) -> Self {
        Self {
            call_id,
            progress: Progress::Arrived,
            offer,
            doing: None,
            answer: None,
            actions: VecDeque::new(),
            keys: TypeAhead::default(),
            keys_pressed: 0,
            events: VecDeque::new(),
            swallow: None,
            last_id: 0,
            background: None,
            recording: CallRecording::Off,
            recordings_opened: 0,
            made: Vec::new(),
        }
    }

    /// How far the call has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Was the call ever answered?
    pub fn is_up(&self) -> bool {
        matches!(self.progress, Progress::Answered | Progress::Confirmed)
    }

    /// Keys that the caller pressed in all.
    pub fn keys_pressed(&self) -> u32 {
        self.keys_pressed
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The answer to the verb under way, once it is there.
    pub fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    /// When [`Machine::timeout`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        match self.doing.as_ref()? {
            Doing::Answering { deadline, .. } => *deadline,
            Doing::Gathering { gather, .. } => gather.deadline(),
            Doing::Waiting { deadline } => Some(*deadline),
            Doing::Playing { .. } | Doing::Recording(_) | Doing::Sending { .. } => None,
        }
    }

    /// Starts a verb. The one before it has been answered.
    pub fn begin(&mut self, verb: Verb, now: Duration) {
        if self.progress == Progress::Over && !matches!(verb, Verb::Hangup | Verb::Discard(_)) {
            return self.fail(Error::HungUp);
        }
        match verb {
            Verb::Ring => self.ring(),
            Verb::EarlyMedia => self.early_media(),
            Verb::Answer => self.answer_call(None, now),
            Verb::Reject(why) => self.reject(why),
            Verb::Hangup => self.hangup(),
            Verb::Wait { timeout } => self.wait(timeout, now),
            Verb::Discard(id) => self.discard(&id),
            Verb::FlushDigits => {
                self.keys.clear();
                self.done();
            }
            media if !self.has_media() => self.answer_call(Some(Box::new(media)), now),
            media => self.begin_media(media, now),
        }
    }

    fn begin_media(&mut self, verb: Verb, now: Duration) {
        match verb {
            Verb::Play {
                prompt,
                interrupt_keys,
            } => self.play(prompt, interrupt_keys),
            Verb::Gather { options, prompts } => {
                let (gather, step) = Gather::start(options, &mut self.keys, now);
                self.doing = Some(Doing::Gathering {
                    gather: Box::new(gather),
                    prompts,
                    playing: None,
                });
                self.gather_step(step, now);
            }
            Verb::Record(spec) => {
                let (recording, prompt) = MessageRecording::start(spec);
                self.doing = Some(Doing::Recording(recording));
                match prompt {
                    Some(prompt) => {
                        let id = self.play_now(prompt, Repeat::Once);
                        if let Some(Doing::Recording(recording)) = &mut self.doing {
                            recording.prompted(id);
                        }
                    }
                    None => self.open_message(),
                }
            }
            Verb::StartPlaying { prompt, repeat } => {
                self.background = Some(self.play_now(prompt, repeat));
                self.done();
            }
            Verb::StopPlaying => {
                if self.background.take().is_some() {
                    self.actions.push_back(Action::StopPlaying);
                }
                self.done();
            }
            Verb::SendDigits(digits) => self.send_digits(&digits),
            Verb::StartRecording => self.start_recording(),
            Verb::PauseRecording => self.pause_recording(),
            Verb::ResumeRecording => self.resume_recording(),
            Verb::StopRecording => match &self.recording {
                CallRecording::Off => self.wrong_state("the call is not being recorded"),
                CallRecording::On(_) | CallRecording::Paused(_) => {
                    self.recording = CallRecording::Off;
                    self.actions.push_back(Action::StopRecording {
                        slot: RecordSlot::Call,
                        trim_ms: 0,
                    });
                    self.done();
                }
            },
            _ => self.wrong_state("this verb needs no media"),
        }
    }

    // --- signalling verbs ---

    fn has_media(&self) -> bool {
        matches!(
            self.progress,
            Progress::EarlyMedia | Progress::Answered | Progress::Confirmed
        )
    }

    fn ring(&mut self) {
        match self.progress {
            Progress::Arrived => {
                self.progress = Progress::Ringing;
                self.actions.push_back(Action::Provisional(180));
                self.done();
            }
            Progress::Ringing => self.done(),
            _ => self.wrong_state("ring comes before early-media and answer"),
        }
    }

    fn early_media(&mut self) {
        match (self.progress, self.offer) {
            (_, Offer::Late) => {
                self.wrong_state(
                    "the INVITE carried no offer, so there is no media before the answer",
                );
            }
            (Progress::Arrived | Progress::Ringing, Offer::InInvite) => {
                self.progress = Progress::EarlyMedia;
                self.actions.push_back(Action::Provisional(183));
                self.done();
            }
            (Progress::EarlyMedia, _) => self.done(),
            _ => self.wrong_state("early-media comes before answer"),
        }
    }

    fn answer_call(&mut self, then: Option<Box<Verb>>, now: Duration) {
        match self.progress {
            Progress::Confirmed => return self.go_on(then, now),
            Progress::Answered => {}
            _ => {
                self.progress = Progress::Answered;
                self.actions.push_back(Action::Answer);
            }
        }
        let deadline = match self.offer {
            Offer::InInvite => Some(now + ACK_PATIENCE),
            // Without the answer in the ACK nobody knows where to send.
            Offer::Late => None,
        };
        self.doing = Some(Doing::Answering { deadline, then });
    }

    fn go_on(&mut self, then: Option<Box<Verb>>, now: Duration) {
        self.doing = None;
        match then {
            Some(verb) => self.begin_media(*verb, now),
            None => self.done(),
        }
    }

    fn reject(&mut self, why: Refusal) {
        if self.is_up() {
            return self.wrong_state("reject comes before answer; use hangup");
        }
        let status = match why {
            Refusal::Busy => 486,
            Refusal::Decline => 603,
            Refusal::NotFound => 404,
            Refusal::Unavailable => 480,
            Refusal::Forbidden => 403,
            Refusal::Congested => 503,
        };
        self.actions.push_back(Action::Reject(status));
        self.over();
        self.done();
    }

    fn hangup(&mut self) {
        match self.progress {
            Progress::Over => {}
            Progress::Answered | Progress::Confirmed => {
                self.actions.push_back(Action::Bye);
                self.over();
            }
            _ => {
                self.actions.push_back(Action::Reject(480));
                self.over();
            }
        }
        self.done();
    }

    fn wait(&mut self, timeout: Duration, now: Duration) {
        if let Some(key) = self.keys.pop() {
            self.answer = Some(Ok(Reply::Event(Event::Digit(key))));
        } else if let Some(event) = self.events.pop_front() {
            self.answer = Some(Ok(Reply::Event(event)));
        } else {
            self.doing = Some(Doing::Waiting {
                deadline: now + timeout,
            });
        }
    }

    // --- media verbs ---

    fn play(&mut self, prompt: Vec<Segment>, interrupt_keys: String) {
        if let Some(key) = self.keys.find(&interrupt_keys) {
            // The caller answered before the prompt began.
            self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted(key))));
            return;
        }
        if prompt.is_empty() {
            self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Finished)));
            return;
        }
        let id = self.play_now(prompt, Repeat::Once);
        self.doing = Some(Doing::Playing {
            id,
            interrupt_keys,
            stopped: false,
        });
    }

    fn play_now(&mut self, prompt: Vec<Segment>, repeat: Repeat) -> u64 {
        self.last_id += 1;
        self.background = None;
        self.actions.push_back(Action::Play {
            id: self.last_id,
            prompt,
            repeat,
        });
        self.last_id
    }

    fn gather_step(&mut self, step: Step, now: Duration) {
        match step {
            Step::Wait => {}
            Step::StopPlaying => {
                if let Some(Doing::Gathering { playing, .. }) = &mut self.doing {
                    *playing = None;
                }
                self.actions.push_back(Action::StopPlaying);
            }
            Step::Play(opening) => {
                let Some(Doing::Gathering { prompts, .. }) = &self.doing else {
                    return;
                };
                let first = match opening {
                    Opening::First => &[][..],
                    Opening::NoInput => &prompts.no_input[..],
                    Opening::NoMatch => &prompts.no_match[..],
                };
                let prompt: Vec<Segment> = first.iter().chain(&prompts.prompt).cloned().collect();
                let id = self.play_now(prompt, Repeat::Once);
                if let Some(Doing::Gathering { playing, .. }) = &mut self.doing {
                    *playing = Some(id);
                }
            }
            Step::Done(result) => {
                if let Some(Doing::Gathering { gather, .. }) = self.doing.take() {
                    self.swallow = gather
                        .swallow()
                        .map(|(keys, within)| (keys.to_owned(), now + within));
                }
                self.answer = Some(Ok(Reply::Gather(result)));
            }
        }
    }

    fn open_message(&mut self) {
        let id = self.recording_id("message");
        if let Some(Doing::Recording(recording)) = &mut self.doing {
            let action = recording.open(id);
            self.actions.push_back(action);
        }
    }

    fn send_digits(&mut self, keys: &str) {
        let digits: Vec<DigitOut> = keys
            .chars()
            .map(|digit| match digit {
                ',' => DigitOut {
                    digit,
                    duration_ms: COMMA_PAUSE_MS,
                    pause_ms: 0,
                },
                _ => DigitOut {
                    digit,
                    duration_ms: DIGIT_MS,
                    pause_ms: DIGIT_PAUSE_MS,
                },
            })
            .collect();
        if digits.is_empty() {
            return self.done();
        }
        self.last_id += 1;
        let id = self.last_id;
        self.actions.push_back(Action::SendDigits { id, digits });
        self.doing = Some(Doing::Sending { id });
    }

    fn recording_id(&mut self, kind: &str) -> String {
        self.recordings_opened += 1;
        format!("{}-{kind}-{}", self.call_id, self.recordings_opened)
    }

    fn start_recording(&mut self) {
        if self.recording != CallRecording::Off {
            return self.wrong_state("the call is being recorded already");
        }
        let id = self.recording_id("call");
        self.recording = CallRecording::On(id.clone());
        self.actions.push_back(Action::OpenRecording {
            slot: RecordSlot::Call,
            id: id.clone(),
            max_duration_ms: None,
            silence_ms: None,
        });
        self.answer = Some(Ok(Reply::Id(id)));
    }

    fn pause_recording(&mut self) {
        match std::mem::replace(&mut self.recording, CallRecording::Off) {
            CallRecording::On(id) => {
                self.recording = CallRecording::Paused(id);
                self.actions.push_back(Action::PauseRecording);
                self.done();
            }
            paused @ CallRecording::Paused(_) => {
                self.recording = paused;
                self.done();
            }
            CallRecording::Off => self.wrong_state("the call is not being recorded"),
        }
    }

    fn resume_recording(&mut self) {
        match std::mem::replace(&mut self.recording, CallRecording::Off) {
            CallRecording::Paused(id) => {
                self.recording = CallRecording::On(id);
                self.actions.push_back(Action::ResumeRecording);
                self.done();
            }
            on @ CallRecording::On(_) => {
                self.recording = on;
                self.done();
            }
            CallRecording::Off => self.wrong_state("the call is not being recorded"),
        }
    }

    fn discard(&mut self, id: &str) {
        match self.made.iter().position(|made| made == id) {
            Some(at) => {
                let id = self.made.remove(at);
                self.actions.push_back(Action::Discard(id));
                self.done();
            }
            None => self.fail(Error::NotFound(format!(
                "recording {id:?}: this call made none of that name"
            ))),
        }
    }

    // --- what happens on the wire ---

    /// The ACK has arrived.
    pub fn acknowledged(&mut self, now: Duration) {
        if self.progress == Progress::Answered {
            self.progress = Progress::Confirmed;
        }
        if matches!(self.doing, Some(Doing::Answering { .. })) {
            self.answering_over(now);
        }
    }

    fn answering_over(&mut self, now: Duration) {
        if let Some(Doing::Answering { then, .. }) = self.doing.take() {
            self.go_on(then, now);
        }
    }

    /// The call is over, whoever ended it.
    pub fn ended(&mut self) {
        if self.progress == Progress::Over {
            return;
        }
        self.over();
        match &mut self.doing {
            // The message that was being left is finished by the media side, and kept.
            Some(Doing::Recording(recording)) if recording.is_open() => recording.hung_up(),
            Some(_) => self.fail(Error::HungUp),
            None => {}
        }
    }

    fn over(&mut self) {
        self.progress = Progress::Over;
        for slot in [RecordSlot::Call, RecordSlot::Message] {
            let open = match slot {
                RecordSlot::Call => self.recording != CallRecording::Off,
                RecordSlot::Message => {
                    matches!(&self.doing, Some(Doing::Recording(r)) if r.is_open())
                }
            };
            if open {
                self.actions
                    .push_back(Action::StopRecording { slot, trim_ms: 0 });
            }
        }
        self.recording = CallRecording::Off;
    }

    /// The caller put the call on hold, or took it back.
    pub fn hold(&mut self, event: Event) {
        if matches!(self.doing, Some(Doing::Waiting { .. })) {
            self.doing = None;
            self.answer = Some(Ok(Reply::Event(event)));
        } else {
            self.keep_event(event);
        }
    }

    fn keep_event(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A key went down.
    pub fn key_down(&mut self, key: char, now: Duration) {
        if self.is_swallowed(key, now) {
            return;
        }
        match &mut self.doing {
            Some(Doing::Playing {
                interrupt_keys,
                stopped,
                ..
            }) if interrupt_keys.contains(key) && !*stopped => {
                *stopped = true;
                self.actions.push_back(Action::StopPlaying);
            }
            Some(Doing::Gathering { gather, .. }) => {
                let step = gather.key_down(now);
                self.gather_step(step, now);
            }
            Some(Doing::Recording(recording)) => {
                if let Some(action) = recording.key_down(key) {
                    self.actions.push_back(action);
                }
            }
            _ => {}
        }
    }

    /// A key was pressed and let go.
    pub fn key(&mut self, key: char, duration_ms: u32, source: &'static str, now: Duration) {
        self.keys_pressed = self.keys_pressed.saturating_add(1);
        self.actions.push_back(Action::Note {
            name: "digit",
            detail: json!({ "digit": key, "duration_ms": duration_ms, "source": source }),
        });
        if self.progress == Progress::Over {
            return;
        }
        if self.is_swallowed(key, now) {
            self.swallow = None;
            return;
        }
        self.swallow = None;
        match &mut self.doing {
            Some(Doing::Playing {
                interrupt_keys,
                stopped,
                ..
            }) => {
                let cut = interrupt_keys.contains(key);
                let stop_now = cut && !*stopped;
                self.keys.push(key);
                if stop_now {
                    self.actions.push_back(Action::StopPlaying);
                }
                if cut {
                    self.doing = None;
                    self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted(key))));
                }
            }
            Some(Doing::Gathering { gather, .. }) => {
                for step in gather.key(key, &mut self.keys, now) {
                    self.gather_step(step, now);
                }
            }
            Some(Doing::Recording(recording)) => {
                // A key that ended the recording when it went down is spent; others are ignored
                // here, so that they are not taken for an answer to the next question.
                if let Some(action) = recording.key_down(key) {
                    self.actions.push_back(action);
                }
            }
            Some(Doing::Waiting { .. }) => {
                self.doing = None;
                self.answer = Some(Ok(Reply::Event(Event::Digit(key))));
            }
            Some(Doing::Answering { .. } | Doing::Sending { .. }) | None => self.keys.push(key),
        }
    }

    fn is_swallowed(&self, key: char, now: Duration) -> bool {
        matches!(&self.swallow, Some((keys, until)) if keys.contains(key) && now <= *until)
    }

    /// A prompt came to its end.
    pub fn play_finished(&mut self, id: u64, heard_ms: u32, how: Heard, now: Duration) {
        let end = match how {
            Heard::Finished => "finished",
            Heard::Stopped => "stopped",
            Heard::Replaced => "replaced",
        };
        self.actions.push_back(Action::Note {
            name: "heard",
            detail: json!({ "ms": heard_ms, "end": end }),
        });
        if self.background == Some(id) {
            self.background = None;
            if how == Heard::Finished {
                self.hold(Event::PlayingFinished);
            }
            return;
        }
        match &mut self.doing {
            Some(Doing::Playing {
                id: playing,
                stopped,
                ..
            }) if *playing == id && !*stopped => {
                self.doing = None;
                self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Finished)));
            }
            Some(Doing::Gathering {
                gather, playing, ..
            }) if *playing == Some(id) => {
                *playing = None;
                let step = gather.prompt_ended(&mut self.keys, now);
                self.gather_step(step, now);
            }
            Some(Doing::Recording(recording)) if recording.prompt() == Some(id) => {
                // Keys pressed while the prompt was heard were not meant for the message.
                self.keys.clear();
                self.open_message();
            }
            _ => {}
        }
    }

    /// The digits of `send-digits` are out.
    pub fn digits_sent(&mut self, id: u64) {
        if matches!(self.doing, Some(Doing::Sending { id: sending }) if sending == id) {
            self.done();
        }
    }

    /// A recording is on its way to the disk, whole.
    pub fn record_finished(
        &mut self,
        slot: RecordSlot,
        id: String,
        duration_ms: u32,
        how: RecordEnd,
    ) {
        self.made.push(id.clone());
        match slot {
            RecordSlot::Call => self.recording = CallRecording::Off,
            RecordSlot::Message => {
                if let Some(Doing::Recording(recording)) = &self.doing {
                    let message = recording.finished(id, duration_ms, how);
                    self.doing = None;
                    self.answer = Some(Ok(Reply::Message(message)));
                }
            }
        }
    }

    /// A recording could not be opened.
    pub fn recording_refused(&mut self, slot: RecordSlot, reason: String) {
        match slot {
            RecordSlot::Call => self.recording = CallRecording::Off,
            RecordSlot::Message => {}
        }
        self.fail(Error::Failed(reason));
    }

    /// The time of [`Machine::deadline`] has come.
    pub fn timeout(&mut self, now: Duration) {
        match &mut self.doing {
            Some(Doing::Answering {
                deadline: Some(deadline),
                ..
            }) if *deadline <= now => self.answering_over(now),
            Some(Doing::Waiting { deadline }) if *deadline <= now => {
                self.doing = None;
                self.answer = Some(Ok(Reply::Event(Event::Timeout)));
            }
            Some(Doing::Gathering { gather, .. }) => {
                let step = gather.timeout(&mut self.keys, now);
                self.gather_step(step, now);
            }
            _ => {}
        }
    }

    // --- answers ---

    fn done(&mut self) {
        self.doing = None;
        self.answer = Some(Ok(Reply::Done));
    }

    fn fail(&mut self, error: Error) {
        self.doing = None;
        self.answer = Some(Err(error));
    }

    fn wrong_state(&mut self, why: &str) {
        self.fail(Error::WrongState(why.to_owned()));
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
