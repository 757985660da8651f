//! English.

pub mod date;
pub mod digits;
pub mod number;

/// What means yes; the first must be known to a model.
pub const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "sure",
    "okay",
    "ok",
    "correct",
    "right",
    "yes please",
    "yes it is",
    "that's right",
    "that is right",
    "that's correct",
    "that is correct",
    "of course",
    "please",
    "affirmative",
];
/// What means no.
pub const NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "wrong",
    "incorrect",
    "no thanks",
    "no thank you",
    "no it is not",
    "no it isn't",
    "that's wrong",
    "that is wrong",
    "not correct",
    "not right",
    "negative",
    "never",
];

/// 1 to 9.
const UNITS: [&str; 9] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
/// 10 to 19.
const TEENS: [&str; 10] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
/// 20 to 90.
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// The place of a word in a list, added to the number of its first.
fn place(words: &[&str], word: Option<&&str>, first: u32) -> Option<u32> {
    let at = words.iter().position(|known| Some(known) == word)?;
    Some(first + u32::try_from(at).ok()?)
}

/// A number of 1 to 99 at the beginning, and how many words it has.
fn below_hundred(words: &[&str]) -> Option<(u32, usize)> {
    if let Some(tens) = place(&TENS, words.first(), 2) {
        return Some(match place(&UNITS, words.get(1), 1) {
            Some(unit) => (10 * tens + unit, 2),
            None => (10 * tens, 1),
        });
    }
    let small = place(&UNITS, words.first(), 1).or_else(|| place(&TEENS, words.first(), 10));
    small.map(|number| (number, 1))
}
