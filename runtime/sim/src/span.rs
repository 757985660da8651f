//! Lengths of time as they are written: `500ms`, `1.5s`, `2m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A length of time as it is written: `500ms`, `1.5s`, `2m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a number and its unit, ms, s or m: \"500ms\", \"1.5s\", \"2m\"")]
pub struct NoSpan;

/// Longer than any call may last.
const LONGEST_S: f64 = 7.0 * 24.0 * 3600.0;

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
        let (number, unit) = text.split_at(unit_at.ok_or(NoSpan)?);
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ => return Err(NoSpan),
        };
        let number: f64 = number.trim().parse().map_err(|_| NoSpan)?;
        let seconds = number * scale;
        // Written so that NaN is refused.
        if !(0.0..=LONGEST_S).contains(&seconds) {
            return Err(NoSpan);
        }
        Ok(Span(Duration::from_micros(
            (seconds * 1_000_000.0).round() as u64
        )))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match (ms % 1000, ms / 1000) {
            (_, 0) => write!(f, "{ms}ms"),
            (0, seconds) if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            (0, seconds) => write!(f, "{seconds}s"),
            (rest, seconds) => {
                let digits = format!("{rest:03}");
                write!(f, "{seconds}.{}s", digits.trim_end_matches('0'))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "span",
            "description": "A length of time: a number with its unit, ms, s or m.",
            "examples": ["500ms", "1.5s", "2m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_shown() {
        for (text, ms, shown) in [
            ("500ms", 500, "500ms"),
            ("0s", 0, "0ms"),
            ("1.5s", 1_500, "1.5s"),
            ("1500ms", 1_500, "1.5s"),
            ("2m", 120_000, "2m"),
            ("90 s", 90_000, "90s"),
            ("1.25s", 1_250, "1.25s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(ms), "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
        }
        for text in ["", "5", "s", "-1s", "5h", "NaNs", "infs", "1e99s", "5 s s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
