//! Letting callers choose their language.

use std::collections::BTreeMap;

use serde::Deserialize;
use vireo_sdk::{Result, kv};

use crate::line::Line;
use crate::list::Files;
use crate::plan::Asking;

/// Which languages there are to choose from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Languages {
    /// The question; each language says its own part of it.
    pub prompt: Files,
    /// Languages (BCP 47) by key.
    pub keys: BTreeMap<String, String>,
    /// Is the caller's choice kept for the next call?
    #[serde(default)]
    pub remember: bool,
}

impl Languages {
    /// What is wrong with it.
    pub fn check(&self, problems: &mut Vec<String>) {
        if self.keys.is_empty() {
            problems.push("language: `keys` is empty".to_owned());
        }
        for key in self.keys.keys() {
            if !is_entry(key) {
                problems.push(format!("language: {key:?} cannot be pressed"));
            }
        }
    }

    /// The language of an earlier call, or the caller's answer. A caller who chooses nothing stays
    /// with the language of the route.
    ///
    /// # Errors
    ///
    /// Those of asking and of the store.
    pub fn greet(&self, line: &Line<'_>, asking: &Asking) -> Result<()> {
        match self.remembered(line)? {
            Some(language) => {
                line.speak(&language);
                Ok(())
            }
            None => self.ask(line, asking),
        }
    }

    fn remembered(&self, line: &Line<'_>) -> Result<Option<String>> {
        if !self.remember || line.call.caller().is_empty() {
            return Ok(None);
        }
        let chosen = kv::get_text(&key(line))?;
        // It may be of an earlier plan.
        Ok(chosen.filter(|chosen| self.keys.values().any(|language| language == chosen)))
    }

    /// Asks, whatever was chosen before.
    ///
    /// # Errors
    ///
    /// Those of asking and of the store.
    pub fn ask(&self, line: &Line<'_>, asking: &Asking) -> Result<()> {
        let keys: Vec<&str> = self.keys.keys().map(String::as_str).collect();
        let chosen = line.choose(&self.prompt, &keys, asking)?;
        let Some(language) = chosen.and_then(|pressed| self.keys.get(&pressed)) else {
            return Ok(());
        };
        line.speak(language);
        match self.remember && !line.call.caller().is_empty() {
            true => kv::set(&key(line), language),
            false => Ok(()),
        }
    }
}

fn key(line: &Line<'_>) -> String {
    format!("language/{}", line.call.caller())
}

/// Can a caller press this? One to eight keys.
#[must_use]
pub fn is_entry(keys: &str) -> bool {
    let is_key = |c: char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D');
    (1..=8).contains(&keys.len()) && keys.chars().all(is_key)
}
