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
        if let [b'[', inner @ .., b']'] = bytes {
            return std::str::from_utf8(inner).ok()?.parse().ok().map(Self::V6);
        }
        if bytes.is_empty()
            || !bytes
                .iter()
                .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let numeric = bytes.last().is_some_and(u8::is_ascii_digit);
        match text.parse() {
            Ok(address) if numeric => Some(Self::V4(address)),
            _ => Some(Self::Name(text.to_owned())),
        }
    }

    /// Reads `host [":" port]` with optional white space around the colon (RFC 3261, 25.1, `sent-by`).
    pub(crate) fn parse_with_port(bytes: &[u8]) -> Option<(Self, Option<u16>)> {
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
            let read = Host::parse_with_port(input.as_bytes())
                .map(|(host, port)| format!("{host}|{port:?}"));
            assert_eq!(read.as_deref(), expected, "{input}");
        }
    }
}
