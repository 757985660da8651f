//! Portuguese, as in Brazil.

use super::es::{date_with_of, grouped_fraction, ordinal_parts};
use super::grammar::{Category, Grammar};
use super::line::Line;
use super::value::{Clock, Day, Gender};

pub(super) struct Portuguese;

fn is_feminine(gender: Option<Gender>) -> bool {
    gender == Some(Gender::Feminine)
}

/// 1 to 99.
fn tens(line: &mut Line, n: u64, gender: Option<Gender>) {
    match n {
        1 | 2 if is_feminine(gender) => line.word(format!("number/{n}-f")),
        0..20 => line.word(format!("number/{n}")),
        _ => {
            line.word(format!("number/{}", n / 10 * 10));
            if !n.is_multiple_of(10) {
                line.word("word/and");
                tens(line, n % 10, gender);
            }
        }
    }
}

/// 1 to 999.
fn hundreds(line: &mut Line, n: u64, gender: Option<Gender>) {
    match n / 100 {
        0 => {}
        1 if n == 100 => line.word("number/100"),
        1 => line.word("number/hundred"),
        many if is_feminine(gender) => line.word(format!("number/{many}00-f")),
        many => line.word(format!("number/{many}00")),
    }
    if !n.is_multiple_of(100) {
        if n > 100 {
            line.word("word/and");
        }
        tens(line, n % 100, gender);
    }
}

impl Grammar for Portuguese {
    fn category(&self, n: u64) -> Category {
        match n {
            0 | 1 => Category::One,
            // "um milhão de reais"
            _ if n.is_multiple_of(1_000_000) => Category::Many,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        let scales = [
            (1_000_000_000, "number/billion"),
            (1_000_000, "number/million"),
            (1_000, "number/thousand"),
            (1, ""),
        ];
        for (scale, name) in scales {
            let count = n / scale % 1_000;
            if count == 0 {
                continue;
            }
            // The last group has an "e" before it when it is said in one breath: "mil e um",
            // "mil e duzentos", but "mil duzentos e um".
            let is_last = n.is_multiple_of(scale);
            let is_short = count < 100 || count.is_multiple_of(100);
            if n / scale >= 1_000 && is_last && is_short {
                line.word("word/and");
            }
            match scale {
                1 => hundreds(line, count, gender),
                1_000 => {
                    if count > 1 {
                        hundreds(line, count, gender);
                    }
                    line.word(name);
                }
                _ => {
                    hundreds(line, count, None);
                    let form = if count == 1 { "one" } else { "other" };
                    line.word(format!("{name}-{form}"));
                }
            }
        }
    }

    fn fraction(&self, line: &mut Line, digits: &str) {
        grouped_fraction(self, line, digits);
    }

    fn ordinal(&self, line: &mut Line, n: u16, gender: Gender) {
        ordinal_parts(line, n, gender);
    }

    fn date(&self, line: &mut Line, day: Day) {
        date_with_of(self, line, day);
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, _: Clock) {
        self.counted(line, hour.into(), "unit/hour");
        if minute > 0 {
            line.word("word/and");
            self.counted(line, minute.into(), "unit/minute");
        }
    }

    fn telephone_digit(&self, line: &mut Line, digit: u32) {
        match digit {
            // Half a dozen: "seis" is too much like "três" on the telephone.
            6 => line.word("telephone/6"),
            _ => self.digit(line, digit),
        }
    }
}
