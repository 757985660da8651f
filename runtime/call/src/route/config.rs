//! The configuration of routes, as it stands in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

/// One value, or a list of them: `"a"` is `["a"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct List<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                T::deserialize(StrDeserializer::new(text)).map(|one| List(vec![one]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| List(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(List)
            }
        }

        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<T>(), generator.subschema_for::<Vec<T>>()] })
    }
}

/// Everything that decides where a call goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RoutesConfig {
    /// The routes, in the order in which they are tried.
    pub routes: Vec<RouteConfig>,
    /// Calendars by name, for `when.except` and `when.only`.
    pub calendars: BTreeMap<String, CalendarConfig>,
    /// Lists of callers by name, for `caller`: "@name" there stands for the whole list.
    pub caller_lists: BTreeMap<String, Vec<String>>,
    /// IANA time zone of every `when` that names none, as "Asia/Beirut".
    pub time_zone: Option<String>,
    /// Prompt language of every route that names none, a BCP 47 tag; "en" if absent.
    pub language: Option<String>,
}

/// A rule from trunk, called number, caller and time to a flow. A condition that is absent holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RouteConfig {
    /// Its name in CDRs, logs and `vireo route test`. Every route has another one.
    pub name: String,
    /// The trunks that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk: Option<List<String>>,
    /// The called numbers: "96122" is this number, "96122*" every number that begins with it,
    /// "/^9612[0-9]$/" a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<List<String>>,
    /// The callers: numbers in the same way, "anonymous", "@name" of a caller list; or a table of
    /// `allow`, `deny` and `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerConfig>,
    /// When it is open: one window or several, of which any suffices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<List<WindowConfig>>,
    /// The flow that takes the call. Either this or `reject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Prompt language, a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the flow is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Refuse the call: a SIP status (400 to 699), or a table of `status` and `reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<RejectConfig>,
}

/// Which callers a route is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CallerConfig {
    /// Only these callers; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<List<String>>,
    /// Not these callers, even if they are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<List<String>>,
    /// What is done with the callers that are not allowed or denied; absent: the next route is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<TreatmentConfig>,
}

/// [`CallerConfig`] as a table; the short forms are put beside it by hand.
#[derive(DeriveDeserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct CallerTable {
    /// Only these callers; absent: all.
    allow: Option<List<String>>,
    /// Not these callers, even if they are allowed.
    deny: Option<List<String>>,
    /// What is done with the callers that are not allowed or denied; absent: the next route is tried.
    refused: Option<TreatmentConfig>,
}

impl<'de> Deserialize<'de> for CallerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Callers;

        impl<'de> Visitor<'de> for Callers {
            type Value = CallerConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, a list of numbers, or a table of `allow`, `deny` and `refused`",
                )
            }

            fn visit_str<E: de::Error>(self, number: &str) -> Result<CallerConfig, E> {
                Ok(CallerConfig {
                    allow: Some(List(vec![number.to_owned()])),
                    ..CallerConfig::default()
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<CallerConfig, A::Error> {
                let numbers = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(CallerConfig {
                    allow: Some(List(numbers)),
                    ..CallerConfig::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CallerConfig, A::Error> {
                let CallerTable {
                    allow,
                    deny,
                    refused,
                } = CallerTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(CallerConfig {
                    allow,
                    deny,
                    refused,
                })
            }
        }

        deserializer.deserialize_any(Callers)
    }
}

impl JsonSchema for CallerConfig {
    fn schema_name() -> Cow<'static, str> {
        "CallerConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which callers a route is for: one number, several, or a table.",
            "anyOf": [generator.subschema_for::<List<String>>(), generator.subschema_for::<CallerTable>()],
        })
    }
}

/// What is done with callers that a route refuses: another flow, or a SIP status.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TreatmentConfig {
    /// The flow that takes them. Either this or `reject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Prompt language, a BCP 47 tag; the route's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the flow is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// A SIP status (400 to 699), or a table of `status` and `reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<RejectConfig>,
}

/// How a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectConfig {
    /// SIP status, 400 to 699.
    pub status: u16,
    /// Reason phrase; the usual one of the status if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// [`RejectConfig`] as a table.
#[derive(DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RejectTable {
    /// SIP status, 400 to 699.
    status: u16,
    /// Reason phrase; the usual one of the status if absent.
    reason: Option<String>,
}

impl<'de> Deserialize<'de> for RejectConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reject;

        impl<'de> Visitor<'de> for Reject {
            type Value = RejectConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SIP status, or a table of `status` and `reason`")
            }

            fn visit_i64<E: de::Error>(self, status: i64) -> Result<RejectConfig, E> {
                let status = u16::try_from(status).map_err(|_| {
                    E::invalid_value(de::Unexpected::Signed(status), &"a SIP status")
                })?;
                Ok(RejectConfig {
                    status,
                    reason: None,
                })
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<RejectConfig, E> {
                self.visit_i64(i64::try_from(status).unwrap_or(i64::MAX))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RejectConfig, A::Error> {
                let RejectTable { status, reason } =
                    RejectTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RejectConfig { status, reason })
            }
        }

        deserializer.deserialize_any(Reject)
    }
}

impl JsonSchema for RejectConfig {
    fn schema_name() -> Cow<'static, str> {
        "RejectConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How a call is refused: a SIP status, or a table of `status` and `reason`.",
            "anyOf": [
                { "type": "integer", "minimum": 400, "maximum": 699 },
                generator.subschema_for::<RejectTable>(),
            ],
        })
    }
}

/// A stretch of time that comes again. Every key that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WindowConfig {
    /// IANA time zone, as "Asia/Beirut"; that of the server if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Days of the week: "mon-fri", ["sat", "sun"].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<List<String>>,
    /// Times of the day: "09:00-18:00" (until 17:59:59), ["09:00-12:00", "13:30-24:00"]. A span that ends
    /// before it begins runs over midnight and belongs to the day on which it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<List<String>>,
    /// Dates: "2026-11-22", "2026-11-01..2026-11-30" (both included), and every year: "12-25", "12-24..01-06".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<List<String>>,
    /// Not on the holidays of these calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<List<String>>,
    /// Only on the holidays of these calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<List<String>>,
}

/// Holidays.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CalendarConfig {
    /// Dates, written as in `when.dates`.
    pub holidays: List<String>,
}
