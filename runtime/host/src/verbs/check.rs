//! The argument ranges that `sdk/wit` states.

use std::fmt::Display;

use super::{say, speech};
use crate::contract::{Error, GatherOptions, Part, PlayOptions, RecordOptions, Tone};

pub(super) type Check = Result<(), Error>;

/// Keys of a telephone: RFC 4733, 3.2, events 0 to 15.
const KEYS: &str = "0123456789*#ABCD";

/// Parts of one prompt. A spoken sentence has some twenty.
const MOST_PARTS: usize = 500;

/// Characters of a text that is spoken: more than ten minutes.
const LONGEST_TEXT: usize = 10_000;

/// Entries of `accept`.
const MOST_PATTERNS: usize = 1_000;

/// Bytes of a name: of a prompt, a recording, a secret, a header, a time zone.
const LONGEST_NAME: usize = 512;

/// Digits of one `send-digits`: more than a minute of tones.
const MOST_DIGITS_SENT: usize = 256;

pub(super) fn invalid<T>(text: String) -> Result<T, Error> {
    Err(Error::Invalid(text))
}

/// `name` is `value`; it must be `low` to `high`.
pub(super) fn range<T: PartialOrd + Display>(name: &str, value: T, low: T, high: T) -> Check {
    match low <= value && value <= high {
        true => Ok(()),
        false => invalid(format!("{name} is {value}; it must be {low} to {high}")),
    }
}

pub(super) fn length(name: &str, value: &str, low: usize, high: usize) -> Check {
    match (low..=high).contains(&value.len()) {
        true => Ok(()),
        false => invalid(format!(
            "{name} has {} bytes; it must have {low} to {high}",
            value.len()
        )),
    }
}

fn keys(name: &str, value: &str) -> Check {
    match value.chars().find(|key| !KEYS.contains(*key)) {
        Some(key) => invalid(format!("{name} has {key:?}; the keys are {KEYS}")),
        None if value.len() > KEYS.len() => invalid(format!(
            "{name} has {} keys; there are only {}",
            value.len(),
            KEYS.len()
        )),
        None => Ok(()),
    }
}

/// Credentials of SIP (RFC 3261, 20.7 and 20.28) are never shown to a flow.
pub(super) fn is_hidden_header(name: &str) -> bool {
    let name = name.trim();
    ["authorization", "proxy-authorization"]
        .iter()
        .any(|hidden| name.eq_ignore_ascii_case(hidden))
}

pub(super) fn header_name(name: &str) -> Check {
    length("name", name, 1, LONGEST_NAME)
}

pub(super) fn language(tag: Option<&str>) -> Check {
    let Some(tag) = tag else { return Ok(()) };
    // It becomes a part of a path: letters, digits and single hyphens only (RFC 5646, 2.1).
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match tag.len() <= 35 && tag.split('-').all(is_subtag) {
        true => Ok(()),
        false => invalid(format!(
            "language is {tag:?}; it must be a tag as \"en\" or \"zh-CN\""
        )),
    }
}

pub(super) fn prompt(name: &str, parts: &[Part]) -> Check {
    if parts.len() > MOST_PARTS {
        return invalid(format!(
            "{name} has {} parts; at most {MOST_PARTS}",
            parts.len()
        ));
    }
    parts.iter().try_for_each(|part| match part {
        Part::File(file) => file_name(name, file),
        Part::Recording(id) => recording_id(id),
        Part::Silence(ms) => range("silence", *ms, 1, 60_000),
        Part::Tone(sound) => tone(sound),
        Part::Say(value) => say::check(value),
        Part::Text(spoken) => text(spoken),
    })
}

fn text(spoken: &str) -> Check {
    match spoken.chars().count() {
        1..=LONGEST_TEXT => Ok(()),
        characters => invalid(format!(
            "a text has {characters} characters; it must have 1 to {LONGEST_TEXT}"
        )),
    }
}

fn file_name(name: &str, file: &str) -> Check {
    length("the name of a prompt file", file, 1, LONGEST_NAME)?;
    let leaves = file.starts_with('/')
        || file.contains(['\\', '\0'])
        || file
            .split('/')
            .any(|step| step == ".." || step == "." || step.is_empty());
    match leaves {
        true => invalid(format!(
            "{name} names the file {file:?}; it must be a plain path below the prompts directory"
        )),
        false => Ok(()),
    }
}

