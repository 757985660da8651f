//! The forms of nouns, against the samples that CLDR gives with its plural rules.

use vireo_speech::say::{Language, Piece, Say};

/// Samples of each category, "2~4" for 2 to 4.
type Samples = [(&'static str, &'static str)];

const ONE: &Samples = &[
    ("one", "1"),
    ("other", "0 2~16 100 1000 10000 100000 1000000"),
];
const ZERO_AND_ONE: &Samples = &[
    ("one", "0 1"),
    ("many", "1000000 2000000 1000000000"),
    ("other", "2~17 100 1000 10000 100000 1000001"),
];
const SPANISH: &Samples = &[
    ("one", "1"),
    ("many", "1000000 2000000 1000000000"),
    ("other", "0 2~16 100 1000 10000 100000 1000001"),
];
const RUSSIAN: &Samples = &[
    ("one", "1 21 31 41 51 61 71 81 101 1001"),
    ("few", "2~4 22~24 32~34 42~44 52~54 62 102 1002"),
    (
        "many",
        "0 5~20 25~30 100 111~114 1000 1011 10000 100000 1000000",
    ),
];
const ARABIC: &Samples = &[
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("few", "3~10 103~110 1003"),
    ("many", "11~26 99 111 199 1011"),
    (
        "other",
        "100~102 200~202 300~302 400~402 500~502 600 1000~1002 10000 100000 1000000",
    ),
];
const NONE: &Samples = &[("other", "0~16 21 100 1000 10000 100000 1000000")];

fn samples(language: Language) -> &'static Samples {
    match language {
        Language::Arabic => ARABIC,
        Language::French | Language::Portuguese => ZERO_AND_ONE,
        Language::Spanish => SPANISH,
        Language::Russian => RUSSIAN,
        Language::Japanese | Language::Korean | Language::Mandarin => NONE,
        _ => ONE,
    }
}

fn counts(list: &str) -> Vec<u64> {
    let range = |item: &str| {
        let (first, last) = item.split_once('~').unwrap_or((item, item));
        first.parse::<u64>().unwrap()..=last.parse().unwrap()
    };
    list.split(' ').flat_map(range).collect()
}

/// The form of the noun "dollar".
fn form(language: Language, count: u64) -> String {
    let say = Say::Currency {
        amount: count.to_string(),
        code: "USD".to_owned(),
    };
    let said = say.said(language).unwrap();
    let noun = said.pieces.iter().rev().find_map(|piece| match piece {
        Piece::Word(word) if word.name.starts_with("currency/") => word.name.rsplit_once('-'),
        _ => None,
    });
    noun.unwrap().1.to_owned()
}

#[test]
fn nouns_have_the_forms_of_cldr() {
    for language in Language::ALL {
        for (category, list) in samples(language) {
            let name = format!("currency/usd-{category}");
            // A language without a form of its own for it uses its most usual one: Arabic's zero.
            let expected = match language.lexicon().get(&name) {
                Some(_) => category,
                None => "other",
            };
            for count in counts(list) {
                assert_eq!(form(language, count), expected, "{language:?} {count}");
            }
        }
    }
}
