//! What a caller may say, and what was understood.

use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::AsrError;

/// What a caller may say. A request has a list of them; the first that fits what was heard decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grammar {
    /// One of these.
    Phrases(Vec<Phrase>),
    /// Digits, one after the other; "double" and "triple" repeat the next one. The value is `"0421"`.
    Digits {
        /// The fewest, at least 1.
        min: u8,
        /// The most.
        max: u8,
    },
    /// A number. The value is in decimal: `"-12.5"`.
    Number,
    /// The value is `"yes"` or `"no"`.
    YesNo,
    /// A day, relative ones included. The value is in ISO 8601: `"2026-11-22"`. A day without its year is
    /// the next one, today included.
    Date,
    /// Anything; needs a model that was made for it. The value is the text.
    Dictation,
}

/// One of the things that may be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrase {
    /// The words, as they are spoken.
    pub text: String,
    /// What the flow gets for it; the text, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Phrase {
    /// A phrase that stands for itself.
    pub fn new(text: &str) -> Self {
        Phrase {
            text: text.to_owned(),
            value: None,
        }
    }
}

/// One recognition.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// A BCP 47 tag.
    pub language: String,
    /// What may be said.
    pub grammars: Vec<Grammar>,
    /// The day that "tomorrow" follows.
    pub today: Date,
    /// How it is listened.
    pub options: Options,
}

/// How it is listened.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Other things that may have been said, at most; the best one is not counted.
    pub alternatives: u8,
    /// Below it, a match is none; from 0 to 1.
    pub min_confidence: f32,
    /// Silence that ends the answer.
    pub end_of_speech: Duration,
    /// An answer is cut off after this.
    pub longest: Duration,
    /// Speech is only what lasts as long: a cough does not cut the prompt. What is shorter counts when it is a
    /// match.
    pub barge_in: Duration,
    /// Are there to be [`Event::Partial`]s?
    pub partials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            alternatives: 0,
            min_confidence: 0.5,
            end_of_speech: Duration::from_millis(800),
            longest: Duration::from_secs(15),
            barge_in: Duration::from_millis(300),
            partials: false,
        }
    }
}

/// What happens while it is listened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The caller speaks: the prompt is to stop. Comes at most once.
    Speech,
    /// What is understood so far.
    Partial(String),
    /// The last event.
    Done(Recognition),
    /// The last event: there is no result.
    Failed(AsrError),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Recognition {
    /// A grammar fits, and it is certain enough.
    Match(Answer),
    /// Outside of the grammars, or not certain enough. Its value is empty when no grammar fits, its text when
    /// no word was understood.
    NoMatch(Answer),
}

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// For the flow.
    pub value: String,
    /// The words.
    pub text: String,
    /// How likely it is right, from 0 to 1.
    pub confidence: f32,
    /// The place of the grammar that fits, from 0.
    pub grammar: usize,
    /// What else it may have been, the likeliest first.
    pub alternatives: Vec<Alternative>,
}

/// What an answer may have been as well.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alternative {
    /// For the flow.
    pub value: String,
    /// The words.
    pub text: String,
    /// How likely it is right, from 0 to 1.
    pub confidence: f32,
    /// The place of the grammar that fits, from 0.
    pub grammar: usize,
}
