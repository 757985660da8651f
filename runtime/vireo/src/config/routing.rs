//! `[[routes]]`, `[calendars]`, `[caller-lists]` and the numbers of trunks: their shape belongs to
//! the crate that decides by them, and so does the judgement of what stands in them.

use serde_json::Value;
use vireo_call::route::number::Normalizer;
use vireo_call::route::{Routes, RoutesConfig};

pub use vireo_call::route::number::NumberConfig;
pub use vireo_call::route::{CalendarConfig, RouteConfig};

use super::types::Config;

/// A name that a route mentions, and the keys that lead to it: `["caller", "refused", "flow"]`.
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) name: String,
}

/// Something that cannot be used, and the keys that lead to it.
pub(super) struct Misfit {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

/// The flows that a route hands calls to.
pub(super) fn flows_of(route: &RouteConfig) -> Vec<Mention> {
    mentions(route, &[&["flow"], &["caller", "refused", "flow"]])
}

/// The trunks that a route is for; none when it is for all.
pub(super) fn trunks_of(route: &RouteConfig) -> Vec<Mention> {
    mentions(route, &[&["trunk"]])
}

/// Reads the names at these paths from a route as it is written: one text, or a list of them.
fn mentions(route: &RouteConfig, paths: &[&[&str]]) -> Vec<Mention> {
    // What came from TOML can be written as JSON.
    let written = serde_json::to_value(route).unwrap_or_default();
    let mut found = Vec::new();
    for path in paths {
        let value = path.iter().fold(&written, |value, key| &value[*key]);
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        match value {
            Value::String(name) => found.push(Mention {
                path,
                name: name.clone(),
            }),
            Value::Array(names) => {
                for (index, name) in names.iter().enumerate() {
                    let mut path = path.clone();
                    path.push(index.to_string());
                    found.extend(name.as_str().map(|name| Mention {
                        path,
                        name: name.to_owned(),
                    }));
                }
            }
            _ => {}
        }
    }
    found
}

impl Config {
    /// What routing is compiled from.
    #[must_use]
    pub fn routing(&self) -> RoutesConfig {
        RoutesConfig {
            routes: self.routes.clone(),
            calendars: self.calendars.clone(),
            caller_lists: self.caller_lists.clone(),
            time_zone: Some(self.server.time_zone.to_string()),
            language: Some(self.prompts.default_language.clone()),
        }
    }

    /// What is wrong with the routes and numbers beyond their keys and types.
    pub(super) fn misfits(&self) -> Vec<Misfit> {
        let routes = Routes::compile(&self.routing()).err().unwrap_or_default();
        let mut found: Vec<Misfit> = routes
            .into_iter()
            .map(|error| {
                let mut path = self.place(&error.place);
                path.extend(error.field.split('.').map(str::to_owned));
                Misfit {
                    path,
                    message: format!("{}: {}", error.field, error.problem),
                }
            })
            .collect();
        for (name, trunk) in &self.trunks {
            for error in Normalizer::new(&trunk.numbers).err().unwrap_or_default() {
                found.push(Misfit {
                    path: ["trunks", name, "numbers", error.field]
                        .map(str::to_owned)
                        .to_vec(),
                    message: format!("{}: {}", error.field, error.problem),
                });
            }
        }
        found
    }

    /// The keys that lead to what a route error calls "route office" or "calendar lebanon".
    fn place(&self, place: &str) -> Vec<String> {
        let path = |keys: [&str; 2]| keys.map(str::to_owned).to_vec();
        if let Some(name) = place.strip_prefix("calendar ") {
            return path(["calendars", name]);
        }
        if let Some(name) = place.strip_prefix("caller list ") {
            return path(["caller-lists", name]);
        }
        let numbered = place
            .strip_prefix("route number ")
            .and_then(|number| number.parse::<usize>().ok());
        let index = match numbered {
            Some(number) => number.checked_sub(1),
            None => place
                .strip_prefix("route ")
                .and_then(|name| self.routes.iter().position(|route| route.name == name)),
        };
        match index {
            Some(index) => path(["routes", &index.to_string()]),
            None => vec!["routes".to_owned()],
        }
    }
}
