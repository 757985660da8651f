//! What the languages have in common; each says otherwise where it is otherwise.

use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender, Number, is_separator};

/// Plural category of CLDR. Its name is the suffix of a noun's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    One,
    Two,
    Few,
    Many,
    Other,
}

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Category::One => "one",
            Category::Two => "two",
            Category::Few => "few",
            Category::Many => "many",
            Category::Other => "other",
        }
    }
}

/// How a language says things.
pub(super) trait Grammar: Sync {
    fn joining(&self) -> Joining {
        Joining::Blanks
    }

    /// The form of a noun after so many.
    fn category(&self, n: u64) -> Category;

    /// A whole number; `gender` is that of the noun which follows.
    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>);

    fn ordinal(&self, line: &mut Line, n: u16, gender: Gender);

    fn date(&self, line: &mut Line, day: Day);

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock);

    fn number(&self, line: &mut Line, number: Number<'_>, gender: Option<Gender>) {
        if number.negative {
            line.word("word/minus");
        }
        match number.fraction {
            "" => self.cardinal(line, number.whole, gender),
            fraction => {
                self.cardinal(line, number.whole, None);
                line.word("word/point");
                self.fraction(line, fraction);
            }
        }
    }

    /// What comes after the point: digit by digit.
    fn fraction(&self, line: &mut Line, digits: &str) {
        for digit in digits.chars() {
            line.digit(format!("number/{digit}"));
        }
    }

    /// So many of a noun, which is named without its form.
    fn counted(&self, line: &mut Line, n: u64, noun: &str) {
        let gender = line.gender(noun);
        self.cardinal(line, n, Some(gender));
        self.noun(line, n, noun);
    }

    /// The noun in the form that follows so many, or in its most usual one.
    fn noun(&self, line: &mut Line, n: u64, noun: &str) {
        let name = format!("{noun}-{}", self.category(n).name());
        match line.has(&name) {
            true => line.word(name),
            false => line.word(format!("{noun}-other")),
        }
    }

    fn duration(&self, line: &mut Line, seconds: u32) {
        let units = [
            (seconds / 86_400, "unit/day"),
            (seconds / 3_600 % 24, "unit/hour"),
            (seconds / 60 % 60, "unit/minute"),
            (seconds % 60, "unit/second"),
        ];
        let said: Vec<_> = units.into_iter().filter(|(count, _)| *count > 0).collect();
        for (place, (count, unit)) in said.iter().enumerate() {
            let is_last = place + 1 == said.len();
            if place > 0 && (is_last || self.joins_each_unit()) && line.has("word/and") {
                line.word("word/and");
            }
            self.counted(line, u64::from(*count), unit);
        }
        if said.is_empty() {
            self.counted(line, 0, "unit/second");
        }
    }

    /// Does "and" stand between all units of a duration, not before the last alone?
    fn joins_each_unit(&self) -> bool {
        false
    }

    /// `code` in small letters; `coins` is what comes after the point.
    fn currency(&self, line: &mut Line, whole: u64, coins: u64, code: &str) {
        if whole > 0 || coins == 0 {
            self.counted(line, whole, &format!("currency/{code}"));
        }
        if coins > 0 {
            if whole > 0 {
                self.between_amounts(line);
            }
            self.counted(line, coins, &format!("currency/{code}-minor"));
        }
    }

    /// Between "twelve dollars" and "fifty cents".
    fn between_amounts(&self, line: &mut Line) {
        if line.has("word/and") {
            line.word("word/and");
        }
    }

    /// A digit of a row of digits.
    fn digit(&self, line: &mut Line, digit: u32) {
        let own = format!("digit/{digit}");
        match line.has(&own) {
            true => line.digit(own),
            false => line.digit(format!("number/{digit}")),
        }
    }

    fn telephone(&self, line: &mut Line, number: &str) {
        for c in number.chars() {
            match c.to_digit(10) {
                Some(digit) => self.telephone_digit(line, digit),
                None if is_separator(c) => line.pause(),
                None => line.symbol(c),
            }
        }
    }

    fn telephone_digit(&self, line: &mut Line, digit: u32) {
        self.digit(line, digit);
    }
}

/// Says the weekday when the style has one.
pub(super) fn weekday(line: &mut Line, day: Day) {
    if day.style.weekday() {
        line.word(format!("weekday/{}", day.weekday()));
    }
}

pub(super) fn month(line: &mut Line, day: Day) {
    line.word(format!("month/{}", day.month));
}
