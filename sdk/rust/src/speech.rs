use std::time::Duration;

use crate::gather::Gather;
use crate::host::media as wit;
use crate::prompt::milliseconds;
use crate::{Call, Result};

pub use wit::UnheardReason;

/// What a caller may say in a gather; several grammars are open at once.
///
/// ```
/// use vireo_sdk::Speech;
///
/// let department = Speech::new()
///     .phrases(["sales", "customer service"])
///     .phrase("the boss", "management");
/// let pin = Speech::new().digits(4).min_confidence(0.7);
/// ```
///
/// What is not set is as in the table.
///
/// | option | default |
/// | --- | --- |
/// | `language` | that of the gather |
/// | `min_confidence` | 0.5 |
/// | `alternatives` | none |
/// | `end_of_speech` | 700 ms of silence |
/// | `longest` | 10 s |
/// | `barge_in` | 300 ms of speech stop the prompt |
#[derive(Clone, Debug)]
#[must_use = "nothing is listened for until `Gather::listen`"]
pub struct Speech {
    grammars: Vec<wit::Grammar>,
    language: Option<String>,
    min_confidence: f32,
    alternatives: u8,
    end_of_speech: Duration,
    longest: Duration,
    barge_in: Duration,
}

impl Default for Speech {
    fn default() -> Self {
        Self::new()
    }
}

/// What may be said.
impl Speech {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            grammars: Vec::new(),
            language: None,
            min_confidence: 0.5,
            alternatives: 0,
            end_of_speech: Duration::from_millis(700),
            longest: Duration::from_secs(10),
            barge_in: Duration::from_millis(300),
        }
    }

    /// One of these; the flow gets the words as they are written here.
    pub fn phrases<T: Into<String>>(self, phrases: impl IntoIterator<Item = T>) -> Self {
        let phrases = phrases.into_iter().map(|text| wit::Phrase {
            text: text.into(),
            value: None,
        });
        let phrases = phrases.collect();
        self.grammar(wit::Grammar::Phrases(phrases))
    }

    /// These words, for which the flow gets `value`. Several in a row are one grammar.
    pub fn phrase(mut self, text: impl Into<String>, value: impl Into<String>) -> Self {
        let phrase = wit::Phrase {
            text: text.into(),
            value: Some(value.into()),
        };
        match self.grammars.last_mut() {
            Some(wit::Grammar::Phrases(phrases)) => {
                phrases.push(phrase);
                self
            }
            _ => self.grammar(wit::Grammar::Phrases(vec![phrase])),
        }
    }

    /// Exactly so many digits, 1 to 32, one by one: "0421".
    pub fn digits(self, count: u8) -> Self {
        self.digits_between(count, count)
    }

    /// Digits, one by one, so many at least and at most.
    pub fn digits_between(self, min: u8, max: u8) -> Self {
        self.grammar(wit::Grammar::Digits(wit::DigitCount { min, max }))
    }

    /// A number: "-12.5".
    pub fn number(self) -> Self {
        self.grammar(wit::Grammar::Number)
    }

    /// "yes" or "no", in whatever words the language has for them.
    pub fn yes_no(self) -> Self {
        self.grammar(wit::Grammar::YesNo)
    }

    /// A day: "2026-11-22".
    pub fn date(self) -> Self {
        self.grammar(wit::Grammar::Date)
    }

    /// Anything, where the language's model can do that.
    pub fn dictation(self) -> Self {
        self.grammar(wit::Grammar::Dictation)
    }

    fn grammar(mut self, grammar: wit::Grammar) -> Self {
        self.grammars.push(grammar);
        self
    }
}

/// How it is listened for.
impl Speech {
    /// What the caller speaks (BCP 47), instead of the gather's language.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// What is recognised with less confidence is misheard; 0.0 to 1.0.
    pub fn min_confidence(mut self, confidence: f32) -> Self {
        self.min_confidence = confidence;
        self
    }

    /// How many other readings are told at most; 0 to 10.
    pub fn alternatives(mut self, count: u8) -> Self {
        self.alternatives = count;
        self
    }

    /// Silence after speech that ends it, 100 ms to 10 s.
    pub fn end_of_speech(mut self, silence: Duration) -> Self {
        self.end_of_speech = silence;
        self
    }

    /// Longer speech is cut off and recognised as it is, 500 ms to 60 s.
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The least speech that stops the prompt, 0 to 5 s.
    pub fn barge_in(mut self, least: Duration) -> Self {
        self.barge_in = least;
        self
    }

    fn into_contract(self) -> wit::SpeechOptions {
        wit::SpeechOptions {
            grammars: self.grammars,
            language: self.language,
            min_confidence: self.min_confidence,
            alternatives: self.alternatives,
            end_of_speech_ms: milliseconds(self.end_of_speech),
            longest_ms: milliseconds(self.longest),
            barge_in_ms: milliseconds(self.barge_in),
        }
    }
}

/// Another reading of what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// What the flow would have got.
    pub value: String,
    /// The words.
    pub text: String,
    /// 0.0 to 1.0.
    pub confidence: f32,
}

/// What the caller said.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// As the grammar says: a phrase's value, "0421", "-12.5", "yes", "2026-11-22". Empty where no
    /// grammar matches.
    pub value: String,
    /// The words that were understood.
    pub text: String,
    /// 0.0 to 1.0.
    pub confidence: f32,
    /// Which grammar it is, in the order in which they were added.
    pub grammar: usize,
    /// Other readings, best first.
    pub alternatives: Vec<Alternative>,
}

