//! Keys of the flows, as the admin API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vireo_store::kv::{Item, Kind};

/// A key of the flows with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// How the value is written here.
    pub kind: ValueKind,
    /// The value: as it is, or in hexadecimal digits.
    pub value: String,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    /// As it is: UTF-8 that a flow, or the operator, has set.
    Text,
    /// A decimal number on which `increment` counts.
    Counter,
    /// In hexadecimal digits: what a flow has set is not UTF-8.
    Hex,
}

/// Some keys, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<KeyValue>,
    /// There are more: ask again with this as `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<Item> for KeyValue {
    fn from(item: Item) -> Self {
        let (kind, value) = match (item.kind, String::from_utf8(item.value)) {
            (Kind::Counter, Ok(number)) => (ValueKind::Counter, number),
            (Kind::Bytes, Ok(text)) => (ValueKind::Text, text),
            (_, Err(error)) => {
                let bytes = error.as_bytes().iter();
                (
                    ValueKind::Hex,
                    bytes.map(|byte| format!("{byte:02x}")).collect(),
                )
            }
        };
        KeyValue {
            key: item.key,
            kind,
            value,
        }
    }
}
