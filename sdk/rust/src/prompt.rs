use std::time::Duration;

use crate::contract::vireo::flow::media as wit;
use crate::record::RecordingId;
use crate::say::Say;

/// One or two sine waves; [`tone`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tone {
    frequency: u16,
    second_frequency: Option<u16>,
    duration: Duration,
    level_dbm0: i8,
}

impl Tone {
    /// Adds a second sine of the same level; Hz, 50 to 3,800.
    #[must_use]
    pub fn and(mut self, frequency: u16) -> Self {
        self.second_frequency = Some(frequency);
        self
    }

    /// Power of each sine, dBm0: -60 to -3. It is -12 unless set.
    #[must_use]
    pub fn level(mut self, dbm0: i8) -> Self {
        self.level_dbm0 = dbm0;
        self
    }
}

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// An audio file of the prompts directory, without language and suffix: `"menu/welcome"`.
    File(String),
    /// A recording that this call made.
    Recording(RecordingId),
    /// Silence, 1 ms to 60 s.
    Silence(Duration),
    /// A tone.
    Tone(Tone),
    /// A value in words, as [`say`](crate::say) makes them.
    Say(Say),
    /// A text that is spoken, plain or SSML.
    Text(String),
}

/// An audio file of the prompts directory, named without language and suffix.
///
/// A plain `&str` does the same wherever a prompt is expected; this is for lists of mixed parts.
pub fn file(name: impl Into<String>) -> Part {
    Part::File(name.into())
}

/// Plays a recording that this call made: a [`Message`](crate::Message), or a [`RecordingId`].
pub fn recording(recording: impl AsRef<RecordingId>) -> Part {
    Part::Recording(recording.as_ref().clone())
}

/// Speaks a text, by the server's voice of the prompt's language: plain, or SSML when it begins with
/// `<speak`; 1 to 10,000 characters.
pub fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

/// So many milliseconds of silence, 1 to 60,000.
pub fn silence(milliseconds: u32) -> Part {
    Part::Silence(Duration::from_millis(milliseconds.into()))
}

/// A sine wave: Hz (50 to 3,800) and milliseconds (1 to 60,000), at -12 dBm0.
///
/// `tone(350, 1000).and(440)` is two at once.
#[must_use]
pub fn tone(frequency: u16, milliseconds: u32) -> Tone {
    Tone {
        frequency,
        second_frequency: None,
        duration: Duration::from_millis(milliseconds.into()),
        level_dbm0: -12,
    }
}

/// The short tone that says "speak now": 1,000 Hz for 200 ms.
#[must_use]
pub fn beep() -> Part {
    Part::Tone(tone(1000, 200))
}

impl From<&str> for Part {
    fn from(name: &str) -> Self {
        Self::File(name.to_owned())
    }
}

impl From<String> for Part {
    fn from(name: String) -> Self {
        Self::File(name)
    }
}

impl From<&String> for Part {
    fn from(name: &String) -> Self {
        Self::File(name.clone())
    }
}

impl From<Tone> for Part {
    fn from(tone: Tone) -> Self {
        Self::Tone(tone)
    }
}

/// What is played to the caller: parts, heard one after the other without a gap.
///
/// Whatever takes a prompt takes `impl Into<Prompt>`, and these are prompts:
///
/// ```
/// # use vireo_sdk::prelude::*;
/// let one: Prompt = "welcome".into();
/// let list: Prompt = ["welcome", "menu"].into();
/// let mixed: Prompt = ("welcome", silence(500), beep()).into();
/// let spelled: Prompt = "42".chars().map(|digit| format!("digits/{digit}")).collect();
/// assert_eq!(one.then(silence(500)).then(beep()), mixed);
/// assert_eq!((list.len(), spelled.len()), (2, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt(Vec<Part>);

impl Prompt {
    /// An empty prompt, which is heard as nothing at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This prompt, and then that one.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.append(&mut next.into().0);
        self
    }

    /// The number of parts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there nothing to hear?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(crate) fn into_contract(self) -> Vec<wit::Part> {
        self.0.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Part>> From<T> for Prompt {
    fn from(part: T) -> Self {
        Self(vec![part.into()])
    }
}

