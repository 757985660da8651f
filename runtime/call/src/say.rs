//! Values that are said: from the contract to the words of a language.

use vireo_host::contract::{self, DateStyle, Error, Hours, SayAs};
use vireo_speech::say::{Clock, Gender, Language, Said, Say};

/// What is said of a value, and in which language: that of the prompt, or the default one when its
/// grammar is not known.
///
/// # Errors
/// `invalid`: what is wrong with the value, or that neither language can be said.
pub fn said<'a>(
    value: &SayAs,
    language: &'a str,
    default_language: &'a str,
) -> Result<(&'a str, Said), Error> {
    let known = [language, default_language]
        .into_iter()
        .find_map(|tag| Some((tag, Language::of(tag)?)));
    let Some((tag, known)) = known else {
        let all = Language::ALL.map(Language::tag).join(", ");
        return Err(Error::Invalid(format!(
            "values cannot be said in {language:?}; the languages are {all}"
        )));
    };
    let said = of_contract(value).said(known);
    match said {
        Ok(said) => Ok((tag, said)),
        Err(error) => Err(Error::Invalid(error.to_string())),
    }
}

/// As scripts and transcripts write it: "number 21".
#[must_use]
pub fn written(value: &SayAs) -> String {
    of_contract(value).to_string()
}

fn of_contract(value: &SayAs) -> Say {
    match value {
        SayAs::Number(number) => Say::Number {
            value: number.value.clone(),
            gender: number.gender.map(gender),
        },
        SayAs::Ordinal(ordinal) => Say::Ordinal {
            value: ordinal.value,
            gender: ordinal.gender.map(gender),
        },
        SayAs::Digits(digits) => Say::Digits(digits.clone()),
        SayAs::Date(date) => Say::Date {
            year: date.year,
            month: date.month,
            day: date.day,
            style: style(date.style),
        },
        SayAs::Time(time) => Say::Time {
            hour: time.hour,
            minute: time.minute,
            clock: match time.hours {
                Hours::Usual => Clock::Usual,
                Hours::TwentyFour => Clock::TwentyFour,
            },
        },
        SayAs::Duration(seconds) => Say::Duration { seconds: *seconds },
        SayAs::Currency(amount) => Say::Currency {
            amount: amount.value.clone(),
            code: amount.currency.clone(),
        },
        SayAs::Telephone(number) => Say::Telephone(number.clone()),
        SayAs::Characters(text) => Say::Characters(text.clone()),
    }
}

fn gender(gender: contract::Gender) -> Gender {
    match gender {
        contract::Gender::Masculine => Gender::Masculine,
        contract::Gender::Feminine => Gender::Feminine,
        contract::Gender::Neuter => Gender::Neuter,
    }
}

fn style(style: DateStyle) -> vireo_speech::say::DateStyle {
    use vireo_speech::say::DateStyle as Said;
    match style {
        DateStyle::Full => Said::Full,
        DateStyle::DayMonth => Said::DayMonth,
        DateStyle::WeekdayDayMonth => Said::WeekdayDayMonth,
        DateStyle::WeekdayFull => Said::WeekdayFull,
    }
}
