//! Japanese. Words are in kana, because what is recorded is their sound.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender, Number};

pub(super) struct Japanese;

/// 1 to 9,999.
fn myriad(line: &mut Line, n: u64) {
    for scale in [1_000, 100, 10, 1] {
        let part = n / scale % 10 * scale;
        if part > 0 {
            line.word(format!("number/{part}"));
        }
    }
}

impl Grammar for Japanese {
    fn joining(&self) -> Joining {
        Joining::Myriads
    }

    fn category(&self, _: u64) -> Category {
        Category::Other
    }

    fn cardinal(&self, line: &mut Line, n: u64, _: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        for (scale, name) in [(100_000_000, "scale/oku"), (10_000, "scale/man")] {
            match n / scale % 10_000 {
                0 => continue,
                1_000 => line.word("number/1000-before"),
                group => myriad(line, group),
            }
            line.word(name);
        }
        myriad(line, n % 10_000);
    }

    fn number(&self, line: &mut Line, number: Number<'_>, gender: Option<Gender>) {
        if number.negative {
            line.word("word/minus");
        }
        self.cardinal(line, number.whole, gender);
        if !number.fraction.is_empty() {
            line.counter("word/point");
            self.fraction(line, number.fraction);
        }
    }

    fn counted(&self, line: &mut Line, n: u64, noun: &str) {
        match (noun, n) {
            ("unit/day", 2..=10 | 14 | 20 | 24) => line.word(format!("day/{n}")),
            _ => {
                self.cardinal(line, n, None);
                line.counter(noun);
            }
        }
    }

    fn ordinal(&self, line: &mut Line, n: u16, _: Gender) {
        self.counted(line, n.into(), "word/ordinal");
    }

    fn date(&self, line: &mut Line, day: Day) {
        if day.style.year() {
            self.counted(line, day.year.into(), "time/year");
        }
        month(line, day);
        line.word(format!("day/{}", day.day));
        weekday(line, day);
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock) {
        let hour = match (clock, hour, minute) {
            (Clock::Usual, 12, 0) => return line.word("time/noon"),
            (Clock::Usual, 0..24, _) => {
                line.word(if hour < 12 { "time/am" } else { "time/pm" });
                hour % 12
            }
            _ => hour,
        };
        self.counted(line, hour.into(), "time/hour");
        if minute > 0 {
            self.counted(line, minute.into(), "unit/minute");
        }
    }
}
