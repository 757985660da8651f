use std::time::Duration;

use crate::host::media as wit;
use crate::prompt::{Prompt, milliseconds};
use crate::{Call, Result};

pub use wit::{BargeIn, TypeAhead};

/// The most digits that one gather can collect.
const MOST_DIGITS: u8 = 64;

/// What a [`Gather`] collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gathered {
    /// The digits, without the terminator; they match what was asked for.
    Digits(String),
    /// Nothing was pressed in the last attempt.
    NoInput,
    /// What was pressed in the last attempt, which was too short or not accepted.
    NoMatch(String),
}

impl Gathered {
    /// The digits, if there are any that match.
    #[must_use]
    pub fn digits(self) -> Option<String> {
        match self {
            Self::Digits(digits) => Some(digits),
            Self::NoInput | Self::NoMatch(_) => None,
        }
    }
}

/// A prompt with digits to collect; [`Call::gather`] makes one, [`Gather::collect`] carries it out.
///
/// What is not set is as in the table. The exact order of events is the table of `gather-options`
/// in `sdk/wit/media.wit`.
///
/// | option | default |
/// | --- | --- |
/// | `min_digits` | 1 |
/// | `max_digits` | the longest entry of `accept`; 64 when it is empty or has an entry that ends in `.` |
/// | `terminators` | none when `max_digits` is 1, otherwise `#` |
/// | `barge_in` | any key stops the prompt |
/// | `type_ahead` | keys pressed earlier count |
/// | `first_digit_timeout` | 5 s after the prompt |
/// | `inter_digit_timeout` | 3 s |
/// | `attempts` | 3 |
#[derive(Clone, Debug)]
#[must_use = "a gather does nothing until `collect`"]
pub struct Gather<'call> {
    _call: &'call Call,
    prompt: Prompt,
    language: Option<String>,
    min_digits: u8,
    max_digits: Option<u8>,
    terminators: Option<String>,
    accept: Vec<String>,
    barge_in: BargeIn,
    type_ahead: TypeAhead,
    first_digit_timeout: Duration,
    inter_digit_timeout: Duration,
    attempts: u8,
    no_input: Prompt,
    no_match: Prompt,
}

impl<'call> Gather<'call> {
    pub(crate) fn new(call: &'call Call, prompt: Prompt) -> Self {
        Self {
            _call: call,
            prompt,
            language: None,
            min_digits: 1,
            max_digits: None,
            terminators: None,
            accept: Vec::new(),
            barge_in: BargeIn::On,
            type_ahead: TypeAhead::Keep,
            first_digit_timeout: Duration::from_secs(5),
            inter_digit_timeout: Duration::from_secs(3),
            attempts: 3,
            no_input: Prompt::new(),
            no_match: Prompt::new(),
        }
    }

    /// Language of the prompts (BCP 47), instead of the call's own.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Exactly so many digits, 1 to 64: sets the least and the most.
    pub fn digits(self, count: u8) -> Self {
        self.min_digits(count).max_digits(count)
    }

    /// The least that is an entry, 0 to 64. With 0, a terminator alone gives empty digits.
    pub fn min_digits(mut self, count: u8) -> Self {
        self.min_digits = count;
        self
    }

    /// The entry ends when so many are there, 1 to 64. 0 beside [`listen`](Self::listen): no key is taken, the
    /// caller can only speak.
    pub fn max_digits(mut self, count: u8) -> Self {
        self.max_digits = Some(count);
        self
    }

    /// Keys that end the entry; `""`: none does.
    pub fn terminators(mut self, keys: impl Into<String>) -> Self {
        self.terminators = Some(keys.into());
        self
    }

    /// What is accepted: exact digits, with `x` for any of 0-9 and a last `.` for any further keys
    /// (`["1", "2", "9xxx", "00."]`). Everything else is a no-match.
    pub fn accept<T: Into<String>>(mut self, entries: impl IntoIterator<Item = T>) -> Self {
        self.accept = entries.into_iter().map(Into::into).collect();
        self
    }

    /// Can the caller cut the prompt short?
    pub fn barge_in(mut self, barge_in: BargeIn) -> Self {
        self.barge_in = barge_in;
        self
    }

    /// Do keys count that were pressed before?
    pub fn type_ahead(mut self, type_ahead: TypeAhead) -> Self {
        self.type_ahead = type_ahead;
        self
    }

    /// From the end of the prompt to the first digit, 100 ms to 10 minutes.
    pub fn first_digit_timeout(mut self, timeout: Duration) -> Self {
        self.first_digit_timeout = timeout;
        self
    }

    /// Between two digits, 100 ms to 10 minutes.
    pub fn inter_digit_timeout(mut self, timeout: Duration) -> Self {
        self.inter_digit_timeout = timeout;
        self
    }

