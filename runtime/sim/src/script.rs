//! The file format of flow tests, as types: the JSON Schema that editors complete and check by is
//! derived from them, and their comments are its descriptions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::span::Span;

/// Tests of one flow: what the caller does, and what must happen. Unknown keys are errors. Relative
/// paths are relative to the directory of the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "Vireo flow tests")]
pub struct Script {
    /// The component. `--flow NAME=FILE` comes before it.
    pub component: Option<PathBuf>,
    /// The flow's name: the flow sees it, and `--config` is looked up for its grants, settings and
    /// limits. The name of the component's file when absent.
    #[schemars(length(min = 1, max = 64))]
    pub flow: Option<String>,
    /// The prompts directory. Absent: the one of `--prompts` or `--config`; without any, every
    /// prompt exists and lasts three seconds.
    pub prompts: Option<PathBuf>,
    /// The prompt that is heard when the flow has failed. Absent: that of `--config`; without one,
    /// none is.
    #[schemars(length(min = 1))]
    pub apology: Option<String>,
    /// The component of the flow that takes the call over when this one has failed. Absent: the one
    /// that `--config` names, where `--flow NAME=FILE` has its component.
    pub fallback: Option<PathBuf>,
    /// Is a prompt that the script does not expect an error? True when absent.
    pub strict: Option<bool>,
    /// What the flow may use beside its call. Absent: as `--config` says; without one, keys, the
    /// secrets of the script and the hosts of its `http`.
    pub grants: Option<Grants>,
    /// The call, for all cases.
    pub call: CallFacts,
    /// What `settings.get` returns, for all cases; over those of `--config`.
    pub settings: BTreeMap<String, Setting>,
    /// Secrets by name, for all cases; over those of `--config`.
    pub secrets: BTreeMap<String, String>,
    /// The flow's keys before the call, for all cases: a text as `kv.set` writes it, a number as
    /// `kv.increment` does.
    pub kv: BTreeMap<String, Value>,
    /// Who answers HTTP requests, after those of the case. The first that fits answers.
    pub http: Vec<HttpStub>,
    /// The one case of a file without `cases`.
    pub steps: Vec<StepText>,
    /// The cases, each a call of its own.
    pub cases: Vec<CaseText>,
}

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaseText {
    /// Says in a few words what is tested.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Is a prompt that the script does not expect an error?
    #[serde(default)]
    pub strict: Option<bool>,
    /// The call, over the file's own.
    #[serde(default)]
    pub call: CallFacts,
    /// Settings, over the file's own.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Secrets, over the file's own.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Keys before the call, over the file's own.
    #[serde(default)]
    pub kv: BTreeMap<String, Value>,
    /// Who answers HTTP requests, before the file's own.
    #[serde(default)]
    pub http: Vec<HttpStub>,
    /// What happens, in order. When they are done the caller hangs up.
    #[schemars(length(min = 1))]
    pub steps: Vec<StepText>,
}

/// What is known of the call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CallFacts {
    /// The calling number, "1000" when absent; empty: withheld.
    pub caller: Option<String>,
    /// The caller's display name.
    pub caller_name: Option<String>,
    /// The called number, "100" when absent.
    pub called: Option<String>,
    /// Who diverted the call here, nearest first.
    pub diverted_by: Option<Vec<String>>,
    /// The prompt language, as a BCP 47 tag; "en" when absent.
    pub language: Option<String>,
    /// The trunk it came in on; "test" when absent.
    pub trunk: Option<String>,
    /// The route that chose the flow; "test" when absent.
    pub route: Option<String>,
    /// What the route hands to the flow.
    pub parameters: BTreeMap<String, String>,
    /// Headers of the INVITE.
    pub headers: BTreeMap<String, String>,
    /// When the call comes in, on the clock of `time-zone`; "2026-01-05T10:00", a Monday, when
    /// absent.
    #[schemars(extend("format" = "clock", "examples" = ["2026-11-22T02:00"]))]
    pub at: Option<String>,
    /// The server's time zone; that of `--config`, or UTC, when absent.
    #[schemars(extend("format" = "zone", "examples" = ["Asia/Shanghai"]))]
    pub time_zone: Option<String>,
    /// The first random numbers that the flow draws. Those after them are the same in every run.
    pub random: Option<Vec<u32>>,
}

