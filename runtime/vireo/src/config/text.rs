//! Configuration values that are written as text, each with its own syntax.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Gives a type with `FromStr` and `Display` its serde and JSON Schema, and enters it into the
/// table by which [`check`] knows the syntax of a `format`.
macro_rules! text_types {
    ($($type:ident, $format:literal, $about:literal, [$($example:literal),+];)+) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                }
            }

            impl JsonSchema for $type {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($type).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "format": $format,
                        "description": $about,
                        "examples": [$($example),+],
                    })
                }
            }
        )+

        /// Checks a text against the syntax that the schema calls `format`; none when the format
        /// is not one of ours.
        #[must_use]
        pub fn check(format: &str, text: &str) -> Option<Result<(), String>> {
            match format {
                // The one foreign format in our schema: `std::net::IpAddr`.
                "ip" => Some(text.parse::<IpAddr>().map(|_| ()).map_err(|_| {
                    "write an IPv4 or IPv6 address; host names are not resolved here".to_owned()
                })),
                $($format => Some(text.parse::<$type>().map(|_| ()).map_err(|error| error.to_string())),)+
                _ => None,
            }
        }

        #[cfg(test)]
        const EXAMPLES: &[(&str, &[&str])] = &[$(($format, &[$($example),+])),+];
    };
}

text_types! {
    SipAddress, "sip-address", "Transport, IP address and port.", ["udp:127.0.0.1:5060", "tcp:[::1]:5060"];
    AdminListen, "admin-listen", "An IP address and port, or the path of a Unix socket.", ["127.0.0.1:8089", "unix:/run/vireo/admin.sock"];
    PortRange, "port-range", "First and last UDP port.", ["20000-29999"];
    Peer, "peer", "An IP address or network in CIDR notation.", ["203.0.113.7", "198.51.100.0/24", "2001:db8::/48"];
    TimeZoneName, "time-zone", "The name of an IANA time zone.", ["UTC", "Europe/Berlin", "Asia/Shanghai"];
    SecretSource, "secret-source", "Where a secret is read from: a file or an environment variable.", ["file:/etc/vireo/api-key", "env:API_KEY"];
}

/// Why a text is not a value of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(String);

fn refused(message: impl Into<String>) -> TextError {
    TextError(message.into())
}

/// The transport of a SIP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SipTransport {
    /// RFC 3261, 18: datagrams.
    Udp,
    /// RFC 3261, 18: a stream.
    Tcp,
}

/// A SIP socket: `udp:127.0.0.1:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SipAddress {
    /// UDP or TCP.
    pub transport: SipTransport,
    /// Address and port.
    pub address: SocketAddr,
}

impl FromStr for SipAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let (transport, address) = match text.split_once(':') {
            Some(("udp", rest)) => (SipTransport::Udp, rest),
            Some(("tcp", rest)) => (SipTransport::Tcp, rest),
            _ => {
                return Err(refused(
                    "a SIP address starts with its transport: \"udp:127.0.0.1:5060\" or \"tcp:127.0.0.1:5060\"",
                ));
            }
        };
        Ok(SipAddress {
            transport,
            address: socket_address(address)?,
        })
    }
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            SipTransport::Udp => "udp",
            SipTransport::Tcp => "tcp",
        };
        write!(f, "{transport}:{}", self.address)
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, TextError> {
    text.parse().map_err(|_| {
        if text.parse::<IpAddr>().is_ok() {
            refused(format!(
                "{text:?} has no port; write \"{text}:5060\" (IPv6: \"[::1]:5060\")"
            ))
        } else {
            refused(format!(
                "{text:?} is not an IP address and port; host names are not resolved here"
            ))
        }
    })
}

/// Where the admin API listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AdminListen {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket, made with mode 0600.
    Unix(PathBuf),
}

