//! The words of a language, as `words/<language>.txt` lists them.
//!
//! A line is a head, a colon and entries between commas:
//!
//! ```text
//! number 0..: zero, one, two            number/0, number/1, number/2
//! number 20..+10: twenty, thirty        number/20, number/30
//! word: minus minus, and and            word/minus, word/and
//! unit/hour (f): one час, few часа      unit/hour-one, unit/hour-few; a feminine noun
//! ordinal 1..-f: первая, вторая         ordinal/1-f, ordinal/2-f
//! ```

use std::collections::{BTreeMap, HashMap};

use super::value::Gender;

/// A recorded word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// Names its file below `say/` of the language's prompts, without suffix: "number/21".
    pub name: &'static str,
    /// What is said, in the language's own script.
    pub text: &'static str,
}

/// The words of a language.
#[derive(Debug, Default)]
pub struct Lexicon {
    words: BTreeMap<String, &'static str>,
    genders: HashMap<&'static str, Gender>,
}

impl Lexicon {
    /// Every word that the language's grammar can say, by name.
    pub fn words(&'static self) -> impl Iterator<Item = Word> {
        self.words.iter().map(|(name, text)| Word { name, text })
    }

    /// The word of this name.
    #[must_use]
    pub fn get(&'static self, name: &str) -> Option<Word> {
        let (name, text) = self.words.get_key_value(name)?;
        Some(Word { name, text })
    }

    /// The gender of a noun.
    pub(super) fn gender(&self, noun: &str) -> Option<Gender> {
        self.genders.get(noun).copied()
    }

    /// Reads a list of words. The lists are part of this crate and tested, so what is no line of
    /// that form is left out.
    pub(super) fn parse(list: &'static str) -> Self {
        let mut lexicon = Lexicon::default();
        let lines = list.lines().filter(|line| !line.starts_with("# "));
        for (head, entries) in lines.filter_map(|line| line.split_once(':')) {
            lexicon.line(head, entries);
        }
        lexicon
    }

    fn line(&mut self, head: &'static str, entries: &'static str) {
        let entries = entries.split(',').map(str::trim);
        let (name, rest) = head.split_once(' ').unwrap_or((head, ""));
        if let Some((first, rest)) = rest.split_once("..") {
            let (step, form) = match rest.strip_prefix('+') {
                Some(rest) => rest.split_at(rest.find('-').unwrap_or(rest.len())),
                None => ("1", rest),
            };
            let (first, step) = (first.parse().unwrap_or(0), step.parse().unwrap_or(1));
            for (number, text) in (first..).step_by(step).zip(entries) {
                let number: usize = number;
                self.words.insert(format!("{name}/{number}{form}"), text);
            }
            return;
        }
        let gender = match rest {
            "(m)" => Some(Gender::Masculine),
            "(f)" => Some(Gender::Feminine),
            "(n)" => Some(Gender::Neuter),
            _ => None,
        };
        if let Some(gender) = gender {
            self.genders.insert(name, gender);
        }
        let join = if gender.is_some() { '-' } else { '/' };
        for (key, text) in entries.filter_map(|entry| entry.split_once(' ')) {
            self.words.insert(format!("{name}{join}{key}"), text);
        }
    }
}