impl From<wit::Recognition> for Recognition {
    fn from(said: wit::Recognition) -> Self {
        let alternatives = said.alternatives.into_iter().map(|other| Alternative {
            value: other.value,
            text: other.text,
            confidence: other.confidence,
        });
        Self {
            value: said.value,
            text: said.text,
            confidence: said.confidence,
            grammar: said.grammar.into(),
            alternatives: alternatives.collect(),
        }
    }
}

/// A gather whose recognizer could not listen.
#[derive(Clone, Debug, PartialEq)]
pub struct Unheard {
    /// Why.
    pub reason: UnheardReason,
    /// In words, with the error's code: for the log.
    pub text: String,
    /// What was pressed in the last attempt: nothing, or keys that are too few or not accepted.
    pub digits: String,
}

/// What a [`SpokenGather`] collected.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The digits, without the terminator; they match what was asked for.
    Digits(String),
    /// What was said, and matches.
    Speech(Recognition),
    /// Nothing was pressed, and nothing said, in the last attempt.
    NoInput,
    /// What was pressed in the last attempt, which was too short or not accepted.
    NoMatch(String),
    /// What was said in the last attempt, which matches no grammar or is not sure enough.
    Misheard(Recognition),
    /// The recognizer could not listen, and no digits came. Ask for keys.
    Unheard(Unheard),
}

impl Answer {
    /// The value that was said, or the digits that were pressed, if there are any that match.
    #[must_use]
    pub fn value(self) -> Option<String> {
        match self {
            Self::Digits(digits) => Some(digits),
            Self::Speech(said) => Some(said.value),
            Self::NoInput | Self::NoMatch(_) | Self::Misheard(_) | Self::Unheard(_) => None,
        }
    }
}

/// A prompt to answer by keys or by speech; [`Gather::listen`] makes one.
#[derive(Clone, Debug)]
#[must_use = "a gather does nothing until `collect`"]
pub struct SpokenGather<'call> {
    gather: Gather<'call>,
    speech: Speech,
}

impl<'call> Gather<'call> {
    /// The caller may say it as well:
    /// `call.gather("menu").accept(["1"]).listen(Speech::new().yes_no()).collect()?`.
    pub fn listen(self, speech: Speech) -> SpokenGather<'call> {
        SpokenGather {
            gather: self,
            speech,
        }
    }
}

impl SpokenGather<'_> {
    /// Plays the prompt, collects digits and listens; the first to complete wins. Answers the call
    /// when it is neither answered nor in early media.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp); `Invalid` when an option is out of range;
    /// `NotFound` when a prompt is missing. That the recognizer cannot listen is none: see
    /// [`Answer::Unheard`].
    pub fn collect(self) -> Result<Answer> {
        let mut options = self.gather.into_contract();
        options.speech = Some(self.speech.into_contract());
        Ok(match wit::gather(&options)? {
            wit::GatherResult::Digits(digits) => Answer::Digits(digits),
            wit::GatherResult::NoInput => Answer::NoInput,
            wit::GatherResult::NoMatch(keys) => Answer::NoMatch(keys),
            wit::GatherResult::Speech(said) => Answer::Speech(said.into()),
            wit::GatherResult::Misheard(said) => Answer::Misheard(said.into()),
            wit::GatherResult::Unheard(why) => Answer::Unheard(Unheard {
                reason: why.reason,
                text: why.text,
                digits: why.digits,
            }),
        })
    }
}

impl Call {
    /// A prompt to answer by speech or keys: `call.ask("really", Speech::new().yes_no()).collect()?`.
    pub fn ask(&self, prompt: impl Into<crate::Prompt>, speech: Speech) -> SpokenGather<'_> {
        self.gather(prompt).listen(speech)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_stand_in_the_order_in_which_they_were_added() {
        let speech = Speech::new()
            .phrases(["sales", "support"])
            .phrase("the boss", "management")
            .digits(4)
            .yes_no()
            .phrase("operator", "0");
        let contract = speech.into_contract();
        let [
            wit::Grammar::Phrases(first),
            wit::Grammar::Digits(count),
            wit::Grammar::YesNo,
            wit::Grammar::Phrases(last),
        ] = contract.grammars.as_slice()
        else {
            panic!("{:?}", contract.grammars);
        };
        assert_eq!((first.len(), last.len()), (3, 1));
        assert_eq!(first[2].value.as_deref(), Some("management"));
        assert_eq!((count.min, count.max), (4, 4));
    }

    #[test]
    fn every_option_reaches_the_contract() {
        let contract = Speech::new()
            .dictation()
            .language("zh-CN")
            .min_confidence(0.25)
            .alternatives(3)
            .end_of_speech(Duration::from_millis(900))
            .longest(Duration::from_secs(20))
            .barge_in(Duration::ZERO)
            .into_contract();
        assert_eq!(contract.language.as_deref(), Some("zh-CN"));
        assert!((contract.min_confidence - 0.25).abs() < f32::EPSILON);
        let numbers = (
            contract.alternatives,
            contract.end_of_speech_ms,
            contract.longest_ms,
            contract.barge_in_ms,
        );
        assert_eq!(numbers, (3, 900, 20_000, 0));
    }
}
