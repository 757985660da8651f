//! Spanish.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::Line;
use super::value::{Clock, Day, Gender};

pub(super) struct Spanish;

/// The form of one and of the numbers that end in it: "uno", "un mensaje", "una hora".
fn form(gender: Option<Gender>) -> &'static str {
    match gender {
        None => "",
        Some(Gender::Feminine) => "-f",
        Some(_) => "-m",
    }
}

/// 1 to 99.
fn tens(line: &mut Line, n: u64, gender: Option<Gender>) {
    match n {
        1 | 21 => line.word(format!("number/{n}{}", form(gender))),
        0..30 => line.word(format!("number/{n}")),
        _ => {
            line.word(format!("number/{}", n / 10 * 10));
            if !n.is_multiple_of(10) {
                line.word("word/and");
                tens(line, n % 10, gender);
            }
        }
    }
}

/// 1 to 999. Hundreds agree with their noun even before "mil".
fn hundreds(line: &mut Line, n: u64, gender: Option<Gender>, of_tens: Option<Gender>) {
    let is_feminine = gender == Some(Gender::Feminine);
    match n / 100 {
        0 => {}
        1 if n == 100 => line.word("number/100"),
        1 => line.word("number/hundred"),
        many if is_feminine => line.word(format!("number/{many}00-f")),
        many => line.word(format!("number/{many}00")),
    }
    if !n.is_multiple_of(100) {
        tens(line, n % 100, of_tens);
    }
}

/// 1 to 999,999.
fn thousands(line: &mut Line, n: u64, gender: Option<Gender>) {
    match n / 1_000 {
        0 => {}
        1 => line.word("number/thousand"),
        count => {
            hundreds(line, count, gender, Some(Gender::Masculine));
            line.word("number/thousand");
        }
    }
    if !n.is_multiple_of(1_000) {
        hundreds(line, n % 1_000, gender, gender);
    }
}

impl Grammar for Spanish {
    fn category(&self, n: u64) -> Category {
        match n {
            1 => Category::One,
            // "un millón de euros"
            1.. if n.is_multiple_of(1_000_000) => Category::Many,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        if n == 0 {
            return line.word("number/0");
        }
        match n / 1_000_000 {
            0 => {}
            1 => {
                line.word("number/1-m");
                line.word("number/million-one");
            }
            count => {
                thousands(line, count, Some(Gender::Masculine));
                line.word("number/million-other");
            }
        }
        if !n.is_multiple_of(1_000_000) {
            thousands(line, n % 1_000_000, gender);
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
        match hour {
            1 => {
                line.word("word/the-one");
                tens(line, 1, Some(Gender::Feminine));
            }
            _ => {
                line.word("word/the");
                self.counted(line, hour.into(), "unit/hour");
            }
        }
        if minute > 0 {
            line.word("word/and");
            self.counted(line, minute.into(), "unit/minute");
        }
    }

    fn between_amounts(&self, line: &mut Line) {
        line.word("word/with");
    }
}

/// After the point: zeros one by one, then a number of at most three digits; longer rows digit by
/// digit. So in Spanish, French and Portuguese.
pub(super) fn grouped_fraction(grammar: &dyn Grammar, line: &mut Line, digits: &str) {
    let rest = digits.trim_start_matches('0');
    for _ in rest.len()..digits.len() {
        line.digit("number/0");
    }
    match (rest.len(), rest.parse()) {
        (1..=3, Ok(number)) => grammar.cardinal(line, number, None),
        _ => {
            for digit in rest.chars() {
                line.digit(format!("number/{digit}"));
            }
        }
    }
}

/// Hundreds, tens and ones, each an ordinal: "centésimo vigésimo primero". So in Spanish and
/// Portuguese.
pub(super) fn ordinal_parts(line: &mut Line, n: u16, gender: Gender) {
    let form = match gender {
        Gender::Feminine => "-f",
        _ => "",
    };
    let mut word = |n: u16| {
        if n > 0 {
            line.word(format!("ordinal/{n}{form}"));
        }
    };
    let rest = n % 100;
    word(n - rest);
    match rest {
        0..20 => word(rest),
        _ => {
            word(rest / 10 * 10);
            word(rest % 10);
        }
    }
}

/// "primero de mayo de dos mil veintiséis", in Spanish and Portuguese.
pub(super) fn date_with_of(grammar: &dyn Grammar, line: &mut Line, day: Day) {
    weekday(line, day);
    match day.day {
        1 => line.word("ordinal/1"),
        number => grammar.cardinal(line, number.into(), None),
    }
    line.word("word/of");
    month(line, day);
    if day.style.year() {
        line.word("word/of");
        grammar.cardinal(line, day.year.into(), None);
    }
}
