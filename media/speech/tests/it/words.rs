//! A language's words are those that its grammar says: none is missing, none is left over.

use std::collections::BTreeSet;

use vireo_speech::say::{Clock, DateStyle, Gender, Language, Piece, Say};

const GENDERS: [Option<Gender>; 4] = [
    None,
    Some(Gender::Masculine),
    Some(Gender::Feminine),
    Some(Gender::Neuter),
];

fn numbers() -> Vec<Say> {
    let rounds = [
        10u64.pow(3),
        10u64.pow(6),
        10u64.pow(9),
        10_000,
        100_000_000,
    ];
    let counts = rounds.iter().flat_map(|round| {
        let multiples = [1, 2, 3, 11, 21, 80, 100, 200, 201, 500, 999];
        multiples.into_iter().map(move |count| count * round)
    });
    let whole = (0..1_100).chain((1_000..10_000).step_by(100));
    let whole = whole
        .chain(counts.clone())
        .chain(counts.map(|count| count + 1));
    let decimals = [
        "0.5", "1.05", "8.1", "2.22", "10.1", "21.001", "-3.1415", "30.9",
    ];
    let tens = (20..100).step_by(10).map(|n| format!("{n}.1"));
    let texts = whole
        .filter(|n| *n < 1_000_000_000_000)
        .map(|n| n.to_string())
        .chain(decimals.map(str::to_owned))
        .chain(tens)
        .chain(["1.1", "1.01", "1.001", "1.005"].map(str::to_owned));
    let numbers = texts.flat_map(|value| {
        GENDERS.map(|gender| Say::Number {
            value: value.clone(),
            gender,
        })
    });
    numbers.collect()
}

fn days_and_times() -> Vec<Say> {
    let styles = [
        DateStyle::Full,
        DateStyle::DayMonth,
        DateStyle::WeekdayDayMonth,
        DateStyle::WeekdayFull,
    ];
    let days = (1..=12).flat_map(|month| (1..=28).map(move |day| (2024, month, day)));
    let long = [29, 30, 31].map(|day| (1999, 12, day));
    let years = (1..=9_999).map(|year| (year, 1, 1));
    let dates = days.chain(long).zip(styles.into_iter().cycle());
    let dates = dates.chain(years.map(|day| (day, DateStyle::WeekdayFull)));
    let dates = dates.map(|((year, month, day), style)| Say::Date {
        year,
        month,
        day,
        style,
    });
    let times = (0..24)
        .flat_map(|hour| (0..60).map(move |minute| (hour, minute)))
        .chain([(24, 0)])
        .flat_map(|(hour, minute)| {
            [Clock::Usual, Clock::TwentyFour].map(|clock| Say::Time {
                hour,
                minute,
                clock,
            })
        });
    let spans = (0..4_000).chain([
        7_200,
        86_400,
        90_061,
        400_000,
        1_000_000,
        8_640_000,
        u32::MAX,
    ]);
    let spans = spans.chain((1..50).map(|days| days * 86_400));
    let spans = spans.chain((1..24).map(|hours| hours * 3_600));
    let spans = spans.map(|seconds| Say::Duration { seconds });
    dates.chain(times).chain(spans).collect()
}

fn money() -> Vec<Say> {
    let codes = [
        "BRL", "CHF", "CNY", "EUR", "GBP", "JPY", "KRW", "RUB", "SAR", "USD",
    ];
    let amounts = codes.into_iter().flat_map(|code| {
        let whole = [
            0,
            1,
            2,
            3,
            4,
            5,
            11,
            14,
            21,
            100,
            200,
            2_000,
            1_000_000,
            2_000_000,
            2_000_000_000,
        ];
        let whole = whole.into_iter().map(|n: u64| n.to_string());
        let coins = (1..100).map(|n| format!("1.{n:02}"));
        let coins = coins.filter(move |_| !matches!(code, "JPY" | "KRW"));
        whole.chain(coins).map(move |amount| Say::Currency {
            amount,
            code: code.to_owned(),
        })
    });
    amounts.collect()
}

fn rows() -> Vec<Say> {
    let ordinals = (1..=999).flat_map(|value| GENDERS.map(|gender| Say::Ordinal { value, gender }));
    let spelled = ["abcdefghijklmnopqrstuvwxyz", ".@-_/+*#", "0123456789"];
    let spelled = spelled.map(|text| Say::Characters(text.to_owned()));
    let dialled = ["0123456789*#".to_owned()].into_iter();
    let telephone = dialled.clone().map(Say::Telephone);
    ordinals
        .chain(spelled)
        .chain(telephone)
        .chain(dialled.map(Say::Digits))
        .collect()
}

#[test]
fn no_word_is_missing_and_none_is_left_over() {
    let all: Vec<Say> = [numbers(), days_and_times(), money(), rows()].concat();
    let mut unsaid = Vec::new();
    for language in [&Language::ALL[..], &[Language::BritishEnglish]].concat() {
        let mut said = BTreeSet::new();
        for say in &all {
            let result = say.said(language);
            let pieces = result
                .unwrap_or_else(|error| panic!("{say:?}: {error}"))
                .pieces;
            assert!(!pieces.is_empty(), "{say:?}");
            said.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Word(word) => Some(word.name),
                Piece::Pause => None,
            }));
        }
        // Letters of the language's own, and what only British English says.
        let own = language
            .lexicon()
            .words()
            .map(|word| word.name)
            .filter(|name| {
                let letter = name.strip_prefix("letter/").unwrap_or_default();
                letter.is_ascii()
                    && !(language == Language::English && matches!(*name, "word/the" | "word/of"))
            });
        let left: Vec<&str> = own.filter(|name| !said.contains(name)).collect();
        if language != Language::BritishEnglish && !left.is_empty() {
            unsaid.push(format!("{language:?} never says {left:?}"));
        }
    }
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
}

#[test]
fn letters_of_the_language_are_spelled() {
    for (language, alphabet) in [
        (Language::German, "äöüß"),
        (Language::Spanish, "ñ"),
        (Language::French, "àâçéèêëîïôùûü"),
        (Language::Russian, "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"),
        (Language::Arabic, "ابتثجحخدذرزسشصضطظعغفقكلمنهويء"),
    ] {
        let said = Say::Characters(alphabet.to_owned()).said(language).unwrap();
        assert_eq!(said.pieces.len(), alphabet.chars().count(), "{language:?}");
    }
}

#[test]
fn names_are_files_on_any_disk() {
    for language in Language::ALL {
        for word in language.lexicon().words() {
            let letters = |c: char| c.is_alphanumeric() || "/-".contains(c);
            assert!(word.name.chars().all(letters), "{word:?}");
            assert!(
                !word.text.is_empty() && word.text.trim() == word.text,
                "{word:?}"
            );
        }
    }
}
