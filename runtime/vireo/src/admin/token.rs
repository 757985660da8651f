//! The bearer token of the admin API.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, hint};

use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::explain::{Code, Coded};

/// The token that a request must bear.
#[derive(Clone)]
pub struct Token(String);

/// The token file is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the token file {} {why}", file.display())]
pub struct TokenError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Coded for TokenError {
    fn code(&self) -> Code {
        Code::TokenFile
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// Wraps a token.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Token(text.into())
    }

    /// The token itself, for the Authorization header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Is it this one? The time that it takes depends on the length of `given` only, so that a
    /// token cannot be guessed letter by letter.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), given.as_bytes());
        if own.len() != given.len() || own.is_empty() {
            return false;
        }
        let differing = own
            .iter()
            .zip(given)
            .fold(0, |all, (a, b)| hint::black_box(all | (a ^ b)));
        hint::black_box(differing) == 0
    }

    /// Reads the token from a file.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or other users may read it.
    pub fn read(file: &Path) -> Result<Token, TokenError> {
        /// More than any token.
        const LONGEST: u64 = 4096;
        let fail = |why: String| TokenError {
            file: file.to_owned(),
            why,
        };
        let unreadable = |error: io::Error| fail(format!("cannot be read: {error}"));
        let opened = File::open(file).map_err(unreadable)?;
        let mode = opened.metadata().map_err(unreadable)?.mode();
        if mode & 0o077 != 0 {
            return Err(fail(format!(
                "can be read by other users (mode {:04o}); run `chmod 600` on it",
                mode & 0o7777
            )));
        }
        let mut text = String::new();
        opened
            .take(LONGEST)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        match text.trim() {
            "" => Err(fail(
                "is empty; remove it, and the next start makes a new one".to_owned(),
            )),
            token => Ok(Token(token.to_owned())),
        }
    }

    /// Reads the token, or makes the file with a fresh one that only this user may read.
    ///
    /// # Errors
    /// As [`read`](Self::read); the file cannot be made.
    pub fn read_or_create(file: &Path) -> Result<Token, TokenError> {
        let fail = |error: io::Error| TokenError {
            file: file.to_owned(),
            why: format!("cannot be made: {error}"),
        };
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory).map_err(fail)?;
        }
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
        {
            Ok(mut created) => {
                let token = Token::random().map_err(fail)?;
                writeln!(created, "{}", token.0).map_err(fail)?;
                created.sync_all().map_err(fail)?;
                Ok(token)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Token::read(file),
            Err(error) => Err(fail(error)),
        }
    }

    /// 256 bits that nobody can guess, as hexadecimal digits.
    fn random() -> io::Result<Token> {
        let mut bytes = [0_u8; 32];
        SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(io::Error::other)?;
        Ok(Token(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("data/admin-token");
        let token = Token::read_or_create(&file).unwrap();
        assert_eq!(token.expose().len(), 64);
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            Token::read_or_create(&file).unwrap().expose(),
            token.expose()
        );
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "secret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Token::read_or_create(&file).unwrap_err().to_string();
        assert!(
            error.contains("mode 0640") && error.contains("chmod 600"),
            "{error}"
        );
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Token::read(&file).unwrap().expose(), "secret");
        std::fs::write(&file, " \n").unwrap();
        assert!(
            Token::read(&file)
                .unwrap_err()
                .to_string()
                .contains("is empty")
        );
    }

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = Token::new("abcdef");
        for (given, expected) in [
            ("abcdef", true),
            ("abcdeg", false),
            ("abcde", false),
            ("abcdefg", false),
            ("", false),
        ] {
            assert_eq!(token.is(given), expected, "{given:?}");
        }
        assert!(!Token::new("").is(""), "an empty token opens nothing");
    }
}
