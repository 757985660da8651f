//! Via (RFC 3261, 18 and 20.42; RFC 3581).

use super::host::{Host, HostRef};
use super::lex;
use super::params::Params;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;

/// The transport named in a Via header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// WebSocket (RFC 7118)
    Ws,
    /// WebSocket over TLS (RFC 7118)
    Wss,
    /// Any other token, in upper case.
    Other(String),
}

impl Transport {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if !lex::is_token(bytes) {
            return None;
        }
        let known = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];
        let found = known
            .into_iter()
            .find(|transport| transport.as_str().as_bytes().eq_ignore_ascii_case(bytes));
        Some(found.unwrap_or_else(|| Self::Other(lex::text(bytes).to_ascii_uppercase())))
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(name) => name,
        }
    }

    /// 5061 for TLS, 443 for WSS, 80 for WS, else 5060 (RFC 3261, 18.2.2; RFC 7118, 5.2).
    pub const fn default_port(&self) -> u16 {
        match self {
            Self::Tls => 5061,
            Self::Wss => 443,
            Self::Ws => 80,
            _ => 5060,
        }
    }
}

/// One hop of the path back to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Transport of the hop.
    pub transport: Transport,
    /// Host that the sender gave (`sent-by`).
    pub host: Host,
    /// Port that the sender gave.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, `maddr` and the rest.
    pub params: Params,
}

/// Why text is no Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed Via: {0}")]
pub struct ViaError(&'static str);

/// Begins every branch of RFC 3261 (8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

impl Via {
    /// The Via of a request of ours: with `rport` (RFC 3581, 3).
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("rport", None);
        params.set("branch", Some(branch));
        Self {
            transport,
            host,
            port,
            params,
        }
    }

    /// Reads one Via value.
    ///
    /// # Errors
    /// Another protocol than SIP, or a malformed host, port or parameter. Empty parameters (`;;`) are refused: where
    /// they occur the response could not be trusted to find its way.
    pub fn parse(bytes: &[u8]) -> Result<Self, ViaError> {
        let ViaRef {
            transport,
            host,
            port,
            params,
        } = ViaRef::parse(bytes)?;
        Ok(Self {
            transport: Transport::parse(transport).ok_or(ViaError("malformed transport"))?,
            host: host.to_host(),
            port,
            params: Params::parse(params).map_err(|error| ViaError(error.0))?,
        })
    }

    /// Would [`Via::parse`] read it?
    pub(crate) fn check(bytes: &[u8]) -> Result<(), ViaError> {
        ViaRef::parse(bytes).map(drop)
    }

    /// The branch of a Via value, without reading the rest into anything.
    pub(crate) fn branch_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
        Params::find(ViaRef::parse(bytes).ok()?.params, "branch")
    }

    /// The branch: the transaction's identifier (RFC 3261, 17.2.3). Senders of RFC 2543 may have none.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// Does the branch follow RFC 3261, so that it alone names the transaction?
    pub fn has_magic_cookie(&self) -> bool {
        self.branch()
            .and_then(|branch| branch.get(..MAGIC_COOKIE.len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
    }

    /// The port the sender listens at: as written, or the transport's default.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.default_port())
    }

    /// The `received` parameter (RFC 3261, 18.2.1), with or without brackets.
    pub fn received(&self) -> Option<IpAddr> {
        self.params
            .get("received")?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    }

    /// Sets the `received` parameter.
    pub fn set_received(&mut self, address: IpAddr) {
        self.params.set("received", Some(&address.to_string()));
    }

    /// Does the sender ask for a reply to the port it sent from (RFC 3581)?
    pub fn wants_rport(&self) -> bool {
        self.params.contains("rport")
    }

    /// The value of `rport`, once it was filled in.
    pub fn rport(&self) -> Option<u16> {
        lex::number(self.params.get("rport")?.as_bytes())
    }

    /// Fills in `rport`.
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    /// Marks a received request's top Via with where it came from: `received` when the address differs from `sent-by`
    /// or `rport` was asked for (RFC 3261, 18.2.1), and the value of `rport` (RFC 3581, 4). True when something was
    /// changed.
    pub fn stamp(&mut self, source: SocketAddr) -> bool {
        let wants_rport = self.wants_rport();
        let differs = self.host.address() != Some(source.ip());
        if wants_rport {
            self.set_rport(source.port());
        }
        if wants_rport || differs {
            self.set_received(source.ip());
        } else if self.params.contains("received") {
            // A value the sender put in itself would lead the response astray.
            self.params.remove("received");
            return true;
        }
        wants_rport || differs
    }

    /// Where an unreliable transport sends the response to (RFC 3261, 18.2.2; RFC 3581, 4): `maddr`, else `received`
    /// with `rport` or the port of `sent-by`, else `sent-by`. `None` when that is a name that must be resolved first.
    pub fn response_address(&self) -> Option<SocketAddr> {
        if let Some(maddr) = self
            .params
            .get("maddr")
            .and_then(|text| Host::parse(text.as_bytes()))
        {
            return maddr.socket_address(self.port_or_default());
        }
        if let Some(received) = self.received() {
            return Some(SocketAddr::new(
                received,
                self.rport().unwrap_or_else(|| self.port_or_default()),
            ));
        }
        self.host.socket_address(self.port_or_default())
    }
}

