//! What a flow did, in words.

use serde_json::Value;
use vireo_call::simulation::written;

use super::words::{arguments, join, seconds, text, variant};

/// A function of the contract: what was asked, and what came of it.
pub(super) fn verb(name: &str, request: &Value, reply: &Value) -> String {
    let asked = asked(name, request);
    match (reply.get("Err"), reply.get("Ok")) {
        (Some(error), _) => format!("{asked}: {}", failure(error)),
        (None, Some(done)) => match outcome(done) {
            outcome if outcome.is_empty() => asked,
            outcome => format!("{asked}: {outcome}"),
        },
        (None, None) => asked,
    }
}

/// What was asked.
pub(crate) fn asked(name: &str, request: &Value) -> String {
    let short = name.split_once('.').map_or(name, |(_, function)| function);
    match name {
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
                None => join([&name, &spoken(detail)]),
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

/// What a gather heard, or why it did not.
fn spoken(detail: &Value) -> String {
    match (detail.get("confidence"), detail.get("reason")) {
        (Some(confidence), _) => format!(
            "{:?} ({:.2})",
            text(detail.get("text").unwrap_or(&Value::Null)),
            confidence.as_f64().unwrap_or_default()
        ),
        (None, Some(_)) => text(&detail["text"]).to_owned(),
        (None, None) => String::new(),
    }
}

/// What a prompt consists of: "demo/welcome, 500 ms of silence".
pub(crate) fn prompt(parts: &Value) -> String {
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
                "text" => format!("text {value}"),
                "say" => match serde_json::from_value(value.clone()) {
                    Ok(said) => written(&said),
                    Err(_) => part.to_string(),
                },
                _ => part.to_string(),
            }
        })
        .collect();
    parts.join(", ")
}