fn tone(tone: &Tone) -> Check {
    range("frequency", tone.frequency, 50, 3_800)?;
    if let Some(second) = tone.second_frequency {
        range("second-frequency", second, 50, 3_800)?;
    }
    range("duration-ms", tone.duration_ms, 1, 60_000)?;
    range("level-dbm0", tone.level_dbm0, -60, -3)
}

pub(super) fn recording_id(id: &str) -> Check {
    length("the id of a recording", id, 1, LONGEST_NAME)
}

pub(super) fn play_options(options: &PlayOptions) -> Check {
    language(options.language.as_deref())?;
    keys("interrupt-keys", &options.interrupt_keys)
}

pub(super) fn gather_options(options: &GatherOptions) -> Check {
    prompt("prompt", &options.prompt)?;
    language(options.language.as_deref())?;
    digit_counts(options)?;
    keys("terminators", &options.terminators)?;
    if options.accept.len() > MOST_PATTERNS {
        return invalid(format!(
            "accept has {} entries; at most {MOST_PATTERNS}",
            options.accept.len()
        ));
    }
    options
        .accept
        .iter()
        .try_for_each(|pattern| accept(pattern))?;
    range(
        "first-digit-timeout-ms",
        options.first_digit_timeout_ms,
        100,
        600_000,
    )?;
    range(
        "inter-digit-timeout-ms",
        options.inter_digit_timeout_ms,
        100,
        600_000,
    )?;
    range("attempts", options.attempts, 1, 10)?;
    prompt("no-input-prompt", &options.no_input_prompt)?;
    prompt("no-match-prompt", &options.no_match_prompt)?;
    options.speech.as_ref().map_or(Ok(()), speech::check)
}

fn digit_counts(options: &GatherOptions) -> Check {
    if options.max_digits == 0 && options.speech.is_some() {
        return match options.accept.as_slice() {
            [] => Ok(()),
            _ => invalid("accept has entries, and max-digits is 0: no key is taken".to_owned()),
        };
    }
    range("max-digits", options.max_digits, 1, 64)?;
    range("min-digits", options.min_digits, 0, options.max_digits)
}

fn accept(pattern: &str) -> Check {
    let digits = pattern.strip_suffix('.').unwrap_or(pattern);
    let is_good = !pattern.is_empty()
        && pattern.len() <= 65
        && digits
            .chars()
            .all(|digit| digit == 'x' || KEYS.contains(digit));
    match is_good {
        true => Ok(()),
        false => invalid(format!(
            "accept has {pattern:?}; an entry is keys, `x` for any of 0-9, and a last `.` for any \
             further keys"
        )),
    }
}

pub(super) fn record_options(options: &RecordOptions) -> Check {
    prompt("prompt", &options.prompt)?;
    language(options.language.as_deref())?;
    range("max-duration-ms", options.max_duration_ms, 100, 3_600_000)?;
    range("silence-ms", options.silence_ms, 0, 60_000)?;
    keys("terminators", &options.terminators)
}

pub(super) fn digits_to_send(digits: &str) -> Check {
    length("digits", digits, 1, MOST_DIGITS_SENT)?;
    match digits
        .chars()
        .find(|digit| *digit != ',' && !KEYS.contains(*digit))
    {
        Some(digit) => invalid(format!(
            "digits has {digit:?}; it may have {KEYS} and `,` for a pause"
        )),
        None => Ok(()),
    }
}

pub(super) fn key(key: &str) -> Check {
    length("key", key, 1, 512)
}

pub(super) fn key_prefix(prefix: &str) -> Check {
    length("prefix", prefix, 0, 512)
}

pub(super) fn value(name: &str, value: Option<&[u8]>) -> Check {
    const MOST: usize = 64 << 10;
    match value.map_or(0, <[u8]>::len) {
        bytes if bytes > MOST => invalid(format!("{name} has {bytes} bytes; at most {MOST}")),
        _ => Ok(()),
    }
}

pub(super) fn setting(key: &str) -> Check {
    length("key", key, 1, LONGEST_NAME)
}

pub(super) fn zone(zone: Option<&str>) -> Check {
    match zone {
        Some(zone) => length("zone", zone, 1, 64),
        None => Ok(()),
    }
}
