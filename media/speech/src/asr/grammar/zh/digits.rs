//! 一三八零零.

use super::super::builtin::Spoken;
use super::{DIGITS, digit};

/// The digits; 幺 is the one of telephone numbers.
pub fn value(letters: &[char]) -> Option<String> {
    let one = |c: &char| match c {
        '幺' => Some('1'),
        c => char::from_digit(digit(*c)?, 10),
    };
    letters.iter().map(one).collect()
}

/// What may be said.
pub fn spoken() -> Spoken {
    let all = || DIGITS.into_iter().chain(['幺', '两']);
    let others = all().flat_map(|a| all().map(move |b| format!("{a}{b}")));
    Spoken {
        needed: DIGITS.iter().map(char::to_string).collect(),
        others: others.chain(["幺".to_owned()]).collect(),
    }
}
