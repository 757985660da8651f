//! What a CDR says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The longest text field, in bytes: what callers and trunks send is cut to this.
const MAX_TEXT_BYTES: usize = 256;

/// The most recordings that one CDR names.
const MAX_RECORDINGS: usize = 64;

/// The longest path of a recording, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Who placed the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It came in on a trunk.
    #[default]
    Inbound,
    /// We placed it.
    Outbound,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The flow came to its end.
    Completed,
    /// The caller hung up while the flow was running.
    HungUpByCaller,
    /// It was refused, by a route, a limit, or its flow.
    Rejected,
    /// The flow trapped, broke a limit, or returned an error.
    FailedFlow,
    /// The caller cancelled it before it was answered.
    AbandonedBeforeAnswer,
    /// Our 200 OK was never acknowledged (RFC 3261, 13.3.1.4).
    NoAck,
    /// No media came for longer than the trunk allows.
    MediaTimeout,
    /// The server shut down and its grace period ended.
    Shutdown,
    /// The process died during the call.
    LostInCrash,
    /// What a newer version of Vireo has written and this one does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl Outcome {
    /// Every outcome with its name, as `vireo cdr list --outcome` takes it.
    pub const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Completed, "completed"),
        (Self::HungUpByCaller, "hung-up-by-caller"),
        (Self::Rejected, "rejected"),
        (Self::FailedFlow, "failed-flow"),
        (Self::AbandonedBeforeAnswer, "abandoned-before-answer"),
        (Self::NoAck, "no-ack"),
        (Self::MediaTimeout, "media-timeout"),
        (Self::Shutdown, "shutdown"),
        (Self::LostInCrash, "lost-in-crash"),
        (Self::Other, "other"),
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(outcome, _)| outcome == self);
        f.pad(name.map_or("other", |(_, name)| name))
    }
}

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The far end of a call that we placed.
    Callee,
    /// The flow.
    Flow,
    /// The server itself: a route, a limit, a time-out, a shutdown.
    Server,
    /// An operator.
    Operator,
    /// Nobody knows, for example because the process died.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What a recording holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RecordingKind {
    /// The whole call: the caller on the left, what the caller heard on the right.
    Call,
    /// A message that the flow asked for.
    Message,
    /// What a newer version of Vireo has written and this one does not know.
    #[default]
    #[serde(other)]
    Other,
}

/// A recording that was made during the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordingRef {
    /// The recording's own identifier.
    pub id: String,
    /// Where it lies, below the recordings directory.
    pub path: String,
    /// What it holds.
    pub kind: RecordingKind,
    /// Its length in milliseconds.
    pub duration_ms: u64,
}

/// One direction of the media, RFC 3550.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamStats {
    /// RTP packets that came (or that were sent).
    pub packets: u64,
    /// RTP packets that did not (RFC 3550, 6.4.1; what the far end reported of ours).
    pub lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550, 6.4.1), at the end of the call.
    pub jitter_ms: f32,
    /// Estimated mean opinion score, 1.0 to 4.5 (ITU-T G.107, Annex B); none without media.
    pub mos: Option<f32>,
}

/// The media of a call, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaStats {
    /// From the caller to us, as we counted it.
    pub received: StreamStats,
    /// From us to the caller, as the caller's RTCP told.
    pub sent: StreamStats,
}

/// What became of what the caller said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Recognitions {
    /// Answers that fitted a grammar, and were certain enough.
    pub matched: u32,
    /// Answers that did not, or were not.
    pub unmatched: u32,
    /// Times that no recognizer could listen, or that one failed.
    pub unheard: u32,
}

/// What is known of a call while it runs: the mark that a crash leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenCall {
    /// The server's own identifier of the call.
    pub call_id: String,
    /// The server that has the call.
    pub node: String,
    /// Who placed it.
    pub direction: Direction,
    /// The trunk it runs on.
    pub trunk: String,
    /// The route that chose the flow; none if none matched.
    pub route: Option<String>,
    /// Calling number or SIP user; empty when withheld.
    pub caller: String,
    /// Called number or SIP user.
    pub called: String,
    /// The flow that runs; none for a call that was refused before.
    pub flow: Option<String>,
    /// The version of the flow.
    pub version: Option<Digest>,
    /// When the INVITE came, milliseconds since 1970-01-01T00:00:00Z.
    pub received_ms: u64,
    /// When it was answered, likewise; none as long as it is not.
    pub answered_ms: Option<u64>,
}

impl OpenCall {
    /// Is every text so short that it fits into the store?
    pub(crate) fn is_bounded(&self) -> bool {
        let texts = [&self.node, &self.trunk, &self.caller, &self.called];
        let optional = [&self.route, &self.flow].into_iter().flatten();
        (texts.into_iter().chain(optional)).all(|text| text.len() <= MAX_TEXT_BYTES)
    }

