//! The call as its test sees it.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::services::Services;
use crate::contract::vireo::flow::call::{Event, Info, Refusal};
use crate::contract::vireo::flow::http::Request;
use crate::contract::vireo::flow::media::UnheardReason;
use crate::contract::vireo::flow::types::Error as Failure;
use crate::{Error, Result};

/// Something that the caller does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Press(String),
    PressWhilePlaying(String),
    Speak(Duration),
    Say(Said),
    Silence,
    Hold,
    HangUp,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Press(keys) => write!(f, "press {keys}"),
            Self::PressWhilePlaying(keys) => write!(f, "press {keys} while a prompt plays"),
            Self::Speak(length) => write!(f, "speak for {length:?}"),
            Self::Say(said) => write!(f, "say {:?}", said.text),
            Self::Silence => f.write_str("be silent"),
            Self::Hold => f.write_str("hold"),
            Self::HangUp => f.write_str("hang up"),
        }
    }
}

/// What the caller says where the flow listens.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    /// Empty: nothing that can be understood.
    pub text: String,
    /// 0.0 to 1.0.
    pub confidence: f32,
}

/// How far the call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    #[default]
    Arrived,
    Ringing,
    EarlyMedia,
    Answered,
    Over,
}

/// What plays beside the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Background {
    Once,
    Repeated,
}

/// The recording of the whole call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CallRecording {
    #[default]
    Off,
    On,
    Paused,
}

/// A message that was recorded and not discarded.
#[derive(Debug)]
pub(super) struct Kept {
    pub id: String,
    pub length: Duration,
}

/// A call in a test.
#[derive(Debug)]
pub(super) struct State {
    pub info: Info,
    pub headers: Vec<(String, String)>,
    pub deeds: VecDeque<Deed>,
    pub services: Services,
    pub progress: Progress,
    /// Who ended it, and how.
    pub end: Option<End>,
    /// Keys that were pressed and not collected.
    pub keys: VecDeque<char>,
    /// Events for `wait`.
    pub events: VecDeque<Event>,
    pub heard: Vec<String>,
    pub sent: String,
    pub background: Option<Background>,
    pub recording: CallRecording,
    pub recordings: u32,
    pub messages: Vec<Kept>,
    /// Why the recognizer cannot listen; none when it can.
    pub unheard: Option<UnheardReason>,
}

impl Default for State {
    fn default() -> Self {
        let services = Services::default();
        Self {
            info: Info {
                call_id: "test".to_owned(),
                flow: "test".to_owned(),
                version: "0".repeat(64),
                trunk: "test".to_owned(),
                route: "test".to_owned(),
                caller: "1000".to_owned(),
                caller_name: None,
                called: "100".to_owned(),
                diverted_by: Vec::new(),
                language: "en".to_owned(),
                parameters: Vec::new(),
                started_at: services.now_ms,
            },
            headers: Vec::new(),
            deeds: VecDeque::new(),
            services,
            progress: Progress::default(),
            end: None,
            keys: VecDeque::new(),
            events: VecDeque::new(),
            heard: Vec::new(),
            sent: String::new(),
            background: None,
            recording: CallRecording::default(),
            recordings: 0,
            messages: Vec::new(),
            unheard: None,
        }
    }
}

impl State {
    pub fn info(&mut self) -> Info {
        self.info.clone()
    }

