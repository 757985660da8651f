//! Sets of numbers: exact ones, prefixes, regular expressions.

use std::collections::{BTreeSet, HashSet};

use regex::{Regex, RegexBuilder};

use super::number::strip_separators;

/// The longest regular expression, in bytes.
const MAX_REGEX_BYTES: usize = 256;

/// Memory for one compiled regular expression, in bytes, and again for the cache of its automaton.
const REGEX_MEMORY: usize = 512 * 1024;

/// Numbers that a condition names. Thousands of exact numbers and prefixes cost no more than one.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    exact: HashSet<String>,
    prefixes: HashSet<String>,
    /// The lengths that occur among the prefixes, in bytes.
    prefix_lengths: BTreeSet<usize>,
    expressions: Vec<Regex>,
}

impl Numbers {
    /// Adds a number, a prefix that ends with `*`, or a regular expression between slashes.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        if let Some(expression) = text.strip_prefix('/') {
            let expression = expression.strip_suffix('/').ok_or_else(|| {
                format!("{text:?} begins like a regular expression: end it with a slash, too")
            })?;
            self.expressions.push(regex(expression)?);
            return Ok(());
        }
        let number = strip_separators(text);
        match number.strip_suffix('*') {
            Some(prefix) => {
                self.prefix_lengths.insert(prefix.len());
                self.prefixes.insert(prefix.to_owned());
            }
            None if number.is_empty() => {
                return Err("a number is empty: remove it, or write \"*\" for every number".into());
            }
            None => {
                self.exact.insert(number.into_owned());
            }
        }
        Ok(())
    }

    pub(super) fn contain(&self, number: &str) -> bool {
        self.exact.contains(number)
            || self
                .prefix_lengths
                .iter()
                .filter_map(|length| number.get(..*length))
                .any(|prefix| self.prefixes.contains(prefix))
            || self
                .expressions
                .iter()
                .any(|expression| expression.is_match(number))
    }
}

fn regex(expression: &str) -> Result<Regex, String> {
    if expression.len() > MAX_REGEX_BYTES {
        return Err(format!(
            "a regular expression of {} bytes; at most {MAX_REGEX_BYTES} are allowed: split it into several",
            expression.len()
        ));
    }
    RegexBuilder::new(expression)
        .size_limit(REGEX_MEMORY)
        .dfa_size_limit(REGEX_MEMORY)
        .nest_limit(32)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("/{expression}/ needs more than {REGEX_MEMORY} bytes: repeat less in it")
            }
            // The last line of a syntax error says what is wrong; those before it draw where.
            error => {
                let error = error.to_string();
                let problem = error
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                format!("/{expression}/ is no regular expression: {problem}")
            }
        })
}
