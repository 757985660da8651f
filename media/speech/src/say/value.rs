//! What can be said, and what cannot.

use std::fmt;

use super::language::Language;
use super::line::{Line, Said};

/// Digits of a number before its point: up to 999,999,999,999.
pub(super) const MOST_WHOLE_DIGITS: usize = 12;

/// Digits of a number after its point.
const MOST_FRACTION_DIGITS: usize = 12;

/// Characters of digits, of a telephone number, of what is spelled.
const MOST_CHARACTERS: usize = 64;

/// The greatest ordinal.
const GREATEST_ORDINAL: u16 = 999;

/// The pause between the groups of a telephone number, and at a space of what is spelled; ms.
pub const PAUSE_MS: u32 = 200;

/// Gender of the noun that a number goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gender {
    /// "un mensaje", "один час".
    Masculine,
    /// "una hora", "одна минута".
    Feminine,
    /// "одно сообщение"; the same as masculine where a language has no neuter.
    Neuter,
}

/// Which parts of a date are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateStyle {
    /// Day, month and year.
    Full,
    /// Day and month.
    DayMonth,
    /// Weekday, day and month.
    WeekdayDayMonth,
    /// Weekday, day, month and year.
    WeekdayFull,
}

impl DateStyle {
    pub(super) fn weekday(self) -> bool {
        matches!(self, DateStyle::WeekdayDayMonth | DateStyle::WeekdayFull)
    }

    pub(super) fn year(self) -> bool {
        matches!(self, DateStyle::Full | DateStyle::WeekdayFull)
    }
}

/// How the hours are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// As the language does on the telephone: twice twelve in en, zh, ja, ko and ar.
    Usual,
    /// 0 to 24.
    TwentyFour,
}

/// A value, and what kind of value it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Say {
    /// "-12.5".
    Number {
        /// An optional "-", up to twelve digits, and after a "." up to twelve more.
        value: String,
        /// Of the noun that follows; none when the number stands alone.
        gender: Option<Gender>,
    },
    /// "third".
    Ordinal {
        /// 1 to 999.
        value: u16,
        /// Of the noun; masculine when none is given.
        gender: Option<Gender>,
    },
    /// One digit after the other; `*` and `#` too. 1 to 64.
    Digits(String),
    /// A day of the Gregorian calendar.
    Date {
        /// 1 to 9999.
        year: u16,
        /// 1 to 12.
        month: u8,
        /// 1 to the month's last.
        day: u8,
        /// Which parts are said.
        style: DateStyle,
    },
    /// A time of day.
    Time {
        /// 0 to 24; 24 only with minute 0.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// How the hours are counted.
        clock: Clock,
    },
    /// Days, hours, minutes and seconds.
    Duration {
        /// How long in all.
        seconds: u32,
    },
    /// An amount of money.
    Currency {
        /// As a number; no more digits after the point than the currency has.
        amount: String,
        /// ISO 4217, in any case.
        code: String,
    },
    /// A telephone number: digits, `*`, `#` and a leading `+`; blanks, `-`, `.`, `/` and
    /// parentheses part the groups. At most 64 characters.
    Telephone(String),
    /// Letters, digits and `. @ - _ / + * #`, one by one; a blank is a pause. 1 to 64.
    Characters(String),
}

/// Why something cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SayError {
    /// No number.
    #[error(
        "{0:?} is no number to say; write an optional \"-\", at most {MOST_WHOLE_DIGITS} digits, \
         and after a \".\" at most {MOST_FRACTION_DIGITS} more"
    )]
    Number(String),
    /// An ordinal that is not covered.
    #[error("the ordinal is {0}; it must be 1 to {GREATEST_ORDINAL}")]
    Ordinal(u16),
    /// No such day.
    #[error("there is no day {year:04}-{month:02}-{day:02}")]
    Date {
        /// As it was given.
        year: u16,
        /// As it was given.
        month: u8,
        /// As it was given.
        day: u8,
    },
    /// No such time.
    #[error("there is no time {hour}:{minute:02}; it must be 0:00 to 23:59, or 24:00")]
    Time {
        /// As it was given.
        hour: u8,
        /// As it was given.
        minute: u8,
    },
    /// A currency that is not covered.
    #[error(
        "the currency is {code:?}; those that can be said are {}",
        currencies()
    )]
    Currency {
        /// As it was given.
        code: String,
    },
    /// Parts of a penny.
    #[error("the amount {amount} has more digits after its point than {code} has ({digits})")]
    Amount {
        /// As it was given.
        amount: String,
        /// ISO 4217.
        code: &'static str,
        /// Digits that the currency has.
        digits: usize,
    },
    /// Too many or too few characters.
    #[error("{kind} has {length} characters; it must have 1 to {MOST_CHARACTERS}")]
    Length {
        /// "digits", "telephone", "characters".
        kind: &'static str,
        /// How many there are.
        length: usize,
    },
    /// A character that cannot be said.
    #[error("{kind} has {character:?}, which cannot be said")]
    Character {
        /// "digits", "telephone", "characters".
        kind: &'static str,
        /// The first of them.
        character: char,
    },
    /// A word that the language has not.
    #[error("{language} has no word {word:?}")]
    Word {
        /// BCP 47 tag.
        language: &'static str,
        /// Its name.
        word: String,
    },
}