impl FromStr for AdminListen {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        /// `sun_path` holds 108 bytes, the closing zero among them (unix(7)).
        const LONGEST: usize = 107;
        match text.strip_prefix("unix:") {
            Some("") => Err(refused("the path of the Unix socket is empty")),
            Some(path) if path.len() > LONGEST => Err(refused(format!(
                "the path of a Unix socket has at most {LONGEST} bytes, and this one has {}",
                path.len()
            ))),
            Some(path) => Ok(AdminListen::Unix(PathBuf::from(path))),
            None => text
                .parse()
                .map(AdminListen::Tcp)
                .map_err(|_| refused("write \"127.0.0.1:8089\" or \"unix:/path/to/socket\"")),
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminListen::Tcp(address) => address.fmt(f),
            AdminListen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The UDP ports that RTP and RTCP may use; a stream takes an even port and the odd one above it
/// (RFC 3550, 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(pub RangeInclusive<u16>);

impl PortRange {
    /// How many streams fit.
    #[must_use]
    pub fn streams(&self) -> u32 {
        let first = u32::from(*self.0.start()).div_ceil(2);
        let past = u32::from(*self.0.end()).div_ceil(2);
        past.saturating_sub(first)
    }
}

impl FromStr for PortRange {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let ports = text.split_once('-').and_then(|(first, last)| {
            Some((
                first.trim().parse::<u16>().ok()?,
                last.trim().parse::<u16>().ok()?,
            ))
        });
        match ports {
            None => Err(refused(
                "write the first and the last port: \"20000-29999\"",
            )),
            Some((first, _)) if first < 1024 => Err(refused(
                "ports below 1024 are reserved; the first is at least 1024",
            )),
            Some((first, last)) if last <= first => Err(refused(format!(
                "the last port, {last}, is not above the first, {first}"
            ))),
            Some((first, last)) => Ok(PortRange(first..=last)),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.start(), self.0.end())
    }
}

/// The addresses of a trunk's other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpNet);

impl Peer {
    /// Is there an address that belongs to both?
    #[must_use]
    pub fn overlaps(&self, other: &Peer) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}

impl FromStr for Peer {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Peer(address.into()));
        }
        let network: IpNet = text.parse().map_err(|_| {
            refused("write an IP address, \"203.0.113.7\", or a network, \"198.51.100.0/24\"")
        })?;
        if network.addr() != network.network() {
            return Err(refused(format!(
                "{network} has bits set behind its prefix; write \"{}\" for the network or \"{}\" for the one address",
                network.trunc(),
                network.addr()
            )));
        }
        Ok(Peer(network))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An IANA time zone that this machine knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// The zone itself.
    #[must_use]
    pub fn zone(&self) -> jiff::tz::TimeZone {
        // The name was looked up when it was read; should the database vanish meanwhile, UTC is
        // the one zone that is always there.
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        TimeZoneName("UTC".to_owned())
    }
}

impl FromStr for TimeZoneName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match jiff::tz::TimeZone::get(text) {
            Ok(_) => Ok(TimeZoneName(text.to_owned())),
            Err(_) => Err(refused(format!(
                "there is no time zone {text:?} in this machine's IANA database (examples: \"Europe/Berlin\", \"UTC\")"
            ))),
        }
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a secret is read from. The secret itself never stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file, without the line end at its end.
    File(PathBuf),
    /// An environment variable of the server.
    Environment(String),
}

impl FromStr for SecretSource {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(SecretSource::File(path.into())),
            Some(("env", name)) if !name.is_empty() && !name.contains('=') => {
                Ok(SecretSource::Environment(name.to_owned()))
            }
            // The text is not repeated: somebody may have pasted the secret itself.
            _ => Err(refused(
                "write where the secret is read from, \"file:PATH\" or \"env:NAME\", not the secret itself",
            )),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "file:{}", path.display()),
            SecretSource::Environment(name) => write!(f, "env:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_schema_are_accepted() {
        for (format, examples) in EXAMPLES {
            for example in *examples {
                assert_eq!(check(format, example), Some(Ok(())), "{format} {example}");
            }
        }
        assert_eq!(check("no-such-format", "x"), None);
    }

    #[test]
    fn texts_are_refused_with_a_way_out() {
        for (format, text, expected) in [
            ("sip-address", "127.0.0.1:5060", "starts with its transport"),
            (
                "sip-address",
                "udp:127.0.0.1",
                "has no port; write \"127.0.0.1:5060\"",
            ),
            (
                "sip-address",
                "udp:localhost:5060",
                "host names are not resolved",
            ),
            ("admin-listen", "8089", "write \"127.0.0.1:8089\""),
            ("admin-listen", "unix:", "empty"),
            ("port-range", "20000", "first and the last"),
            ("port-range", "30000-20000", "not above the first"),
            ("port-range", "80-90", "at least 1024"),
            ("port-range", "20000-70000", "first and the last"),
            ("peer", "carrier.example", "write an IP address"),
            ("peer", "10.0.0.5/24", "write \"10.0.0.0/24\""),
            ("time-zone", "Mars/Olympus", "no time zone"),
            ("secret-source", "hunter2", "not the secret itself"),
            ("secret-source", "env:", "not the secret itself"),
            ("ip", "localhost", "IPv4 or IPv6"),
        ] {
            let error = check(format, text).unwrap().unwrap_err();
            assert!(error.contains(expected), "{format} {text:?}: {error}");
        }
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let error = "hunter2".parse::<SecretSource>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn streams_take_an_even_and_the_next_odd_port() {
        for (range, expected) in [
            ("20000-20001", 1),
            ("20001-20002", 0),
            ("20001-20003", 1),
            ("20000-20002", 1),
            ("20000-29999", 5000),
            ("1024-65535", 32256),
        ] {
            assert_eq!(
                range.parse::<PortRange>().unwrap().streams(),
                expected,
                "{range}"
            );
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["udp:127.0.0.1:5060", "tcp:[::1]:5061"] {
            assert_eq!(text.parse::<SipAddress>().unwrap().to_string(), text);
        }
        assert_eq!(
            "10.0.0.1".parse::<Peer>().unwrap().to_string(),
            "10.0.0.1/32"
        );
    }
}