    /// Cuts every text to a length that fits into the store.
    #[must_use]
    pub(crate) fn bounded(mut self) -> Self {
        for text in [
            &mut self.node,
            &mut self.trunk,
            &mut self.caller,
            &mut self.called,
        ] {
            cut(text, MAX_TEXT_BYTES);
        }
        for text in [&mut self.route, &mut self.flow].into_iter().flatten() {
            cut(text, MAX_TEXT_BYTES);
        }
        self
    }
}

/// A call detail record: one per call, written once the call has ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cdr {
    /// Who, where and since when.
    #[serde(flatten)]
    pub call: OpenCall,
    /// When it ended, milliseconds since 1970-01-01T00:00:00Z. For a call that was lost in a crash: the
    /// last moment it is known to have lived.
    pub ended_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The final SIP status of the INVITE; none if there never was one.
    pub sip_status: Option<u16>,
    /// In words: the Reason header (RFC 3326), or why the flow failed.
    pub reason: Option<String>,
    /// How many digits the flow collected. The digits themselves are in the journal only.
    pub digits: u32,
    /// What became of what the caller said; none if no gather listened, or nobody spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognitions: Option<Recognitions>,
    /// What was recorded.
    pub recordings: Vec<RecordingRef>,
    /// Packets, loss and jitter both ways; none if the call never had media.
    pub media: Option<MediaStats>,
    /// When a restart found this call's mark, for [`Outcome::LostInCrash`].
    pub recovered_ms: Option<u64>,
}

/// How long the parts of a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Durations {
    /// From the INVITE to the answer, or to the end if there was none, in milliseconds.
    pub setup_ms: u64,
    /// From the answer to the end, in milliseconds; 0 without an answer.
    pub talk_ms: u64,
    /// From the INVITE to the end, in milliseconds.
    pub total_ms: u64,
}

impl Cdr {
    /// The record of a call that ended; everything else is still to be filled in.
    pub fn new(call: OpenCall, ended_ms: u64, outcome: Outcome) -> Self {
        Self {
            call,
            ended_ms,
            outcome,
            ..Self::default()
        }
    }

    /// How long the parts of the call took. A clock that was set back counts as 0.
    pub fn durations(&self) -> Durations {
        let total_ms = self.ended_ms.saturating_sub(self.call.received_ms);
        let talk_ms = self
            .call
            .answered_ms
            .map_or(0, |at| self.ended_ms.saturating_sub(at))
            .min(total_ms);
        Durations {
            setup_ms: total_ms - talk_ms,
            talk_ms,
            total_ms,
        }
    }

    /// Cuts what came from outside to a length that fits into the store, and drops numbers that JSON
    /// does not have, so that no peer can prevent its own CDR from being written or read.
    #[must_use]
    pub(crate) fn bounded(mut self) -> Self {
        self.call = self.call.bounded();
        if let Some(reason) = &mut self.reason {
            cut(reason, MAX_TEXT_BYTES);
        }
        self.recordings.truncate(MAX_RECORDINGS);
        for recording in &mut self.recordings {
            cut(&mut recording.id, MAX_TEXT_BYTES);
            cut(&mut recording.path, MAX_PATH_BYTES);
        }
        if let Some(media) = &mut self.media {
            for stream in [&mut media.received, &mut media.sent] {
                stream.jitter_ms = if stream.jitter_ms.is_finite() {
                    stream.jitter_ms
                } else {
                    0.0
                };
                stream.mos = stream.mos.filter(|mos| mos.is_finite());
            }
        }
        self
    }
}

/// Cuts `text` to at most `limit` bytes, between two characters.
fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_the_name_that_is_stored() {
        for (outcome, name) in Outcome::NAMES {
            assert_eq!(serde_json::to_value(outcome).unwrap(), *name);
            assert_eq!(outcome.to_string(), *name);
        }
    }

    #[test]
    fn durations_of_a_call() {
        let cdr = |received, answered, ended| {
            let call = OpenCall {
                received_ms: received,
                answered_ms: answered,
                ..OpenCall::default()
            };
            let Durations {
                setup_ms,
                talk_ms,
                total_ms,
            } = Cdr::new(call, ended, Outcome::Completed).durations();
            (setup_ms, talk_ms, total_ms)
        };
        assert_eq!(cdr(1000, Some(1200), 5000), (200, 3800, 4000));
        assert_eq!(cdr(1000, None, 5000), (4000, 0, 4000));
        assert_eq!(
            cdr(1000, Some(1200), 900),
            (0, 0, 0),
            "the clock was set back"
        );
        assert_eq!(
            cdr(1000, Some(500), 2000),
            (0, 1000, 1000),
            "the clock was set forward"
        );
    }
}
