//! Values that are said in words, by the grammar of the prompt's language.
//!
//! ```
//! # use vireo_sdk::prelude::*;
//! let prompt: Prompt = ("you-have", say::number(21), "messages").into();
//! let price: Prompt = (say::currency("12.50", "EUR"), say::date(2026, 11, 22)).into();
//! # assert_eq!((prompt.len(), price.len()), (3, 2));
//! ```
//!
//! The server has the words of each language as recordings; `vireo prompts build` makes them. What
//! cannot be said, a 30th of February say, is [`Error::Invalid`](crate::Error::Invalid) when it is
//! played.

use std::fmt::Display;

use crate::contract::vireo::flow::media as wit;
use crate::prompt::Part;

pub use wit::{DateStyle, Gender, Hours};

/// A value that is said; the functions of this module make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say(Value);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(String, Option<Gender>),
    Ordinal(u16, Option<Gender>),
    Digits(String),
    Date(u16, u8, u8, DateStyle),
    Time(u8, u8, Hours),
    Duration(u32),
    Currency(String, String),
    Telephone(String),
    Characters(String),
}

/// "twenty one": a whole number, or a decimal written as text, `"-12.5"`.
pub fn number(value: impl Display) -> Say {
    Say(Value::Number(value.to_string(), None))
}

/// "third": 1 to 999.
#[must_use]
pub fn ordinal(value: u16) -> Say {
    Say(Value::Ordinal(value, None))
}

/// One digit after the other: a code, an account.
pub fn digits(digits: impl Into<String>) -> Say {
    Say(Value::Digits(digits.into()))
}

/// Day, month and year.
#[must_use]
pub fn date(year: u16, month: u8, day: u8) -> Say {
    Say(Value::Date(year, month, day, DateStyle::Full))
}

/// A time of day: 0:00 to 24:00.
#[must_use]
pub fn time(hour: u8, minute: u8) -> Say {
    Say(Value::Time(hour, minute, Hours::Usual))
}

/// Days, hours, minutes and seconds; what is less than a second is left out.
#[must_use]
pub fn duration(length: std::time::Duration) -> Say {
    Say(Value::Duration(
        u32::try_from(length.as_secs()).unwrap_or(u32::MAX),
    ))
}

/// An amount of money, `("12.50", "EUR")`.
pub fn currency(amount: impl Display, code: impl Into<String>) -> Say {
    Say(Value::Currency(amount.to_string(), code.into()))
}

/// A telephone number, with pauses where it is written in groups.
pub fn telephone(number: impl Into<String>) -> Say {
    Say(Value::Telephone(number.into()))
}

/// Letters, digits and `. @ - _ / + * #`, spelled.
pub fn characters(text: impl Into<String>) -> Say {
    Say(Value::Characters(text.into()))
}

impl Say {
    /// The gender of the noun that a number or an ordinal goes with; of other values nothing.
    #[must_use]
    pub fn gender(mut self, of_noun: Gender) -> Self {
        if let Value::Number(_, gender) | Value::Ordinal(_, gender) = &mut self.0 {
            *gender = Some(of_noun);
        }
        self
    }

    /// Which parts of a date are said; of other values nothing.
    #[must_use]
    pub fn style(mut self, of_date: DateStyle) -> Self {
        if let Value::Date(_, _, _, style) = &mut self.0 {
            *style = of_date;
        }
        self
    }

    /// How the hours of a time are counted; of other values nothing.
    #[must_use]
    pub fn hours(mut self, of_time: Hours) -> Self {
        if let Value::Time(_, _, hours) = &mut self.0 {
            *hours = of_time;
        }
        self
    }
}

impl From<Say> for Part {
    fn from(say: Say) -> Self {
        Self::Say(say)
    }
}

impl From<Say> for wit::SayAs {
    fn from(Say(value): Say) -> Self {
        match value {
            Value::Number(value, gender) => Self::Number(wit::Number { value, gender }),
            Value::Ordinal(value, gender) => Self::Ordinal(wit::Ordinal { value, gender }),
            Value::Digits(digits) => Self::Digits(digits),
            Value::Date(year, month, day, style) => Self::Date(wit::Date {
                year,
                month,
                day,
                style,
            }),
            Value::Time(hour, minute, hours) => Self::Time(wit::Time {
                hour,
                minute,
                hours,
            }),
            Value::Duration(seconds) => Self::Duration(seconds),
            Value::Currency(value, currency) => Self::Currency(wit::Amount { value, currency }),
            Value::Telephone(number) => Self::Telephone(number),
            Value::Characters(text) => Self::Characters(text),
        }
    }
}

/// As the scripts of `vireo test` write it: "number 21".
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn written(value: &wit::SayAs) -> String {
    use wit::SayAs;
    match value {
        SayAs::Number(number) => format!("number {}", number.value),
        SayAs::Ordinal(ordinal) => format!("ordinal {}", ordinal.value),
        SayAs::Digits(digits) => format!("digits {digits}"),
        SayAs::Date(day) => format!("date {:04}-{:02}-{:02}", day.year, day.month, day.day),
        SayAs::Time(time) => format!("time {:02}:{:02}", time.hour, time.minute),
        SayAs::Duration(seconds) => format!("duration {seconds}"),
        SayAs::Currency(amount) => {
            let code = amount.currency.to_ascii_uppercase();
            format!("currency {} {code}", amount.value)
        }
        SayAs::Telephone(number) => format!("telephone {number}"),
        SayAs::Characters(text) => format!("characters {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_contract() {
        let number = wit::SayAs::from(number(-3).gender(Gender::Feminine));
        assert!(matches!(number, wit::SayAs::Number(of)
            if of.value == "-3" && of.gender == Some(Gender::Feminine)));
        let date = wit::SayAs::from(date(2024, 2, 29).style(DateStyle::WeekdayFull));
        assert!(matches!(date, wit::SayAs::Date(of)
            if (of.month, of.day, of.style) == (2, 29, DateStyle::WeekdayFull)));
        let time = wit::SayAs::from(time(14, 5).hours(Hours::TwentyFour));
        assert!(matches!(time, wit::SayAs::Time(of)
            if (of.hour, of.minute, of.hours) == (14, 5, Hours::TwentyFour)));
        let long = duration(std::time::Duration::from_secs(1 << 40));
        assert!(matches!(
            wit::SayAs::from(long),
            wit::SayAs::Duration(u32::MAX)
        ));
    }
}
