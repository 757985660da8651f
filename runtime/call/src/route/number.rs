//! Telephone numbers in one form, whatever form a trunk sends them in.
//!
//! The form is E.164 with its plus, "+96170123456", where that can be known; short codes, service
//! codes and SIP user names stay as they are.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most digits of an international number (ITU-T E.164, 6.1).
const MAX_E164_DIGITS: usize = 15;

/// How a trunk writes numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NumberConfig {
    /// Country code of national numbers, as "961"; absent: national numbers stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// What stands before a national number: "0", in North America "1", in Russia "8"; empty where nothing
    /// does, as in Italy (whose leading 0 belongs to the number) or Spain.
    pub national_prefix: String,
    /// What stands before an international number, beside "+".
    pub international_prefixes: Vec<String>,
    /// Numbers of up to so many digits are short codes and stay as they are.
    pub short_code_digits: u8,
    /// What a longer number is that has none of the prefixes.
    pub bare: Bare,
}

impl Default for NumberConfig {
    fn default() -> Self {
        Self {
            country_code: None,
            national_prefix: "0".into(),
            international_prefixes: vec!["00".into()],
            short_code_digits: 6,
            bare: Bare::Keep,
        }
    }
}

/// What a number without prefix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bare {
    /// Nobody knows: it stays as it is.
    #[default]
    Keep,
    /// A national number: the country code is put before it.
    National,
    /// An international number without its plus, as many carriers send them.
    International,
}

/// A number configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct NumberConfigError {
    /// The key.
    pub field: &'static str,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// Brings the numbers of a trunk into one form.
#[derive(Debug, Clone)]
pub struct Normalizer {
    country_code: Option<String>,
    national_prefix: String,
    /// Longest first: in Russia "810" is international, "8" national.
    international_prefixes: Vec<String>,
    short_code_digits: usize,
    bare: Bare,
}

impl Default for Normalizer {
    /// That of the default [`NumberConfig`].
    fn default() -> Self {
        let NumberConfig {
            country_code,
            national_prefix,
            international_prefixes,
            short_code_digits,
            bare,
        } = NumberConfig::default();
        let short_code_digits = usize::from(short_code_digits);
        Self {
            country_code,
            national_prefix,
            international_prefixes,
            short_code_digits,
            bare,
        }
    }
}

impl Normalizer {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(config: &NumberConfig) -> Result<Self, Vec<NumberConfigError>> {
        let mut errors = Vec::new();
        let mut complain =
            |field, problem: String| errors.push(NumberConfigError { field, problem });
        if let Some(code) = &config.country_code
            && (!(1..=3).contains(&code.len()) || !is_digits(code) || code.starts_with('0'))
        {
            complain(
                "country-code",
                format!(
                    "{code:?} is no country code: 1 to 3 digits are expected, without \"+\" and \"00\""
                ),
            );
        }
        if !is_digits(&config.national_prefix) {
            complain(
                "national-prefix",
                format!(
                    "{:?} is no prefix: digits are expected",
                    config.national_prefix
                ),
            );
        }
        for prefix in &config.international_prefixes {
            if prefix.is_empty() || !is_digits(prefix) {
                complain(
                    "international-prefixes",
                    format!("{prefix:?} is no prefix: digits are expected (\"+\" is always one)"),
                );
            }
        }
        if config.bare == Bare::National && config.country_code.is_none() {
            complain(
                "bare",
                "national numbers need a country-code: add it, or write \"keep\"".into(),
            );
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut international_prefixes = config.international_prefixes.clone();
        international_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        Ok(Self {
            country_code: config.country_code.clone(),
            national_prefix: config.national_prefix.clone(),
            international_prefixes,
            short_code_digits: usize::from(config.short_code_digits),
            bare: config.bare,
        })
    }

    /// The one form of a number, or the SIP user as it is if it is none. Parameters of the user part
    /// (";phone-context=...") are left out.
    ///
    /// ```
    /// use vireo_call::route::number::{Normalizer, NumberConfig};
    ///
    /// let config = NumberConfig { country_code: Some("961".into()), ..NumberConfig::default() };
    /// let normalizer = Normalizer::new(&config).unwrap();
    /// assert_eq!(normalizer.normalize("0096170123456"), "+96170123456");
    /// assert_eq!(normalizer.normalize("070 123-456"), "+96170123456");
    /// assert_eq!(normalizer.normalize("96122"), "96122");
    /// assert_eq!(normalizer.normalize("alice"), "alice");
    /// ```
    pub fn normalize(&self, user: &str) -> String {
        let user = user.split(';').next().unwrap_or_default().trim();
        let number = strip_separators(user);
        if let Some(digits) = number.strip_prefix('+').filter(|digits| is_digits(digits)) {
            return format!("+{digits}");
        }
        if !is_digits(&number) || number.len() <= self.short_code_digits {
            return number.into_owned();
        }
        self.international(&number)
            .unwrap_or_else(|| number.into_owned())
    }