fn currencies() -> String {
    let codes: Vec<&str> = CURRENCIES.iter().map(|(code, _)| *code).collect();
    codes.join(", ")
}

/// Each currency, and how many digits of it come after the point.
pub(super) const CURRENCIES: [(&str, usize); 10] = [
    ("BRL", 2),
    ("CHF", 2),
    ("CNY", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("RUB", 2),
    ("SAR", 2),
    ("USD", 2),
];

/// A number, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number<'a> {
    pub negative: bool,
    pub whole: u64,
    /// Digits after the point; may be empty.
    pub fraction: &'a str,
}

impl<'a> Number<'a> {
    pub fn parse(text: &'a str) -> Result<Self, SayError> {
        let wrong = || SayError::Number(text.chars().take(MOST_CHARACTERS).collect());
        let unsigned = text.strip_prefix('-');
        let (whole, fraction) = match unsigned.unwrap_or(text).split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some(parts) => parts,
            None => (unsigned.unwrap_or(text), ""),
        };
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=MOST_WHOLE_DIGITS).contains(&whole.len())
            && fraction.len() <= MOST_FRACTION_DIGITS
            && is_digits(whole)
            && is_digits(fraction);
        if !fits {
            return Err(wrong());
        }
        let whole = whole.parse().map_err(|_| wrong())?;
        let is_zero = whole == 0 && fraction.bytes().all(|digit| digit == b'0');
        Ok(Number {
            negative: unsigned.is_some() && !is_zero,
            whole,
            fraction,
        })
    }
}

/// A day that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub style: DateStyle,
}

impl Day {
    fn new(year: u16, month: u8, day: u8, style: DateStyle) -> Result<Self, SayError> {
        let is_leap =
            year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => 0,
        };
        let exists = (1..=9999).contains(&year) && (1..=last).contains(&day);
        match exists {
            true => Ok(Day {
                year,
                month,
                day,
                style,
            }),
            false => Err(SayError::Date { year, month, day }),
        }
    }

    /// 1 (Monday) to 7 (Sunday), by Sakamoto's method.
    pub fn weekday(self) -> u16 {
        const SHIFT: [u16; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = self.year - u16::from(self.month < 3);
        let shift = SHIFT[usize::from(self.month - 1)];
        let sunday_is_0 =
            (year + year / 4 - year / 100 + year / 400 + shift + u16::from(self.day)) % 7;
        (sunday_is_0 + 6) % 7 + 1
    }
}

impl Say {
    /// Can this be said in some language?
    ///
    /// # Errors
    /// [`SayError`]: what is wrong with the value.
    pub fn check(&self) -> Result<(), SayError> {
        match self {
            Say::Number { value, .. } => Number::parse(value).map(drop),
            Say::Ordinal { value, .. } => match (1..=GREATEST_ORDINAL).contains(value) {
                true => Ok(()),
                false => Err(SayError::Ordinal(*value)),
            },
            Say::Date {
                year,
                month,
                day,
                style,
            } => Day::new(*year, *month, *day, *style).map(drop),
            Say::Time { hour, minute, .. } => match (hour, minute) {
                (0..=23, 0..=59) | (24, 0) => Ok(()),
                _ => Err(SayError::Time {
                    hour: *hour,
                    minute: *minute,
                }),
            },
            Say::Duration { .. } => Ok(()),
            Say::Currency { amount, code } => money(amount, code).map(drop),
            Say::Digits(digits) => {
                characters("digits", digits, |c| c.is_ascii_digit() || "*#".contains(c))
            }
            Say::Telephone(number) => {
                let number = number.strip_prefix('+').unwrap_or(number);
                characters("telephone", number, |c| {
                    c.is_ascii_digit() || "*#".contains(c) || is_separator(c)
                })?;
                match number.chars().all(is_separator) {
                    true => Err(SayError::Length {
                        kind: "telephone",
                        length: 0,
                    }),
                    false => Ok(()),
                }
            }
            Say::Characters(text) => characters("characters", text, |c| {
                c == ' ' || c.is_alphabetic() || c.is_ascii_digit() || symbol(c).is_some()
            }),
        }
    }

