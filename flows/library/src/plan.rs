//! Plans: what a flow does, as the operator wrote it into a setting.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use vireo_sdk::{Error, Result, settings};

use crate::list::Files;

/// What a setting holds, in TOML.
pub trait Plan: DeserializeOwned {
    /// What is wrong with it that its types do not say, one sentence each.
    fn problems(&self) -> Vec<String>;
}

/// Reads the plan in a setting.
///
/// # Errors
///
/// [`Error::Invalid`] with the place and what is wrong; [`Error::NotFound`] when the flow has no
/// such setting.
pub fn from_setting<P: Plan>(setting: &str) -> Result<P> {
    match settings::get(setting) {
        Some(text) => parse(setting, &text),
        None => Err(Error::NotFound(format!(
            "the flow has no setting `{setting}`: write its plan there, as docs/ready-flows.md says"
        ))),
    }
}

/// Reads a plan.
///
/// # Errors
///
/// [`Error::Invalid`] with the place and what is wrong.
pub fn parse<P: Plan>(setting: &str, text: &str) -> Result<P> {
    let plan: P = toml::from_str(text).map_err(|error| {
        let place = match error.span() {
            Some(span) => place(text, span.start),
            None => String::new(),
        };
        let message = error.message().replace('\n', ": ");
        Error::Invalid(format!("setting `{setting}`{place}: {message}"))
    })?;
    let problems = plan.problems();
    match problems.is_empty() {
        true => Ok(plan),
        false => Err(Error::Invalid(format!(
            "setting `{setting}`: {}",
            problems.join("; ")
        ))),
    }
}

/// Where in a text a byte stands; people count from 1.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!(", line {line}, column {column}")
}

/// How questions are asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Asking {
    /// How often the caller may try, 1 to 10.
    pub attempts: u8,
    /// From the end of the prompt to the first key, seconds.
    pub timeout_s: u16,
    /// Between two keys, seconds.
    pub between_s: u16,
    /// Heard when nothing was pressed, before the question is asked again.
    pub no_input: Files,
    /// Heard when something else was pressed.
    pub no_match: Files,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            attempts: 3,
            timeout_s: 5,
            between_s: 3,
            no_input: Files::one("ready/no-input"),
            no_match: Files::one("ready/no-match"),
        }
    }
}

impl Asking {
    /// The time for the first key.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }

    /// The time between two keys.
    #[must_use]
    pub fn between(&self) -> Duration {
        Duration::from_secs(self.between_s.into())
    }

    /// What is out of range; `of` says whose it is.
    pub fn check(&self, of: &str, problems: &mut Vec<String>) {
        let mut within = |key: &str, value: u16, least: u16, most: u16| {
            if !(least..=most).contains(&value) {
                problems.push(format!(
                    "{of}`{key}` is {value}; {least} to {most} is allowed"
                ));
            }
        };
        within("attempts", self.attempts.into(), 1, 10);
        within("timeout-s", self.timeout_s, 1, 600);
        within("between-s", self.between_s, 1, 600);
    }
}

/// The name under which a flow keeps its results: part of their keys.
pub fn check_name(name: &str, problems: &mut Vec<String>) {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        problems.push(format!(
            "`name` is {name:?}; 1 to 64 letters, digits, `-`, `_` and `.` are allowed"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[serde(default)]
        asking: Asking,
        name: String,
    }

    impl Plan for Small {
        fn problems(&self) -> Vec<String> {
            let mut problems = Vec::new();
            self.asking.check("asking: ", &mut problems);
            check_name(&self.name, &mut problems);
            problems
        }
    }

    fn refused(text: &str) -> String {
        match parse::<Small>("plan", text) {
            Err(Error::Invalid(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        assert!(parse::<Small>("plan", "name = 'a'").is_ok());
        for (text, told) in [
            (
                "name = 'a'\n  nane = 'b'",
                "setting `plan`, line 2, column 3: unknown field `nane`",
            ),
            ("name = ", "setting `plan`, line 1, column 8: "),
            (
                "name = 7",
                "setting `plan`, line 1, column 8: invalid type: integer `7`",
            ),
            ("", "missing field `name`"),
            (
                "name = 'ä'\nasking = { attempts = 0, timeout-s = 601 }",
                "setting `plan`: asking: `attempts` is 0; 1 to 10 is allowed; asking: `timeout-s` is 601; \
                 1 to 600 is allowed; `name` is \"ä\"; 1 to 64 letters",
            ),
        ] {
            let why = refused(text);
            assert!(why.contains(told), "{text}: {why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }
}
