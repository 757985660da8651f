//! Pieces of sentences, from the JSON of journals.

use serde_json::Value;

/// The arguments of something unknown, as they are, cut to a line.
pub(super) fn arguments(value: &Value) -> String {
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
pub(super) fn variant(value: &Value) -> (String, &Value) {
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

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn join<const N: usize>(words: [&str; N]) -> String {
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

pub(super) fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// "3.2 s"
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}
