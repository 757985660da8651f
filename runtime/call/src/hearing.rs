//! Between a gather and the recognizers: the contract's words on one side, those of
//! [`vireo_speech::asr`] on the other.

use std::time::Duration;

use jiff::civil::Date;
use vireo_host::contract::{
    Alternative, Grammar, Recognition, SpeechOptions, Unheard, UnheardReason,
};
use vireo_speech::asr::{self, AsrError};

use crate::gather::Said;

/// Every recognizer that may listen does.
pub const BUSY: &str = "VR0200";
/// No model for what is to be understood.
pub const NO_MODEL: &str = "VR0201";
/// A recognizer failed, or is too slow.
pub const FAILED: &str = "VR0202";

/// What a recognizer is asked. `today` is the day that "tomorrow" follows.
pub fn request(speech: &SpeechOptions, language: String, today: Date) -> asr::Request {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    asr::Request {
        language,
        grammars: grammars(speech),
        today,
        options: asr::Options {
            alternatives: speech.alternatives,
            min_confidence: speech.min_confidence,
            end_of_speech: ms(speech.end_of_speech_ms),
            longest: ms(speech.longest_ms),
            barge_in: ms(speech.barge_in_ms),
            partials: false,
        },
    }
}

/// What may be said, in the recognizers' words.
pub fn grammars(speech: &SpeechOptions) -> Vec<asr::Grammar> {
    let grammars = speech.grammars.iter().map(|grammar| match grammar {
        Grammar::Phrases(phrases) => asr::Grammar::Phrases(
            (phrases.iter())
                .map(|phrase| asr::Phrase {
                    text: phrase.text.clone(),
                    value: phrase.value.clone(),
                })
                .collect(),
        ),
        Grammar::Digits(count) => asr::Grammar::Digits {
            min: count.min,
            max: count.max,
        },
        Grammar::Number => asr::Grammar::Number,
        Grammar::YesNo => asr::Grammar::YesNo,
        Grammar::Date => asr::Grammar::Date,
        Grammar::Dictation => asr::Grammar::Dictation,
    });
    grammars.collect()
}

/// What a recognizer understood.
pub fn said(recognition: asr::Recognition) -> Said {
    match recognition {
        asr::Recognition::Match(answer) => Said::Match(told(answer)),
        asr::Recognition::NoMatch(answer) => Said::NoMatch(told(answer)),
    }
}

fn told(answer: asr::Answer) -> Recognition {
    let alternatives = answer.alternatives.into_iter().map(|other| Alternative {
        value: other.value,
        text: other.text,
        confidence: likelihood(other.confidence),
    });
    Recognition {
        value: answer.value,
        text: answer.text,
        confidence: likelihood(answer.confidence),
        // The contract allows 16 grammars.
        grammar: u8::try_from(answer.grammar).unwrap_or(u8::MAX),
        alternatives: alternatives.collect(),
    }
}

/// An engine's number may be anything; the journal holds only numbers, and a flow sees 0 to 1.
fn likelihood(confidence: f32) -> f32 {
    match confidence.is_nan() {
        true => 0.0,
        false => confidence.clamp(0.0, 1.0),
    }
}

/// Why nobody listens.
pub fn unheard(error: &AsrError) -> Unheard {
    let (code, reason) = match error {
        AsrError::Busy { .. } => (BUSY, UnheardReason::Busy),
        AsrError::TooSlow { .. } | AsrError::Engine { .. } | AsrError::Stopped => {
            (FAILED, UnheardReason::Failed)
        }
        _ => (NO_MODEL, UnheardReason::NoModel),
    };
    because(code, reason, &error.to_string())
}

/// The server has no recognizer at all.
pub fn none() -> Unheard {
    let why = "this server recognises no speech: add [[asr.models]] to its configuration";
    because(NO_MODEL, UnheardReason::NoModel, why)
}

/// A recognizer does not come back.
pub fn never_ended() -> Unheard {
    let why = "the recognizer found no end of what the caller said";
    because(FAILED, UnheardReason::Failed, why)
}

fn because(code: &str, reason: UnheardReason, why: &str) -> Unheard {
    Unheard {
        reason,
        text: format!("{code}: {why}"),
        digits: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_a_number_from_0_to_1() {
        for (given, told) in [(0.5, 0.5), (f32::NAN, 0.0), (-1.0, 0.0), (7.0, 1.0)] {
            assert_eq!(likelihood(given).to_bits(), f32::to_bits(told));
        }
    }

    #[test]
    fn each_error_has_its_reason_and_code() {
        let engine = || "vosk".to_owned();
        let busy = AsrError::Busy {
            engine: engine(),
            streams: 2,
        };
        let slow = AsrError::TooSlow {
            engine: engine(),
            problem: "sound waits for it",
        };
        let model = AsrError::Model {
            directory: "models/en".into(),
            problem: "there is no final.mdl".to_owned(),
        };
        let rate = AsrError::Rate {
            directory: "models/en".into(),
            rate: 16_000,
        };
        for (error, code, reason) in [
            (busy, BUSY, UnheardReason::Busy),
            (slow, FAILED, UnheardReason::Failed),
            (model, NO_MODEL, UnheardReason::NoModel),
            (rate, NO_MODEL, UnheardReason::NoModel),
        ] {
            let told = unheard(&error);
            assert_eq!(told.reason, reason, "{error}");
            assert_eq!(told.text, format!("{code}: {error}"));
        }
    }
}
