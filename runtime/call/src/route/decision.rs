//! What was decided, and why.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Action, Query};

/// A condition of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The trunk that the call came in on.
    Trunk,
    /// The called number.
    Called,
    /// The time.
    When,
    /// The caller.
    Caller,
}

/// A condition that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which one.
    pub condition: Condition,
    /// Whether it held.
    pub held: bool,
    /// What it asks for, in the words of the configuration.
    pub wanted: Arc<str>,
}

/// A route that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub route: Arc<str>,
    /// Its conditions in the order in which they were tried, up to the first that did not hold.
    pub checks: Vec<Check>,
    /// Whether this route decided.
    pub matched: bool,
}

impl Step {
    pub(super) fn check(&mut self, condition: Condition, held: bool, wanted: &Arc<str>) -> bool {
        self.checks.push(Check {
            condition,
            held,
            wanted: Arc::clone(wanted),
        });
        held
    }
}

/// What is done with a call. Its `Display` is the answer of `vireo route test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Place (from 0) and name of the route that decided; none if no route matched.
    pub route: Option<(usize, Arc<str>)>,
    /// What is done.
    pub action: Action,
    /// Every route that was tried, in order.
    pub why: Vec<Step>,
    trunk: String,
    called: String,
    caller: String,
    at: Timestamp,
}

impl Decision {
    pub(super) fn new(
        query: &Query<'_>,
        route: Option<(usize, Arc<str>)>,
        action: Action,
        why: Vec<Step>,
    ) -> Self {
        Self {
            route,
            action,
            why,
            trunk: query.trunk.to_owned(),
            called: query.called.to_owned(),
            caller: query.caller.to_owned(),
            at: query.at,
        }
    }

    /// The name of the route that decided.
    pub fn route_name(&self) -> Option<&str> {
        self.route.as_ref().map(|(_, name)| &**name)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trunk => "trunk",
            Self::Called => "called",
            Self::When => "when",
            Self::Caller => "caller",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow {
                name,
                language,
                parameters,
            } => {
                write!(f, "flow {name}, language {language}")?;
                for (index, (key, value)) in parameters.iter().enumerate() {
                    write!(
                        f,
                        "{}{key}={value}",
                        if index == 0 { ", with " } else { ", " }
                    )?;
                }
                Ok(())
            }
            Self::Reject { status, reason } => write!(f, "reject with {status} {reason}"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = if self.caller.is_empty() {
            "(withheld)"
        } else {
            &self.caller
        };
        writeln!(
            f,
            "call from {caller} to {} on trunk {} at {}",
            self.called, self.trunk, self.at
        )?;
        let width = self
            .why
            .iter()
            .map(|step| step.route.chars().count())
            .max()
            .unwrap_or(0);
        for (index, step) in self.why.iter().enumerate() {
            let verdict = if step.matched { "YES" } else { "no" };
            write!(f, "{:>4}  {:width$}  {verdict:3}  ", index + 1, step.route)?;
            match step.checks.last() {
                None => write!(f, "has no conditions")?,
                // Of a route that failed only the reason is of interest.
                Some(check) if !check.held => {
                    write!(f, "{} is not {}", check.condition, check.wanted)?
                }
                Some(_) => {
                    for (place, check) in step.checks.iter().enumerate() {
                        let comma = if place == 0 { "" } else { "; " };
                        write!(f, "{comma}{} is {}", check.condition, check.wanted)?;
                    }
                }
            }
            writeln!(f)?;
        }
        match &self.route {
            Some((_, name)) => write!(f, "=> route {name}: {}", self.action),
            None => write!(f, "=> no route matched: {}", self.action),
        }
    }
}
