//! `[[routes]]` and `[calendars]`, whose shape belongs to the crate that decides by them.
//!
//! This module is the one place where the two meet: [`RouteConfig`] and [`CalendarConfig`] keep
//! each entry as it was written, and [`Config::routing`](super::Config::routing) hands them on.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{Config, Trunk};

/// One entry of `[[routes]]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteConfig(pub toml::Table);

/// One entry of `[calendars]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarConfig(pub toml::Table);

macro_rules! open_table {
    ($type:ident, $about:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "object", "description": $about, "additionalProperties": true })
            }
        }
    };
}

open_table!(
    RouteConfig,
    "A rule that sends calls to a flow, or rejects them."
);
open_table!(CalendarConfig, "A set of days.");

/// A name that a route mentions, and the keys that lead to it: `["caller", "refused", "flow"]`.
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) name: String,
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

/// What routing is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Routing<'a> {
    /// The routes in their order.
    pub routes: &'a [RouteConfig],
    /// The calendars by name.
    pub calendars: &'a BTreeMap<String, CalendarConfig>,
    /// Lists of callers by name.
    pub caller_lists: &'a BTreeMap<String, Vec<String>>,
    /// The trunks by name: how numbers are normalised.
    pub trunks: &'a BTreeMap<String, Trunk>,
}

impl Config {
    /// What routing is compiled from.
    #[must_use]
    pub fn routing(&self) -> Routing<'_> {
        Routing {
            routes: &self.routes,
            calendars: &self.calendars,
            caller_lists: &self.caller_lists,
            trunks: &self.trunks,
        }
    }
}