/// A setting: a text, a whole number, or true or false; the flow gets it as text.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Setting {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

/// A value of a key: a text, or a number that `kv.increment` counts on. As an expectation also
/// `false`: the key is absent.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// As `kv.set` writes it.
    Text(String),
    /// As `kv.increment` writes it.
    Count(i64),
    /// `false`: there is no such key.
    Absent(bool),
}

/// What the flow may use beside its call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grants {
    /// Keys that outlive calls.
    pub kv: bool,
    /// Hosts that it may send HTTP requests to.
    pub http: Vec<String>,
    /// Secrets that it may read.
    pub secrets: Vec<String>,
}

/// An HTTP server that the flow asks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpStub {
    /// Only requests of this method.
    pub method: Option<String>,
    /// Exactly this URL.
    pub url: Option<String>,
    /// A URL in which this regular expression is found.
    #[schemars(extend("format" = "pattern"))]
    pub url_matches: Option<String>,
    /// The status of its answer; 200 when absent.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// The headers of its answer.
    pub headers: BTreeMap<String, String>,
    /// The body of its answer.
    pub body: String,
    /// It does not answer: why, in words.
    pub fails: Option<String>,
    /// How long it takes. Longer than the flow waits: it fails.
    pub takes: Option<Span>,
    /// How often it answers; as often as it is asked when absent.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub times: Option<u32>,
}

/// One step: what the caller does or hears, or what must have happened. Exactly one of the keys
/// that say what it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepText {
    /// The caller hears this next: the name of a prompt, several in order, or a pattern. A recording
    /// is "recording", a value "number 21", a text that is spoken that text. Silence and tones need not be named.
    pub hears: Option<HearsText>,
    /// The caller presses these keys, when what is heard has ended.
    #[schemars(extend("format" = "keys", "examples" = ["1", "12#"]))]
    pub presses: Option<String>,
    /// The caller speaks for so long, when what is heard has ended.
    pub speaks: Option<Span>,
    /// The caller does nothing for so long after what is heard has ended, and hears nothing.
    pub silent: Option<Span>,
    /// The caller puts the call on hold for so long and takes it back, when what is heard has ended.
    /// What plays meanwhile stands still.
    pub holds: Option<Span>,
    /// The caller hangs up, when what is heard has ended.
    pub hangs_up: Option<True>,
    /// The caller says this, when what is heard has ended, to a gather that listens: a phrase as the
    /// flow has it, digits as "0421", a number as "-12.5", "yes" or "no", a day as "2026-11-22". What
    /// fits none of its grammars is misheard.
    #[schemars(length(min = 1, max = 500))]
    pub says: Option<String>,
    /// With `says`: how sure the recognizer is, 0 to 1; 0.95 when absent.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: Option<f32>,
    /// The caller says something that nobody can understand, when what is heard has ended.
    pub mumbles: Option<True>,
    /// With `presses`, `says`, `mumbles`, `speaks`, `holds` and `hangs-up`: how long after the end of what is heard, or of the
    /// step before; "500ms" when absent. With `while-playing`: after the prompt has begun.
    pub after: Option<Span>,
    /// With `presses`, `says`, `mumbles`, `holds` and `hangs-up`: while the prompt plays, not after it.
    pub while_playing: Option<True>,
    /// A message has been recorded.
    pub records: Option<RecordsText>,
    /// Keys have these values. Must come true before anything else is heard.
    #[schemars(length(min = 1))]
    pub kv: Option<BTreeMap<String, Value>>,
    /// A request was made. Must come true before anything else is heard.
    pub http: Option<HttpText>,
    /// The flow wrote a line to its log in which this regular expression is found. Must come true
    /// before anything else is heard.
    #[schemars(extend("format" = "pattern"))]
    pub logs: Option<String>,
    /// The call ends so.
    pub ends: Option<End>,
    /// With `ends = "rejected"`: the SIP status, as 486.
    #[schemars(range(min = 300, max = 699))]
    pub status: Option<u16>,
    /// With `ends = "failed-flow"`: a regular expression that is found in the reason.
    #[schemars(extend("format" = "pattern"))]
    pub why: Option<String>,
}

