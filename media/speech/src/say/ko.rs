//! Korean: Sino-Korean numbers; native ones for hours, for ordinals and before what is counted.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender};

pub(super) struct Korean;

/// 1 to 9,999, Sino-Korean: no 일 before 십, 백 and 천.
fn myriad(line: &mut Line, n: u64) {
    for (scale, name) in [
        (1_000, "number/thousand"),
        (100, "number/hundred"),
        (10, "number/10"),
    ] {
        let digit = n / scale % 10;
        if digit > 1 {
            line.word(format!("number/{digit}"));
        }
        if digit > 0 {
            line.word(name);
        }
    }
    if !n.is_multiple_of(10) {
        line.word(format!("number/{}", n % 10));
    }
}

/// 1 to 99, native, as it stands before what is counted.
fn native(line: &mut Line, n: u64) {
    match n {
        20 => return line.word("native/20-alone"),
        10.. => line.word(format!("native/{}", n / 10 * 10)),
        _ => {}
    }
    if !n.is_multiple_of(10) {
        line.word(format!("native/{}", n % 10));
    }
}

impl Grammar for Korean {
    fn joining(&self) -> Joining {
        Joining::Myriads
    }

    fn category(&self, _: u64) -> Category {
        Category::Other
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        match (n, gender) {
            (0, _) => return line.word("number/0"),
            (1..100, Some(_)) => return native(line, n),
            _ => {}
        }
        let hundred_millions = n / 100_000_000;
        if hundred_millions > 0 {
            myriad(line, hundred_millions);
            line.word("scale/eok");
        }
        match n / 10_000 % 10_000 {
            0 => {}
            // "만", but "일억 일만"
            1 if hundred_millions == 0 => line.word("scale/man"),
            group => {
                myriad(line, group);
                line.word("scale/man");
            }
        }
        myriad(line, n % 10_000);
    }

    fn counted(&self, line: &mut Line, n: u64, noun: &str) {
        let gender = match noun {
            "unit/hour" => Some(Gender::Neuter),
            _ => None,
        };
        self.cardinal(line, n, gender);
        self.noun(line, n, noun);
    }

    fn ordinal(&self, line: &mut Line, n: u16, _: Gender) {
        if n == 1 {
            return line.word("ordinal/1");
        }
        let rest = n % 100;
        if n >= 100 {
            myriad(line, u64::from(n - rest));
        }
        if rest > 0 {
            native(line, rest.into());
        }
        line.word("word/ordinal");
    }

    fn date(&self, line: &mut Line, day: Day) {
        if day.style.year() {
            self.cardinal(line, day.year.into(), None);
            line.word("time/year");
        }
        month(line, day);
        self.cardinal(line, day.day.into(), None);
        line.word("time/day");
        weekday(line, day);
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock) {
        match (clock, hour, minute) {
            (Clock::Usual, 12, 0) => return line.word("time/noon"),
            (Clock::Usual, 0 | 24, 0) => return line.word("time/midnight"),
            (Clock::Usual, ..) => {
                line.word(if hour < 12 { "time/am" } else { "time/pm" });
                native(line, u64::from((hour + 11) % 12 + 1));
            }
            (Clock::TwentyFour, ..) => self.cardinal(line, hour.into(), None),
        }
        line.word("time/hour");
        if minute > 0 {
            self.counted(line, minute.into(), "unit/minute");
        }
    }
}
