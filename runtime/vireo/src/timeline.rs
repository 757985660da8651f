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

use std::fmt;

use serde_json::Value;
use vireo_store::journal::{Entry, Kind};

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
    /// Milliseconds since the INVITE.
    pub at_ms: u64,
    /// Who did it.
    pub who: Who,
    /// What was done, in words, without control characters.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = format!("+{}.{:03}", self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{time:>10}  {:<6}  {}", self.who, self.text)
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
            (
                Who::Flow,
                verb(name, &request.parse().unwrap_or_default(), &reply),
            )
        }
        Kind::Event { name, detail: what } => {
            let quiet = matches!(
                name.as_str(),
                "ack" | "heard" | "media" | "media-from" | "flow-ended"
            );
            if quiet && detail == Detail::Story {
                return None;
            }
            event(name, &what.parse().unwrap_or_default())
        }
        other => (Who::Server, format!("{other:?}")),
    };
    let text = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Some(Line {
        at_ms: entry.at_ms,
        who,
        text,
    })
}

/// A function of the contract: what was asked, and what came of it.
fn verb(name: &str, request: &Value, reply: &Value) -> String {
    let short = name.split_once('.').map_or(name, |(_, function)| function);
    let asked = match name {
        "media.play" | "media.gather" | "media.record" => {
            join([short, &prompt(&request["prompt"])])
        }
        "media.start-playing" => {
            let again = match request["repeat"].as_bool() {
                Some(true) => ", again and again",
                _ => "",
            };
            format!("{short} {}{again}", prompt(&request["prompt"]))
        }
        "media.send-digits" => join([short, text(&request["digits"])]),
        "media.discard-recording" => join([short, text(&request["id"])]),
        "call.header" => join([short, text(&request["name"])]),
        "call.wait" => match request["timeout_ms"].as_u64() {
            Some(ms) => format!("wait, {} at most", seconds(ms)),
            None => short.to_owned(),
        },
        "settings.get" => join(["setting", text(&request["key"])]),
        "settings.secret" => join(["secret", text(&request["name"])]),
        "clock.local" => join(["local time", text(&request["zone"])]),
        "call.reject" => join([short, &variant(&request["why"]).0]),
        "log.write" => format!(
            "log {}: {}",
            variant(&request["level"]).0,
            text(&request["message"])
        ),
        "http.send" => join(["http", text(&request["method"]), text(&request["url"])]),
        _ if name.starts_with("kv.") => format!(
            "kv {short} {}",
            text(request.get("key").unwrap_or(&request["prefix"]))
        ),
        _ => join([short, &arguments(request)]),
    };
    let took = match reply["took_ms"].as_u64() {
        Some(ms) if ms >= 100 => format!(", {}", seconds(ms)),
        _ => String::new(),
    };
    match (reply.get("Err"), reply.get("Ok")) {
        (Some(error), _) => format!("{asked}: {}{took}", failure(error)),
        (None, Some(done)) => match outcome(done) {
            outcome if outcome.is_empty() => format!("{asked}{took}"),
            outcome => format!("{asked}: {outcome}{took}"),
        },
        (None, None) => asked,
    }
}

/// A contract error in words.
fn failure(error: &Value) -> String {
    let (name, detail) = variant(error);
    let name = name.replace('-', " ");
    match detail.as_str() {
        Some(detail) if !detail.is_empty() => format!("{name}: {detail}"),
        _ => name,
    }
}

/// What a verb returned, in words; empty when there is nothing to tell.
fn outcome(reply: &Value) -> String {
    let (kind, value) = variant(reply);
    match kind.as_str() {
        "done" => String::new(),
        "gather" | "play-end" | "event" => {
            let (name, detail) = variant(value);
            let name = name.replace('-', " ");
            match detail.as_str() {
                Some(keys) => format!("{name} {keys}"),
                None => name,
            }
        }
        "message" => format!(
            "message {} of {}, ended by {}",
            text(&value["id"]),
            seconds(value["duration_ms"].as_u64().unwrap_or_default()),
            variant(&value["ended_by"]).0.replace('-', " "),
        ),
        "response" => format!("status {}", value["status"]),
        "bytes" if value.is_null() => "absent".to_owned(),
        "bytes" => value.get("text").map_or_else(
            || value["hex"].to_string(),
            |shown| format!("\"{}\"", text(shown)),
        ),
        "info" => String::new(),
        "values" | "keys" => {
            let all: Vec<&str> = value.as_array().into_iter().flatten().map(text).collect();
            if all.is_empty() {
                "none".to_owned()
            } else {
                all.join(", ")
            }
        }
        "text" if value.is_null() => "absent".to_owned(),
        "swapped" if *value == Value::Bool(false) => "not swapped, it has another value".to_owned(),
        "swapped" => "swapped".to_owned(),
        _ => match value {
            Value::Null => kind,
            Value::String(value) => value.clone(),
            other => other.to_string(),
        },
    }
}

