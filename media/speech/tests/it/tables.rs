//! `tests/say/<language>.txt`: kind | value | what is said.

use vireo_speech::say::{Clock, DateStyle, Gender, Language, Say, SayError};

fn gender(option: &str) -> Option<Gender> {
    match option {
        "m" => Some(Gender::Masculine),
        "f" => Some(Gender::Feminine),
        "n" => Some(Gender::Neuter),
        _ => None,
    }
}

/// "number:f", "12" and the like.
fn value(kind: &str, value: &str) -> Say {
    let (kind, option) = kind.split_once(':').unwrap_or((kind, ""));
    let owned = value.to_owned();
    match kind {
        "number" => Say::Number {
            value: owned,
            gender: gender(option),
        },
        "ordinal" => Say::Ordinal {
            value: value.parse().unwrap(),
            gender: gender(option),
        },
        "digits" => Say::Digits(owned),
        "date" => {
            let numbers: Vec<u16> = value.split('-').map(|part| part.parse().unwrap()).collect();
            Say::Date {
                year: numbers[0],
                month: numbers[1].try_into().unwrap(),
                day: numbers[2].try_into().unwrap(),
                style: match option {
                    "" => DateStyle::Full,
                    "day-month" => DateStyle::DayMonth,
                    "weekday" => DateStyle::WeekdayDayMonth,
                    "weekday-full" => DateStyle::WeekdayFull,
                    other => panic!("style {other:?}"),
                },
            }
        }
        "time" => {
            let (hour, minute) = value.split_once(':').unwrap();
            Say::Time {
                hour: hour.parse().unwrap(),
                minute: minute.parse().unwrap(),
                clock: match option {
                    "24" => Clock::TwentyFour,
                    _ => Clock::Usual,
                },
            }
        }
        "duration" => Say::Duration {
            seconds: value.parse().unwrap(),
        },
        "currency" => {
            let (amount, code) = value.split_once(' ').unwrap();
            Say::Currency {
                amount: amount.to_owned(),
                code: code.to_owned(),
            }
        }
        "telephone" => Say::Telephone(owned),
        "characters" => Say::Characters(owned),
        other => panic!("kind {other:?}"),
    }
}

fn agrees(language: Language, table: &str, least: usize) {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [kind, given, expected] = cells[..] else {
            panic!("{row:?} has not three cells");
        };
        count += 1;
        let said = value(kind, given).said(language).map(|said| said.text);
        if said.as_deref() != Ok(expected) {
            wrong.push(format!("{kind} {given}\n  {expected}\n  {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{language:?}:\n{}", wrong.join("\n"));
    assert!(count >= least, "{language:?} has {count} cases");
}

#[test]
fn each_language_says_what_its_table_says() {
    macro_rules! table {
        ($file:literal) => {
            include_str!(concat!("../say/", $file, ".txt"))
        };
    }
    for (language, table) in [
        (Language::Arabic, table!("ar")),
        (Language::German, table!("de")),
        (Language::English, table!("en")),
        (Language::Spanish, table!("es")),
        (Language::French, table!("fr")),
        (Language::Japanese, table!("ja")),
        (Language::Korean, table!("ko")),
        (Language::Portuguese, table!("pt")),
        (Language::Russian, table!("ru")),
        (Language::Mandarin, table!("zh")),
    ] {
        agrees(language, table, 60);
    }
    agrees(Language::BritishEnglish, table!("en-gb"), 10);
}

#[test]
fn what_cannot_be_said_is_told() {
    for (kind, given, told) in [
        ("number", "", "\"\" is no number"),
        ("number", "-", "is no number"),
        ("number", ".5", "is no number"),
        ("number", "5.", "is no number"),
        ("number", "1e3", "is no number"),
        ("number", "+1", "is no number"),
        ("number", "1234567890123", "at most 12 digits"),
        ("number", "٣", "is no number"),
        ("ordinal", "0", "it must be 1 to 999"),
        ("ordinal", "1000", "the ordinal is 1000"),
        ("date", "2023-02-29", "no day 2023-02-29"),
        ("date", "1900-02-29", "no day"),
        ("date", "2024-13-01", "no day"),
        ("date", "2024-00-01", "no day"),
        ("date", "2024-04-31", "no day"),
        ("date", "0-01-01", "no day"),
        ("time", "25:00", "no time 25:00"),
        ("time", "24:01", "no time 24:01"),
        ("time", "12:60", "no time"),
        (
            "currency",
            "1 XYZ",
            "\"XYZ\"; those that can be said are BRL",
        ),
        (
            "currency",
            "1.5 JPY",
            "more digits after its point than JPY has (0)",
        ),
        ("currency", "1.005 EUR", "than EUR has (2)"),
        ("digits", "12a", "digits has 'a'"),
        ("digits", "", "digits has 0 characters"),
        ("telephone", "12+3", "telephone has '+'"),
        ("telephone", "--", "telephone has 0 characters"),
        ("characters", "a!", "characters has '!'"),
    ] {
        let said = value(kind, given).said(Language::English);
        let error = said.unwrap_err().to_string();
        assert!(error.contains(told), "{kind} {given}: {error}");
    }
    let long = "7".repeat(65);
    for kind in ["digits", "telephone", "characters"] {
        assert!(matches!(
            value(kind, &long).check(),
            Err(SayError::Length { length: 65, .. })
        ));
    }
    let error = value("characters", "ж").said(Language::English);
    assert!(matches!(error, Err(SayError::Word { language: "en", .. })));
}

#[test]
fn values_are_written_as_scripts_write_them() {
    for (kind, given, written) in [
        ("number:f", "-21.50", "number -21.50"),
        ("ordinal", "3", "ordinal 3"),
        ("digits", "05", "digits 05"),
        ("date:weekday", "2024-2-9", "date 2024-02-09"),
        ("time", "9:05", "time 09:05"),
        ("duration", "90", "duration 90"),
        ("currency", "12.50 eur", "currency 12.50 EUR"),
        ("telephone", "+49 30", "telephone +49 30"),
        ("characters", "A1", "characters A1"),
    ] {
        assert_eq!(value(kind, given).to_string(), written);
    }
}

#[test]
fn languages_are_found_by_their_tags() {
    for (tag, language) in [
        ("en", Some(Language::English)),
        ("en-US", Some(Language::English)),
        ("EN-gb", Some(Language::BritishEnglish)),
        ("zh-Hans-CN", Some(Language::Mandarin)),
        ("cmn", Some(Language::Mandarin)),
        ("pt-BR", Some(Language::Portuguese)),
        ("it", None),
        ("", None),
    ] {
        assert_eq!(Language::of(tag), language, "{tag}");
    }
    for language in Language::ALL {
        assert_eq!(Language::of(language.tag()), Some(language));
    }
}
