//! Routes: from trunk, called number, caller and time to a flow.
//!
//! Routes are tried in the order of the configuration; the first whose conditions all hold decides.
//! [`Routes::compile`] checks a whole configuration at once; [`Routes::decide`] then allocates little,
//! cannot fail, and tells why.
//!
//! ```toml
//! [[routes]]
//! name = "office"
//! trunk = "carrier"
//! called = ["+9611*", "96122"]
//! caller = { deny = ["anonymous", "@nuisance"], refused = { reject = 603 } }
//! when = { days = "mon-fri", times = "09:00-18:00", except = "lebanon" }
//! flow = "office"
//! language = "ar"
//! parameters = { department = "sales" }
//!
//! [[routes]]
//! name = "everything-else"
//! flow = "closed"
//!
//! [caller-lists]
//! nuisance = ["+15550100", "+1900*"]
//!
//! [calendars.lebanon]
//! holidays = ["01-06", "12-25", "2026-03-20..2026-03-22"]
//! ```

mod calendar;
mod caller;
mod compile;
mod config;
mod decision;
pub mod number;
mod pattern;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

pub use calendar::{ParseTimeError, parse_time};
pub use config::{
    CalendarConfig, CallerConfig, List, RejectConfig, RouteConfig, RoutesConfig, TreatmentConfig,
    WindowConfig,
};
pub use decision::{Check, Condition, Decision, Step};

use calendar::Window;
pub(crate) use caller::is_anonymous;
use caller::{CallerRule, Callers, Verdict};
use pattern::Numbers;

/// A call that looks for its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// Name of the trunk it came in on.
    pub trunk: &'a str,
    /// Called number or SIP user, as the trunk's [`number::Normalizer`] returns it.
    pub called: &'a str,
    /// Calling number or SIP user, likewise; empty or "anonymous" when withheld.
    pub caller: &'a str,
    /// When the INVITE came.
    pub at: Timestamp,
}

/// What is done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A flow takes it.
    Flow {
        /// The flow's name.
        name: Arc<str>,
        /// Prompt language, a BCP 47 tag.
        language: Arc<str>,
        /// What the route tells the flow.
        parameters: Arc<BTreeMap<String, String>>,
    },
    /// It is refused with a final response.
    Reject {
        /// SIP status, 400 to 699.
        status: u16,
        /// Reason phrase.
        reason: Arc<str>,
    },
}

/// Something in the configuration of the routes that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {field}: {problem}")]
pub struct RouteError {
    /// Where: "route office", "calendar lebanon".
    pub place: String,
    /// The key there: "when.times".
    pub field: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// A route with every condition ready to be tried.
#[derive(Debug, Clone)]
struct Route {
    name: Arc<str>,
    trunks: Option<Wanted<Vec<String>>>,
    called: Option<Wanted<Numbers>>,
    caller: Option<Wanted<CallerRule>>,
    when: Option<Wanted<Vec<Window>>>,
    action: Action,
}

/// A condition and its own words in the configuration.
#[derive(Debug, Clone)]
struct Wanted<T> {
    rule: T,
    text: Arc<str>,
}

/// The routes of a configuration, ready to decide.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    routes: Vec<Route>,
    lists: HashMap<String, Callers>,
}

impl Routes {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the configuration.
    pub fn compile(config: &RoutesConfig) -> Result<Self, Vec<RouteError>> {
        compile::routes(config)
    }

    /// What is done with a call, and why. Without a matching route it is refused with 404.
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        let mut why = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            let (step, action) = route.try_on(query);
            why.push(step);
            if let Some(action) = action {
                return Decision::new(
                    query,
                    Some((index, Arc::clone(&route.name))),
                    action.clone(),
                    why,
                );
            }
        }
        let action = Action::Reject {
            status: 404,
            reason: "Not Found".into(),
        };
        Decision::new(query, None, action, why)
    }

    /// The names of the routes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| &*route.name)
    }

    /// The names of the caller lists.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// Is a caller on a list? On one that does not exist nobody is.
    pub fn list_holds(&self, list: &str, caller: &str) -> bool {
        self.lists
            .get(list)
            .is_some_and(|callers| callers.contain(caller))
    }

    /// Every flow that a route leads to, with the route's name: for checking that they exist.
    pub fn flows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes.iter().flat_map(|route| {
            let refused = route
                .caller
                .as_ref()
                .and_then(|caller| caller.rule.refused());
            [Some(&route.action), refused]
                .into_iter()
                .flatten()
                .filter_map(|action| match action {
                    Action::Flow { name, .. } => Some((&*route.name, &**name)),
                    Action::Reject { .. } => None,
                })
        })
    }

    /// Every trunk that a route names, with the route's name: for checking that they exist.
    pub fn trunks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes.iter().flat_map(|route| {
            let trunks = route.trunks.iter().flat_map(|trunks| &trunks.rule);
            trunks.map(|trunk| (&*route.name, trunk.as_str()))
        })
    }
}

impl Route {
    /// Tries the conditions, cheapest first, until one fails.
    fn try_on(&self, query: &Query<'_>) -> (Step, Option<&Action>) {
        let mut step = Step {
            route: Arc::clone(&self.name),
            checks: Vec::new(),
            matched: false,
        };
        if let Some(trunks) = &self.trunks {
            let held = trunks.rule.iter().any(|trunk| trunk == query.trunk);
            if !step.check(Condition::Trunk, held, &trunks.text) {
                return (step, None);
            }
        }
        if let Some(called) = &self.called {
            let held = called.rule.contain(query.called);
            if !step.check(Condition::Called, held, &called.text) {
                return (step, None);
            }
        }
        if let Some(when) = &self.when {
            let held = when.rule.iter().any(|window| window.holds(query.at));
            if !step.check(Condition::When, held, &when.text) {
                return (step, None);
            }
        }
        // Last: a refusal that decides must not decide over calls that the other conditions leave out.
        if let Some(caller) = &self.caller {
            match caller.rule.judge(query.caller) {
                Verdict::Allowed => step.check(Condition::Caller, true, &caller.text),
                Verdict::Refused(treatment) => {
                    step.check(Condition::Caller, false, &caller.text);
                    step.matched = treatment.is_some();
                    return (step, treatment);
                }
            };
        }
        step.matched = true;
        (step, Some(&self.action))
    }
}

#[cfg(test)]
mod tests;
