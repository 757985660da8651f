//! "Monday the third of March twenty twenty seven".

use jiff::civil::Weekday;

use super::super::builtin::{Spoken, pairs};
use super::super::day::{Day, Which};
use super::{TEENS, TENS, UNITS, below_hundred, number, place};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
/// 1st to 19th.
const ORDINALS: [&str; 19] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const WHICH: [(&str, Which); 4] = [
    ("this", Which::This),
    ("next", Which::Next),
    ("last", Which::Last),
    ("on", Which::Coming),
];
/// Days after today.
const RELATIVE: [(&str, i32); 5] = [
    ("today", 0),
    ("tomorrow", 1),
    ("yesterday", -1),
    ("the day after tomorrow", 2),
    ("the day before yesterday", -2),
];

/// The day.
pub fn day(words: &[&str]) -> Option<Day> {
    let text = words.join(" ");
    if let Some((_, days)) = RELATIVE.iter().find(|(name, _)| *name == text) {
        return Some(Day::After(*days));
    }
    match words {
        [which, name] if weekday(name).is_some() => {
            let which = WHICH.iter().find(|(word, _)| word == which)?.1;
            Some(Day::OfWeek(which, weekday(name)?))
        }
        [name] if weekday(name).is_some() => Some(Day::OfWeek(Which::Coming, weekday(name)?)),
        [name, rest @ ..] if weekday(name).is_some() => of_month(rest, weekday(name)),
        ["on", rest @ ..] => of_month(rest, None),
        words => of_month(words, None),
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    let at = WEEKDAYS.iter().position(|name| *name == word)?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn month(word: Option<&&str>) -> Option<i8> {
    place(&MONTHS, word, 1).and_then(|month| i8::try_from(month).ok())
}

/// "[the] third [of march [year]]", "march [the] third [year]", "march three [year]".
fn of_month(words: &[&str], weekday: Option<Weekday>) -> Option<Day> {
    let (month, day, rest) = if let Some(month) = month(words.first()) {
        let words = words.get(1..)?;
        let words = words.strip_prefix(&["the"]).unwrap_or(words);
        let (day, taken) = ordinal(words).or_else(|| below_hundred(words))?;
        (Some(month), day, words.get(taken..)?)
    } else {
        let words = words.strip_prefix(&["the"]).unwrap_or(words);
        let (day, taken) = ordinal(words)?;
        match words.get(taken..)? {
            [] => (None, day, &[][..]),
            rest => {
                let rest = rest.strip_prefix(&["of"]).unwrap_or(rest);
                (Some(self::month(rest.first())?), day, rest.get(1..)?)
            }
        }
    };
    let year = match rest {
        [] => None,
        rest => Some(number::year(rest.strip_prefix(&["in"]).unwrap_or(rest))?),
    };
    let day = i8::try_from(day)
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    Some(Day::OfMonth {
        year,
        month,
        day,
        weekday,
    })
}

/// 1st to 31st, and how many words it has.
fn ordinal(words: &[&str]) -> Option<(u32, usize)> {
    match words {
        ["twenty", unit, ..] => Some((20 + place(&ORDINALS[..9], Some(unit), 1)?, 2)),
        ["thirty", "first", ..] => Some((31, 2)),
        ["twentieth", ..] => Some((20, 1)),
        ["thirtieth", ..] => Some((30, 1)),
        words => Some((place(&ORDINALS, words.first(), 1)?, 1)),
    }
}

/// What may be said.
pub fn spoken() -> Spoken {
    let ends: Vec<&str> = (ORDINALS.into_iter())
        .chain(["twentieth", "thirtieth"])
        .collect();
    let starts = [&ends[..], &["twenty", "thirty"]].concat();
    let numbers = [&UNITS[..], &TEENS, &["twenty", "thirty"]].concat();
    let years = ["twenty", "nineteen", "two", "in"];
    let which = WHICH.map(|(word, _)| word);
    let relative = RELATIVE.iter().map(|(words, _)| (*words).to_owned());
    let others = [
        relative.collect(),
        WEEKDAYS.map(str::to_owned).into(),
        pairs(which, WEEKDAYS),
        pairs(WEEKDAYS, [&["the"][..], &MONTHS, &starts].concat()),
        pairs(["the"], starts.clone()),
        pairs(["twenty"], ORDINALS[..9].to_vec()),
        vec!["thirty first".to_owned()],
        pairs(ends.clone(), [&["of"][..], &MONTHS, &years].concat()),
        pairs(["of"], MONTHS),
        pairs(MONTHS, [&["the"][..], &starts, &numbers, &years].concat()),
        pairs(numbers.clone(), years),
        pairs(["in"], ["twenty", "nineteen", "two"]),
        vec!["two thousand".to_owned(), "thousand and".to_owned()],
        pairs(
            ["thousand", "and", "twenty", "nineteen"],
            [&UNITS[..], &TEENS, &TENS].concat(),
        ),
        pairs(["twenty", "nineteen"], ["oh"]),
        pairs(["oh"], UNITS),
        pairs(TENS, UNITS),
    ];
    Spoken {
        needed: MONTHS.map(str::to_owned).into(),
        others: others.concat(),
    }
}