    /// What is said of it.
    ///
    /// # Errors
    /// [`SayError`]: what is wrong with the value, or a letter that the language has no name for.
    pub fn said(&self, language: Language) -> Result<Said, SayError> {
        self.check()?;
        let grammar = language.grammar();
        let mut line = Line::new(language.lexicon());
        match self {
            Say::Number { value, gender } => {
                grammar.number(&mut line, Number::parse(value)?, *gender)
            }
            Say::Ordinal { value, gender } => {
                grammar.ordinal(&mut line, *value, gender.unwrap_or(Gender::Masculine))
            }
            Say::Digits(digits) => digits.chars().for_each(|c| match c.to_digit(10) {
                Some(digit) => grammar.digit(&mut line, digit),
                None => line.symbol(c),
            }),
            Say::Date {
                year,
                month,
                day,
                style,
            } => grammar.date(&mut line, Day::new(*year, *month, *day, *style)?),
            Say::Time {
                hour,
                minute,
                clock,
            } => grammar.time(&mut line, *hour, *minute, *clock),
            Say::Duration { seconds } => grammar.duration(&mut line, *seconds),
            Say::Currency { amount, code } => {
                let (number, code, digits) = money(amount, code)?;
                // "12.5" of a currency with two digits is 50 of the small coin.
                let coins = format!("{:0<digits$}", number.fraction);
                let coins = coins.parse().unwrap_or(0);
                if number.negative {
                    line.word("word/minus");
                }
                grammar.currency(&mut line, number.whole, coins, &code.to_ascii_lowercase());
            }
            Say::Telephone(number) => grammar.telephone(&mut line, number),
            Say::Characters(text) => text.chars().for_each(|c| match (c, c.to_digit(10)) {
                (' ', _) => line.pause(),
                (_, Some(digit)) => line.digit(format!("number/{digit}")),
                _ => line.character(c),
            }),
        }
        line.finish(language)
    }
}

fn money<'a>(amount: &'a str, code: &str) -> Result<(Number<'a>, &'static str, usize), SayError> {
    let number = Number::parse(amount)?;
    let known = CURRENCIES
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code));
    let Some((code, digits)) = known else {
        let code = code.chars().take(MOST_CHARACTERS).collect();
        return Err(SayError::Currency { code });
    };
    match number.fraction.len() <= digits {
        true => Ok((number, code, digits)),
        false => Err(SayError::Amount {
            amount: amount.to_owned(),
            code,
            digits,
        }),
    }
}

fn characters(kind: &'static str, text: &str, fits: impl Fn(char) -> bool) -> Result<(), SayError> {
    let length = text.chars().count();
    if !(1..=MOST_CHARACTERS).contains(&length) {
        return Err(SayError::Length { kind, length });
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(character) => Err(SayError::Character { kind, character }),
        None => Ok(()),
    }
}

/// Does it part the groups of a telephone number?
pub(super) fn is_separator(c: char) -> bool {
    " -./()".contains(c)
}

/// The name of a character that is neither letter nor digit.
pub(super) fn symbol(c: char) -> Option<&'static str> {
    Some(match c {
        '.' => "dot",
        '@' => "at",
        '-' => "dash",
        '_' => "underscore",
        '/' => "slash",
        '+' => "plus",
        '*' => "star",
        '#' => "hash",
        _ => return None,
    })
}

/// As scripts and transcripts write it: "number 21", "date 2024-02-29", "currency 12.50 EUR".
impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Say::Number { value, .. } => write!(f, "number {value}"),
            Say::Ordinal { value, .. } => write!(f, "ordinal {value}"),
            Say::Digits(digits) => write!(f, "digits {digits}"),
            Say::Date {
                year, month, day, ..
            } => write!(f, "date {year:04}-{month:02}-{day:02}"),
            Say::Time { hour, minute, .. } => write!(f, "time {hour:02}:{minute:02}"),
            Say::Duration { seconds } => write!(f, "duration {seconds}"),
            Say::Currency { amount, code } => {
                write!(f, "currency {amount} {}", code.to_ascii_uppercase())
            }
            Say::Telephone(number) => write!(f, "telephone {number}"),
            Say::Characters(text) => write!(f, "characters {text}"),
        }
    }
}
