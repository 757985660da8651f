//! Modern Standard Arabic: the nominative, without case endings in the singular; years in the
//! genitive.

use super::grammar::{Category, Grammar, month, weekday};
use super::line::{Joining, Line};
use super::value::{Clock, Day, Gender};

pub(super) struct Arabic;

/// What a number stands in.
#[derive(Clone, Copy)]
struct Place {
    is_feminine: bool,
    /// "عام ألفين": after a word that asks for the genitive.
    is_genitive: bool,
    /// "مئتا دولار": its noun follows, so that a dual loses its last sound.
    has_noun: bool,
}

impl Place {
    fn of(gender: Option<Gender>) -> Self {
        Place {
            is_feminine: gender == Some(Gender::Feminine),
            is_genitive: false,
            has_noun: gender.is_some(),
        }
    }

    /// Before one of the words for a thousand or more, which are masculine.
    fn before_scale(self) -> Self {
        Place {
            is_feminine: false,
            has_noun: true,
            ..self
        }
    }

    /// The suffix of a dual.
    fn dual(self, is_last: bool) -> &'static str {
        match (self.is_genitive, self.has_noun && is_last) {
            (true, _) => "-g",
            (false, true) => "-of",
            (false, false) => "",
        }
    }
}

/// 1 to 99: three to ten take the other gender than their noun.
fn tens(line: &mut Line, n: u64, place: Place) {
    let form = match (n, place.is_feminine, place.is_genitive) {
        (1..20, true, _) => "-f",
        (2 | 12, false, true) => "-g",
        (20.., _, true) => "-g",
        _ => "",
    };
    if n < 20 {
        return line.word(format!("number/{n}{form}"));
    }
    match n % 10 {
        0 => {}
        1 if place.is_feminine => line.word("number/1-f-compound"),
        ones => tens(line, ones, place),
    }
    if !n.is_multiple_of(10) {
        line.word("word/and");
    }
    line.word(format!("number/{}{form}", n / 10 * 10));
}

/// 1 to 999.
fn hundreds(line: &mut Line, n: u64, place: Place) {
    let rest = n % 100;
    match n / 100 {
        0 => {}
        2 => line.word(format!("number/200{}", place.dual(rest == 0))),
        count => line.word(format!("number/{count}00")),
    }
    if rest > 0 {
        if n > 100 {
            line.word("word/and");
        }
        tens(line, rest, place);
    }
}

fn cardinal(line: &mut Line, n: u64, place: Place) {
    if n == 0 {
        return line.word("number/0");
    }
    let scales = [
        (1_000_000_000, "scale/billion"),
        (1_000_000, "scale/million"),
        (1_000, "scale/thousand"),
        (1, ""),
    ];
    for (scale, noun) in scales {
        let count = n / scale % 1_000;
        if count == 0 {
            continue;
        }
        if n / scale >= 1_000 {
            line.word("word/and");
        }
        let is_last = n.is_multiple_of(scale);
        match (scale, count) {
            (1, _) => hundreds(line, count, place),
            (_, 1) => line.word(format!("{noun}-one")),
            (_, 2) => line.word(format!("{noun}-two{}", place.dual(is_last))),
            _ => {
                hundreds(line, count, place.before_scale());
                let form = match Arabic.category(count) {
                    Category::Few => "few",
                    Category::Many if !(is_last && place.has_noun) => "many",
                    _ => "one",
                };
                line.word(format!("{noun}-{form}"));
            }
        }
    }
}

impl Grammar for Arabic {
    fn joining(&self) -> Joining {
        Joining::AndBefore
    }

    fn category(&self, n: u64) -> Category {
        match (n, n % 100) {
            (1, _) => Category::One,
            (2, _) => Category::Two,
            (_, 3..=10) => Category::Few,
            (_, 11..=99) => Category::Many,
            _ => Category::Other,
        }
    }

    fn cardinal(&self, line: &mut Line, n: u64, gender: Option<Gender>) {
        cardinal(line, n, Place::of(gender));
    }

    /// One and two of a noun are the noun itself: "دولار واحد", "دولاران".
    fn counted(&self, line: &mut Line, n: u64, noun: &str) {
        let gender = line.gender(noun);
        let dual = format!("{noun}-two");
        match n {
            1 => {
                self.noun(line, n, noun);
                cardinal(line, n, Place::of(Some(gender)));
            }
            2 if line.has(&dual) => line.word(dual),
            _ => {
                cardinal(line, n, Place::of(Some(gender)));
                self.noun(line, n, noun);
            }
        }
    }

    fn joins_each_unit(&self) -> bool {
        true
    }

    /// "الحادي والعشرون"; above a hundred "الأول بعد المئة".
    fn ordinal(&self, line: &mut Line, n: u16, gender: Gender) {
        let form = match gender {
            Gender::Feminine => "-f",
            _ => "",
        };
        let rest = n % 100;
        match rest {
            0 => return line.word(format!("ordinal/{n}")),
            20.. if rest.is_multiple_of(10) => line.word(format!("ordinal/{rest}")),
            20.. => {
                match rest % 10 {
                    1 => line.word(format!("ordinal/1{form}-compound")),
                    ones => line.word(format!("ordinal/{ones}{form}")),
                }
                line.word("word/and");
                line.word(format!("ordinal/{}", rest / 10 * 10));
            }
            _ => line.word(format!("ordinal/{rest}{form}")),
        }
        match n - rest {
            0 => {}
            200 => {
                line.word("word/after");
                line.word("ordinal/200-g");
            }
            hundreds => {
                line.word("word/after");
                line.word(format!("ordinal/{hundreds}"));
            }
        }
    }

    fn date(&self, line: &mut Line, day: Day) {
        weekday(line, day);
        self.ordinal(line, day.day.into(), Gender::Masculine);
        line.word("word/of");
        month(line, day);
        if day.style.year() {
            line.word("word/year");
            let place = Place {
                is_feminine: false,
                is_genitive: true,
                has_noun: false,
            };
            cardinal(line, day.year.into(), place);
        }
    }

    fn time(&self, line: &mut Line, hour: u8, minute: u8, clock: Clock) {
        let said = match (clock, hour, minute) {
            (Clock::Usual, 0 | 24, 0) => return line.word("time/midnight"),
            (Clock::Usual, ..) => (hour + 11) % 12 + 1,
            (Clock::TwentyFour, ..) => hour,
        };
        line.word("time/clock");
        match said {
            0 => line.word("number/0"),
            1 => line.word("time/one"),
            _ => self.ordinal(line, said.into(), Gender::Feminine),
        }
        if minute > 0 {
            line.word("word/and");
            self.counted(line, minute.into(), "unit/minute");
        }
        match (clock, hour) {
            (Clock::TwentyFour, _) => {}
            (_, 0..12) => line.word("time/am"),
            (_, 12) => line.word("time/noon"),
            _ => line.word("time/pm"),
        }
    }
}