/// The parts of a Via as they stand in the header.
struct ViaRef<'a> {
    transport: &'a [u8],
    host: HostRef<'a>,
    port: Option<u16>,
    params: &'a [u8],
}

impl<'a> ViaRef<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ViaError> {
        let (name, rest) = lex::split_once(bytes, b'/').ok_or(ViaError("no protocol"))?;
        let (version, rest) = lex::split_once(rest, b'/').ok_or(ViaError("no transport"))?;
        if !lex::trim(name).eq_ignore_ascii_case(b"SIP") || lex::trim(version) != b"2.0" {
            return Err(ViaError("the protocol is not SIP/2.0"));
        }
        let rest = lex::trim(rest);
        let blank = memchr::memchr2(b' ', b'\t', rest).ok_or(ViaError("no host"))?;
        let (transport, rest) = rest.split_at_checked(blank).ok_or(ViaError("no host"))?;
        if !lex::is_token(transport) {
            return Err(ViaError("malformed transport"));
        }
        let host_end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (host, params) = rest.split_at_checked(host_end).ok_or(ViaError("no host"))?;
        let (host, port) =
            HostRef::parse_with_port(host).ok_or(ViaError("malformed host or port"))?;
        if !Params::are_clean(params) {
            if lex::Items::new(params, b';').skip(1).any(<[u8]>::is_empty) {
                return Err(ViaError("empty parameter"));
            }
            Params::check(params).map_err(|error| ViaError(error.0))?;
        }
        Ok(Self {
            transport,
            host,
            port,
            params,
        })
    }
}

impl FromStr for Via {
    type Err = ViaError;

    fn from_str(text: &str) -> Result<Self, ViaError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport.as_str(), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vias_are_read_and_printed() {
        let table = [
            (
                "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
                "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            ),
            (
                "SIP  / 2.0  / tcp     spindle.example.com   ;  branch  =   z9hG4bK9ikj8",
                "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            ),
            (
                "SIP/2.0/UNKNOWN t5.example.com:5070;hidden",
                "SIP/2.0/UNKNOWN t5.example.com:5070;hidden",
            ),
            (
                "SIP/2.0/UDP [2001:db8::9:1]:5060;received=[2001:db8::9:2]",
                "SIP/2.0/UDP [2001:db8::9:1]:5060;received=[2001:db8::9:2]",
            ),
        ];
        for (input, printed) in table {
            let via: Via = input
                .parse()
                .unwrap_or_else(|error| panic!("{input}: {error}"));
            assert_eq!(via.to_string(), printed);
            assert_eq!(printed.parse(), Ok(via));
        }
        for bad in [
            "",
            "garbage",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=1",
            "SIP/3.0/UDP h",
            "HTTP/2.0/TCP h",
            "SIP/2.0/UDP h;;x",
            "SIP/2.0/UDP h:x",
        ] {
            assert!(Via::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn responses_find_their_way() {
        let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
        let table = [
            (
                "SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK1",
                false,
                "198.51.100.7:5080",
            ),
            (
                "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
                false,
                "198.51.100.7:5060",
            ),
            (
                "SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bK1",
                true,
                "198.51.100.7:5080",
            ),
            (
                "SIP/2.0/UDP pc.example.com;rport;branch=z9hG4bK1",
                true,
                "198.51.100.7:40000",
            ),
            (
                "SIP/2.0/UDP 198.51.100.7;received=203.0.113.1",
                true,
                "198.51.100.7:5060",
            ),
            (
                "SIP/2.0/UDP 198.51.100.7;maddr=192.0.2.9",
                false,
                "192.0.2.9:5060",
            ),
            ("SIP/2.0/TLS 198.51.100.7", false, "198.51.100.7:5061"),
        ];
        for (input, changed, expected) in table {
            let mut via: Via = input.parse().unwrap();
            assert_eq!(via.stamp(source), changed, "{input}");
            assert_eq!(via.response_address(), expected.parse().ok(), "{input}");
        }
        let unresolved: Via = "SIP/2.0/UDP pc.example.com".parse().unwrap();
        assert_eq!(unresolved.response_address(), None);
    }

    #[test]
    fn the_cookie_is_known() {
        let via = Via::new(Transport::Udp, Host::Name("h".into()), None, "z9hG4bKabc");
        assert_eq!(via.to_string(), "SIP/2.0/UDP h;rport;branch=z9hG4bKabc");
        assert!(via.has_magic_cookie());
        let old: Via = "SIP/2.0/UDP h;branch=1".parse().unwrap();
        assert!(!old.has_magic_cookie());
    }
}
