//! What happened on a call beside its flow, in words.

use serde_json::Value;

use super::Who;
use super::words::{arguments, join, seconds, short_digest, text};

/// Something that happened on the call.
pub(super) fn event(name: &str, detail: &Value) -> (Who, String) {
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
        "speech" => (Who::Caller, "speaks".to_owned()),
        "understood" => (
            Who::Server,
            format!(
                "understood {:?}, confidence {:.2}{}",
                of("text"),
                detail["confidence"].as_f64().unwrap_or_default(),
                match detail["matches"].as_bool() {
                    Some(false) => ": no match",
                    _ => "",
                }
            ),
        ),
        "unheard" => (
            Who::Server,
            format!("the recognizer does not listen: {}", of("why")),
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
        "speech-late" => (
            Who::Server,
            format!(
                "a spoken sentence came late: {} ms of silence within the prompt",
                detail["ms"]
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
