//! German.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender};

pub(super) struct German;

/// 1 to 999; "eins", "ein Tag", "eine Stunde" only at the end.
fn hundreds(line: &mut Line, n: u64, gender: Option<Gender>) {
    match n / 100 {
        0 => {}
        1 => {
            line.word("number/1-m");
            line.word("number/hundred");
        }
        count => {
            line.word(format!("number/{count}"));
            line.word("number/hundred");
        }
    }
    match (n % 100, gender) {
        (0, _) => {}
        (1, Some(Gender::Feminine)) => line.word("number/1-f"),
        (1, Some(_)) => line.word("number/1-m"),
        (rest, _) => line.word(format!("number/{rest}")),
    }
}

impl Grammar for German {
    fn joining(&self) -> Joining {
        Joining::Numbers
    }

    fn category(&self, n: u64) -> Category {
        match n {
            1 => Category::One,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        for (scale, name) in [
            (1_000_000_000, "scale/billion"),
            (1_000_000, "scale/million"),
        ] {
            let count = n / scale % 1_000;
            if count > 0 {
                hundreds(line, count, Some(Gender::Feminine));
                line.word(format!("{name}-{}", self.category(count).name()));
            }
        }
        let thousands = n / 1_000 % 1_000;
        if thousands > 0 {
            hundreds(line, thousands, Some(Gender::Masculine));
            line.word("number/thousand");
        }
        if !n.is_multiple_of(1_000) {
            hundreds(line, n % 1_000, gender);
        }
    }

    fn ordinal(&self, line: &mut Line, n: u16, _: Gender) {
        let rest = n % 100;
        if n >= 100 {
            let count = n / 100;
            match count {
                1 => line.word("number/1-m"),
                _ => line.word(format!("number/{count}")),
            }
            match rest {
                0 => return line.word("ordinal/hundred"),
                _ => line.word("number/hundred"),
            }
        }
        line.word(format!("ordinal/{rest}"));
    }

    fn date(&self, line: &mut Line, day: Day) {
        weekday(line, day);
        line.word("word/the");
        self.ordinal(line, day.day.into(), Gender::Masculine);
        month(line, day);
        let year = u64::from(day.year);
        match (day.style.year(), year) {
            (false, _) => {}
            (true, 1_100..2_000) => {
                line.word(format!("number/{}", year / 100));
                line.word("number/hundred");
                if !year.is_multiple_of(100) {
                    line.word(format!("number/{}", year % 100));
                }
            }
            (true, _) => self.cardinal(line, year, None),
        }
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, _: Clock) {
        self.cardinal(line, hour.into(), Some(Gender::Neuter));
        line.word("time/clock");
        if minute > 0 {
            self.cardinal(line, minute.into(), None);
        }
    }
}
