//! What one call is doing: a state machine without clock, sockets or tasks.
//!
//! A verb of the flow goes in by [`Machine::begin`], what happens on the wire by the other methods;
//! [`Machine::poll_action`] says what to do about it and [`Machine::take_answer`] what the flow
//! gets. One verb is under way at a time, because a flow reads from top to bottom. `now` is the
//! time since the INVITE arrived.

mod hearing;
mod media;
mod wire;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use vireo_host::contract::{Error, Event, GatherOptions, Refusal, SpeechOptions};
use vireo_host::{Answer, Reply};
use vireo_rtp::{DigitOut, Repeat, Segment};
use vireo_store::cdr::Recognitions;

use crate::digits::TypeAhead;
use crate::gather::Gather;
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
        options: Box<GatherOptions>,
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
    /// BYE.
    Bye,
    /// What plays is replaced; its end is told by [`Machine::play_finished`].
    Play {
        /// Names it in `play_finished`.
        id: u64,
        /// Heard without a gap.
        prompt: Vec<Segment>,
        /// Once, or until it is stopped.
        repeat: Repeat,
    },
    /// What plays ends at once.
    StopPlaying,
    /// Their end is told by [`Machine::digits_sent`].
    SendDigits {
        /// Names them in `digits_sent`.
        id: u64,
        /// In order.
        digits: Vec<DigitOut>,
    },
    /// Its end is told by [`Machine::record_finished`].
    OpenRecording {
        /// The whole call, or a message.
        slot: RecordSlot,
        /// Names it from now on.
        id: String,
        /// Its greatest length, ms.
        max_duration_ms: Option<u32>,
        /// It ends after so much silence, ms, which is cut off.
        silence_ms: Option<u32>,
    },
    /// A recording ends.
    StopRecording {
        /// The whole call, or a message.
        slot: RecordSlot,
        /// So much of its end is cut off, ms.
        trim_ms: u32,
    },
    /// Silence is recorded instead of the call.
    PauseRecording,
    /// The call is recorded again.
    ResumeRecording,
    /// Delete a finished recording's file.
    Discard(String),
    /// A recognizer is to hear the caller from now on, instead of one that did until now. What comes
    /// of it is told by [`Machine::speech_started`], [`Machine::said`] and [`Machine::unheard`].
    Listen {
        /// What may be said.
        speech: Box<SpeechOptions>,
        /// What the caller speaks, where `speech` does not say: that of the prompts.
        language: Option<String>,
    },
    /// Nobody is to hear the caller any more.
    StopListening,
    /// A line of the timeline.
    Note {
        /// Its kind.
        name: &'static str,
        /// What there is to tell.
        detail: Value,
    },
}

/// How far the call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Only 100 Trying was sent.
    Arrived,
    /// 180 was sent.
    Ringing,
    /// 183 with SDP: the caller hears us, free of charge.
    EarlyMedia,
    /// 200 was sent, the ACK is not here yet.
    Answered,
    /// The ACK is here.
    Confirmed,
    /// Whoever ended it.
    Over,
}

/// Did the INVITE carry an offer (RFC 3264), or does our 200 have to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It did.
    InInvite,
    /// Our 200 has to, and the ACK answers.
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
        cut: Option<Cut>,
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
    /// Waits for a recording's file.
    Finishing {
        id: String,
        then: Then,
    },
}

/// A prompt was cut short by a key that is still down.
#[derive(Debug, Clone, Copy)]
struct Cut {
    key: char,
    /// The key counts as let go then.
    deadline: Duration,
}

/// What becomes of a recording when its file is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    Discard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CallRecording {
    Off,
    On(String),
    Paused(String),
}

impl CallRecording {
    fn id(&self) -> Option<&str> {
        match self {
            CallRecording::Off => None,
            CallRecording::On(id) | CallRecording::Paused(id) => Some(id),
        }
    }
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
    /// The key that ended a message and is still down: its release is nobody's answer.
    spent: Option<char>,
    last_id: u64,
    background: Option<u64>,
    /// The gather's recognition that runs.
    listening: Option<u32>,
    recognitions: Option<Recognitions>,
    recording: CallRecording,
    recordings_opened: u32,
    /// Recordings that are not finished.
    unfinished: Vec<String>,
    /// Recordings that are finished and were not discarded.
    made: Vec<String>,
}

/// After a 200 the caller's side needs a moment to open its ears; the ACK says that it has. When
/// the ACK is late, one T1 (RFC 3261, 17.1.1.1) is waited for and no longer.
const ACK_PATIENCE: Duration = Duration::from_millis(500);

/// Events kept for `wait`; a flow that never waits needs none of them.
const EVENTS_KEPT: usize = 32;

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
            spent: None,
            last_id: 0,
            background: None,
            listening: None,
            recognitions: None,
            recording: CallRecording::Off,
            recordings_opened: 0,
            unfinished: Vec::new(),
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

    /// What became of what the caller said in all; none when there was nothing to become of.
    pub fn recognitions(&self) -> Option<Recognitions> {
        self.recognitions
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() {
            self.tend_recognizer();
        }
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
            Doing::Playing { cut, .. } => cut.map(|cut| cut.deadline),
            Doing::Recording(_) | Doing::Sending { .. } | Doing::Finishing { .. } => None,
        }
    }

    /// Starts a verb. The one before it has been answered, or whoever asked has given it up.
    pub fn begin(&mut self, verb: Verb, now: Duration) {
        self.doing = None;
        self.answer = None;
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
            // These change what runs already: a call is not answered for them.
            Verb::StopPlaying => self.stop_playing(),
            Verb::PauseRecording => self.pause_recording(),
            Verb::ResumeRecording => self.resume_recording(),
            Verb::StopRecording => self.stop_recording(),
            media if !self.has_media() => self.answer_call(Some(Box::new(media)), now),
            media => self.begin_media(media, now),
        }
    }

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
mod tests;
