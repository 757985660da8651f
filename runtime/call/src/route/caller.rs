//! Which callers a route is for.

use super::Action;
use super::pattern::Numbers;

/// Callers: numbers, and those who withhold theirs.
#[derive(Debug, Clone, Default)]
pub(super) struct Callers {
    numbers: Numbers,
    anonymous: bool,
}

impl Callers {
    /// Adds a number in the way of [`Numbers::add`], or "anonymous".
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        if text.eq_ignore_ascii_case("anonymous") {
            self.anonymous = true;
            return Ok(());
        }
        self.numbers.add(text)
    }

    pub(super) fn contain(&self, caller: &str) -> bool {
        if is_anonymous(caller) {
            self.anonymous
        } else {
            self.numbers.contain(caller)
        }
    }
}

/// Nobody who withholds a number is found by a number: not by `*`, nor by a regular expression.
pub(crate) fn is_anonymous(caller: &str) -> bool {
    // RFC 3323, 4.1.1.3: "anonymous" is the user of a withheld From.
    caller.is_empty() || caller.eq_ignore_ascii_case("anonymous")
}

/// The caller condition of a route.
#[derive(Debug, Clone, Default)]
pub(super) struct CallerRule {
    pub(super) allow: Option<Callers>,
    pub(super) deny: Option<Callers>,
    pub(super) treatment: Option<Action>,
}

pub(super) enum Verdict<'a> {
    Allowed,
    /// Refused; without a treatment the next route is tried.
    Refused(Option<&'a Action>),
}

impl CallerRule {
    pub(super) fn judge(&self, caller: &str) -> Verdict<'_> {
        let denied = self
            .deny
            .as_ref()
            .is_some_and(|callers| callers.contain(caller));
        let allowed = self
            .allow
            .as_ref()
            .is_none_or(|callers| callers.contain(caller));
        if allowed && !denied {
            Verdict::Allowed
        } else {
            Verdict::Refused(self.treatment.as_ref())
        }
    }

    pub(super) fn refused(&self) -> Option<&Action> {
        self.treatment.as_ref()
    }
}
