//! Recording a message: its prompt, its beep, and what ends it.

use vireo_host::contract::{Message, RecordEnd as Ended};
use vireo_rtp::{RecordEnd, RecordSlot, Segment};

use crate::machine::Action;

/// What `record` asks for, with its prompt looked up.
#[derive(Debug)]
pub struct Spec {
    /// The prompt, with the beep at its end if one was asked for; empty: none.
    pub prompt: Vec<Segment>,
    pub max_duration_ms: u32,
    /// None: silence does not end it.
    pub silence_ms: Option<u32>,
    pub terminators: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Prompt(Option<u64>),
    Open,
    Stopping(StoppedBy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoppedBy {
    Terminator,
    HungUp,
}

/// One message on its way.
#[derive(Debug)]
pub struct MessageRecording {
    spec: Spec,
    stage: Stage,
}

/// What is cut off the end of a message that a key ended. A tone is recognised 40 ms after it
/// began (ITU-T Q.24), so this much of it is in the recording where keys travel as tones.
const TERMINATOR_TRIM_MS: u32 = 60;

impl MessageRecording {
    /// Begins, and returns the prompt to play first, if there is one.
    pub fn start(mut spec: Spec) -> (Self, Option<Vec<Segment>>) {
        let prompt = std::mem::take(&mut spec.prompt);
        let recording = Self {
            spec,
            stage: Stage::Prompt(None),
        };
        (recording, (!prompt.is_empty()).then_some(prompt))
    }

    /// The prompt plays under this id.
    pub fn prompted(&mut self, id: u64) {
        self.stage = Stage::Prompt(Some(id));
    }

    /// The prompt that plays, if the recording has not begun.
    pub fn prompt(&self) -> Option<u64> {
        match self.stage {
            Stage::Prompt(id) => id,
            Stage::Open | Stage::Stopping(_) => None,
        }
    }

    /// Is it being written?
    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Prompt(_))
    }

    /// The prompt is over: starts the recording itself.
    pub fn open(&mut self, id: String) -> Action {
        self.stage = Stage::Open;
        Action::OpenRecording {
            slot: RecordSlot::Message,
            id,
            max_duration_ms: Some(self.spec.max_duration_ms),
            silence_ms: self.spec.silence_ms,
        }
    }

    /// A key went down; a terminator stops the recording at once.
    pub fn key_down(&mut self, key: char) -> Option<Action> {
        if self.stage == Stage::Open && self.spec.terminators.contains(key) {
            self.stage = Stage::Stopping(StoppedBy::Terminator);
            return Some(Action::StopRecording {
                slot: RecordSlot::Message,
                trim_ms: TERMINATOR_TRIM_MS,
            });
        }
        None
    }

    /// The caller hung up while the message was being left.
    pub fn hung_up(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Stopping(StoppedBy::HungUp);
        }
    }

    /// The result for the flow.
    pub fn finished(&self, id: String, duration_ms: u32, how: RecordEnd) -> Message {
        let ended_by = match (how, self.stage) {
            (RecordEnd::Failed, _) => Ended::Failed,
            (RecordEnd::Silence, _) => Ended::Silence,
            (RecordEnd::MaxDuration, _) => Ended::MaxDuration,
            (RecordEnd::Stopped, Stage::Stopping(StoppedBy::Terminator)) => Ended::Terminator,
            (RecordEnd::Stopped | RecordEnd::Closed, _) => Ended::HungUp,
        };
        Message {
            id,
            duration_ms,
            ended_by,
        }
    }
}
