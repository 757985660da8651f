//! One value or several, as plans write them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use vireo_sdk::Prompt;

/// One value, or a list of them: `"a"` is `["a"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Prompts, heard one after the other; none is silence.
pub type Files = List<String>;

impl Files {
    /// One prompt.
    #[must_use]
    pub fn one(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// As the SDK plays it.
    #[must_use]
    pub fn prompt(&self) -> Prompt {
        self.0.iter().collect()
    }
}

/// Prompts that say digits one by one.
#[must_use]
pub fn spelled(digits: &str) -> Prompt {
    digits
        .chars()
        .map(|digit| format!("digits/{digit}"))
        .collect()
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
        T::deserialize(StrDeserializer::new(text)).map(|one| List(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| List(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_a_list_of_one() {
        #[derive(serde::Deserialize)]
        struct Holder {
            prompt: Files,
        }
        for (text, names) in [
            ("prompt = 'a'", &["a"][..]),
            ("prompt = ['a', 'b']", &["a", "b"]),
            ("prompt = []", &[]),
        ] {
            let holder: Holder = toml::from_str(text).unwrap();
            assert_eq!(holder.prompt.0, names, "{text}");
        }
        assert!(toml::from_str::<Holder>("prompt = 7").is_err());
    }

    #[test]
    fn digits_are_prompts() {
        assert_eq!(spelled("42"), ["digits/4", "digits/2"].into());
    }
}
