//! `[[routes]]` and `[calendars]`, whose shape belongs to the crate that decides by them.
//!
//! This module is the one place where the two meet: [`RouteConfig`] and [`CalendarConfig`] keep
//! each entry as it was written, and [`Config::routing`](super::Config::routing) hands them on.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

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

impl RouteConfig {
    /// The flow that the route names.
    #[must_use]
    pub fn flow(&self) -> Option<&str> {
        self.0.get("flow")?.as_str()
    }

    /// The trunks that the route names; none when it holds for all.
    #[must_use]
    pub fn trunks(&self) -> Vec<&str> {
        match self.0.get("trunk") {
            Some(toml::Value::String(name)) => vec![name],
            Some(toml::Value::Array(names)) => {
                names.iter().filter_map(toml::Value::as_str).collect()
            }
            _ => Vec::new(),
        }
    }
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
