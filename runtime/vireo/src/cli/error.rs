//! How commands fail.

use std::process::ExitCode;

use serde_json::json;

use super::client::ClientError;
use super::output::Output;
use crate::admin::{ListenError, Problem, TokenError};
use crate::config::{ConfigError, SecretError};
use crate::explain::{Code, Coded, UnknownCode};
use crate::logging::LogError;

/// The exit codes, as `vireo --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It was refused, or it failed.
    Failed = 1,
    /// A test script is not understood; also clap's own code for the command line.
    Misunderstood = 2,
    /// The configuration has errors.
    Configuration = 3,
    /// No server answers.
    Unreachable = 4,
    /// No token, or not the server's.
    Unauthorised = 5,
    /// There is no such flow, call, record or file.
    NotFound = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// The code that `vireo explain` describes.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// Single errors, or what to do, one line each.
    pub details: Vec<String>,
    exit: Exit,
    /// The whole text, where it has a shape of its own.
    whole: Option<String>,
}

impl CliError {
    /// An error of this kind.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        CliError {
            code: code.name().to_owned(),
            message: message.into(),
            details: Vec::new(),
            exit: exit(code),
            whole: None,
        }
    }

    /// A defect of ours.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        CliError::new(Code::Internal, message)
    }

    /// The same with lines below it.
    #[must_use]
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exits(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: CliError) -> Self {
        if let (Some(own), Some(others)) = (&mut self.whole, &other.whole) {
            own.push_str("\n\n");
            own.push_str(others);
        }
        self.message = format!("{}; {}", self.message, other.message);
        self.details.extend(other.details);
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Writes it to standard error.
    pub fn show(&self, output: &Output) {
        output.error(&self.text(output));
    }

    /// As it is shown.
    #[must_use]
    pub fn text(&self, output: &Output) -> String {
        if output.is_json() {
            let problem =
                json!({ "code": self.code, "message": self.message, "errors": self.details });
            return problem.to_string();
        }
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut text = format!(
            "{}: {}",
            output.alarm(&format!("error[{}]", self.code)),
            self.message
        );
        for detail in &self.details {
            text.push_str("\n  - ");
            text.push_str(detail);
        }
        text
    }
}

fn exit(code: Code) -> Exit {
    match code {
        Code::ConfigUnreadable
        | Code::ConfigSyntax
        | Code::ConfigUnknownKey
        | Code::ConfigValue
        | Code::ConfigMissingKey
        | Code::ConfigContradiction
        | Code::SecretUnreadable
        | Code::LogFilter => Exit::Configuration,
        Code::ServerUnreachable => Exit::Unreachable,
        Code::TokenMissing | Code::Unauthorised => Exit::Unauthorised,
        Code::FlowUnknown
        | Code::VersionUnknown
        | Code::CallUnknown
        | Code::RecordUnknown
        | Code::KeyUnknown
        | Code::ResultsUnknown
        | Code::CodeUnknown
        | Code::FileUnusable => Exit::NotFound,
        _ => Exit::Failed,
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let located = error.located();
        let details = located.iter().map(|one| {
            format!(
                "{}:{}:{}: {} {}",
                one.file, one.line, one.column, one.code, one.message
            )
        });
        let mut shown = CliError::new(
            error.code(),
            format!("{} errors in {}", located.len(), error.file.display()),
        )
        .details(details.collect());
        shown.whole = Some(error.to_string());
        shown
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        let exit = problem.code.parse().map_or(Exit::Failed, exit);
        CliError {
            code: problem.code,
            message: problem.detail,
            details: problem.errors,
            exit,
            whole: None,
        }
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let advice = error.advice();
        match error {
            ClientError::Refused(problem) if advice.is_empty() => (*problem).into(),
            ClientError::Refused(problem) => CliError::from(*problem).details(advice),
            other => CliError::new(other.code(), other.to_string()).details(advice),
        }
    }
}

impl From<Vec<SecretError>> for CliError {
    fn from(errors: Vec<SecretError>) -> Self {
        let message = format!("{} secrets cannot be read", errors.len());
        CliError::new(Code::SecretUnreadable, message)
            .details(errors.iter().map(ToString::to_string).collect())
    }
}

macro_rules! from_coded {
    ($($error:ty),+) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                CliError::new(error.code(), error.to_string())
            }
        })+
    };
}

from_coded!(
    TokenError,
    ListenError,
    UnknownCode,
    LogError,
    vireo_registry::ReferenceError,
    vireo_registry::AuthFileError
);
