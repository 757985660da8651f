//! The argument ranges of values that are said.

use super::check::{Check, invalid, length, range};
use crate::contract::{Amount, Date, SayAs, Time};

/// Digits of a number before its point, and after it.
const MOST_NUMBER_DIGITS: usize = 12;

/// Characters of a row that is said one by one.
const MOST_SAID: usize = 64;

/// Checks what every language needs; what one language cannot say is found when it is looked up.
pub(super) fn check(value: &SayAs) -> Check {
    match value {
        SayAs::Number(number) => decimal("number", &number.value),
        SayAs::Ordinal(ordinal) => range("ordinal", ordinal.value, 1, 999),
        SayAs::Digits(digits) => row("digits", digits, |key| {
            key.is_ascii_digit() || "*#".contains(key)
        }),
        SayAs::Date(date) => day(date),
        SayAs::Time(time) => time_of_day(time),
        SayAs::Duration(_) => Ok(()),
        SayAs::Currency(Amount { value, currency }) => {
            decimal("amount", value)?;
            length("currency", currency, 3, 3)
        }
        SayAs::Telephone(number) => row(
            "telephone",
            number.strip_prefix('+').unwrap_or(number),
            |key| key.is_ascii_digit() || "*# -./()".contains(key),
        ),
        SayAs::Characters(text) => row("characters", text, |one| {
            one.is_alphabetic() || one.is_ascii_digit() || " .@-_/+*#".contains(one)
        }),
    }
}

fn decimal(name: &str, value: &str) -> Check {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let is_row = |digits: &str| {
        (1..=MOST_NUMBER_DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    match is_row(whole) && fraction.is_none_or(is_row) {
        true => Ok(()),
        false => {
            let shown: String = value.chars().take(MOST_SAID).collect();
            invalid(format!(
                "{name} is {shown:?}; it must be as \"-1234.50\", with at most {MOST_NUMBER_DIGITS} \
                 digits before and after the point"
            ))
        }
    }
}

fn day(date: &Date) -> Check {
    range("year", date.year, 1, 9_999)?;
    range("month", date.month, 1, 12)?;
    let is_leap = date.year.is_multiple_of(4) && !date.year.is_multiple_of(100)
        || date.year.is_multiple_of(400);
    let last = match date.month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    range("day", date.day, 1, last)
}

fn time_of_day(time: &Time) -> Check {
    range("hour", time.hour, 0, 24)?;
    range(
        "minute",
        time.minute,
        0,
        if time.hour == 24 { 0 } else { 59 },
    )
}

fn row(name: &str, text: &str, fits: impl Fn(char) -> bool) -> Check {
    let count = text.chars().count();
    if !(1..=MOST_SAID).contains(&count) {
        return invalid(format!(
            "{name} has {count} characters; it must have 1 to {MOST_SAID}"
        ));
    }
    match text.chars().find(|one| !fits(*one)) {
        Some(one) => invalid(format!("{name} has {one:?}, which cannot be said")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DateStyle, Error, Hours, Number, Ordinal};

    fn number(value: &str) -> SayAs {
        SayAs::Number(Number {
            value: value.to_owned(),
            gender: None,
        })
    }

    fn date(year: u16, month: u8, day: u8) -> SayAs {
        SayAs::Date(Date {
            year,
            month,
            day,
            style: DateStyle::Full,
        })
    }

    fn time(hour: u8, minute: u8) -> SayAs {
        SayAs::Time(Time {
            hour,
            minute,
            hours: Hours::Usual,
        })
    }

    fn ordinal(value: u16) -> SayAs {
        SayAs::Ordinal(Ordinal {
            value,
            gender: None,
        })
    }

    fn amount(value: &str, currency: &str) -> SayAs {
        SayAs::Currency(Amount {
            value: value.to_owned(),
            currency: currency.to_owned(),
        })
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let digits = |text: &str| SayAs::Digits(text.to_owned());
        let telephone = |text: &str| SayAs::Telephone(text.to_owned());
        let spelled = |text: &str| SayAs::Characters(text.to_owned());
        let table = [
            (number(""), "number is \"\"; it must be as \"-1234.50\""),
            (number("--1"), "number is \"--1\""),
            (number("1."), "number is \"1.\""),
            (number("1234567890123"), "number is \"1234567890123\""),
            (ordinal(0), "ordinal is 0; it must be 1 to 999"),
            (ordinal(1_000), "ordinal is 1000"),
            (date(0, 1, 1), "year is 0; it must be 1 to 9999"),
            (date(2024, 13, 1), "month is 13; it must be 1 to 12"),
            (date(2024, 4, 31), "day is 31; it must be 1 to 30"),
            (date(2023, 2, 29), "day is 29; it must be 1 to 28"),
            (date(1900, 2, 29), "day is 29; it must be 1 to 28"),
            (time(25, 0), "hour is 25; it must be 0 to 24"),
            (time(24, 1), "minute is 1; it must be 0 to 0"),
            (time(9, 60), "minute is 60; it must be 0 to 59"),
            (amount("1,5", "EUR"), "amount is \"1,5\""),
            (amount("1", "EURO"), "currency has 4 bytes"),
            (digits(""), "digits has 0 characters; it must have 1 to 64"),
            (digits("1a"), "digits has 'a', which cannot be said"),
            (digits(&"1".repeat(65)), "digits has 65 characters"),
            (telephone("1+2"), "telephone has '+'"),
            (spelled("a?"), "characters has '?'"),
        ];
        for (value, text) in table {
            match check(&value) {
                Err(Error::Invalid(told)) => assert!(told.starts_with(text), "{told}"),
                other => panic!("{value:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_allowed() {
        let row = "7".repeat(64);
        for value in [
            number("-999999999999.123456789012"),
            ordinal(999),
            date(9_999, 12, 31),
            date(2024, 2, 29),
            date(2000, 2, 29),
            time(24, 0),
            time(23, 59),
            SayAs::Duration(u32::MAX),
            amount("0.01", "usd"),
            SayAs::Digits("0*#9".to_owned()),
            SayAs::Telephone(format!("+{row}")),
            SayAs::Characters("aЖ9 .@-_/+*#".to_owned()),
        ] {
            assert_eq!(check(&value), Ok(()), "{value:?}");
        }
    }
}