/// What a prompt consists of: "demo/welcome, 500 ms of silence".
fn prompt(parts: &Value) -> String {
    let parts: Vec<String> = parts
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| {
            let (kind, value) = variant(part);
            match kind.as_str() {
                "file" => text(value).to_owned(),
                "silence" => format!("{value} ms of silence"),
                "recording" => format!("recording {}", text(value)),
                "tone" => format!("tone {} Hz", value["frequency"]),
                _ => part.to_string(),
            }
        })
        .collect();
    parts.join(", ")
}

/// Something that happened on the call.
fn event(name: &str, detail: &Value) -> (Who, String) {
    let of = |key: &str| text(&detail[key]).to_owned();
    let reason = match detail["reason"].as_str() {
        Some(reason) => format!(", {reason}"),
        None => String::new(),
    };
    match name {
        "invite" => (
            Who::Caller,
            format!(
                "INVITE {} from {}, trunk {}, from {}",
                of("called"),
                shown_caller(&detail["caller"]),
                of("trunk"),
                of("source")
            ),
        ),
        "cancel" => (Who::Caller, format!("CANCEL{reason}")),
        "ack" => (Who::Caller, "ACK".to_owned()),
        "bye-received" => (Who::Caller, format!("BYE{reason}")),
        "digit" => (
            Who::Caller,
            format!(
                "key {}, {} ms, {}",
                of("digit"),
                detail["duration_ms"],
                of("source")
            ),
        ),
        "held" => (Who::Caller, "puts the call on hold".to_owned()),
        "resumed" => (Who::Caller, "takes the call back from hold".to_owned()),
        "media-from" => (Who::Caller, format!("audio from {}", of("source"))),
        "no-media" => (
            Who::Server,
            format!(
                "no audio from the caller for {}",
                seconds(detail["for_ms"].as_u64().unwrap_or_default())
            ),
        ),
        "route" => (
            Who::Server,
            format!(
                "route {}: flow {}, version {}",
                of("route"),
                of("flow"),
                short_digest(&of("version"))
            ),
        ),
        "provisional" => (Who::Server, response(&detail["status"])),
        "answer" => (Who::Server, "200 OK".to_owned()),
        "rejected" => (Who::Server, response(&detail["status"]) + &reason),
        "media-refused" => (Who::Server, format!("the offer is refused{reason}")),
        "reinvite-refused" => (
            Who::Server,
            format!(
                "the re-INVITE is refused: {}{reason}; the call goes on as it was",
                response(&detail["status"])
            ),
        ),
        "media" => (
            Who::Server,
            format!(
                "audio {}, {} ms, keys by {}, to {}",
                of("codec"),
                detail["ptime_ms"],
                of("dtmf"),
                of("remote")
            ),
        ),
        "heard" => (
            Who::Server,
            format!(
                "prompt {} after {}",
                of("end"),
                seconds(detail["ms"].as_u64().unwrap_or_default())
            ),
        ),
        "recorded" => (Who::Server, recorded(detail)),
        "bye-sent" => (Who::Server, format!("BYE{reason}")),
        "ended" => (
            Who::Server,
            format!("the call ended by {}{reason}", of("by")),
        ),
        "operator-hangup" => (Who::Server, "an operator ends the call".to_owned()),
        "max-call" => (
            Who::Server,
            format!("a call may last {} s at most, and has", detail["limit_s"]),
        ),
        "apology" => (Who::Server, format!("apology {} was played", of("prompt"))),
        "fallback" => (
            Who::Server,
            format!(
                "fallback flow {}, version {}",
                of("flow"),
                short_digest(&of("version"))
            ),
        ),
        "flow-failed" => (Who::Server, failed(detail)),
        "flow-ended" => (
            Who::Server,
            format!(
                "flow ended: {}; {} host calls, {:.1} ms of CPU",
                kind(text(&detail["outcome"])),
                detail["host_calls"],
                detail["cpu_us"].as_f64().unwrap_or_default() / 1000.0
            ),
        ),
        "cdr" => (Who::Server, record(detail)),
        _ => (Who::Server, join([name, &arguments(detail)])),
    }
}

