//! The text messages of the protocol.

use serde::{Deserialize, Serialize};
use vireo_speech::asr::{Hypothesis, Word};

/// What the server is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Question<'a> {
    /// A new beginning: what was heard before is forgotten.
    Start {
        id: u32,
        language: &'a str,
        /// Of the sound, Hz.
        rate: u32,
        phrases: &'a Option<Vec<String>>,
        alternatives: u8,
    },
    /// No more sound comes.
    End,
}

/// What it says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Answer {
    Partial {
        id: u32,
        text: String,
    },
    Final {
        id: u32,
        alternatives: Vec<Alternative>,
    },
    End {
        id: u32,
    },
    Error {
        message: String,
    },
}

/// What may have been said: words, or a text that is divided at its blanks.
#[derive(Debug, Deserialize)]
pub(super) struct Alternative {
    #[serde(default)]
    words: Vec<Said>,
    #[serde(default)]
    text: String,
    #[serde(default = "sure")]
    confidence: f32,
    #[serde(default = "sure")]
    weight: f32,
}

#[derive(Debug, Deserialize)]
struct Said {
    text: String,
    #[serde(default = "sure")]
    confidence: f32,
    #[serde(default)]
    ms: u32,
}

fn sure() -> f32 {
    1.0
}

impl From<Alternative> for Hypothesis {
    fn from(alternative: Alternative) -> Self {
        let Alternative {
            words,
            text,
            confidence,
            weight,
        } = alternative;
        let of_text = text.split_whitespace().map(|word| Said {
            text: word.to_owned(),
            confidence,
            ms: 0,
        });
        let words: Vec<Said> = match words[..] {
            [] => of_text.collect(),
            _ => words,
        };
        let words = words.into_iter().map(|word| Word {
            text: word.text,
            confidence: word.confidence.clamp(0.0, 1.0),
            ms: word.ms,
            joined: false,
        });
        Hypothesis {
            words: words.collect(),
            weight: weight.clamp(0.0, 1.0),
        }
    }
}
