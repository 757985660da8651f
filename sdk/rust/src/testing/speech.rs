//! What a flow understands of what the caller of a test says.

use super::state::Said;
use crate::contract::vireo::flow::media::{GatherResult, Grammar, Recognition, SpeechOptions};

/// Rows 22 and 23 of the table of `gather-options` in `sdk/wit/media.wit`.
pub(super) fn understood(options: &SpeechOptions, said: &Said) -> GatherResult {
    let found = options
        .grammars
        .iter()
        .enumerate()
        .find_map(|(at, grammar)| {
            let value = value(grammar, said.text.trim())?;
            Some((u8::try_from(at).unwrap_or(u8::MAX), value))
        });
    let recognition = |(grammar, value)| Recognition {
        value,
        text: said.text.clone(),
        confidence: said.confidence,
        grammar,
        alternatives: Vec::new(),
    };
    match found {
        Some(found) if said.confidence >= options.min_confidence => {
            GatherResult::Speech(recognition(found))
        }
        found => GatherResult::Misheard(recognition(found.unwrap_or_default())),
    }
}

/// What a grammar makes of words; none when they do not fit it.
fn value(grammar: &Grammar, text: &str) -> Option<String> {
    let is = |fits: bool| fits.then(|| text.to_owned());
    match grammar {
        Grammar::Phrases(phrases) => {
            let same = |phrase: &str| phrase.to_lowercase() == text.to_lowercase();
            let phrase = phrases.iter().find(|phrase| same(&phrase.text))?;
            Some(phrase.value.as_ref().unwrap_or(&phrase.text).clone())
        }
        Grammar::Digits(count) => {
            let range = usize::from(count.min)..=usize::from(count.max);
            is(range.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        }
        Grammar::Number => is(is_number(text)),
        Grammar::YesNo => is(matches!(text, "yes" | "no")),
        Grammar::Date => is(is_day(text)),
        Grammar::Dictation => is(!text.is_empty()),
    }
}

/// "-12.5"
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(text),
    }
}

/// "2026-11-22"
fn is_day(text: &str) -> bool {
    let is = |at: usize, byte: u8| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| is(at, byte))
}
