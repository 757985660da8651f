//! A call with the language that its caller chose.

use std::cell::RefCell;

use vireo_sdk::{Call, Gather, Gathered, Prompt, Record, Result};

use crate::list::Files;
use crate::plan::Asking;

/// A call, and the language of what is played in it.
pub struct Line<'call> {
    /// The call.
    pub call: &'call Call,
    language: RefCell<Option<String>>,
}

impl<'call> Line<'call> {
    /// The call in the language of its route.
    #[must_use]
    pub fn new(call: &'call Call) -> Self {
        Self {
            call,
            language: RefCell::new(None),
        }
    }

    /// What is played from now on is in this language.
    pub fn speak(&self, language: &str) {
        self.language.replace(Some(language.to_owned()));
    }

    /// The language of what is played.
    #[must_use]
    pub fn language(&self) -> String {
        let chosen = self.language.borrow().clone();
        chosen.unwrap_or_else(|| self.call.info().language.clone())
    }

    /// Plays prompts to their end; keys pressed meanwhile are kept.
    ///
    /// # Errors
    ///
    /// As [`Call::play`].
    pub fn play(&self, prompt: impl Into<Prompt>) -> Result<()> {
        let prompt = prompt.into();
        if prompt.is_empty() {
            return Ok(());
        }
        self.call
            .prompt(prompt)
            .language(self.language())
            .play()
            .map(|_| ())
    }

    /// A question, asked as the plan says.
    pub fn ask(&self, prompt: impl Into<Prompt>, asking: &Asking) -> Gather<'call> {
        self.call
            .gather(prompt)
            .language(self.language())
            .attempts(asking.attempts)
            .first_digit_timeout(asking.timeout())
            .inter_digit_timeout(asking.between())
            .no_input(&asking.no_input)
            .no_match(&asking.no_match)
    }

    /// Asks for one of these keys; none when the caller chose nothing of them.
    ///
    /// # Errors
    ///
    /// As [`Gather::collect`].
    pub fn choose(
        &self,
        prompt: impl Into<Prompt>,
        keys: &[&str],
        asking: &Asking,
    ) -> Result<Option<String>> {
        let gathered: Gathered = self
            .ask(prompt, asking)
            .accept(keys.iter().copied())
            .terminators(terminators(keys))
            .collect()?;
        Ok(gathered.digits())
    }

    /// A message of the caller.
    pub fn record(&self, prompt: impl Into<Prompt>) -> Record<'call> {
        self.call.record(prompt).language(self.language())
    }
}

/// `#` ends an entry of several keys early, unless it is itself among them.
fn terminators(keys: &[&str]) -> &'static str {
    let several = keys.iter().any(|key| key.len() > 1);
    match several && !keys.iter().any(|key| key.contains('#')) {
        true => "#",
        false => "",
    }
}

impl From<&Files> for Prompt {
    fn from(files: &Files) -> Self {
        files.prompt()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_terminator_is_no_key() {
        for (keys, terminators) in [
            (&["1", "2"][..], ""),
            (&["1", "12"], "#"),
            (&["1", "12", "#"], ""),
        ] {
            assert_eq!(super::terminators(keys), terminators, "{keys:?}");
        }
    }
}
