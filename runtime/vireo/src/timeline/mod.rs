//! A call's journal as lines that a person can follow.
//!
//! ```text
//!    +0.000  caller  INVITE 96122 from 1000, trunk local, from 127.0.0.1:40112
//!    +0.000  server  route information-line: flow demo, version 1f0a33b2c9d4
//!    +0.002  flow    answer
//!    +0.031  flow    play demo/welcome: finished, 3.2 s
//!    +4.100  caller  key 1, 90 ms, rfc4733
//! ```
//!
//! What this module does not know by name it shows as the journal holds it: journals outlive
//! versions.

mod events;
mod verbs;
mod words;

use std::fmt;

use serde_json::Value;
use vireo_store::journal::{Entry, Kind};

pub(crate) use events::status;
pub(crate) use verbs::{asked, prompt};
use words::seconds;

/// What took less is not worth a word.
const SHORT_MS: u64 = 100;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The caller, or the network between.
    Caller,
    /// The flow.
    Flow,
    /// Vireo itself.
    Server,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Who::Caller => "caller",
            Who::Flow => "flow",
            Who::Server => "server",
        })
    }
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the caller noticed, what the flow decided, and what went wrong.
    Story,
    /// Every entry.
    Everything,
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of its entry in the journal.
    pub entry: u32,
    /// Milliseconds since the INVITE.
    pub at_ms: u64,
    /// How long a verb took, milliseconds; none for what happens in a moment.
    pub took_ms: Option<u64>,
    /// Who did it.
    pub who: Who,
    /// What was done, in words, without control characters.
    pub text: String,
}

impl Line {
    /// What was done, and how long it took where that is worth a word.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.took_ms {
            Some(ms) if ms >= SHORT_MS => format!("{}, {}", self.text, seconds(ms)),
            _ => self.text.clone(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = format!("+{}.{:03}", self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{time:>10}  {:<6}  {}", self.who, self.sentence())
    }
}

/// The journal as lines, in the order of time.
#[must_use]
pub fn lines(entries: &[Entry], detail: Detail) -> Vec<Line> {
    let mut lines: Vec<(Line, Place)> = entries
        .iter()
        .filter_map(|entry| Some((line(entry, detail)?, place(entry))))
        .collect();
    // A verb stands at the time when it was asked for, and is written when it is answered. The
    // record closes the story, whatever the media engine still tells meanwhile.
    lines.sort_by_key(|(line, place)| (*place == Place::Last, line.at_ms));
    let mut told = 0;
    for verb in 0..lines.len() {
        if lines[verb].1 != Place::Cause {
            continue;
        }
        let effects = lines[told..verb]
            .iter()
            .rev()
            .take_while(|(line, place)| {
                *place == Place::Effect && line.at_ms == lines[verb].0.at_ms
            })
            .count();
        lines[verb - effects..=verb].rotate_right(1);
        told = verb + 1;
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

/// Where a line stands among those of the same millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A verb; what it did at once is in the journal before it, and is told after it.
    Cause,
    /// What a verb did.
    Effect,
    /// The end.
    Last,
    /// Where the journal has it.
    AsWritten,
}

fn place(entry: &Entry) -> Place {
    match &entry.kind {
        Kind::Verb { .. } => Place::Cause,
        Kind::Event { name, .. } => match name.as_str() {
            "media" | "provisional" | "answer" | "rejected" | "bye-sent" => Place::Effect,
            "cdr" => Place::Last,
            _ => Place::AsWritten,
        },
        _ => Place::AsWritten,
    }
}

fn line(entry: &Entry, detail: Detail) -> Option<Line> {
    let mut took_ms = None;
    let (who, text) = match &entry.kind {
        Kind::Verb {
            name,
            request,
            reply,
        } => {
            let reply: Value = reply.parse().unwrap_or_default();
            let quiet = matches!(
                name.as_str(),
                "call.get-info"
                    | "call.header"
                    | "settings.get"
                    | "settings.secret"
                    | "clock.now"
                    | "clock.local"
                    | "clock.random"
            );
            if quiet && detail == Detail::Story && reply.get("Err").is_none() {
                return None;
            }
            took_ms = reply["took_ms"].as_u64();
            let request = request.parse().unwrap_or_default();
            (Who::Flow, verbs::verb(name, &request, &reply))
        }
        Kind::Event { name, detail: what } => {
            let quiet = matches!(
                name.as_str(),
                "ack" | "heard" | "media" | "media-from" | "flow-ended"
            );
            if quiet && detail == Detail::Story {
                return None;
            }
            events::event(name, &what.parse().unwrap_or_default())
        }
        other => (Who::Server, format!("{other:?}")),
    };
    let text = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Some(Line {
        entry: entry.seq,
        at_ms: entry.at_ms,
        took_ms,
        who,
        text,
    })
}

#[cfg(test)]
mod tests;
