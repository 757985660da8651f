//! Hosts of URIs and Via headers.

use super::lex;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `host` of RFC 3261, 25.1.
#[derive(Debug, Clone, Eq)]
pub enum Host {
    /// A domain name; compared without case. Underscores, which DNS names in the field have, are let through.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, printed in brackets.
    V6(Ipv6Addr),
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Host {
    /// Reads a host; `None` when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        HostRef::parse(bytes).map(HostRef::to_host)
    }

    /// The address, when the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some((*address).into()),
            Self::V6(address) => Some((*address).into()),
        }
    }

    /// Address and port, when the host is an address.
    pub fn socket_address(&self, port: u16) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address()?, port))
    }
}

/// A host that was checked and not copied.
#[derive(Clone, Copy)]
pub(crate) enum HostRef<'a> {
    Name(&'a str),
    Address(IpAddr),
}

impl<'a> HostRef<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        if let [b'[', inner @ .., b']'] = bytes {
            let address: Ipv6Addr = std::str::from_utf8(inner).ok()?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        let allowed =
            |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !bytes.iter().all(allowed) {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Some(Self::Address(address.into())),
            Err(_) => (!text.is_empty()).then_some(Self::Name(text)),
        }
    }

    /// Reads `host [":" port]` with optional white space around the colon (RFC 3261, 25.1, `sent-by`).
    pub(crate) fn parse_with_port(bytes: &'a [u8]) -> Option<(Self, Option<u16>)> {
        let bytes = lex::trim(bytes);
        let host_end = match bytes.first()? {
            b'[' => memchr::memchr(b']', bytes)? + 1,
            _ => memchr::memchr(b':', bytes).unwrap_or(bytes.len()),
        };
        let host = Self::parse(lex::trim(bytes.get(..host_end)?))?;
        let port = match lex::trim(bytes.get(host_end..)?) {
            [] => None,
            [b':', port @ ..] => Some(lex::number(lex::trim(port))?),
            _ => return None,
        };
        Some((host, port))
    }

    pub(crate) fn to_host(self) -> Host {
        match self {
            Self::Name(name) => Host::Name(name.to_owned()),
            Self::Address(address) => address.into(),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports() {
        let table = [
            ("example.com", Some("example.com|None")),
            ("192.0.2.1:5060", Some("192.0.2.1|Some(5060)")),
            ("[2001:DB8::1] : 5061", Some("[2001:db8::1]|Some(5061)")),
            ("[::1]", Some("[::1]|None")),
            ("a_b.local", Some("a_b.local|None")),
            ("256.1.1.1", Some("256.1.1.1|None")),
            ("", None),
            ("[::1", None),
            ("[::1]x", None),
            ("::1", None),
            ("host:99999", None),
            ("host:", None),
            ("ho st", None),
            ("<host>", None),
        ];
        for (input, expected) in table {
            let read = HostRef::parse_with_port(input.as_bytes())
                .map(|(host, port)| format!("{}|{port:?}", host.to_host()));
            assert_eq!(read.as_deref(), expected, "{input}");
        }
    }
}
