//! What may be said, as an engine takes it, and what was said, as a value.
//!
//! An engine's grammar is soft: any order of its words may come out. So what was heard is looked up again.

mod builtin;
mod day;
mod en;
mod words;
mod zh;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use jiff::civil::Date;

use builtin::{Kind, Tongue};

use super::{AsrError, Grammar, Phrase, UNKNOWN, Vocabulary, Word};

/// All phrases of a request, at most.
const MOST_PHRASES: usize = 2_000;
/// Sound that is no word of the grammar, ms: this much before or after the words is breath or noise when there
/// is a pause between. More, or at once with them, it is something else that was said: "forty" is no four.
const BREATH_MS: u32 = 250;

/// The grammars of a request.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// For the engine; none: whatever is said.
    phrases: Option<Vec<String>>,
}

#[derive(Debug)]
enum Rule {
    /// Values by phrase.
    Phrases(HashMap<String, String>),
    Builtin(Tongue, Kind),
    Dictation,
}

impl Rules {
    /// The rules for these grammars, and a model of this name with this vocabulary.
    pub fn of(
        language: &str,
        grammars: &[Grammar],
        today: Date,
        model: &dyn fmt::Display,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<Self, AsrError> {
        let mut maker = Maker {
            language,
            today,
            vocabulary,
            phrases: BTreeSet::new(),
            unknown: Vec::new(),
        };
        let mut rules = Vec::new();
        for (at, grammar) in (1..).zip(grammars) {
            rules.push(maker.rule(at, grammar)?);
        }
        if rules.is_empty() {
            return Err(wrong(1, "there is none; say what the caller may say"));
        }
        if !maker.unknown.is_empty() {
            return Err(AsrError::UnknownWords {
                model: model.to_string(),
                language: language.to_owned(),
                words: maker.unknown,
            });
        }
        let all = rules.iter().any(|rule| matches!(rule, Rule::Dictation));
        Ok(Rules {
            rules,
            phrases: (!all).then(|| maker.phrases.into_iter().collect()),
        })
    }

    /// For an engine.
    pub fn phrases(&self) -> Option<Vec<String>> {
        self.phrases.clone()
    }

    /// The first grammar that fits, from 0, and the value.
    pub fn meaning(&self, words: &[Word]) -> Option<(usize, String)> {
        let words = without_breath(words);
        let whole = words.iter().all(|word| word.text != UNKNOWN);
        let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let text = Self::text(&words);
        if text.is_empty() {
            return None;
        }
        (self.rules.iter().enumerate()).find_map(|(at, rule)| {
            let value = match rule {
                Rule::Dictation => Some(text.clone()),
                _ if !whole => None,
                Rule::Phrases(values) => values.get(&text).cloned(),
                Rule::Builtin(tongue, kind) => kind.value(*tongue, &text),
            };
            Some((at, value?))
        })
    }

    /// Words as a text; what is no word is left out.
    pub fn text(words: &[&str]) -> String {
        let words: Vec<&str> = (words.iter().copied())
            .filter(|word| *word != UNKNOWN)
            .collect();
        words::joined(&words)
    }
}

/// The words without the breath before and after them.
fn without_breath(mut words: &[Word]) -> &[Word] {
    let short = |word: &Word| word.text == UNKNOWN && word.ms < BREATH_MS;
    while let [first, rest @ ..] = words
        && short(first)
        && !rest.first().is_some_and(|next| next.joined)
    {
        words = rest;
    }
    while let [rest @ .., last] = words
        && short(last)
        && !last.joined
    {
        words = rest;
    }
    words
}

fn wrong(at: usize, problem: impl Into<String>) -> AsrError {
    let problem = problem.into();
    AsrError::Grammar { at, problem }
}

/// Collects what the engine is told.
struct Maker<'a> {
    language: &'a str,
    today: Date,
    vocabulary: Option<&'a Vocabulary>,
    phrases: BTreeSet<String>,
    unknown: Vec<String>,
}

impl Maker<'_> {
    fn rule(&mut self, at: usize, grammar: &Grammar) -> Result<Rule, AsrError> {
        match grammar {
            Grammar::Phrases(phrases) => self.phrases(at, phrases),
            Grammar::Dictation => Ok(Rule::Dictation),
            Grammar::Digits { min, max } if *min == 0 || min > max => {
                let problem = format!("{min} to {max} digits are none; say at least 1");
                Err(wrong(at, problem))
            }
            Grammar::Digits { min, max } => {
                let (min, max) = (*min, *max);
                self.builtin("digits", Kind::Digits { min, max })
            }
            Grammar::Number => self.builtin("number", Kind::Number),
            Grammar::YesNo => self.builtin("yes-no", Kind::YesNo),
            Grammar::Date => self.builtin("date", Kind::Date(self.today)),
        }
    }

    fn builtin(&mut self, name: &'static str, kind: Kind) -> Result<Rule, AsrError> {
        let tongue = Tongue::of(self.language).ok_or_else(|| AsrError::NoGrammar {
            grammar: name,
            language: self.language.to_owned(),
        })?;
        let spoken = kind.spoken(tongue);
        for phrase in &spoken.needed {
            self.listen_for(&words::of(phrase));
        }
        for phrase in &spoken.others {
            if let Ok(known) = self.known(&words::of(phrase)) {
                self.phrases.insert(known);
            }
        }
        Ok(Rule::Builtin(tongue, kind))
    }

    fn phrases(&mut self, at: usize, phrases: &[Phrase]) -> Result<Rule, AsrError> {
        if phrases.is_empty() {
            return Err(wrong(at, "it has no phrases"));
        }
        if self.phrases.len() + phrases.len() > MOST_PHRASES {
            return Err(wrong(
                at,
                format!("there are more than {MOST_PHRASES} phrases"),
            ));
        }
        let mut values = HashMap::new();
        for phrase in phrases {
            let words = words::of(&phrase.text);
            if words.is_empty() {
                return Err(wrong(at, format!("{:?} has no words", phrase.text)));
            }
            let key = words::joined(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let value = phrase.value.as_ref().unwrap_or(&phrase.text).clone();
            values.entry(key).or_insert(value);
            self.listen_for(&words);
        }
        Ok(Rule::Phrases(values))
    }

    /// Adds a phrase for the engine, or its words to those that the model does not know.
    fn listen_for(&mut self, words: &[String]) {
        match self.known(words) {
            Ok(phrase) => {
                self.phrases.insert(phrase);
            }
            Err(unknown) => {
                for word in unknown {
                    if !self.unknown.contains(&word) {
                        self.unknown.push(word);
                    }
                }
            }
        }
    }

    /// A phrase in words of the model.
    ///
    /// # Errors
    /// Words that it does not know.
    fn known(&self, words: &[String]) -> Result<String, Vec<String>> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for word in words {
            match words::split(word, self.vocabulary) {
                Ok(parts) => known.extend(parts),
                Err(word) => unknown.push(word),
            }
        }
        match unknown.is_empty() {
            true => Ok(known.join(" ")),
            false => Err(unknown),
        }
    }
}

#[cfg(test)]
mod tests;
