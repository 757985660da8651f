//! What a flow asks and what it is told: the entries of a call's journal.

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::contract::{
    Error, Event, GatherOptions, GatherResult, Info, Level, LocalTime, Message, Part, PlayEnd,
    PlayOptions, RecordOptions, Refusal,
};
use crate::http::{HttpRequest, HttpResponse};

/// What a flow asks: one variant for each function of the contract.
///
/// The host has checked the argument ranges of `sdk/wit`, and the grant, before a [`Control`]
/// sees a request.
///
/// [`Control`]: crate::Control
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// `call.get-info`: answered by [`Reply::Info`].
    GetInfo,
    /// `call.header`: answered by [`Reply::Values`].
    Header {
        /// Header name, in any case.
        name: String,
    },
    /// `call.ring`: answered by [`Reply::Done`].
    Ring,
    /// `call.early-media`: answered by [`Reply::Done`].
    EarlyMedia,
    /// `call.answer`: answered by [`Reply::Done`].
    Answer,
    /// `call.reject`: answered by [`Reply::Done`].
    Reject {
        /// The final response.
        why: Refusal,
    },
    /// `call.hangup`: answered by [`Reply::Done`].
    Hangup,
    /// `call.wait`: answered by [`Reply::Event`].
    Wait {
        /// 0 to 86,400,000 ms.
        timeout_ms: u32,
    },
    /// `media.play`: answered by [`Reply::PlayEnd`].
    Play {
        /// What is heard, without gaps.
        prompt: Vec<Part>,
        /// Language and barge-in.
        options: PlayOptions,
    },
    /// `media.gather`: answered by [`Reply::Gather`].
    Gather(GatherOptions),
    /// `media.record`: answered by [`Reply::Message`].
    Record(RecordOptions),
    /// `media.start-playing`: answered by [`Reply::Done`].
    StartPlaying {
        /// What is heard, without gaps.
        prompt: Vec<Part>,
        /// BCP 47 tag; the call's own when absent.
        language: Option<String>,
        /// From its start again, until `stop-playing`.
        repeat: bool,
    },
    /// `media.stop-playing`: answered by [`Reply::Done`].
    StopPlaying,
    /// `media.flush-digits`: answered by [`Reply::Done`].
    FlushDigits,
    /// `media.send-digits`: answered by [`Reply::Done`].
    SendDigits {
        /// `0-9*#ABCD`, and `,` for a pause.
        digits: String,
    },
    /// `media.start-recording`: answered by [`Reply::Id`].
    StartRecording,
    /// `media.pause-recording`: answered by [`Reply::Done`].
    PauseRecording,
    /// `media.resume-recording`: answered by [`Reply::Done`].
    ResumeRecording,
    /// `media.stop-recording`: answered by [`Reply::Done`].
    StopRecording,
    /// `media.discard-recording`: answered by [`Reply::Done`].
    DiscardRecording {
        /// As `record` and `start-recording` returned it.
        id: String,
    },
    /// `kv.get`: answered by [`Reply::Bytes`].
    KvGet {
        /// 1 to 512 bytes.
        key: String,
    },
    /// `kv.set`: answered by [`Reply::Done`].
    KvSet {
        /// 1 to 512 bytes.
        key: String,
        /// At most 64 KiB.
        value: Bytes,
    },
    /// `kv.delete`: answered by [`Reply::Done`].
    KvDelete {
        /// 1 to 512 bytes.
        key: String,
    },
    /// `kv.increment`: answered by [`Reply::Count`].
    KvIncrement {
        /// 1 to 512 bytes.
        key: String,
        /// What is added.
        by: i64,
    },
    /// `kv.compare-and-swap`: answered by [`Reply::Swapped`].
    KvCompareAndSwap {
        /// 1 to 512 bytes.
        key: String,
        /// None: the key is absent.
        expected: Option<Bytes>,
        /// None: the key is deleted. At most 64 KiB.
        new: Option<Bytes>,
    },
    /// `kv.list-keys`: answered by [`Reply::Keys`].
    KvListKeys {
        /// At most 512 bytes; may be empty.
        prefix: String,
        /// 1 to 1,000.
        limit: u32,
    },
    /// `settings.get`: answered by [`Reply::Text`].
    SettingsGet {
        /// Name of the setting.
        key: String,
    },
    /// `settings.secret`: answered by [`Reply::Done`] when the secret exists. The value itself
    /// goes through [`Control::reveal`](crate::Control::reveal), past the journal.
    Secret {
        /// The name under which it was granted.
        name: String,
    },
    /// `log.write`: answered by [`Reply::Done`].
    Log {
        /// Severity.
        level: Level,
        /// At most 4 KiB of UTF-8, control characters replaced, secrets taken out.
        message: String,
    },
    /// `clock.now`: answered by [`Reply::Millis`].
    Now,
    /// `clock.local`: answered by [`Reply::Local`].
    LocalTime {
        /// IANA name; the server's own zone when absent.
        zone: Option<String>,
    },
    /// `clock.random`: answered by [`Reply::Number`].
    Random,
    /// `http.send`: answered by [`Reply::Response`].
    HttpSend(HttpRequest),
}

