//! From the configuration to routes that can decide.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::calendar::{Dates, Days, Span, Window};
use super::caller::{CallerRule, Callers};
use super::config::{CallerConfig, List, RejectConfig, RouteConfig, RoutesConfig, WindowConfig};
use super::pattern::Numbers;
use super::{Action, Route, RouteError, Routes, Wanted};

/// The most flow parameters of a route.
const MAX_PARAMETERS: usize = 64;

/// The longest reason phrase, in bytes.
const MAX_REASON_BYTES: usize = 80;

pub(super) fn routes(config: &RoutesConfig) -> Result<Routes, Vec<RouteError>> {
    let mut compiler = Compiler::new(config);
    let routes = config
        .routes
        .iter()
        .enumerate()
        .map(|(index, route)| compiler.route(index, route))
        .collect();
    if compiler.errors.is_empty() {
        Ok(Routes {
            routes,
            lists: compiler.lists,
        })
    } else {
        Err(compiler.errors)
    }
}

/// Reads on after an error, with something harmless in the place of what is wrong, to find the others.
struct Compiler<'a> {
    config: &'a RoutesConfig,
    calendars: BTreeMap<&'a str, Vec<Dates>>,
    lists: HashMap<String, Callers>,
    zone: Option<TimeZone>,
    names: HashMap<&'a str, usize>,
    place: String,
    errors: Vec<RouteError>,
}

impl<'a> Compiler<'a> {
    fn new(config: &'a RoutesConfig) -> Self {
        let mut compiler = Self {
            config,
            calendars: BTreeMap::new(),
            lists: HashMap::new(),
            zone: None,
            names: HashMap::new(),
            place: "routes".into(),
            errors: Vec::new(),
        };
        compiler.zone = config
            .time_zone
            .as_deref()
            .and_then(|name| compiler.zone("time-zone", name));
        for (name, calendar) in &config.calendars {
            compiler.place = format!("calendar {name}");
            let holidays = compiler.each("holidays", &calendar.holidays.0, Dates::parse);
            compiler.calendars.insert(name, holidays);
        }
        for (name, list) in &config.caller_lists {
            compiler.place = format!("caller list {name}");
            // Where it is used it is read again; the errors are told here, once.
            let mut callers = Callers::default();
            compiler.each(name, list, |text| match text.strip_prefix('@') {
                Some(_) => Err(format!(
                    "{text:?}: a caller list cannot hold another one: copy its numbers"
                )),
                None => callers.add(text),
            });
            compiler.lists.insert(name.clone(), callers);
        }
        compiler
    }

    fn route(&mut self, index: usize, route: &'a RouteConfig) -> Route {
        self.place = if route.name.is_empty() {
            format!("route number {}", index + 1)
        } else {
            format!("route {}", route.name)
        };
        self.name(index, &route.name);
        let trunks = route.trunk.as_ref().map(|List(trunks)| {
            self.not_empty("trunk", trunks);
            Wanted {
                rule: trunks.clone(),
                text: list_text(trunks),
            }
        });
        let called = route.called.as_ref().map(|List(called)| {
            self.not_empty("called", called);
            let mut numbers = Numbers::default();
            self.each("called", called, |text| numbers.add(text));
            Wanted {
                rule: numbers,
                text: list_text(called),
            }
        });
        let when = route.when.as_ref().map(|List(windows)| {
            self.not_empty("when", windows);
            let rule = windows.iter().map(|window| self.window(window)).collect();
            let texts: Vec<_> = windows
                .iter()
                .map(|window| self.window_text(window))
                .collect();
            Wanted {
                rule,
                text: texts.join(", or ").into(),
            }
        });
        let language = route
            .language
            .as_ref()
            .or(self.config.language.as_ref())
            .map_or("en", String::as_str);
        let caller = route
            .caller
            .as_ref()
            .map(|caller| self.caller(caller, language));
        let treatment = (
            route.flow.as_deref(),
            &route.parameters,
            route.reject.as_ref(),
        );
        let action = self.action("", treatment, language);
        Route {
            name: route.name.as_str().into(),
            trunks,
            called,
            caller,
            when,
            action,
        }
    }

    fn name(&mut self, index: usize, name: &'a str) {
        if name.is_empty() || name.len() > 64 || name.contains(char::is_control) {
            self.complain(
                "name",
                "a route needs a name of 1 to 64 bytes without control characters".into(),
            );
        } else if let Some(first) = self.names.insert(name, index) {
            self.complain(
                "name",
                format!(
                    "routes {} and {} both have it: rename one",
                    first + 1,
                    index + 1
                ),
            );
        }
    }