impl<T: Into<Part>, const N: usize> From<[T; N]> for Prompt {
    fn from(parts: [T; N]) -> Self {
        parts.into_iter().collect()
    }
}

impl<T: Into<Part>> From<Vec<T>> for Prompt {
    fn from(parts: Vec<T>) -> Self {
        parts.into_iter().collect()
    }
}

impl<T: Into<Part> + Clone> From<&[T]> for Prompt {
    fn from(parts: &[T]) -> Self {
        parts.iter().cloned().collect()
    }
}

impl<T: Into<Part>> FromIterator<T> for Prompt {
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        Self(parts.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Part>> Extend<T> for Prompt {
    fn extend<I: IntoIterator<Item = T>>(&mut self, parts: I) {
        self.0.extend(parts.into_iter().map(Into::into));
    }
}

macro_rules! prompt_from_tuple {
    ($first:ident $(, $rest:ident)+) => {
        impl<$first: Into<Prompt> $(, $rest: Into<Prompt>)+> From<($first, $($rest),+)> for Prompt {
            #[allow(non_snake_case)]
            fn from(($first, $($rest),+): ($first, $($rest),+)) -> Self {
                $first.into()$(.then($rest))+
            }
        }
    };
}

prompt_from_tuple!(A, B);
prompt_from_tuple!(A, B, C);
prompt_from_tuple!(A, B, C, D);
prompt_from_tuple!(A, B, C, D, E);
prompt_from_tuple!(A, B, C, D, E, F);
prompt_from_tuple!(A, B, C, D, E, F, G);
prompt_from_tuple!(A, B, C, D, E, F, G, H);

impl From<Part> for wit::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::File(name) => Self::File(name),
            Part::Recording(id) => Self::Recording(id.into()),
            Part::Silence(duration) => Self::Silence(milliseconds(duration)),
            Part::Tone(tone) => Self::Tone(wit::Tone {
                frequency: tone.frequency,
                second_frequency: tone.second_frequency,
                duration_ms: milliseconds(tone.duration),
                level_dbm0: tone.level_dbm0,
            }),
            Part::Say(say) => Self::Say(say.into()),
            Part::Text(text) => Self::Text(text),
        }
    }
}

/// The contract counts milliseconds in 32 bits; what does not fit is out of every range it allows,
/// so that the server refuses it by name.
pub(crate) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_prompt() {
        let name = String::from("a");
        let files = |names: &[&str]| Prompt(names.iter().map(|n| file(*n)).collect());
        let cases: [(Prompt, Prompt); 9] = [
            ("a".into(), files(&["a"])),
            ((&name).into(), files(&["a"])),
            (name.clone().into(), files(&["a"])),
            (["a", "b"].into(), files(&["a", "b"])),
            (vec!["a", "b"].into(), files(&["a", "b"])),
            (["a", "b"].as_slice().into(), files(&["a", "b"])),
            (
                ("a", ["b", "c"], name.as_str()).into(),
                files(&["a", "b", "c", "a"]),
            ),
            (Prompt::new().then("a").then(vec!["b"]), files(&["a", "b"])),
            (
                [file("a"), silence(20)].into(),
                Prompt(vec![file("a"), silence(20)]),
            ),
        ];
        for (index, (written, meant)) in cases.into_iter().enumerate() {
            assert_eq!(written, meant, "case {index}");
        }
    }

    #[test]
    fn parts_reach_the_contract_with_their_units() {
        let parts =
            Prompt::from((silence(250), tone(350, 1000).and(440).level(-20))).into_contract();
        assert!(matches!(parts[0], wit::Part::Silence(250)));
        let wit::Part::Tone(tone) = &parts[1] else {
            panic!("{:?}", parts[1])
        };
        assert_eq!(
            (
                tone.frequency,
                tone.second_frequency,
                tone.duration_ms,
                tone.level_dbm0
            ),
            (350, Some(440), 1000, -20)
        );
    }

    #[test]
    fn a_duration_that_does_not_fit_stays_out_of_range() {
        assert_eq!(milliseconds(Duration::from_secs(60 * 24 * 3600)), u32::MAX);
        assert_eq!(milliseconds(Duration::from_micros(1999)), 1);
    }
}
