//! The argument ranges of speech in a gather.

use super::check::{Check, invalid, language, length, range};
use crate::contract::{Grammar, Phrase, SpeechOptions};

/// Grammars of one gather.
const MOST_GRAMMARS: usize = 16;

/// Phrases of one grammar.
const MOST_PHRASES: usize = 500;

/// Bytes of a phrase, and of its value.
const LONGEST_PHRASE: usize = 200;

/// Digits that are said in one go: a card number has 19.
const MOST_DIGITS: u8 = 32;

pub(super) fn check(options: &SpeechOptions) -> Check {
    range("grammars", options.grammars.len(), 1, MOST_GRAMMARS)?;
    options.grammars.iter().try_for_each(grammar)?;
    language(options.language.as_deref())?;
    range("min-confidence", options.min_confidence, 0.0, 1.0)?;
    range("alternatives", options.alternatives, 0, 10)?;
    range("end-of-speech-ms", options.end_of_speech_ms, 100, 10_000)?;
    range("longest-ms", options.longest_ms, 500, 60_000)?;
    range("barge-in-ms", options.barge_in_ms, 0, 5_000)
}

fn grammar(grammar: &Grammar) -> Check {
    match grammar {
        Grammar::Phrases(phrases) => {
            range("phrases", phrases.len(), 1, MOST_PHRASES)?;
            phrases.iter().try_for_each(phrase)
        }
        Grammar::Digits(count) => {
            range("the most spoken digits", count.max, 1, MOST_DIGITS)?;
            range("the least spoken digits", count.min, 1, count.max)
        }
        Grammar::Number | Grammar::YesNo | Grammar::Date | Grammar::Dictation => Ok(()),
    }
}

fn phrase(phrase: &Phrase) -> Check {
    let text = &phrase.text;
    length("the text of a phrase", text, 1, LONGEST_PHRASE)?;
    length(
        "the value of a phrase",
        phrase.value.as_deref().unwrap_or_default(),
        0,
        LONGEST_PHRASE,
    )?;
    if text.trim().is_empty() || text.chars().any(|c| c.is_control() || c.is_ascii_digit()) {
        return invalid(format!(
            "the phrase {text:?} must be words; write numbers as words, too"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DigitCount, Error};

    fn options(grammars: Vec<Grammar>) -> SpeechOptions {
        SpeechOptions {
            grammars,
            language: None,
            min_confidence: 0.5,
            alternatives: 0,
            end_of_speech_ms: 700,
            longest_ms: 10_000,
            barge_in_ms: 200,
        }
    }

    fn said(text: &str) -> Grammar {
        Grammar::Phrases(vec![Phrase {
            text: text.into(),
            value: None,
        }])
    }

    #[test]
    fn what_is_in_range_passes() {
        let count = DigitCount { min: 1, max: 32 };
        let grammars = vec![said("客服"), Grammar::Digits(count), Grammar::Dictation];
        assert_eq!(check(&options(grammars)), Ok(()));
    }

    #[test]
    fn what_is_not_is_named() {
        type Change = fn(&mut SpeechOptions);
        let cases: [(Change, &str); 12] = [
            (|o| o.grammars.clear(), "grammars is 0"),
            (|o| o.grammars = vec![Grammar::YesNo; 17], "grammars is 17"),
            (
                |o| o.grammars = vec![Grammar::Phrases(vec![])],
                "phrases is 0",
            ),
            (
                |o| o.grammars = vec![said("")],
                "the text of a phrase has 0 bytes",
            ),
            (
                |o| o.grammars = vec![said("line 2")],
                "the phrase \"line 2\" must be words",
            ),
            (
                |o| o.grammars = vec![Grammar::Digits(DigitCount { min: 5, max: 4 })],
                "the least spoken digits is 5",
            ),
            (
                |o| o.grammars = vec![Grammar::Digits(DigitCount { min: 1, max: 33 })],
                "the most spoken digits is 33",
            ),
            (|o| o.min_confidence = f32::NAN, "min-confidence is NaN"),
            (|o| o.alternatives = 11, "alternatives is 11"),
            (|o| o.end_of_speech_ms = 99, "end-of-speech-ms is 99"),
            (|o| o.longest_ms = 499, "longest-ms is 499"),
            (|o| o.barge_in_ms = 5_001, "barge-in-ms is 5001"),
        ];
        for (change, expected) in cases {
            let mut options = options(vec![Grammar::YesNo]);
            change(&mut options);
            let Err(Error::Invalid(text)) = check(&options) else {
                panic!("{expected}: passed");
            };
            assert!(text.starts_with(expected), "{expected}: {text}");
        }
    }
}