    fn caller(&mut self, config: &CallerConfig, language: &str) -> Wanted<CallerRule> {
        if config.allow.is_none() && config.deny.is_none() {
            self.complain(
                "caller",
                "it names no callers: add allow or deny, or remove it".into(),
            );
        }
        let allow = config
            .allow
            .as_ref()
            .map(|List(list)| self.callers("caller.allow", list));
        let deny = config
            .deny
            .as_ref()
            .map(|List(list)| self.callers("caller.deny", list));
        let treatment = config.refused.as_ref().map(|refused| {
            let language = refused.language.as_deref().unwrap_or(language);
            let treatment = (
                refused.flow.as_deref(),
                &refused.parameters,
                refused.reject.as_ref(),
            );
            self.action("caller.refused.", treatment, language)
        });
        let mut text = Vec::new();
        text.extend(
            config
                .allow
                .as_ref()
                .map(|List(list)| list_text(list).to_string()),
        );
        text.extend(
            config
                .deny
                .as_ref()
                .map(|List(list)| format!("not {}", list_text(list))),
        );
        Wanted {
            rule: CallerRule {
                allow,
                deny,
                treatment,
            },
            text: text.join(", ").into(),
        }
    }

    fn callers(&mut self, field: &str, list: &[String]) -> Callers {
        self.not_empty(field, list);
        let mut callers = Callers::default();
        let named = &self.config.caller_lists;
        self.each(field, list, |text| match text.strip_prefix('@') {
            None => callers.add(text),
            Some(name) => {
                let list = named.get(name).ok_or_else(|| {
                    format!("there is no caller list {name:?}: add it to [caller-lists]")
                })?;
                for number in list {
                    // Its errors were told where the list stands.
                    let _ = callers.add(number);
                }
                Ok(())
            }
        });
        callers
    }

    fn window(&mut self, window: &WindowConfig) -> Window {
        let WindowConfig {
            zone,
            days,
            times,
            dates,
            except,
            only,
        } = window;
        if [days, times, dates, except, only]
            .into_iter()
            .all(Option::is_none)
        {
            self.complain(
                "when",
                "it says nothing: add days, times, dates, except or only, or remove it".into(),
            );
        }
        let zone = match zone {
            Some(name) => self.zone("when.zone", name),
            None => {
                if self.config.time_zone.is_none() {
                    self.complain(
                        "when.zone",
                        "no time zone is known: add it here or for the server, as \"Asia/Beirut\""
                            .into(),
                    );
                }
                self.zone.clone()
            }
        };
        let days = days.as_ref().map(|List(list)| {
            self.not_empty("when.days", list);
            let mut days = Days::default();
            self.each("when.days", list, |text| days.add(text));
            days
        });
        let times = match times {
            None => vec![Span::WHOLE_DAY],
            Some(List(list)) => {
                self.not_empty("when.times", list);
                self.each("when.times", list, Span::parse)
            }
        };
        let dates = dates.as_ref().map(|List(list)| {
            self.not_empty("when.dates", list);
            self.each("when.dates", list, Dates::parse)
        });
        let except = except
            .as_ref()
            .map(|List(names)| self.holidays("when.except", names))
            .unwrap_or_default();
        let only = only
            .as_ref()
            .map(|List(names)| self.holidays("when.only", names));
        Window {
            zone: zone.unwrap_or(TimeZone::UTC),
            days,
            times,
            dates,
            except,
            only,
        }
    }

    fn window_text(&self, window: &WindowConfig) -> String {
        let WindowConfig {
            zone,
            days,
            times,
            dates,
            except,
            only,
        } = window;
        let mut parts = Vec::new();
        for (before, list) in [
            ("", days),
            ("", times),
            ("", dates),
            ("not on holidays of ", except),
            ("on holidays of ", only),
        ] {
            parts.extend(
                list.as_ref()
                    .map(|List(list)| format!("{before}{}", list_text(list))),
            );
        }
        let zone = zone
            .as_ref()
            .or(self.config.time_zone.as_ref())
            .map_or("UTC", String::as_str);
        format!("{} ({zone})", parts.join(" "))
    }