    /// How often the caller may try, 1 to 10.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    /// Heard before the prompt is repeated because nothing was pressed.
    pub fn no_input(mut self, prompt: impl Into<Prompt>) -> Self {
        self.no_input = prompt.into();
        self
    }

    /// Heard before the prompt is repeated because what was pressed is not accepted.
    pub fn no_match(mut self, prompt: impl Into<Prompt>) -> Self {
        self.no_match = prompt.into();
        self
    }

    /// Plays the prompt and collects digits. Answers the call when it is neither answered nor in
    /// early media.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp); `Invalid` when an option is out of range;
    /// `NotFound` when a prompt is missing.
    pub fn collect(self) -> Result<Gathered> {
        Ok(match wit::gather(&self.into_contract())? {
            wit::GatherResult::Digits(digits) => Gathered::Digits(digits),
            wit::GatherResult::NoInput => Gathered::NoInput,
            wit::GatherResult::NoMatch(keys) => Gathered::NoMatch(keys),
            // Only a gather that listens is answered so, and this one does not.
            wit::GatherResult::Speech(_)
            | wit::GatherResult::Misheard(_)
            | wit::GatherResult::Unheard(_) => Gathered::NoInput,
        })
    }

    pub(crate) fn into_contract(self) -> wit::GatherOptions {
        let max_digits = self.max_digits.unwrap_or_else(|| longest(&self.accept));
        let terminators = self
            .terminators
            .unwrap_or_else(|| String::from(if max_digits == 1 { "" } else { "#" }));
        wit::GatherOptions {
            prompt: self.prompt.into_contract(),
            language: self.language,
            min_digits: self.min_digits,
            max_digits,
            terminators,
            accept: self.accept,
            barge_in: self.barge_in,
            type_ahead: self.type_ahead,
            first_digit_timeout_ms: milliseconds(self.first_digit_timeout),
            inter_digit_timeout_ms: milliseconds(self.inter_digit_timeout),
            attempts: self.attempts,
            no_input_prompt: self.no_input.into_contract(),
            no_match_prompt: self.no_match.into_contract(),
            speech: None,
        }
    }
}

/// The most digits that an entry of `accept` can have.
fn longest(accept: &[String]) -> u8 {
    accept
        .iter()
        .map(|entry| match entry.ends_with('.') {
            true => MOST_DIGITS,
            false => {
                u8::try_from(entry.chars().count()).map_or(MOST_DIGITS, |n| n.min(MOST_DIGITS))
            }
        })
        .max()
        .unwrap_or(MOST_DIGITS)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_what_is_accepted() {
        type Set = fn(Gather<'_>) -> Gather<'_>;
        let cases: [(&str, Set, (u8, u8, &str)); 9] = [
            ("nothing set", |g| g, (1, 64, "#")),
            ("a menu", |g| g.accept(["1", "2"]), (1, 1, "")),
            ("one digit", |g| g.max_digits(1), (1, 1, "")),
            ("longest entry", |g| g.accept(["1", "9xxx"]), (1, 4, "#")),
            ("open entry", |g| g.accept(["1", "00."]), (1, 64, "#")),
            (
                "explicit most wins",
                |g| g.accept(["00."]).max_digits(6),
                (1, 6, "#"),
            ),
            ("exact", |g| g.digits(4), (4, 4, "#")),
            (
                "explicit terminators win",
                |g| g.max_digits(1).terminators("*#"),
                (1, 1, "*#"),
            ),
            ("no terminator", |g| g.digits(4).terminators(""), (4, 4, "")),
        ];
        let call = Call::new();
        for (name, set, meant) in cases {
            let options = set(Gather::new(&call, "menu".into())).into_contract();
            let got = (
                options.min_digits,
                options.max_digits,
                options.terminators.as_str(),
            );
            assert_eq!(got, meant, "{name}");
        }
    }

    #[test]
    fn every_option_reaches_the_contract() {
        let call = Call::new();
        let options = Gather::new(&call, "menu".into())
            .language("zh-CN")
            .min_digits(2)
            .max_digits(5)
            .barge_in(BargeIn::Deaf)
            .type_ahead(TypeAhead::Flush)
            .first_digit_timeout(Duration::from_secs(8))
            .inter_digit_timeout(Duration::from_millis(1500))
            .attempts(2)
            .no_input("nothing-heard")
            .no_match(["wrong", "again"])
            .into_contract();
        assert_eq!(options.language.as_deref(), Some("zh-CN"));
        assert!(matches!(options.barge_in, BargeIn::Deaf));
        assert!(matches!(options.type_ahead, TypeAhead::Flush));
        assert_eq!(
            (
                options.first_digit_timeout_ms,
                options.inter_digit_timeout_ms,
                options.attempts
            ),
            (8000, 1500, 2)
        );
        assert_eq!(
            (
                options.prompt.len(),
                options.no_input_prompt.len(),
                options.no_match_prompt.len()
            ),
            (1, 1, 2)
        );
    }
}
