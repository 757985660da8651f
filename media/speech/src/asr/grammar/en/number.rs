//! "minus twenty one hundred and five point oh three".

use super::super::builtin::{Spoken, pairs};
use super::{TEENS, TENS, UNITS, below_hundred, digits, place};

const SIGNS: [&str; 2] = ["minus", "negative"];
const POWERS: [(&str, u64); 3] = [
    ("billion", 1_000_000_000),
    ("million", 1_000_000),
    ("thousand", 1_000),
];
/// Digits after the point.
const MOST_DIGITS: usize = 12;

/// The number in decimal.
pub fn value(words: &[&str]) -> Option<String> {
    let (sign, words) = match words.split_first() {
        Some((first, rest)) if SIGNS.contains(first) => ("-", rest),
        _ => ("", words),
    };
    let point = words.iter().position(|word| *word == "point");
    let (whole, fraction) = match point {
        Some(at) => (words.get(..at)?, Some(words.get(at + 1..)?)),
        None => (words, None),
    };
    let whole = match (whole, fraction) {
        ([], Some(_)) => 0,
        ([zero], _) if digits::digit(Some(zero)) == Some('0') => 0,
        (whole, _) => cardinal(whole)?,
    };
    let Some(fraction) = fraction else {
        return Some(match whole {
            0 => "0".to_owned(),
            whole => format!("{sign}{whole}"),
        });
    };
    let digits: Option<String> = fraction
        .iter()
        .map(|word| digits::digit(Some(word)))
        .collect();
    let digits = digits.filter(|digits| (1..=MOST_DIGITS).contains(&digits.len()))?;
    Some(format!("{sign}{whole}.{digits}"))
}

/// A whole number from 1.
pub fn cardinal(mut words: &[&str]) -> Option<u64> {
    let (mut sum, mut smallest) = (0, u64::MAX);
    loop {
        let (group, taken) = below_ten_thousand(words)?;
        words = words.get(taken..)?;
        let power = match words.first() {
            None => 1,
            Some(word) => POWERS.iter().find(|(name, _)| name == word)?.1,
        };
        // "nine hundred thousand", but "twenty one hundred" only at the end and alone.
        if power >= smallest || (group > 999 && (power > 1 || sum > 0)) {
            return None;
        }
        sum += group * power;
        smallest = power;
        words = words.get(1..).unwrap_or_default();
        match words {
            [] => return Some(sum),
            ["and", rest @ ..] => words = rest,
            _ => {}
        }
    }
}

/// "a hundred and five", "twenty one hundred", and how many words it has.
fn below_ten_thousand(words: &[&str]) -> Option<(u64, usize)> {
    let (number, taken) = match words {
        ["a", "hundred" | "thousand" | "million" | "billion", ..] => (1, 1),
        words => below_hundred(words)?,
    };
    let number = u64::from(number);
    if words.get(taken) != Some(&"hundred") {
        return Some((number, taken));
    }
    let (hundreds, taken) = (number * 100, taken + 1);
    let and = usize::from(words.get(taken) == Some(&"and"));
    let rest = words.get(taken + and..).and_then(below_hundred);
    Some(match rest {
        Some((rest, more)) => (hundreds + u64::from(rest), taken + and + more),
        None => (hundreds, taken),
    })
}

/// What may be said.
pub fn spoken() -> Spoken {
    let powers = || POWERS.map(|(name, _)| name);
    let small = [&UNITS[..], &TEENS, &TENS].concat();
    let digit = [&["zero", "oh"][..], &UNITS].concat();
    let after_number = [&["hundred", "point"][..], &powers()].concat();
    let others = [
        pairs(SIGNS, [&small[..], &["zero", "a", "point"]].concat()),
        pairs(["a"], [&["hundred"][..], &powers()].concat()),
        pairs(small.clone(), after_number),
        pairs(TENS, UNITS),
        pairs(
            ["hundred"],
            [&["and", "point"][..], &small, &powers()].concat(),
        ),
        pairs(powers(), [&["and", "point", "a"][..], &small].concat()),
        pairs(["and"], small.clone()),
        pairs(["zero"], ["point"]),
        pairs(["point"], digit.clone()),
        pairs(digit.clone(), digit),
    ];
    let needed = small.into_iter().chain(["zero", "hundred", "thousand"]);
    Spoken {
        needed: needed.map(str::to_owned).collect(),
        others: others.concat(),
    }
}

/// A year: "twenty twenty six", "nineteen oh five", "two thousand and six".
pub fn year(words: &[&str]) -> Option<i16> {
    let year = match below_hundred(words) {
        Some((century @ 10..=99, taken)) if words.get(taken) != Some(&"hundred") => {
            let rest = match words.get(taken..)? {
                ["oh", unit] => place(&UNITS, Some(unit), 1)?,
                rest => {
                    below_hundred(rest)
                        .filter(|(n, taken)| *n > 9 && *taken == rest.len())?
                        .0
                }
            };
            u64::from(100 * century + rest)
        }
        _ => cardinal(words)?,
    };
    let year = i16::try_from(year).ok()?;
    (1900..=2199).contains(&year).then_some(year)
}
