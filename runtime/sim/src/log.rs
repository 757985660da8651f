//! What happened in a simulated call.

use std::time::Duration;

use vireo_host::{Answer, Request};

use crate::speech::Saying;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// Time since the INVITE.
    pub at: Duration,
    /// What it was.
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// The flow has been answered.
    Verb {
        /// When it asked.
        asked: Duration,
        /// What it asked.
        request: Box<Request>,
        /// What it was told.
        answer: Box<Answer>,
    },
    /// The caller begins to hear this.
    Starts {
        /// In order.
        parts: Vec<Heard>,
        /// None: again and again.
        length: Option<Duration>,
    },
    /// What the caller heard has ended, or was stopped.
    Stops,
    /// A provisional response.
    Provisional(u16),
    /// 200 OK.
    Answered,
    /// The caller pressed a key.
    Key(char),
    /// The caller says this; does a gather listen?
    Says(Saying, Listener),
    /// The caller speaks for so long.
    Speaks(Duration),
    /// The caller has put the call on hold.
    Held,
    /// The caller has taken it back.
    Resumed,
    /// The caller sends nothing, and the flow records it.
    Listens,
    /// The call is refused.
    Rejected(u16),
    /// A flow has failed.
    Failed {
        /// Its name.
        flow: String,
        /// As the server's log says it.
        why: String,
    },
    /// This flow takes the call over from one that has failed.
    FallsBack(String),
    /// The call has come to its greatest length.
    TooLong,
    /// The call is over.
    Ended(SaidBy),
}

/// Does anybody listen to what the caller says?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A gather does.
    Gather,
    /// Nobody does: keys alone are collected, or a prompt plays.
    Nobody,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidBy {
    /// The flow.
    Flow,
    /// The caller.
    Caller,
    /// The server.
    Server,
}

/// A part of what is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// As scripts name it.
    pub text: String,
    /// What it is.
    pub kind: HeardKind,
}

/// What a part of a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardKind {
    /// A file of the prompts directory.
    File,
    /// A recording of this call.
    Recording,
    /// A value: "number 21".
    Said,
    /// A text.
    Spoken,
    /// Silence.
    Silence,
    /// A tone.
    Tone,
}

impl Heard {
    /// Must a script name it?
    #[must_use]
    pub fn counts(&self) -> bool {
        matches!(
            self.kind,
            HeardKind::File | HeardKind::Recording | HeardKind::Said | HeardKind::Spoken
        )
    }
}