    /// The E.164 form of a string of digits, if it has one.
    fn international(&self, digits: &str) -> Option<String> {
        let e164 = |code: &str, rest: &str| {
            let fits = !rest.is_empty() && code.len() + rest.len() <= MAX_E164_DIGITS;
            fits.then(|| format!("+{code}{rest}"))
        };
        let international = self
            .international_prefixes
            .iter()
            .find_map(|prefix| digits.strip_prefix(prefix.as_str()));
        if let Some(rest) = international {
            return e164("", rest);
        }
        let national = Some(self.national_prefix.as_str()).filter(|prefix| !prefix.is_empty());
        if let Some(rest) = national.and_then(|prefix| digits.strip_prefix(prefix)) {
            return e164(self.country_code.as_deref()?, rest);
        }
        match self.bare {
            Bare::Keep => None,
            Bare::National => e164(self.country_code.as_deref()?, digits),
            Bare::International => e164("", digits),
        }
    }
}

/// Takes the visual separators (RFC 3966, 5.1.1) out of what looks like a number, the blanks and slashes
/// that people use, and the "(0)" of "+49 (0) 30"; leaves SIP user names ("john.doe") as they are.
pub(super) fn strip_separators(text: &str) -> Cow<'_, str> {
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    let is_number = text.contains(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || is_separator(c) || matches!(c, '+' | '*' | '#'));
    if !is_number || !text.contains(is_separator) {
        return Cow::Borrowed(text);
    }
    let text = if text.starts_with('+') {
        text.replacen("(0)", "", 1)
    } else {
        text.to_owned()
    };
    Cow::Owned(text.replace(is_separator, ""))
}

/// Whether there is nothing but digits in it.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lebanon() -> NumberConfig {
        NumberConfig {
            country_code: Some("961".into()),
            ..NumberConfig::default()
        }
    }

    #[test]
    fn numbers_of_many_trunks() {
        let none = NumberConfig::default;
        let america = || NumberConfig {
            country_code: Some("1".into()),
            national_prefix: "1".into(),
            international_prefixes: vec!["011".into()],
            bare: Bare::National,
            ..none()
        };
        let russia = || NumberConfig {
            country_code: Some("7".into()),
            national_prefix: "8".into(),
            international_prefixes: vec!["810".into()],
            ..none()
        };
        let italy = || NumberConfig {
            country_code: Some("39".into()),
            national_prefix: String::new(),
            bare: Bare::National,
            ..none()
        };
        let plusless = || NumberConfig {
            bare: Bare::International,
            ..lebanon()
        };
        for (config, sent, expected) in [
            (lebanon(), "+96170123456", "+96170123456"),
            (lebanon(), "0096170123456", "+96170123456"),
            (lebanon(), "070123456", "+96170123456"),
            (lebanon(), "70123456", "70123456"),
            (lebanon(), "+961 (0)70 / 123-456", "+96170123456"),
            (lebanon(), "(070) 123.456", "+96170123456"),
            (lebanon(), "070123456;phone-context=+961", "+96170123456"),
            (lebanon(), "  070123456 ", "+96170123456"),
            // Short codes, the longest that is one, and the shortest that is none.
            (lebanon(), "112", "112"),
            (lebanon(), "12345", "12345"),
            (lebanon(), "96122", "96122"),
            (lebanon(), "011223", "011223"),
            (lebanon(), "0112233", "+961112233"),
            (lebanon(), "0", "0"),
            (lebanon(), "00", "00"),
            // No numbers.
            (lebanon(), "", ""),
            (lebanon(), "anonymous", "anonymous"),
            (lebanon(), "john.doe-7", "john.doe-7"),
            (lebanon(), "*21*070123456#", "*21*070123456#"),
            (lebanon(), "+", "+"),
            (lebanon(), "++961", "++961"),
            (lebanon(), "٠٧٠١٢٣٤٥٦", "٠٧٠١٢٣٤٥٦"),
            // Longer than E.164 allows: nobody knows what it is.
            (lebanon(), "001234567890123456", "001234567890123456"),
            (lebanon(), "00000000", "+000000"),
            (plusless(), "96170123456", "+96170123456"),
            (plusless(), "070123456", "+96170123456"),
            (none(), "0096170123456", "+96170123456"),
            (none(), "070123456", "070123456"),
            (america(), "12125550100", "+12125550100"),
            (america(), "2125550100", "+12125550100"),
            (america(), "01196170123456", "+96170123456"),
            (america(), "911", "911"),
            (russia(), "81096170123456", "+96170123456"),
            (russia(), "84951234567", "+74951234567"),
            (italy(), "0612345678", "+390612345678"),
            (italy(), "00496912345", "+496912345"),
        ] {
            let normalizer = Normalizer::new(&config).unwrap();
            assert_eq!(
                normalizer.normalize(sent),
                expected,
                "{sent:?} with {config:?}"
            );
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing() {
        let normalizer = Normalizer::new(&lebanon()).unwrap();
        for sent in [
            "+96170123456",
            "070123456",
            "70123456",
            "96122",
            "alice",
            "*21#",
        ] {
            let once = normalizer.normalize(sent);
            assert_eq!(normalizer.normalize(&once), once, "{sent}");
        }
    }

    #[test]
    fn every_error_of_a_configuration_is_told() {
        let config = NumberConfig {
            country_code: Some("+961".into()),
            national_prefix: "zero".into(),
            international_prefixes: vec!["00".into(), "+".into(), String::new()],
            ..NumberConfig::default()
        };
        let fields: Vec<_> = Normalizer::new(&config)
            .unwrap_err()
            .iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(
            fields,
            [
                "country-code",
                "national-prefix",
                "international-prefixes",
                "international-prefixes"
            ]
        );
        let config = NumberConfig {
            bare: Bare::National,
            ..NumberConfig::default()
        };
        assert_eq!(Normalizer::new(&config).unwrap_err()[0].field, "bare");
    }
}
