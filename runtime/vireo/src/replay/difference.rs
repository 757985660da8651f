//! Two sides of a point where calls part, beside each other.

use std::collections::BTreeSet;

use serde_json::Value;
use vireo_replay::{Point, Side};

use crate::timeline;

/// Characters of a value that are shown.
const LONGEST: usize = 60;

/// What differs: which argument, what it was, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Empty where the functions themselves differ.
    pub what: String,
    pub then: String,
    pub now: String,
}

/// Where they part, in words: "media.play".
pub(super) fn place(point: &Point) -> &str {
    match (&point.then, &point.now) {
        (Side::Asks(request), _) | (_, Side::Asks(request)) => request.verb(),
        _ => "the end of the flow",
    }
}

/// What differs at a point.
pub(super) fn rows(point: &Point) -> Vec<Row> {
    if let (Side::Asks(then), Side::Asks(now)) = (&point.then, &point.now)
        && then.verb() == now.verb()
    {
        let values = (serde_json::to_value(then), serde_json::to_value(now));
        if let (Ok(then), Ok(now)) = values {
            let mut rows = Vec::new();
            compare("", &then, &now, &mut rows);
            return rows;
        }
    }
    vec![Row {
        what: String::new(),
        then: sentence(&point.then),
        now: sentence(&point.now),
    }]
}

fn compare(name: &str, then: &Value, now: &Value, rows: &mut Vec<Row>) {
    if then == now {
        return;
    }
    if let (Value::Object(one), Value::Object(other)) = (then, now) {
        let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for inner in names {
            let whole = match name {
                "" => inner.clone(),
                name => format!("{name}.{inner}"),
            };
            compare(&whole, &then[inner], &now[inner], rows);
        }
        return;
    }
    let is_prompt = matches!(name, "prompt" | "no_input_prompt" | "no_match_prompt");
    rows.push(Row {
        what: name.replace('_', "-"),
        then: value(then, is_prompt),
        now: value(now, is_prompt),
    });
}

fn value(value: &Value, is_prompt: bool) -> String {
    let text = match value {
        Value::Array(parts) if is_prompt && parts.is_empty() => "nothing".to_owned(),
        parts if is_prompt => timeline::prompt(parts),
        Value::Null => "absent".to_owned(),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    };
    cut(&text)
}

fn sentence(side: &Side) -> String {
    match side {
        Side::Asks(request) => {
            let arguments = serde_json::to_value(request).unwrap_or_default();
            cut(&timeline::asked(request.verb(), &arguments))
        }
        Side::Ends(outcome) => cut(&format!("ends: {outcome}")),
    }
}

fn cut(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asks(request: Value) -> Side {
        Side::Asks(Box::new(serde_json::from_value(request).unwrap()))
    }

    fn shown(then: Side, now: Side) -> Vec<(String, String, String)> {
        let point = Point {
            entry: 3,
            at_ms: 5,
            then,
            now,
        };
        let rows = rows(&point).into_iter();
        rows.map(|row| (row.what, row.then, row.now)).collect()
    }

    fn row(what: &str, then: &str, now: &str) -> (String, String, String) {
        (what.to_owned(), then.to_owned(), now.to_owned())
    }

    #[test]
    fn only_what_differs_is_shown() {
        let play = |file: &str, keys: &str| {
            asks(json!({
                "verb": "play", "prompt": [{ "File": file }],
                "options": { "language": null, "interrupt_keys": keys },
            }))
        };
        assert_eq!(
            shown(play("a", ""), play("b", "")),
            [row("prompt", "a", "b")]
        );
        assert_eq!(
            shown(play("a", ""), play("a", "#")),
            [row("options.interrupt-keys", "\"\"", "\"#\"")]
        );
        assert_eq!(
            shown(asks(json!({ "verb": "answer" })), play("a\u{1b}[2J", "")),
            [row("", "answer", "play a [2J")]
        );
        let long = "x".repeat(100);
        assert_eq!(
            shown(Side::Ends(long), asks(json!({ "verb": "hangup" }))),
            [row("", &format!("ends: {}...", "x".repeat(54)), "hangup")]
        );
    }
}
