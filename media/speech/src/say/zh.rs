//! Mandarin.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender};

pub(super) struct Mandarin;

/// 1 to 9,999. `is_first`: nothing of the number was said before, so that ten is 十 and the two of
/// two thousand is 两.
fn myriad(line: &mut Line, n: u64, is_first: bool) {
    let mut is_first = is_first;
    let mut has_gap = false;
    for (scale, name) in [
        (1_000, "number/thousand"),
        (100, "number/hundred"),
        (10, "number/10"),
        (1, ""),
    ] {
        let digit = n / scale % 10;
        if digit == 0 {
            has_gap = n / scale > 0;
            continue;
        }
        if has_gap {
            line.word("number/0");
            has_gap = false;
        }
        match (digit, scale) {
            (1, 10) if is_first => {}
            (2, 1_000) if is_first => line.word("number/2-pair"),
            _ => line.word(format!("number/{digit}")),
        }
        if scale > 1 {
            line.word(name);
        }
        is_first = false;
    }
}

impl Grammar for Mandarin {
    fn joining(&self) -> Joining {
        Joining::Together
    }

    fn category(&self, _: u64) -> Category {
        Category::Other
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        match (n, gender) {
            (0, _) => return line.word("number/0"),
            // Before a measure word.
            (2, Some(_)) => return line.word("number/2-pair"),
            _ => {}
        }
        let mut is_first = true;
        for (scale, name) in [(100_000_000, "number/yi"), (10_000, "number/wan"), (1, "")] {
            let group = n / scale % 10_000;
            if group == 0 {
                continue;
            }
            // A group below a thousand has lost its thousands, and so has one after an empty group.
            let has_gap = group < 1_000 || (n / scale / 10_000).is_multiple_of(10_000);
            if !is_first && has_gap {
                line.word("number/0");
            }
            match group {
                2 if scale > 1 => line.word("number/2-pair"),
                _ => myriad(line, group, is_first),
            }
            if scale > 1 {
                line.word(name);
            }
            is_first = false;
        }
    }

    fn ordinal(&self, line: &mut Line, n: u16, _: Gender) {
        line.word("word/ordinal");
        self.cardinal(line, n.into(), None);
    }

    fn date(&self, line: &mut Line, day: Day) {
        if day.style.year() {
            for digit in day.year.to_string().chars() {
                line.word(format!("number/{digit}"));
            }
            line.word("word/year");
        }
        month(line, day);
        self.cardinal(line, day.day.into(), None);
        line.word("word/day");
        weekday(line, day);
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock) {
        let said = match (clock, hour) {
            (Clock::TwentyFour, _) => hour,
            (Clock::Usual, _) => {
                line.word(match hour {
                    0..6 => "time/night",
                    6..12 => "time/morning",
                    12 => "time/noon",
                    13..18 => "time/afternoon",
                    _ => "time/evening",
                });
                match hour {
                    0 => 0,
                    _ => (hour + 11) % 12 + 1,
                }
            }
        };
        self.counted(line, said.into(), "time/hour");
        if minute > 0 {
            if minute < 10 {
                line.word("number/0");
            }
            self.cardinal(line, minute.into(), None);
            line.word("time/minute");
        }
    }

    /// 元, 角 and 分 of China: "十二元五角", "十二元零五分".
    fn currency(&self, line: &mut Line, whole: u64, coins: u64, code: &str) {
        if whole > 0 || coins == 0 {
            self.counted(line, whole, &format!("currency/{code}"));
        }
        match (code, coins / 10, coins % 10) {
            (_, 0, 0) => {}
            ("cny", tens, ones) => {
                if tens > 0 {
                    self.counted(line, tens, "currency/cny-jiao");
                } else if whole > 0 {
                    line.word("number/0");
                }
                if ones > 0 {
                    self.counted(line, ones, "currency/cny-minor");
                }
            }
            _ => self.counted(line, coins, &format!("currency/{code}-minor")),
        }
    }

    fn telephone_digit(&self, line: &mut Line, digit: u32) {
        match digit {
            // 一 is too much like 七 on the telephone.
            1 => line.word("telephone/1"),
            _ => self.digit(line, digit),
        }
    }
}
