//! Secrets: read at the start, handed to flows, never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use super::text::SecretSource;
use super::types::Flow;
use crate::explain::{Code, Coded};

/// A secret. Its `Debug` shows nothing of it, not even its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself. Never log, journal or print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the secret `{name}` cannot be read from {from}: {why}")]
pub struct SecretError {
    /// The name under which the flow asks for it, or its place in the configuration.
    pub name: String,
    /// Where it was looked for.
    pub from: SecretSource,
    /// What happened.
    pub why: String,
}

impl Coded for SecretError {
    fn code(&self) -> Code {
        Code::SecretUnreadable
    }
}

impl SecretSource {
    /// Reads the secret of this name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        self.read().map_err(|why| SecretError {
            name: name.to_owned(),
            from: self.clone(),
            why,
        })
    }

    /// Reads the secret; a line end at its end is not part of it.
    fn read(&self) -> Result<Secret, String> {
        /// The largest secret, bytes: a certificate chain with its key fits.
        const LARGEST: u64 = 64 * 1024;
        let text = match self {
            SecretSource::Environment(name) => {
                std::env::var(name).map_err(|error| error.to_string())?
            }
            SecretSource::File(path) => {
                let mut text = String::new();
                std::fs::File::open(path)
                    .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
                    .map_err(|error| error.to_string())?;
                text
            }
        };
        if text.len() as u64 > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Secret(text.to_owned()))
    }
}

impl Flow {
    /// Reads the secrets of this flow, by name.
    ///
    /// # Errors
    /// Every secret that cannot be read.
    pub fn read_secrets(&self) -> Result<BTreeMap<String, Secret>, Vec<SecretError>> {
        let mut secrets = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, source) in &self.secrets {
            match source.secret(name) {
                Ok(secret) => {
                    secrets.insert(name.clone(), secret);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(secrets)
        } else {
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_and_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, "hunter2\r\n").unwrap();
        let missing = directory.path().join("missing");
        let mut flow = Flow::default();
        flow.secrets
            .insert("key".to_owned(), SecretSource::File(file.clone()));
        let secrets = flow.read_secrets().unwrap();
        assert_eq!(secrets["key"].expose(), "hunter2");
        assert!(!format!("{secrets:?}").contains("hunter2"));

        std::fs::write(&file, "\n").unwrap();
        flow.secrets
            .insert("other".to_owned(), SecretSource::File(missing));
        let errors = flow.read_secrets().unwrap_err();
        assert_eq!(errors.len(), 2, "both are reported: {errors:?}");
        assert!(errors[0].to_string().contains("it is empty"));
    }
}
