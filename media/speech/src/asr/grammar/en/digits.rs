//! "oh four double two".

use super::super::builtin::{Spoken, pairs};
use super::{UNITS, place};

const ZEROS: [&str; 3] = ["zero", "oh", "o"];
const REPEATED: [&str; 2] = ["double", "triple"];

/// The digit of a word.
pub fn digit(word: Option<&&str>) -> Option<char> {
    let zero = word.filter(|word| ZEROS.contains(word)).map(|_| 0);
    let digit = zero.or_else(|| place(&UNITS, word, 1))?;
    char::from_digit(digit, 10)
}

/// The digits.
pub fn value(words: &[&str]) -> Option<String> {
    let mut digits = String::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match place(&REPEATED, Some(word), 2) {
            Some(times) => {
                let digit = digit(words.next())?;
                digits.extend((0..times).map(|_| digit));
            }
            None => digits.push(digit(Some(word))?),
        }
    }
    Some(digits)
}

/// What may be said.
pub fn spoken() -> Spoken {
    let all = || ZEROS.into_iter().chain(UNITS);
    let others = [
        pairs(all(), all().collect::<Vec<_>>()),
        pairs(REPEATED, all().collect::<Vec<_>>()),
        pairs(all(), REPEATED),
        vec!["oh".to_owned()],
    ];
    Spoken {
        needed: ["zero"]
            .into_iter()
            .chain(UNITS)
            .map(str::to_owned)
            .collect(),
        others: others.concat(),
    }
}
