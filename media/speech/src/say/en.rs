//! English.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::Line;
use super::value::{Clock, Day, Gender};

/// The two ways that differ in "one hundred and one" and in dates.
pub(super) enum English {
    American,
    British,
}

impl English {
    fn and(&self, line: &mut Line) {
        if matches!(self, English::British) {
            line.word("word/and");
        }
    }

    /// 1 to 999.
    fn hundreds(&self, line: &mut Line, n: u64) {
        if n >= 100 {
            line.word(format!("number/{}", n / 100));
            line.word("number/hundred");
            if !n.is_multiple_of(100) {
                self.and(line);
            }
        }
        if !n.is_multiple_of(100) {
            tens(line, n % 100);
        }
    }

    fn year(&self, line: &mut Line, year: u64) {
        let (century, rest) = (year / 100, year % 100);
        let is_counted = century < 10 || century.is_multiple_of(10) && rest < 10;
        if is_counted {
            return self.cardinal(line, year, None);
        }
        tens(line, century);
        match rest {
            0 => line.word("number/hundred"),
            1..10 => {
                line.word("word/oh");
                tens(line, rest);
            }
            _ => tens(line, rest),
        }
    }
}

/// 1 to 99.
fn tens(line: &mut Line, n: u64) {
    if n < 20 {
        return line.word(format!("number/{n}"));
    }
    line.word(format!("number/{}", n / 10 * 10));
    if !n.is_multiple_of(10) {
        line.word(format!("number/{}", n % 10));
    }
}

impl Grammar for English {
    fn category(&self, n: u64) -> Category {
        match n {
            1 => Category::One,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, _: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        let scales = [
            (1_000_000_000, "number/billion"),
            (1_000_000, "number/million"),
            (1_000, "number/thousand"),
        ];
        for (scale, name) in scales {
            let count = n / scale % 1_000;
            if count > 0 {
                self.hundreds(line, count);
                line.word(name);
            }
        }
        let rest = n % 1_000;
        if n > 1_000 && (1..100).contains(&rest) {
            self.and(line);
        }
        if rest > 0 {
            self.hundreds(line, rest);
        }
    }

    fn ordinal(&self, line: &mut Line, n: u16, _: Gender) {
        let rest = n % 100;
        if n >= 100 {
            line.word(format!("number/{}", n / 100));
            match rest {
                0 => return line.word("ordinal/hundred"),
                _ => line.word("number/hundred"),
            }
            self.and(line);
        }
        if rest > 20 && !rest.is_multiple_of(10) {
            line.word(format!("number/{}", rest / 10 * 10));
            line.word(format!("ordinal/{}", rest % 10));
        } else {
            line.word(format!("ordinal/{rest}"));
        }
    }

    fn date(&self, line: &mut Line, day: Day) {
        weekday(line, day);
        match self {
            English::American => {
                month(line, day);
                self.ordinal(line, day.day.into(), Gender::Masculine);
            }
            English::British => {
                line.word("word/the");
                self.ordinal(line, day.day.into(), Gender::Masculine);
                line.word("word/of");
                month(line, day);
            }
        }
        if day.style.year() {
            self.year(line, day.year.into());
        }
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock) {
        let is_usual = clock == Clock::Usual;
        match (is_usual, hour, minute) {
            (true, 0 | 24, 0) => return line.word("time/midnight"),
            (true, 12, 0) => return line.word("time/noon"),
            (true, ..) => tens(line, u64::from((hour + 11) % 12 + 1)),
            (false, ..) => self.cardinal(line, hour.into(), None),
        }
        match minute {
            0 if is_usual => {}
            0 => line.word("number/hundred"),
            1..10 => {
                line.word("word/oh");
                tens(line, minute.into());
            }
            _ => tens(line, minute.into()),
        }
        if is_usual {
            line.word(if hour < 12 { "time/am" } else { "time/pm" });
        }
    }
}
