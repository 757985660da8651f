//! French, as in France.

use super::es::grouped_fraction;
use super::grammar::{Category, Grammar, month, weekday};
use super::line::Line;
use super::value::{Clock, Day, Gender, is_separator};

pub(super) struct French;

/// Digits of a telephone number of France, which is said in pairs.
const NATIONAL_DIGITS: usize = 10;

/// 1 to 99; before "mille" eighty loses its s.
fn tens(line: &mut Line, n: u64, gender: Option<Gender>, before_thousand: bool) {
    let form = match n {
        80 if before_thousand => "-before",
        1 | 21 | 31 | 41 | 51 | 61 | 81 if gender == Some(Gender::Feminine) => "-f",
        _ => "",
    };
    line.word(format!("number/{n}{form}"));
}

/// 1 to 999; before "mille" hundred has no s.
fn hundreds(line: &mut Line, n: u64, gender: Option<Gender>, before_thousand: bool) {
    let count = n / 100;
    if count > 1 {
        line.word(format!("number/{count}"));
    }
    match n % 100 {
        0 if count > 1 && !before_thousand => line.word("number/hundreds"),
        _ if count > 0 => line.word("number/hundred"),
        _ => {}
    }
    if !n.is_multiple_of(100) {
        tens(line, n % 100, gender, before_thousand);
    }
}

impl Grammar for French {
    fn category(&self, n: u64) -> Category {
        match n {
            0 | 1 => Category::One,
            // "un million d'euros"
            _ if n.is_multiple_of(1_000_000) => Category::Many,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        for (scale, name) in [
            (1_000_000_000, "number/billion"),
            (1_000_000, "number/million"),
        ] {
            let count = n / scale % 1_000;
            if count > 0 {
                hundreds(line, count, None, false);
                let form = if count == 1 { "one" } else { "other" };
                line.word(format!("{name}-{form}"));
            }
        }
        let thousands = n / 1_000 % 1_000;
        if thousands > 1 {
            hundreds(line, thousands, None, true);
        }
        if thousands > 0 {
            line.word("number/thousand");
        }
        if !n.is_multiple_of(1_000) {
            hundreds(line, n % 1_000, gender, false);
        }
    }

    fn fraction(&self, line: &mut Line, digits: &str) {
        grouped_fraction(self, line, digits);
    }

    fn ordinal(&self, line: &mut Line, n: u16, gender: Gender) {
        let (count, rest) = (n / 100, n % 100);
        if count > 1 {
            line.word(format!("number/{count}"));
        }
        match (count, rest) {
            (0, 1) if gender == Gender::Feminine => return line.word("ordinal/1-f"),
            (0, _) => {}
            (_, 0) => return line.word("ordinal/hundred"),
            _ => line.word("number/hundred"),
        }
        match (count, rest) {
            (1.., 1) => line.word("ordinal/1-after"),
            _ => line.word(format!("ordinal/{rest}")),
        }
    }

    fn date(&self, line: &mut Line, day: Day) {
        line.word("word/the");
        weekday(line, day);
        match day.day {
            1 => line.word("ordinal/1"),
            number => tens(line, number.into(), None, false),
        }
        month(line, day);
        if day.style.year() {
            self.cardinal(line, day.year.into(), None);
        }
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, _: Clock) {
        self.counted(line, hour.into(), "unit/hour");
        if minute > 0 {
            tens(line, minute.into(), Some(Gender::Feminine), false);
        }
    }

    /// "zéro six, douze, trente-quatre": groups of two digits are numbers. Ten digits in a row are
    /// such groups.
    fn telephone(&self, line: &mut Line, number: &str) {
        let is_national = number.len() == NATIONAL_DIGITS
            && number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit());
        let groups: Vec<&str> = match is_national {
            true => (0..NATIONAL_DIGITS)
                .step_by(2)
                .map(|at| &number[at..at + 2])
                .collect(),
            false => number.split(is_separator).collect(),
        };
        for group in groups {
            line.pause();
            match (group.len(), group.parse::<u64>()) {
                (2, Ok(pair)) if !group.starts_with(['0', '+']) => tens(line, pair, None, false),
                _ => group.chars().for_each(|c| match c.to_digit(10) {
                    Some(digit) => self.digit(line, digit),
                    None => line.symbol(c),
                }),
            }
        }
    }
}
