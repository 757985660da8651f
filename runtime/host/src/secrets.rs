//! Keeping secrets out of what is shown.

use crate::control::Secret;
use crate::http::REDACTED;

/// Shorter values are not looked for: they would be found everywhere, and are no secrets.
const SHORTEST: usize = 4;

/// The secrets that a flow has read in this run.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<(String, Secret)>);

impl Secrets {
    pub(crate) fn add(&mut self, name: &str, secret: Secret) {
        if secret.expose().len() >= SHORTEST && !self.0.iter().any(|(_, known)| *known == secret) {
            self.0.push((name.to_owned(), secret));
            // A secret that contains another is taken out whole.
            self.0
                .sort_by_key(|(_, secret)| std::cmp::Reverse(secret.expose().len()));
        }
    }

    /// The text without the values.
    pub(crate) fn redact(&self, text: String) -> String {
        self.0.iter().fold(text, |text, (_, secret)| {
            match text.contains(secret.expose()) {
                true => text.replace(secret.expose(), REDACTED),
                false => text,
            }
        })
    }

    /// The bytes without the values.
    pub(crate) fn redact_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.0.is_empty() {
            return bytes;
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.redact(text).into_bytes(),
            // Binary bodies are searched too, byte by byte.
            Err(error) => {
                let bytes = error.into_bytes();
                let holds = |secret: &Secret| {
                    let value = secret.expose().as_bytes();
                    bytes.windows(value.len()).any(|window| window == value)
                };
                match self.0.iter().any(|(_, secret)| holds(secret)) {
                    true => REDACTED.as_bytes().to_vec(),
                    false => bytes,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_out_longest_first_and_short_ones_left() {
        let mut secrets = Secrets::default();
        for value in ["hunter2", "hunter2-long", "abc"] {
            secrets.add("s", Secret::new(value));
        }
        let redact = |text: &str| secrets.redact(text.to_owned());
        assert_eq!(
            redact("a hunter2-long b hunter2 abc"),
            "a [redacted] b [redacted] abc"
        );
        assert_eq!(
            secrets.redact_bytes(b"\xffhunter2".to_vec()),
            REDACTED.as_bytes()
        );
        assert_eq!(secrets.redact_bytes(b"\xffhunter".to_vec()), b"\xffhunter");
        assert_eq!(secrets.redact_bytes(b"k=hunter2".to_vec()), b"k=[redacted]");
    }
}