/// True. There is no false: leave the key out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(True),
            false => Err(serde::de::Error::custom("leave the key out instead")),
        }
    }
}

impl JsonSchema for True {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "True".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "boolean", "enum": [true] })
    }
}

/// What is heard.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HearsText {
    /// The name of one prompt.
    One(String),
    /// Several, in order, in one sentence or in several.
    List(#[schemars(length(min = 1))] Vec<String>),
    /// A pattern.
    Pattern(HearsPattern),
}

/// A pattern of what is heard.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HearsPattern {
    /// A regular expression that is found in the names of what plays: "digits/4, digits/2".
    #[schemars(extend("format" = "pattern"))]
    pub matches: String,
}

/// The message that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordsText {
    /// What ended it.
    pub ended_by: Option<RecordEnd>,
    /// Its least length.
    pub at_least: Option<Span>,
    /// Its greatest length.
    pub at_most: Option<Span>,
}

/// What ends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordEnd {
    /// A terminator key.
    Terminator,
    /// Silence.
    Silence,
    /// Its greatest length.
    MaxDuration,
    /// The caller hung up.
    HungUp,
}

/// A request that the flow made.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpText {
    /// Its method.
    pub method: Option<String>,
    /// Exactly this URL.
    pub url: Option<String>,
    /// A regular expression that is found in its URL.
    #[schemars(extend("format" = "pattern"))]
    pub url_matches: Option<String>,
    /// A regular expression that is found in its body.
    #[schemars(extend("format" = "pattern"))]
    pub body_matches: Option<String>,
}

/// How a call ends, as its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The flow came to its end.
    Completed,
    /// The caller hung up.
    HungUpByCaller,
    /// The caller hung up before the call was answered.
    AbandonedBeforeAnswer,
    /// The flow refused the call, or ended without answering it.
    Rejected,
    /// The flow trapped, broke a limit, or returned an error.
    FailedFlow,
}

/// Checks a text against the syntax that the schema calls `format`; none when the format is not
/// one of this schema.
#[must_use]
pub fn check_format(format: &str, text: &str) -> Option<Result<(), String>> {
    Some(match format {
        "span" => (text.parse::<Span>().map(|_| ())).map_err(|error| error.to_string()),
        "clock" => (text.parse::<jiff::civil::DateTime>().map(|_| ()))
            .map_err(|_| "write a date and time: \"2026-11-22T02:00\"".to_owned()),
        "zone" => (jiff::tz::TimeZone::get(text).map(|_| ()))
            .map_err(|_| "write an IANA name: \"Asia/Shanghai\"".to_owned()),
        "pattern" => (regex::Regex::new(text).map(|_| ())).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }),
        "keys" if text.is_empty() || !text.chars().all(is_key) => {
            Err("write keys: 0 to 9, *, #, A to D".to_owned())
        }
        "keys" => Ok(()),
        _ => return None,
    })
}

fn is_key(c: char) -> bool {
    matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')
}

/// The JSON Schema of the files (draft 2020-12), as text.
#[must_use]
pub fn schema() -> &'static schemars::Schema {
    static SCHEMA: std::sync::LazyLock<schemars::Schema> =
        std::sync::LazyLock::new(|| schemars::schema_for!(Script));
    &SCHEMA
}
