//! Addresses, methods and messages as serde data, so that protocol state can be stored: each as it stands on the wire.
//! Text formats get text where the bytes are UTF-8.

use super::{Headers, Host, Message, Method, NameAddr, Request, Response, Uri, Via};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

macro_rules! as_text {
    ($($kind:ty, $parse:expr;)*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(&text).ok_or_else(|| D::Error::custom(concat!("malformed ", stringify!($kind))))
            }
        }
    )*};
}

as_text! {
    Method, |text| Method::parse(text.as_bytes());
    Host, |text| Host::parse(text.as_bytes());
    Uri, |text| text.parse().ok();
    NameAddr, |text| text.parse().ok();
    Via, |text| text.parse().ok();
}

fn serialize_wire<S: Serializer>(wire: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(wire) {
        Ok(text) if serializer.is_human_readable() => serializer.serialize_str(text),
        _ => serializer.serialize_bytes(wire),
    }
}

struct Wire;

impl<'de> Visitor<'de> for Wire {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SIP message")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = sequence.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

fn deserialize_wire<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Wire)
    } else {
        deserializer.deserialize_byte_buf(Wire)
    }
}

macro_rules! as_message {
    ($($kind:ident)*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut wire = Vec::new();
                self.encode(&mut wire);
                serialize_wire(&wire, serializer)
            }
        }

        /// Fails when the stored message lacks what every message must have.
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match Message::parse(&deserialize_wire(deserializer)?).map_err(D::Error::custom)? {
                    Message::$kind(message) => Ok(message),
                    _ => Err(D::Error::custom(concat!("not a ", stringify!($kind)))),
                }
            }
        }
    )*};
}

as_message!(Request Response);

/// As pairs of name and value.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Value<'a>(&'a [u8]);
        impl Serialize for Value<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_wire(self.0, serializer)
            }
        }
        serializer.collect_seq(self.iter().map(|(name, value)| (name, Value(value))))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value(Vec<u8>);
        impl<'de> Deserialize<'de> for Value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_wire(deserializer).map(Self)
            }
        }
        let mut headers = Self::new();
        for (name, value) in Vec::<(Cow<'de, str>, Value)>::deserialize(deserializer)? {
            headers.push_bytes(&name, &value.0);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back() {
        let wire = b"INVITE sip:a@[::1];lr SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"\xe9\" <sip:b@c>;tag=1\r\n\
            To: <tel:+1>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nX-Raw: \xff\xfe\r\n\r\nbody\0";
        let Ok(Message::Request(request)) = Message::parse(wire) else {
            panic!("a request")
        };
        let stored = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&stored).unwrap(), request);
        assert!(serde_json::from_str::<Response>(&stored).is_err());
        let stored = serde_json::to_string(&request.headers).unwrap();
        assert_eq!(
            serde_json::from_str::<Headers>(&stored).unwrap(),
            request.headers
        );
        let parts = (
            request.uri.clone(),
            request.headers.via().unwrap(),
            request.headers.from().unwrap(),
            request.method.clone(),
        );
        let stored = serde_json::to_string(&parts).unwrap();
        assert_eq!(
            serde_json::from_str::<(Uri, Via, NameAddr, Method)>(&stored).unwrap(),
            parts
        );
        assert!(serde_json::from_str::<Uri>("\"nothing\"").is_err());
    }
}