    pub fn header(&mut self, name: &str) -> Vec<String> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        let headers = self.headers.iter().filter(named);
        headers.map(|(_, value)| value.clone()).collect()
    }

    /// An error once the call is over.
    pub fn up(&self) -> Result<(), Failure> {
        match self.progress {
            Progress::Over => Err(Failure::HungUp),
            _ => Ok(()),
        }
    }

    /// What needs media answers by itself.
    pub fn media(&mut self) -> Result<(), Failure> {
        match self.progress {
            Progress::EarlyMedia => Ok(()),
            _ => self.answer(),
        }
    }

    pub fn ring(&mut self) -> Result<(), Failure> {
        self.up()?;
        match self.progress {
            Progress::Arrived | Progress::Ringing => self.progress = Progress::Ringing,
            _ => return Err(wrong_state("ring comes before early-media and answer")),
        }
        Ok(())
    }

    pub fn early_media(&mut self) -> Result<(), Failure> {
        self.up()?;
        match self.progress {
            Progress::Answered => return Err(wrong_state("early-media comes before answer")),
            _ => self.progress = Progress::EarlyMedia,
        }
        Ok(())
    }

    pub fn answer(&mut self) -> Result<(), Failure> {
        self.up()?;
        self.progress = Progress::Answered;
        Ok(())
    }

    pub fn reject(&mut self, why: Refusal) -> Result<(), Failure> {
        self.up()?;
        if self.progress == Progress::Answered {
            return Err(wrong_state("reject comes before answer; use hangup"));
        }
        self.over(End::Rejected(why));
        Ok(())
    }

    pub fn hangup(&mut self) {
        match self.progress {
            Progress::Over => {}
            Progress::Answered => self.over(End::Completed),
            _ => self.over(End::Rejected(Refusal::Unavailable)),
        }
    }

    /// The caller is gone.
    pub fn gone(&mut self) -> Failure {
        self.over(match self.progress {
            Progress::Answered => End::HungUpByCaller,
            _ => End::AbandonedBeforeAnswer,
        });
        Failure::HungUp
    }

    fn over(&mut self, end: End) {
        self.progress = Progress::Over;
        self.recording = CallRecording::Off;
        self.background = None;
        self.end.get_or_insert(end);
    }

    pub fn wait(&mut self, timeout_ms: u32) -> Result<Event, Failure> {
        self.up()?;
        loop {
            if let Some(key) = self.keys.pop_front() {
                return Ok(Event::Digit(key));
            }
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if timeout_ms == 0 {
                return Ok(Event::Timeout);
            }
            if let (Some(_), Some(Deed::PressWhilePlaying(_))) =
                (self.background, self.deeds.front())
            {
                self.press();
                continue;
            }
            if self.background == Some(Background::Once) {
                self.background = None;
                return Ok(Event::PlayingFinished);
            }
            match self.deeds.front() {
                Some(Deed::Press(_) | Deed::PressWhilePlaying(_)) => self.press(),
                Some(Deed::Hold) => self.hold(),
                Some(Deed::Speak(_) | Deed::Say(_)) => drop(self.deeds.pop_front()),
                Some(Deed::Silence) => {
                    self.deeds.pop_front();
                    self.services.passes(timeout_ms);
                    return Ok(Event::Timeout);
                }
                Some(Deed::HangUp) | None => {
                    self.deeds.pop_front();
                    return Err(self.gone());
                }
            }
        }
    }

    /// The keys of the next deed.
    pub fn press(&mut self) {
        if let Some(Deed::Press(keys) | Deed::PressWhilePlaying(keys)) = self.deeds.pop_front() {
            self.keys.extend(keys.chars());
        }
    }

    /// The next deed is a hold.
    pub fn hold(&mut self) {
        self.deeds.pop_front();
        self.events.extend([Event::Held, Event::Resumed]);
    }
}

pub(super) fn wrong_state(why: &str) -> Failure {
    Failure::WrongState(why.to_owned())
}

/// How a call ended, as its record would say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The flow came to its end.
    Completed,
    /// The caller hung up.
    HungUpByCaller,
    /// The caller hung up before the call was answered.
    AbandonedBeforeAnswer,
    /// The flow refused the call, or ended without answering it.
    Rejected(Refusal),
    /// The flow returned this error.
    Failed(Error),
}

/// A call that is over.
#[derive(Debug)]
pub struct Ended {
    end: End,
    state: State,
}

impl Ended {
    pub(super) fn new(result: Result<()>, mut state: State) -> Self {
        state.hangup();
        let end = match (result, state.end.take()) {
            (Err(error), _) if error != Error::HungUp => End::Failed(error),
            (_, end) => end.unwrap_or(End::Completed),
        };
        Self { end, state }
    }

    /// What the caller was still going to do. After a failure that is no surprise.
    pub(super) fn left(&self) -> Option<&Deed> {
        match self.end {
            End::Failed(_) => None,
            _ => self.state.deeds.front(),
        }
    }

    /// How the call ended.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// The prompts that began to play, in order: files by their names, recordings as "recording".
    /// Silence and tones are left out.
    #[must_use]
    pub fn heard(&self) -> &[String] {
        &self.state.heard
    }

    /// The lines that the flow wrote to its log.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.state.services.log
    }

    /// The value of a key of the flow's store, as text; `None` when it is absent.
    #[must_use]
    pub fn kv(&self, key: &str) -> Option<String> {
        let value = self.state.services.store.get(key)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// The HTTP requests that the flow sent, in order.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.state.services.requests
    }

    /// The lengths of the messages that were recorded and not discarded.
    #[must_use]
    pub fn messages(&self) -> Vec<Duration> {
        self.state.messages.iter().map(|kept| kept.length).collect()
    }

    /// The digits that the flow sent.
    #[must_use]
    pub fn digits_sent(&self) -> &str {
        &self.state.sent
    }
}
