//! The languages.

use std::sync::LazyLock;

use super::grammar::Grammar;
use super::lexicon::Lexicon;
use super::{ar, de, en, es, fr, ja, ko, pt, ru, zh};

/// A language that values can be said in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// Modern Standard Arabic.
    Arabic,
    /// German.
    German,
    /// English of North America.
    English,
    /// English of the British Isles and of the Commonwealth; it has the words of [`Self::English`].
    BritishEnglish,
    /// Spanish.
    Spanish,
    /// French of France.
    French,
    /// Japanese.
    Japanese,
    /// Korean.
    Korean,
    /// Portuguese of Brazil.
    Portuguese,
    /// Russian.
    Russian,
    /// Mandarin.
    Mandarin,
}

impl Language {
    /// Each language that has words of its own.
    pub const ALL: [Language; 10] = [
        Language::Arabic,
        Language::German,
        Language::English,
        Language::Spanish,
        Language::French,
        Language::Japanese,
        Language::Korean,
        Language::Portuguese,
        Language::Russian,
        Language::Mandarin,
    ];

    /// The language of a BCP 47 tag: "en", "pt-BR", "zh-Hans-CN".
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let mut subtags = tag.split('-');
        let primary = subtags.next().unwrap_or_default().to_ascii_lowercase();
        let in_region = |regions: &[&str]| {
            let mut subtags = subtags.clone();
            subtags.any(|subtag| {
                regions
                    .iter()
                    .any(|region| subtag.eq_ignore_ascii_case(region))
            })
        };
        Some(match primary.as_str() {
            "ar" => Language::Arabic,
            "de" => Language::German,
            "en" if in_region(&["GB", "IE", "AU", "NZ", "ZA", "IN"]) => Language::BritishEnglish,
            "en" => Language::English,
            "es" => Language::Spanish,
            "fr" => Language::French,
            "ja" => Language::Japanese,
            "ko" => Language::Korean,
            "pt" => Language::Portuguese,
            "ru" => Language::Russian,
            "zh" | "cmn" => Language::Mandarin,
            _ => return None,
        })
    }

    /// Its BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Language::Arabic => "ar",
            Language::German => "de",
            Language::English => "en",
            Language::BritishEnglish => "en-GB",
            Language::Spanish => "es",
            Language::French => "fr",
            Language::Japanese => "ja",
            Language::Korean => "ko",
            Language::Portuguese => "pt",
            Language::Russian => "ru",
            Language::Mandarin => "zh",
        }
    }

    pub(super) fn grammar(self) -> &'static dyn Grammar {
        match self {
            Language::Arabic => &ar::Arabic,
            Language::German => &de::German,
            Language::English => &en::English::American,
            Language::BritishEnglish => &en::English::British,
            Language::Spanish => &es::Spanish,
            Language::French => &fr::French,
            Language::Japanese => &ja::Japanese,
            Language::Korean => &ko::Korean,
            Language::Portuguese => &pt::Portuguese,
            Language::Russian => &ru::Russian,
            Language::Mandarin => &zh::Mandarin,
        }
    }

    /// Its words.
    #[must_use]
    pub fn lexicon(self) -> &'static Lexicon {
        macro_rules! words {
            ($file:literal) => {{
                static LEXICON: LazyLock<Lexicon> =
                    LazyLock::new(|| Lexicon::parse(include_str!(concat!("words/", $file))));
                &LEXICON
            }};
        }
        match self {
            Language::Arabic => words!("ar.txt"),
            Language::German => words!("de.txt"),
            Language::English | Language::BritishEnglish => words!("en.txt"),
            Language::Spanish => words!("es.txt"),
            Language::French => words!("fr.txt"),
            Language::Japanese => words!("ja.txt"),
            Language::Korean => words!("ko.txt"),
            Language::Portuguese => words!("pt.txt"),
            Language::Russian => words!("ru.txt"),
            Language::Mandarin => words!("zh.txt"),
        }
    }
}
