//! What is said, word by word.

use super::language::Language;
use super::lexicon::{Lexicon, Word};
use super::value::{Gender, SayError, symbol};

/// A piece of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// A recorded word.
    Word(Word),
    /// A pause of [`PAUSE_MS`](super::PAUSE_MS).
    Pause,
}

impl Piece {
    /// Its word, when it is none of the pauses.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        match self {
            Piece::Word(word) => Some(*word),
            Piece::Pause => None,
        }
    }
}

/// How a language writes words one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joining {
    /// Blanks between them.
    Blanks,
    /// No blanks.
    Together,
    /// The words of a number together, up to a million: "einundzwanzigtausend".
    Numbers,
    /// The words of a number together, up to each 만 or まん.
    Myriads,
    /// The "and" belongs to the word after it.
    AndBefore,
}

/// What is said of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    /// The recorded words.
    pub pieces: Vec<Piece>,
    /// The same written out, as a speech synthesizer is given it.
    pub text: String,
}

/// What is said, while it is put together.
pub(super) struct Line {
    lexicon: &'static Lexicon,
    entries: Vec<Entry>,
}

/// A piece by the word's name.
enum Entry {
    Word(String),
    /// One of a row of digits: written apart from the digit before it.
    Digit(String),
    Pause,
}

impl Line {
    pub fn new(lexicon: &'static Lexicon) -> Self {
        Line {
            lexicon,
            entries: Vec::new(),
        }
    }

    pub fn word(&mut self, name: impl Into<String>) {
        self.entries.push(Entry::Word(name.into()));
    }

    pub fn digit(&mut self, name: impl Into<String>) {
        self.entries.push(Entry::Digit(name.into()));
    }

    /// A pause; never the first, never two.
    pub fn pause(&mut self) {
        if matches!(self.entries.last(), Some(Entry::Word(_) | Entry::Digit(_))) {
            self.entries.push(Entry::Pause);
        }
    }

    pub fn symbol(&mut self, c: char) {
        self.word(format!("symbol/{}", symbol(c).unwrap_or_default()));
    }

    /// A letter or a symbol.
    pub fn character(&mut self, c: char) {
        match symbol(c) {
            Some(_) => self.symbol(c),
            None => self.word(format!("letter/{}", c.to_lowercase())),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.lexicon.get(name).is_some()
    }

    pub fn gender(&self, noun: &str) -> Gender {
        self.lexicon.gender(noun).unwrap_or(Gender::Masculine)
    }

    /// A counter, where it melts with the number before it: after `number/4` the counter
    /// `time/hour` takes its place as `time/hour-4`, or follows as `time/hour-other`.
    pub fn counter(&mut self, counter: &str) {
        let number = match self.entries.last() {
            Some(Entry::Word(last)) => last.strip_prefix("number/"),
            _ => None,
        };
        let melted = number.map(|number| format!("{counter}-{number}"));
        match melted.filter(|name| self.has(name)) {
            Some(name) => {
                self.entries.pop();
                self.word(name);
            }
            None => self.word(format!("{counter}-other")),
        }
    }

    pub fn finish(mut self, language: Language) -> Result<Said, SayError> {
        if matches!(self.entries.last(), Some(Entry::Pause)) {
            self.entries.pop();
        }
        let joining = language.grammar().joining();
        let mut said = Said {
            pieces: Vec::new(),
            text: String::new(),
        };
        let mut before = None;
        for entry in self.entries {
            let (name, is_digit) = match entry {
                Entry::Word(name) => (name, false),
                Entry::Digit(name) => (name, true),
                Entry::Pause => {
                    said.pieces.push(Piece::Pause);
                    said.text.push_str(", ");
                    before = None;
                    continue;
                }
            };
            let Some(word) = self.lexicon.get(&name) else {
                return Err(SayError::Word {
                    language: language.tag(),
                    word: name,
                });
            };
            if before.is_some_and(|before| !is_joined(joining, before, word, is_digit)) {
                said.text.push(' ');
            }
            said.text.push_str(word.text);
            said.pieces.push(Piece::Word(word));
            before = Some(word);
        }
        Ok(said)
    }
}

/// Is the word written together with the one before it?
fn is_joined(joining: Joining, before: Word, word: Word, is_digit: bool) -> bool {
    let room = |word: Word| word.name.split('/').next().unwrap_or_default();
    match joining {
        Joining::Blanks => false,
        Joining::Together => true,
        Joining::Numbers => {
            !is_digit && room(before) == "number" && matches!(room(word), "number" | "ordinal")
        }
        Joining::Myriads => {
            !is_digit
                && matches!(room(before), "number" | "native")
                && matches!(room(word), "number" | "native" | "scale")
        }
        Joining::AndBefore => before.name == "word/and",
    }
}
