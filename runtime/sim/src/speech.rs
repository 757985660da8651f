//! What a simulated caller says, and a recognizer that understands every word of it.

use std::fmt;
use std::time::Duration;

use vireo_call::simulation::Said;
use vireo_host::contract::{Grammar, Recognition, SpeechOptions};

/// What a caller says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saying {
    /// The words; empty: nothing that can be understood.
    pub text: String,
    /// How sure a recognizer is, 0 to 1.
    pub confidence: f32,
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_str() {
            "" => f.write_str("mumbles"),
            text => write!(f, "says {text:?}"),
        }
    }
}

/// How long a letter takes, and the shortest word.
const LETTER: Duration = Duration::from_millis(70);
const WORD: Duration = Duration::from_millis(500);

impl Saying {
    /// How long that takes.
    #[must_use]
    pub fn length(&self) -> Duration {
        let letters = u32::try_from(self.text.chars().count()).unwrap_or(u32::MAX);
        LETTER.saturating_mul(letters).max(WORD)
    }
}

/// What a recognizer tells.
pub(crate) enum Tells {
    Speech,
    Said(Said),
}

/// The recognizer of a gather.
#[derive(Debug)]
pub(crate) struct Ear {
    speech: SpeechOptions,
    /// When it tells that somebody speaks.
    speech_at: Option<Duration>,
    /// When it tells what was said.
    said_at: Option<(Duration, Said)>,
}

impl Ear {
    pub fn new(speech: SpeechOptions) -> Self {
        Ear {
            speech,
            speech_at: None,
            said_at: None,
        }
    }

    /// The caller begins to say this. What is said while something else is, is one answer with it:
    /// the first is what is understood.
    pub fn hear(&mut self, saying: &Saying, now: Duration) {
        if self.said_at.is_some() {
            return;
        }
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let length = saying.length().min(ms(self.speech.longest_ms));
        self.speech_at = Some(now + ms(self.speech.barge_in_ms).min(length));
        let end = now + length + ms(self.speech.end_of_speech_ms);
        self.said_at = Some((end, understood(&self.speech, saying)));
    }

    /// When it has something to tell.
    pub fn deadline(&self) -> Option<Duration> {
        let said = self.said_at.as_ref().map(|(at, _)| *at);
        self.speech_at.or(said)
    }

    /// What it tells now.
    pub fn tells(&mut self, now: Duration) -> Option<Tells> {
        if self.speech_at.take_if(|at| *at <= now).is_some() {
            return Some(Tells::Speech);
        }
        let (_, said) = self.said_at.take_if(|(at, _)| *at <= now)?;
        Some(Tells::Said(said))
    }
}

fn understood(speech: &SpeechOptions, saying: &Saying) -> Said {
    let grammars = speech.grammars.iter().zip(0..);
    let found = grammars
        .filter_map(|(grammar, at)| Some((value(grammar, saying.text.trim())?, at)))
        .next();
    let matches = found.is_some() && saying.confidence >= speech.min_confidence;
    let (value, grammar) = found.unwrap_or_default();
    let recognition = Recognition {
        value,
        text: saying.text.clone(),
        confidence: saying.confidence,
        grammar,
        alternatives: Vec::new(),
    };
    match matches {
        true => Said::Match(recognition),
        false => Said::NoMatch(recognition),
    }
}

/// What a grammar makes of words; none when they do not fit it.
fn value(grammar: &Grammar, text: &str) -> Option<String> {
    let fits = match grammar {
        Grammar::Phrases(phrases) => {
            let same = |phrase: &str| phrase.to_lowercase() == text.to_lowercase();
            let phrase = phrases.iter().find(|phrase| same(phrase.text.trim()))?;
            return Some(phrase.value.as_ref().unwrap_or(&phrase.text).clone());
        }
        Grammar::Digits(count) => {
            let range = usize::from(count.min)..=usize::from(count.max);
            range.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        }
        Grammar::Number => is_number(text),
        Grammar::YesNo => matches!(text, "yes" | "no"),
        Grammar::Date => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        Grammar::Dictation => !text.is_empty(),
    };
    fits.then(|| text.to_owned())
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

#[cfg(test)]
mod tests {
    use vireo_host::contract::{DigitCount, Phrase};

    use super::*;

    fn speech() -> SpeechOptions {
        let phrase = |text: &str, value: Option<&str>| Phrase {
            text: text.into(),
            value: value.map(str::to_owned),
        };
        SpeechOptions {
            grammars: vec![
                Grammar::Phrases(vec![phrase("Sales", None), phrase("the boss", Some("top"))]),
                Grammar::Digits(DigitCount { min: 3, max: 4 }),
                Grammar::Number,
                Grammar::YesNo,
                Grammar::Date,
            ],
            language: None,
            min_confidence: 0.5,
            alternatives: 0,
            end_of_speech_ms: 800,
            longest_ms: 5_000,
            barge_in_ms: 300,
        }
    }

    #[test]
    fn what_grammars_make_of_words() {
        for (text, confidence, expected) in [
            ("sales", 0.9, Some((0, "Sales"))),
            ("The boss", 0.5, Some((0, "top"))),
            ("0421", 0.9, Some((1, "0421"))),
            ("04", 0.9, Some((2, "04"))),
            ("-12.5", 0.9, Some((2, "-12.5"))),
            ("no", 0.9, Some((3, "no"))),
            ("2024-02-29", 0.9, Some((4, "2024-02-29"))),
            ("2026-02-29", 0.9, None),
            ("12.", 0.9, None),
            ("sales", 0.49, None),
            ("", 0.9, None),
        ] {
            let saying = Saying {
                text: text.into(),
                confidence,
            };
            let found = match understood(&speech(), &saying) {
                Said::Match(found) => Some((found.grammar, found.value)),
                Said::NoMatch(_) => None,
            };
            let expected = expected.map(|(at, value)| (at, value.to_owned()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn it_tells_of_speech_and_then_of_words() {
        let at = Duration::from_millis;
        let mut ear = Ear::new(speech());
        assert_eq!(ear.deadline(), None);
        ear.hear(
            &Saying {
                text: "no".into(),
                confidence: 1.0,
            },
            at(1_000),
        );
        assert_eq!(ear.deadline(), Some(at(1_300)));
        assert!(matches!(ear.tells(at(1_300)), Some(Tells::Speech)));
        assert_eq!(ear.deadline(), Some(at(1_000 + 500 + 800)));
        assert!(ear.tells(at(2_299)).is_none());
        assert!(matches!(
            ear.tells(at(2_300)),
            Some(Tells::Said(Said::Match(_)))
        ));
        assert_eq!(ear.deadline(), None);
    }
}