    fn holidays(&mut self, field: &str, names: &[String]) -> Vec<Dates> {
        self.not_empty(field, names);
        let mut all = Vec::new();
        for name in names {
            match self.calendars.get(name.as_str()) {
                Some(holidays) => all.extend_from_slice(holidays),
                None => self.complain(
                    field,
                    format!("there is no calendar {name:?}: add [calendars.{name}]"),
                ),
            }
        }
        all
    }

    fn zone(&mut self, field: &str, name: &str) -> Option<TimeZone> {
        match TimeZone::get(name) {
            Ok(zone) => Some(zone),
            Err(_) => {
                self.complain(
                    field,
                    format!(
                        "there is no time zone {name:?}: write an IANA name as \"Asia/Beirut\" (and see that the \
                         package tzdata is installed)"
                    ),
                );
                None
            }
        }
    }

    /// What is done with a call, from `flow`, its parameters, and `reject`.
    fn action(
        &mut self,
        prefix: &str,
        (flow, parameters, reject): (
            Option<&str>,
            &BTreeMap<String, String>,
            Option<&RejectConfig>,
        ),
        language: &str,
    ) -> Action {
        let field = |name: &str| format!("{prefix}{name}");
        match (flow, reject) {
            (Some(_), Some(_)) => {
                self.complain(
                    &field("reject"),
                    "it has a flow, too: remove one of them".into(),
                );
            }
            (None, None) => self.complain(
                &field("flow"),
                "neither a flow nor reject is given: add one".into(),
            ),
            (Some(""), None) => self.complain(
                &field("flow"),
                "the name is empty: write a flow's name".into(),
            ),
            _ => {}
        }
        if parameters.len() > MAX_PARAMETERS {
            let problem = format!(
                "{} parameters; at most {MAX_PARAMETERS} are allowed",
                parameters.len()
            );
            self.complain(&field("parameters"), problem);
        }
        match reject {
            Some(reject) => self.reject(&field("reject"), reject),
            None => Action::Flow {
                name: flow.unwrap_or_default().into(),
                language: language.into(),
                parameters: Arc::new(parameters.clone()),
            },
        }
    }

    fn reject(&mut self, field: &str, reject: &RejectConfig) -> Action {
        let status = reject.status;
        if !(400..=699).contains(&status) {
            self.complain(
                field,
                format!("{status} cannot refuse a call: write 400 to 699, as 486 or 603"),
            );
        }
        let reason = reject
            .reason
            .as_deref()
            .unwrap_or_else(|| usual_reason(status));
        if reason.len() > MAX_REASON_BYTES || reason.contains(char::is_control) {
            self.complain(
                field,
                format!("a reason has at most {MAX_REASON_BYTES} bytes and no control characters: shorten it"),
            );
        }
        Action::Reject {
            status,
            reason: reason.into(),
        }
    }

    fn not_empty<T>(&mut self, field: &str, list: &[T]) {
        if list.is_empty() {
            self.complain(
                field,
                "the list is empty, so nothing would match: fill it or remove it".into(),
            );
        }
    }

    /// Reads every text of a list; those that cannot be read are complained of and left out.
    fn each<T>(
        &mut self,
        field: &str,
        list: &[String],
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Vec<T> {
        list.iter()
            .filter_map(|text| {
                read(text)
                    .map_err(|problem| self.complain(field, problem))
                    .ok()
            })
            .collect()
    }

    fn complain(&mut self, field: &str, problem: String) {
        self.errors.push(RouteError {
            place: self.place.clone(),
            field: field.to_owned(),
            problem,
        });
    }
}

/// A list in the words of the configuration, cut where nobody reads on.
fn list_text(list: &[String]) -> Arc<str> {
    const SHOWN: usize = 6;
    let mut text = list
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("|");
    if list.len() > SHOWN {
        text.push_str(&format!("|... ({} in all)", list.len()));
    }
    text.into()
}

/// The reason phrase of a status (RFC 3261, 21.4 to 21.6).
fn usual_reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        433 => "Anonymity Disallowed", // RFC 5079
        480 => "Temporarily Unavailable",
        484 => "Address Incomplete",
        486 => "Busy Here",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        607 => "Unwanted", // RFC 8197
        608 => "Rejected", // RFC 8688
        // The names of the classes (RFC 3261, 7.2).
        _ if status < 500 => "Client Error",
        _ if status < 600 => "Server Error",
        _ => "Global Failure",
    }
}
