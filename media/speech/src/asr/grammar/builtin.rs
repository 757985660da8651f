//! The types of answers that need no list of phrases.

use jiff::civil::Date;

use super::{en, zh};

/// Languages that they are spoken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    English,
    Mandarin,
}

impl Tongue {
    /// That of a BCP 47 tag.
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Tongue::English),
            "zh" | "cmn" => Some(Tongue::Mandarin),
            _ => None,
        }
    }
}

/// A type of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Digits { min: u8, max: u8 },
    Number,
    YesNo,
    Date(Date),
}

/// What an engine is to listen for.
#[derive(Debug)]
pub struct Spoken {
    /// Phrases without which the type makes no sense.
    pub needed: Vec<String>,
    /// Others, of which a model may not know some. With those that are needed they have each pair of words
    /// that may follow each other: an engine's grammar is made of pairs.
    pub others: Vec<String>,
}

impl Kind {
    /// What may be said.
    pub fn spoken(self, tongue: Tongue) -> Spoken {
        match (tongue, self) {
            (Tongue::English, Kind::Digits { .. }) => en::digits::spoken(),
            (Tongue::English, Kind::Number) => en::number::spoken(),
            (Tongue::English, Kind::YesNo) => listed(en::YES, en::NO),
            (Tongue::English, Kind::Date(_)) => en::date::spoken(),
            (Tongue::Mandarin, Kind::Digits { .. }) => zh::digits::spoken(),
            (Tongue::Mandarin, Kind::Number) => zh::number::spoken(),
            (Tongue::Mandarin, Kind::YesNo) => listed(zh::YES, zh::NO),
            (Tongue::Mandarin, Kind::Date(_)) => zh::date::spoken(),
        }
    }

    /// The value of a text, words with spaces where the writing has them.
    pub fn value(self, tongue: Tongue, text: &str) -> Option<String> {
        let words: Vec<&str> = text.split(' ').collect();
        // A Mandarin model may cut numbers anywhere, and none of them has a space inside.
        let letters: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
        match (self, tongue) {
            (Kind::Digits { min, max }, _) => {
                let digits = match tongue {
                    Tongue::English => en::digits::value(&words),
                    Tongue::Mandarin => zh::digits::value(&letters),
                };
                digits
                    .filter(|digits| (usize::from(min)..=usize::from(max)).contains(&digits.len()))
            }
            (Kind::Number, Tongue::English) => en::number::value(&words),
            (Kind::Number, Tongue::Mandarin) => zh::number::value(&letters),
            (Kind::YesNo, Tongue::English) => yes_no(text, en::YES, en::NO),
            (Kind::YesNo, Tongue::Mandarin) => yes_no(text, zh::YES, zh::NO),
            (Kind::Date(today), Tongue::English) => date(en::date::day(&words)?.date(today)?),
            (Kind::Date(today), Tongue::Mandarin) => date(zh::date::day(&letters)?.date(today)?),
        }
    }
}

fn date(date: Date) -> Option<String> {
    Some(date.to_string())
}

fn yes_no(text: &str, yes: &[&str], no: &[&str]) -> Option<String> {
    let value = if yes.contains(&text) {
        "yes"
    } else if no.contains(&text) {
        "no"
    } else {
        return None;
    };
    Some(value.to_owned())
}

/// The first of each list is needed.
fn listed(yes: &[&str], no: &[&str]) -> Spoken {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let [needed, others] = [
        &[yes, no].map(|list| &list[..1]),
        &[yes, no].map(|list| &list[1..]),
    ];
    Spoken {
        needed: owned(&needed.concat()),
        others: owned(&others.concat()),
    }
}

/// Each of the first before each of the second.
pub fn pairs<'a>(
    first: impl IntoIterator<Item = &'a str>,
    second: impl IntoIterator<Item = &'a str> + Clone,
) -> Vec<String> {
    let both = |a: &str| {
        let second = second.clone().into_iter();
        second.map(|b| format!("{a} {b}")).collect::<Vec<_>>()
    };
    first.into_iter().flat_map(both).collect()
}