fn recorded(detail: &Value) -> String {
    let length = seconds(detail["duration_ms"].as_u64().unwrap_or_default());
    match detail["failed"].as_str() {
        Some(why) => format!(
            "recording {} failed after {length}: {why}",
            text(&detail["id"])
        ),
        None => format!("recorded {length} in {}", text(&detail["path"])),
    }
}

/// "record: completed, ended by flow, 45.0 s talked"
fn record(detail: &Value) -> String {
    let talked = match detail["talk_ms"].as_u64() {
        None | Some(0) => String::new(),
        Some(ms) => format!(", {} talked", seconds(ms)),
    };
    format!(
        "record: {}, ended by {}{talked}",
        text(&detail["outcome"]).replace('-', " "),
        text(&detail["ended_by"]).replace('-', " ")
    )
}

/// Why a flow failed, and the way to it through its functions, the innermost first.
fn failed(detail: &Value) -> String {
    let why = text(&detail["why"]);
    let frames: Vec<&str> = detail["backtrace"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // The reason names the flow's own innermost function; what lies above it is the language's
    // machinery of panics and allocation.
    let own = frames
        .iter()
        .position(|frame| why.ends_with(&format!("(in {frame})")))
        .unwrap_or(0);
    let path: Vec<String> = frames[own..]
        .chunk_by(|one, next| one == next)
        .map(|same| match same {
            [once] => (*once).to_owned(),
            [frame, ..] => format!("{frame} ({} times)", same.len()),
            [] => String::new(),
        })
        .collect();
    let at = if path.is_empty() {
        String::new()
    } else {
        format!("; by way of {}", path.join(" < "))
    };
    format!(
        "flow {} failed: {}{at}",
        text(&detail["flow"]),
        why.strip_prefix("failed: ").unwrap_or(why)
    )
}

/// An outcome without its details: "panic: the menu has no entry" is a "panic".
fn kind(outcome: &str) -> &str {
    outcome.split_once(": ").map_or(outcome, |(kind, _)| kind)
}

fn shown_caller(caller: &Value) -> &str {
    match text(caller) {
        "" => "a withheld number",
        caller => caller,
    }
}

/// "486 Busy Here"
pub(crate) fn status(status: u16) -> String {
    response(&status.into())
}

fn response(status: &Value) -> String {
    format!("{status} {}", phrase(status)).trim_end().to_owned()
}

/// The reason phrase of the SIP responses that calls end with (RFC 3261, 21).
fn phrase(status: &Value) -> &'static str {
    match status.as_u64() {
        Some(180) => "Ringing",
        Some(183) => "Session Progress",
        Some(403) => "Forbidden",
        Some(404) => "Not Found",
        Some(480) => "Temporarily Unavailable",
        Some(486) => "Busy Here",
        Some(487) => "Request Terminated",
        Some(488) => "Not Acceptable Here",
        Some(491) => "Request Pending",
        Some(500) => "Server Internal Error",
        Some(503) => "Service Unavailable",
        Some(603) => "Decline",
        _ => "",
    }
}

/// The arguments of something unknown, as they are, cut to a line.
fn arguments(value: &Value) -> String {
    const LONGEST: usize = 160;
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("verb");
        if fields.is_empty() {
            return String::new();
        }
    }
    if value.is_null() {
        return String::new();
    }
    let shown = value.to_string();
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &shown[..end]),
        None => shown,
    }
}

/// Name and content of a serialised variant: `"Finished"`, `{"Digits": "12"}`.
fn variant(value: &Value) -> (String, &Value) {
    match value {
        Value::String(name) => (kebab(name), &Value::Null),
        Value::Object(fields) if fields.len() == 1 => fields
            .iter()
            .next()
            .map_or((String::new(), &Value::Null), |(name, inner)| {
                (kebab(name), inner)
            }),
        other => (other.to_string(), &Value::Null),
    }
}

fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 2);
    for (index, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn join<const N: usize>(words: [&str; N]) -> String {
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// "3.2 s"
fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use vireo_store::journal::Json;

    fn shown(entries: &[Entry], detail: Detail) -> Vec<String> {
        lines(entries, detail)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn verb(seq: u32, at_ms: u64, name: &str, request: Value, reply: Value) -> Entry {
        Entry::verb(seq, at_ms, name, Json::from(request), Json::from(reply))
    }

    #[test]
    fn a_call_reads_like_a_story() {
        let entries = [
            Entry::event(
                0,
                0,
                "invite",
                Json::from(
                    json!({ "called": "96122", "caller": "1000", "trunk": "local", "source": "127.0.0.1:40112", "sip_call_id": "x" }),
                ),
            ),
            Entry::event(
                1,
                0,
                "route",
                Json::from(
                    json!({ "route": "line", "flow": "demo", "version": "0123456789abcdef" }),
                ),
            ),
            Entry::event(2, 3, "answer", Json::from(json!({ "status": 200 }))),
            verb(
                3,
                2,
                "call.answer",
                json!({ "verb": "answer" }),
                json!({ "took_ms": 1, "Ok": "done" }),
            ),
            verb(
                4,
                4,
                "call.get-info",
                json!({ "verb": "get-info" }),
                json!({ "took_ms": 0, "Ok": { "info": {} } }),
            ),
            verb(
                5,
                5,
                "media.play",
                json!({ "verb": "play", "prompt": [{ "File": "demo/welcome" }, { "Silence": 500 }] }),
                json!({ "took_ms": 3250, "Ok": { "play-end": "Finished" } }),
            ),
            Entry::event(
                6,
                4100,
                "digit",
                Json::from(json!({ "digit": "1", "duration_ms": 90, "source": "rfc4733" })),
            ),
            verb(
                7,
                3300,
                "media.gather",
                json!({ "verb": "gather", "prompt": [{ "File": "demo/menu" }] }),
                json!({ "took_ms": 900, "Ok": { "gather": { "Digits": "1" } } }),
            ),
            verb(
                8,
                4300,
                "kv.increment",
                json!({ "verb": "kv-increment", "key": "calls", "by": 1 }),
                json!({ "took_ms": 0, "Ok": { "count": 7 } }),
            ),
            verb(
                9,
                4400,
                "media.record",
                json!({ "verb": "record", "prompt": [] }),
                json!({ "took_ms": 5000, "Ok": { "message": { "id": "m1", "duration_ms": 4200, "ended_by": "Terminator" } } }),
            ),
            verb(
                10,
                9500,
                "media.play",
                json!({ "verb": "play", "prompt": [{ "File": "x" }] }),
                json!({ "took_ms": 0, "Err": { "NotFound": "there is no prompt \"x\"" } }),
            ),
            Entry::event(
                11,
                9600,
                "bye-received",
                Json::from(json!({ "by": "peer", "reason": null })),
            ),
            verb(
                12,
                9600,
                "call.wait",
                json!({ "verb": "wait", "timeout_ms": 1000 }),
                json!({ "took_ms": 0, "Err": "HungUp" }),
            ),
        ];
        assert_eq!(
            shown(&entries, Detail::Story),
            [
                "    +0.000  caller  INVITE 96122 from 1000, trunk local, from 127.0.0.1:40112",
                "    +0.000  server  route line: flow demo, version 0123456789ab",
                "    +0.002  flow    answer",
                "    +0.003  server  200 OK",
                "    +0.005  flow    play demo/welcome, 500 ms of silence: finished, 3.2 s",
                "    +3.300  flow    gather demo/menu: digits 1, 0.9 s",
                "    +4.100  caller  key 1, 90 ms, rfc4733",
                "    +4.300  flow    kv increment calls: 7",
                "    +4.400  flow    record: message m1 of 4.2 s, ended by terminator, 5.0 s",
                "    +9.500  flow    play x: not found: there is no prompt \"x\"",
                "    +9.600  caller  BYE",
                "    +9.600  flow    wait, 1.0 s at most: hung up",
            ]
        );
        assert_eq!(shown(&entries, Detail::Everything).len(), entries.len());
    }

    #[test]
    fn every_event_reads_as_a_sentence() {
        let why = "panic: no entry (in ivr::menu)";
        for (name, detail, expected) in [
            (
                "cdr",
                json!({ "outcome": "completed", "ended_by": "flow", "talk_ms": 45_049 }),
                "record: completed, ended by flow, 45.0 s talked",
            ),
            (
                "cdr",
                json!({ "outcome": "abandoned-before-answer", "ended_by": "caller", "talk_ms": 0 }),
                "record: abandoned before answer, ended by caller",
            ),
            (
                "flow-failed",
                json!({ "flow": "ivr", "why": why, "backtrace": ["std::panic", "ivr::menu", "ivr::menu", "run"] }),
                "flow ivr failed: panic: no entry (in ivr::menu); by way of ivr::menu (2 times) < run",
            ),
            (
                "flow-failed",
                json!({ "flow": "ivr", "why": "failed: no timetable", "backtrace": [] }),
                "flow ivr failed: no timetable",
            ),
            (
                "flow-ended",
                json!({ "outcome": why, "host_calls": 3, "cpu_us": 2198 }),
                "flow ended: panic; 3 host calls, 2.2 ms of CPU",
            ),
            (
                "fallback",
                json!({ "flow": "hello", "version": "0123456789abcdef" }),
                "fallback flow hello, version 0123456789ab",
            ),
            ("held", json!({}), "puts the call on hold"),
            (
                "cancel",
                json!({ "reason": "SIP;cause=200" }),
                "CANCEL, SIP;cause=200",
            ),
            ("rejected", json!({ "status": 486 }), "486 Busy Here"),
            ("rejected", json!({ "status": 499 }), "499"),
            (
                "reinvite-refused",
                json!({ "status": 488, "reason": "no codec" }),
                "the re-INVITE is refused: 488 Not Acceptable Here, no codec; the call goes on as it was",
            ),
            (
                "media-refused",
                json!({ "reason": "no codec" }),
                "the offer is refused, no codec",
            ),
            (
                "no-media",
                json!({ "for_ms": 60_000 }),
                "no audio from the caller for 60.0 s",
            ),
            (
                "max-call",
                json!({ "limit_s": 7200 }),
                "a call may last 7200 s at most, and has",
            ),
        ] {
            let entry = Entry::event(0, 0, name, Json::from(detail));
            let lines = lines(&[entry], Detail::Everything);
            assert_eq!(lines[0].text, expected, "{name}");
        }
    }

    #[test]
    fn a_verb_stands_before_what_it_did_and_the_record_at_the_end() {
        let event = |seq, at_ms, name| Entry::event(seq, at_ms, name, Json::from(json!({})));
        let verb = |seq, at_ms, name| verb(seq, at_ms, name, json!({}), json!({ "Ok": "done" }));
        let entries = [
            event(0, 0, "ack"),
            event(1, 0, "provisional"),
            verb(2, 0, "call.ring"),
            event(3, 0, "media"),
            event(4, 0, "answer"),
            verb(5, 0, "call.answer"),
            event(6, 1, "answer"),
            verb(7, 2, "call.answer"),
            event(8, 3, "cdr"),
            event(9, 4, "heard"),
        ];
        let texts: Vec<String> = lines(&entries, Detail::Everything)
            .into_iter()
            .map(|line| line.text)
            .collect();
        let first: Vec<&str> = texts
            .iter()
            .filter_map(|text| text.split([' ', ',', ':']).next())
            .collect();
        assert_eq!(
            first,
            [
                "ACK", "ring", "null", "answer", "audio", "200", "200", "answer", "prompt",
                "record"
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_shown_as_it_is() {
        let entries = [
            Entry::event(0, 1, "fax-page", Json::from(json!({ "page": 3 }))),
            verb(
                1,
                2,
                "fax.send",
                json!({ "verb": "fax-send", "document": "a" }),
                json!({ "took_ms": 5, "Ok": { "pages": 2 } }),
            ),
            Entry::event(2, 3, "digit", Json::null()),
            verb(3, 4, "media.play", json!(5), json!("what")),
        ];
        assert_eq!(
            shown(&entries, Detail::Story),
            [
                "    +0.001  server  fax-page {\"page\":3}",
                "    +0.002  flow    send {\"document\":\"a\"}: 2",
                "    +0.003  caller  key , null ms, ",
                "    +0.004  flow    play",
            ]
        );
    }

    #[test]
    fn what_callers_send_cannot_steer_a_terminal() {
        let entry = Entry::event(
            0,
            0,
            "bye-received",
            Json::from(json!({ "reason": "\u{1b}[2J\r\nroot" })),
        );
        let line = shown(&[entry], Detail::Story).remove(0);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
