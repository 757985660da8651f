//! How an entry of the journal is stored.
//!
//! ```text
//! ["v", number, at_ms, name, request, reply]      a host function that the flow called
//! ["e", number, at_ms, name, detail]              something else
//! ```
//!
//! Every call writes a dozen of them: as objects, the names of their fields would be a third of all that is written.
//! What a later version adds to the end is passed over. Objects with an [`Entry`]'s own names are read as well: earlier
//! versions wrote them.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Entry, Kind};

#[derive(Serialize, Deserialize)]
enum Tag {
    #[serde(rename = "v")]
    Verb,
    #[serde(rename = "e")]
    Event,
}

/// A host function, its arguments, and what the flow was told.
pub(super) fn verb(
    number: u32,
    at_ms: u64,
    name: &str,
    request: &impl Serialize,
    reply: &impl Serialize,
) -> impl Serialize {
    (Tag::Verb, number, at_ms, name, request, reply)
}

/// Something that happened on the call.
pub(super) fn event(
    number: u32,
    at_ms: u64,
    name: &str,
    detail: &impl Serialize,
) -> impl Serialize {
    (Tag::Event, number, at_ms, name, detail)
}

/// An entry that was read.
pub(super) struct Line(pub(super) Entry);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LineVisitor).map(Self)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry of a journal")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, line: A) -> Result<Entry, A::Error> {
        let mut fields = Fields { line, read: 0 };
        let tag = fields.next()?;
        let (seq, at_ms, name) = (fields.next()?, fields.next()?, fields.next()?);
        let kind = match tag {
            Tag::Verb => Kind::Verb {
                name,
                request: fields.next()?,
                reply: fields.next()?,
            },
            Tag::Event => Kind::Event {
                name,
                detail: fields.next()?,
            },
        };
        while fields.line.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry { seq, at_ms, kind })
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Entry, A::Error> {
        Entry::deserialize(MapAccessDeserializer::new(object))
    }
}

/// The fields of a line, none of which may be missing.
struct Fields<A> {
    line: A,
    read: usize,
}

impl<'de, A: SeqAccess<'de>> Fields<A> {
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        let field = self.line.next_element()?;
        let field = field.ok_or_else(|| A::Error::invalid_length(self.read, &LineVisitor))?;
        self.read += 1;
        Ok(field)
    }
}
