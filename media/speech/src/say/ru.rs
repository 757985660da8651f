//! Russian.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::Line;
use super::value::{Clock, Day, Gender, Number};

pub(super) struct Russian;

/// Says hundreds, tens and ones, each by `word`; 1 to 999.
fn hundreds(n: u64, mut word: impl FnMut(u64)) {
    let rest = n % 100;
    let parts = match rest {
        0..20 => [n - rest, 0, rest],
        _ => [n - rest, rest / 10 * 10, rest % 10],
    };
    parts
        .into_iter()
        .filter(|part| *part > 0)
        .for_each(&mut word);
}

fn group(line: &mut Line, n: u64, gender: Gender) {
    hundreds(n, |part| {
        let form = match (part, gender) {
            (1 | 2, Gender::Feminine) => "-f",
            (1, Gender::Neuter) => "-n",
            _ => "",
        };
        line.word(format!("number/{part}{form}"));
    });
}

/// Only the last word of an ordinal is one: "сто двадцать первый".
fn ordinal(line: &mut Line, n: u64, form: &str) {
    let mut parts = Vec::new();
    hundreds(n, |part| parts.push(part));
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        line.word(format!("number/{part}"));
    }
    line.word(format!("ordinal/{last}{form}"));
}

/// "две тысячи двадцать четвёртого года"
fn year(line: &mut Line, year: u64) {
    let thousands = year / 1_000;
    if year.is_multiple_of(1_000) {
        line.word(format!("ordinal/{year}-g"));
    } else {
        match thousands {
            0 => {}
            // A year has no "одна" before its thousand.
            1 => line.word("scale/thousand-one"),
            _ => Russian.counted(line, thousands, "scale/thousand"),
        }
        ordinal(line, year % 1_000, "-g");
    }
    line.word("word/year");
}

impl Grammar for Russian {
    fn category(&self, n: u64) -> Category {
        match (n % 10, n % 100) {
            (_, 11..=14) => Category::Many,
            (1, _) => Category::One,
            (2..=4, _) => Category::Few,
            _ => Category::Many,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        let scales = [
            (1_000_000_000, "scale/billion"),
            (1_000_000, "scale/million"),
            (1_000, "scale/thousand"),
        ];
        for (scale, noun) in scales {
            let count = n / scale % 1_000;
            if count > 0 {
                group(line, count, line.gender(noun));
                self.noun(line, count, noun);
            }
        }
        group(line, n % 1_000, gender.unwrap_or(Gender::Masculine));
    }

    /// "двадцать одна целая пять десятых"; after more than three digits digit by digit.
    fn number(&self, line: &mut Line, number: Number<'_>, gender: Option<Gender>) {
        if number.negative {
            line.word("word/minus");
        }
        let parts = match number.fraction.len() {
            0 => return self.cardinal(line, number.whole, gender),
            1 => "fraction/tenth",
            2 => "fraction/hundredth",
            3 => "fraction/thousandth",
            _ => {
                self.cardinal(line, number.whole, None);
                line.word("word/point");
                return self.fraction(line, number.fraction);
            }
        };
        let mut fraction = |n: u64, noun: &str| {
            self.cardinal(line, n, Some(Gender::Feminine));
            let form = match self.category(n) {
                Category::One => "one",
                _ => "many",
            };
            line.word(format!("{noun}-{form}"));
        };
        fraction(number.whole, "fraction/whole");
        fraction(number.fraction.parse().unwrap_or(0), parts);
    }

    fn ordinal(&self, line: &mut Line, n: u16, gender: Gender) {
        let form = match gender {
            Gender::Masculine => "",
            Gender::Feminine => "-f",
            Gender::Neuter => "-n",
        };
        ordinal(line, n.into(), form);
    }

    fn date(&self, line: &mut Line, day: Day) {
        weekday(line, day);
        ordinal(line, day.day.into(), "-n");
        month(line, day);
        if day.style.year() {
            year(line, day.year.into());
        }
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, _: Clock) {
        self.counted(line, hour.into(), "unit/hour");
        if minute > 0 {
            self.counted(line, minute.into(), "unit/minute");
        }
    }
}
