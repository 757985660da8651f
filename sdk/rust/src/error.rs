use std::fmt;

use crate::contract::vireo::flow::types::Error as ContractError;

/// What the functions of this crate return.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a verb could not do its work, or why a flow gave up.
///
/// `"text".into()` and `String` make an [`Error::Failed`], and so do the errors of parsing numbers
/// and UTF-8, so that `?` works on them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The call is over. A flow that returns this has ended normally.
    HungUp,
    /// The flow was not granted this in the server's configuration; the text names the grant.
    Denied(String),
    /// An argument is out of range or contradicts another; the text names it.
    Invalid(String),
    /// A prompt, recording or secret of that name does not exist.
    NotFound(String),
    /// The verb does not fit the state of the call: `ring` after `answer`, for example.
    WrongState(String),
    /// It was tried and did not work.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("the call is over"),
            Self::Denied(what) => write!(f, "denied: {what}"),
            Self::Invalid(what) => write!(f, "invalid: {what}"),
            Self::NotFound(what) => write!(f, "not found: {what}"),
            Self::WrongState(what) => write!(f, "wrong state: {what}"),
            Self::Failed(what) => write!(f, "failed: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<ContractError> for Error {
    fn from(error: ContractError) -> Self {
        match error {
            ContractError::HungUp => Self::HungUp,
            ContractError::Denied(what) => Self::Denied(what),
            ContractError::Invalid(what) => Self::Invalid(what),
            ContractError::NotFound(what) => Self::NotFound(what),
            ContractError::WrongState(what) => Self::WrongState(what),
            ContractError::Failed(what) => Self::Failed(what),
        }
    }
}

impl From<Error> for ContractError {
    fn from(error: Error) -> Self {
        match error {
            Error::HungUp => Self::HungUp,
            Error::Denied(what) => Self::Denied(what),
            Error::Invalid(what) => Self::Invalid(what),
            Error::NotFound(what) => Self::NotFound(what),
            Error::WrongState(what) => Self::WrongState(what),
            Error::Failed(what) => Self::Failed(what),
        }
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

macro_rules! failed_from {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        }
    )+};
}

failed_from!(
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    fmt::Error,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_survives_the_contract() {
        for error in [
            Error::HungUp,
            Error::Denied("kv".into()),
            Error::Invalid("max-digits is 0".into()),
            Error::NotFound("welcome".into()),
            Error::WrongState("ring after answer".into()),
            Error::Failed("disk full".into()),
        ] {
            assert_eq!(Error::from(ContractError::from(error.clone())), error);
        }
    }

    #[test]
    fn a_question_mark_takes_text_and_parse_errors() {
        fn parse(text: &str) -> Result<u32> {
            if text.is_empty() {
                return Err("nothing to parse".into());
            }
            Ok(text.parse()?)
        }
        assert_eq!(parse("7"), Ok(7));
        assert_eq!(parse(""), Err(Error::Failed("nothing to parse".into())));
        assert_eq!(
            parse("x").map_err(|e| e.to_string()),
            Err("failed: invalid digit found in string".to_owned())
        );
    }
}
