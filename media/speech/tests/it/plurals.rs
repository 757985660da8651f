//! The forms of nouns, against the plural rules of CLDR.

use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use vireo_speech::say::{Language, Piece, Say};

/// The form of the noun "minute", or of "dollar" where only money is counted so high.
fn form(language: Language, say: &Say) -> String {
    let said = say.said(language).unwrap();
    let noun = said.pieces.iter().rev().find_map(|piece| match piece {
        Piece::Word(word) if word.name.contains('-') && word.name.starts_with("currency/") => {
            word.name.rsplit('-').next()
        }
        _ => None,
    });
    noun.unwrap().to_owned()
}

fn name(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}

#[test]
fn nouns_have_the_forms_of_cldr() {
    // Spanish, French and Portuguese have a form for a million and its multiples: "de dólares".
    let counts = (0..=250)
        .chain([
            999, 1_000, 1_001, 1_002, 1_011, 10_000, 1_000_000, 1_000_001,
        ])
        .chain([2_000_000, 1_000_000_000]);
    for language in Language::ALL {
        let locale: Locale = language.tag().parse().unwrap();
        let rules = PluralRules::try_new_cardinal(locale.into()).unwrap();
        for count in counts.clone() {
            let say = Say::Currency {
                amount: count.to_string(),
                code: "USD".to_owned(),
            };
            let expected = name(rules.category_for(count));
            let has = |form: &str| {
                let name = format!("currency/usd-{form}");
                language.lexicon().get(&name).is_some()
            };
            // A language without a form of its own for it uses its most usual one: Arabic's zero.
            let expected = if has(expected) { expected } else { "other" };
            assert_eq!(form(language, &say), expected, "{language:?} {count}");
        }
    }
}
