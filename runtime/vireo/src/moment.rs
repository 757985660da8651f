//! Moments as operators type them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no moment: write \"2026-11-22T20:00\" (server's time zone), \"2026-11-22T20:00:00+01:00\", \"2026-11-22\", \"today\", \"yesterday\", \"now\", or how long ago: \"15m\", \"2h\", \"3d\""
)]
pub struct MomentError(pub String);

/// Reads a moment: a date and time with or without an offset, a date, "today" or "yesterday" (their
/// first moment), "now", or how long ago ("90s", "15m", "2h", "3d", "1w"). What has no offset is in `zone`; a time that a
/// change of clocks skips is moved by the length of the gap, one that comes twice is the first
/// (RFC 5545, 3.3.5).
///
/// # Errors
/// The text is none of these.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    let text = text.trim();
    let refused = || MomentError(text.to_owned());
    if text == "now" {
        return Ok(now);
    }
    let days_ago = match text {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => None,
    };
    if let Some(days) = days_ago {
        let today = now.to_zoned(zone.clone()).date();
        let day = today.checked_sub(jiff::Span::new().days(days));
        let begins = day.and_then(|day| day.at(0, 0, 0, 0).to_zoned(zone.clone()));
        return begins
            .map(|begins| begins.timestamp())
            .map_err(|_| refused());
    }
    if let Some(ago) = ago(text) {
        return now.checked_sub(ago).map_err(|_| refused());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    // A bare date parses as a date and time too: try it first, so that its first moment is meant.
    let civil: DateTime = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', ' ', 't']) => date.at(0, 0, 0, 0),
        _ => text.parse().map_err(|_| refused())?,
    };
    let zoned = civil.to_zoned(zone.clone()).map_err(|_| refused())?;
    Ok(zoned.timestamp())
}

/// A moment in words: "2026-11-22 20:00:03".
#[must_use]
pub fn show(ms: u64, zone: &TimeZone) -> String {
    let timestamp = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match timestamp {
        Some(timestamp) => timestamp
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        None => "?".to_owned(),
    }
}

fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_meant() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (text, expected) in [
            ("now", "2026-11-22T12:00:00Z"),
            ("today", "2026-11-21T23:00:00Z"),
            ("yesterday", "2026-11-20T23:00:00Z"),
            ("15m", "2026-11-22T11:45:00Z"),
            ("2d", "2026-11-20T12:00:00Z"),
            ("2026-11-22T20:00", "2026-11-22T19:00:00Z"),
            ("2026-11-22 20:00:30", "2026-11-22T19:00:30Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z"),
            ("2026-11-22T20:00:00-05:00", "2026-11-23T01:00:00Z"),
            // Clocks jump from 2:00 to 3:00 here, and back from 3:00 to 2:00 there.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(parse(text, now, &berlin), Ok(expected), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "5",
            "h",
            "2026-13-01",
            "25:00",
            "99999999999999w",
            "é",
        ] {
            assert!(parse(text, now, &berlin).is_err(), "{text:?}");
        }
    }

    #[test]
    fn any_number_can_be_shown() {
        assert_eq!(show(0, &TimeZone::UTC), "1970-01-01 00:00:00");
        assert_eq!(show(u64::MAX, &TimeZone::UTC), "?");
    }
}