impl Request {
    /// The contract's name of the function, as in `media.play`.
    pub fn verb(&self) -> &'static str {
        match self {
            Request::GetInfo => "call.get-info",
            Request::Header { .. } => "call.header",
            Request::Ring => "call.ring",
            Request::EarlyMedia => "call.early-media",
            Request::Answer => "call.answer",
            Request::Reject { .. } => "call.reject",
            Request::Hangup => "call.hangup",
            Request::Wait { .. } => "call.wait",
            Request::Play { .. } => "media.play",
            Request::Gather(_) => "media.gather",
            Request::Record(_) => "media.record",
            Request::StartPlaying { .. } => "media.start-playing",
            Request::StopPlaying => "media.stop-playing",
            Request::FlushDigits => "media.flush-digits",
            Request::SendDigits { .. } => "media.send-digits",
            Request::StartRecording => "media.start-recording",
            Request::PauseRecording => "media.pause-recording",
            Request::ResumeRecording => "media.resume-recording",
            Request::StopRecording => "media.stop-recording",
            Request::DiscardRecording { .. } => "media.discard-recording",
            Request::KvGet { .. } => "kv.get",
            Request::KvSet { .. } => "kv.set",
            Request::KvDelete { .. } => "kv.delete",
            Request::KvIncrement { .. } => "kv.increment",
            Request::KvCompareAndSwap { .. } => "kv.compare-and-swap",
            Request::KvListKeys { .. } => "kv.list-keys",
            Request::SettingsGet { .. } => "settings.get",
            Request::Secret { .. } => "settings.secret",
            Request::Log { .. } => "log.write",
            Request::Now => "clock.now",
            Request::LocalTime { .. } => "clock.local",
            Request::Random => "clock.random",
            Request::HttpSend(_) => "http.send",
        }
    }
}

/// What a flow is told when its request was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
// 280 bytes for the sake of `Info`; a reply lives for one host call, and few are kept.
#[allow(clippy::large_enum_variant)]
pub enum Reply {
    /// Done; there is nothing to tell.
    Done,
    /// To [`Request::GetInfo`].
    Info(Info),
    /// To [`Request::Header`].
    Values(Vec<String>),
    /// To [`Request::Wait`].
    Event(Event),
    /// To [`Request::Play`].
    PlayEnd(PlayEnd),
    /// To [`Request::Gather`].
    Gather(GatherResult),
    /// To [`Request::Record`].
    Message(Message),
    /// To [`Request::StartRecording`].
    Id(String),
    /// To [`Request::KvGet`].
    Bytes(Option<Bytes>),
    /// To [`Request::KvIncrement`].
    Count(i64),
    /// To [`Request::KvCompareAndSwap`].
    Swapped(bool),
    /// To [`Request::KvListKeys`].
    Keys(Vec<String>),
    /// To [`Request::SettingsGet`].
    Text(Option<String>),
    /// To [`Request::Now`]: milliseconds since 1970-01-01T00:00:00Z.
    Millis(u64),
    /// To [`Request::LocalTime`].
    Local(LocalTime),
    /// To [`Request::Random`].
    Number(u64),
    /// To [`Request::HttpSend`].
    Response(HttpResponse),
}

/// The answer to one request. Verbs that cannot fail in the contract (`get-info`, `header`,
/// `hangup`, `settings.get`, `log.write`, `now`, `random`) must be answered by `Ok`: an `Err`
/// ends the flow.
pub type Answer = Result<Reply, Error>;
