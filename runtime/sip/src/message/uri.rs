//! SIP, SIPS and tel URIs, and any other URI as text (RFC 3261, 19.1; RFC 3966).

use super::host::{Host, HostRef};
use super::lex;
use super::params::Params;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The scheme of a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other, in lower case.
    Other(String),
}

impl Scheme {
    /// The scheme without its colon.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(name) => name,
        }
    }
}

/// A URI as it stands in a Request-URI, Contact, Route, From, To and so on.
///
/// `==` compares the parts as written; [`Uri::is_equivalent`] compares as RFC 3261, 19.1.4 says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// User part as on the wire, escapes included. For `tel:` the number; for other schemes all that follows the colon.
    pub user: Option<String>,
    /// Password as on the wire (RFC 3261, 19.1.1 advises against it).
    pub password: Option<String>,
    /// Host; always there in SIP and SIPS URIs, never in others.
    pub host: Option<Host>,
    /// Port, when one is written.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params,
    /// Header fields: what follows the `?`, as on the wire; empty when there is none.
    pub headers: String,
}

/// Why text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed URI: {0}")]
pub struct UriError(pub(crate) &'static str);

impl Uri {
    /// A SIP URI.
    pub fn sip(user: Option<&str>, host: impl Into<Host>, port: Option<u16>) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: user.map(escape_user),
            password: None,
            host: Some(host.into()),
            port,
            params: Params::new(),
            headers: String::new(),
        }
    }

    /// Reads a URI. White space, quotes and angle brackets are never part of one.
    ///
    /// # Errors
    /// When the scheme or, in SIP and SIPS URIs, host, port or a parameter is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, UriError> {
        UriRef::parse(bytes).map(UriRef::into_uri)
    }

    /// Would [`Uri::parse`] read it?
    pub(crate) fn check(bytes: &[u8]) -> Result<(), UriError> {
        UriRef::parse(bytes).map(drop)
    }

    /// Is it `sip:` or `sips:`?
    pub const fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// User part or telephone number with `%XX` escapes resolved, without user parameters (`;phone-context=...`) that
    /// stand inside the user part of some carriers' URIs.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        let user = self.user.as_deref()?;
        let user = if self.is_sip() {
            user.split(';').next().unwrap_or(user)
        } else {
            user
        };
        Some(unescape(user))
    }

    /// Does the URI carry `lr`, so that it names a loose router (RFC 3261, 16.12)?
    pub fn lr(&self) -> bool {
        self.params.contains("lr")
    }

    /// The `transport` parameter (RFC 3261, 19.1.1).
    pub fn transport(&self) -> Option<&str> {
        self.params.get("transport")
    }

    /// The `maddr` parameter (RFC 3261, 19.1.1), when it is a host.
    pub fn maddr(&self) -> Option<Host> {
        self.params
            .get("maddr")
            .and_then(|text| Host::parse(text.as_bytes()))
    }

    /// The port to send to: the one written, or the default of the scheme (5060, `sips:` 5061).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Sips {
            5061
        } else {
            5060
        })
    }

    /// Do both URIs mean the same (RFC 3261, 19.1.4; for `tel:` RFC 3966, 4)? This is no equivalence relation in the
    /// mathematical sense: a parameter that only one URI has may not matter.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => self.is_same_sip(other),
            Scheme::Tel => {
                let number = |uri: &Self| -> String {
                    let text = uri.user.as_deref().unwrap_or_default();
                    text.chars()
                        .filter(|c| !"-.()".contains(*c))
                        .map(|c| c.to_ascii_lowercase())
                        .collect()
                };
                number(self) == number(other) && same_params(&self.params, &other.params, |_| true)
            }
            Scheme::Other(_) => self.user == other.user,
        }
    }

    fn is_same_sip(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => unescape(a) == unescape(b),
            (None, None) => true,
            _ => false,
        };
        let decisive = |name: &str| {
            ["user", "ttl", "method", "maddr", "transport"]
                .iter()
                .any(|n| n.eq_ignore_ascii_case(name))
        };
        same(&self.user, &other.user)
            && same(&self.password, &other.password)
            && self.host == other.host
            && self.port == other.port
            && same_params(&self.params, &other.params, decisive)
            && same_headers(&self.headers, &other.headers)
    }
}

/// A URI that was checked and not copied.
struct UriRef<'a> {
    scheme: Scheme,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: Option<HostRef<'a>>,
    port: Option<u16>,
    params: &'a [u8],
    headers: &'a [u8],
}

impl<'a> UriRef<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, UriError> {
        // Without an early end, so that the compiler can take many bytes at a time.
        let foreign = |bad: bool, &byte: &u8| {
            bad | (byte <= b' ') | matches!(byte, b'<' | b'>' | b'"' | 0x7f)
        };
        if bytes.iter().fold(false, foreign) {
            return Err(UriError("a character that no URI may hold"));
        }
        let (scheme, rest) = lex::split_once(bytes, b':').ok_or(UriError("no scheme"))?;
        if rest.is_empty() {
            return Err(UriError("nothing after the scheme"));
        }
        let of_scheme =
            |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if scheme.eq_ignore_ascii_case(b"sip") {
            Self::parse_sip(Scheme::Sip, rest)
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            Self::parse_sip(Scheme::Sips, rest)
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            Self::parse_tel(rest)
        } else if scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(of_scheme)
        {
            Ok(Self::opaque(
                Scheme::Other(lex::text(scheme).to_ascii_lowercase()),
                rest,
            ))
        } else {
            Err(UriError("malformed scheme"))
        }
    }

    const fn opaque(scheme: Scheme, text: &'a [u8]) -> Self {
        Self {
            scheme,
            user: Some(text),
            password: None,
            host: None,
            port: None,
            params: b"",
            headers: b"",
        }
    }

    fn parse_tel(rest: &'a [u8]) -> Result<Self, UriError> {
        let number_end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (number, params) = rest
            .split_at_checked(number_end)
            .ok_or(UriError("no number"))?;
        let dialled = |&byte: &u8| byte.is_ascii_hexdigit() || b"+-.()*#".contains(&byte);
        if number.is_empty() || !number.iter().all(dialled) {
            return Err(UriError("malformed telephone number"));
        }
        Params::check(params).map_err(|error| UriError(error.0))?;
        Ok(Self {
            params,
            ..Self::opaque(Scheme::Tel, number)
        })
    }

    fn parse_sip(scheme: Scheme, rest: &'a [u8]) -> Result<Self, UriError> {
        // No unescaped '@' may stand anywhere but after the user part, so the first one ends it.
        let (userinfo, rest) = match lex::split_once(rest, b'@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = match userinfo.map(|text| (text, lex::split_once(text, b':'))) {
            Some(([], _) | (_, Some(([], _)))) => return Err(UriError("empty user part")),
            Some((_, Some((user, password)))) => (Some(user), Some(password)),
            Some((user, None)) => (Some(user), None),
            None => (None, None),
        };
        let (address, headers) = lex::split_once(rest, b'?').unwrap_or((rest, b""));
        let host_end = memchr::memchr(b';', address).unwrap_or(address.len());
        let (host, params) = address
            .split_at_checked(host_end)
            .ok_or(UriError("no host"))?;
        let (host, port) =
            HostRef::parse_with_port(host).ok_or(UriError("malformed host or port"))?;
        Params::check(params).map_err(|error| UriError(error.0))?;
        Ok(Self {
            scheme,
            user,
            password,
            host: Some(host),
            port,
            params,
            headers,
        })
    }

    fn into_uri(self) -> Uri {
        Uri {
            scheme: self.scheme,
            user: self.user.map(lex::text),
            password: self.password.map(lex::text),
            host: self.host.map(HostRef::to_host),
            port: self.port,
            // Checked above.
            params: Params::parse(self.params).unwrap_or_default(),
            headers: lex::text(self.headers),
        }
    }
}

/// Equal in every parameter that both have, and none that `decisive` names is in one only.
fn same_params(a: &Params, b: &Params, decisive: impl Fn(&str) -> bool) -> bool {
    let covers = |one: &Params, two: &Params| {
        one.iter().all(
            |(name, value)| match (two.contains(name), value, two.get(name)) {
                (false, ..) => !decisive(name),
                (true, Some(left), Some(right)) => {
                    unescape(left).eq_ignore_ascii_case(&unescape(right))
                }
                (true, left, right) => left.is_none() && right.is_none(),
            },
        )
    };
    covers(a, b) && covers(b, a)
}

/// Header fields match when both have the same ones, in any order; names without case.
fn same_headers(a: &str, b: &str) -> bool {
    fn sorted(text: &str) -> Vec<(String, String)> {
        let field = |field: &str| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (
                unescape(name).to_ascii_lowercase(),
                unescape(value).into_owned(),
            )
        };
        let mut fields: Vec<_> = text.split('&').map(field).collect();
        fields.sort();
        fields
    }
    a == b || sorted(a) == sorted(b)
}

/// Resolves `%XX`; a percent sign that begins no escape stays.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%'
            && let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (
                char::from(*high).to_digit(16),
                char::from(*low).to_digit(16),
            )
        {
            // Two hexadecimal digits always fit.
            plain.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
            rest = after;
        } else {
            plain.push(byte);
        }
    }
    String::from_utf8_lossy(&plain).into_owned().into()
}

/// Escapes what may not stand in a user part (RFC 3261, 25.1: `unreserved` and `user-unreserved` may).
fn escape_user(user: &str) -> String {
    use fmt::Write;
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.as_str())?;
        f.write_str(":")?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
        }
        if let Some(host) = &self.host {
            if self.user.is_some() {
                f.write_str("@")?;
            }
            host.fmt(f)?;
            if let Some(port) = self.port {
                write!(f, ":{port}")?;
            }
        }
        self.params.fmt(f)?;
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn uris_read_as_they_print() {
        for text in [
            "sip:alice@atlanta.com",
            "sip:alice:secretword@atlanta.com;transport=tcp",
            "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
            "sip:alice;day=tuesday@atlanta.com",
            "sip:user;par=u%40example.net@example.com",
            "sip:[2001:db8::10]:5070;lr",
            "sip:192.0.2.1",
            "tel:+1-201-555-0123",
            "tel:7042;phone-context=example.com",
            "urn:service:sos",
            "soap.beep://192.0.2.103:3002",
            "nobodyknowsthisscheme:totallyopaquecontent",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        ] {
            assert_eq!(uri(text).to_string(), text);
        }
    }

    #[test]
    fn malformed_uris_are_refused() {
        for text in [
            "",
            "sip",
            "sip:",
            ":x",
            "sip:@host",
            "sip:a@",
            "sip:a@host:port",
            "sip:a@host:65536",
            "sip:a b@host",
            "<sip:a@b>",
            "sip:a@[::1",
            "tel:",
            "tel:alice",
            "1x:y",
            "sip:a@b@c",
            "sip:a@b,c",
        ] {
            assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_found() {
        let parsed =
            uri("sip:%2B8613;npdi=yes:pw@[2001:db8::1]:5070;LR;transport=TCP;maddr=192.0.2.9?a=b");
        assert_eq!(parsed.user_decoded().as_deref(), Some("+8613"));
        assert_eq!(parsed.password.as_deref(), Some("pw"));
        assert!(parsed.lr());
        assert_eq!(parsed.transport(), Some("TCP"));
        assert_eq!(parsed.maddr(), Host::parse(b"192.0.2.9"));
        assert_eq!(parsed.port_or_default(), 5070);
        assert_eq!(uri("sips:x").port_or_default(), 5061);
        assert_eq!(
            uri("tel:+1-201;isub=2").user_decoded().as_deref(),
            Some("+1-201")
        );
        assert_eq!(
            Uri::sip(Some("a b@c"), Host::Name("h".into()), None).to_string(),
            "sip:a%20b%40c@h"
        );
    }

    /// The examples of RFC 3261, 19.1.4.
    #[test]
    fn equality_follows_the_rfc() {
        let equal = [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
        ];
        let different = [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:carol@chicago.com", "sips:carol@chicago.com"),
            ("tel:123", "tel:123;phone-context=+1"),
        ];
        for (a, b) in equal {
            assert!(
                uri(a).is_equivalent(&uri(b)) && uri(b).is_equivalent(&uri(a)),
                "{a} {b}"
            );
        }
        for (a, b) in different {
            assert!(
                !uri(a).is_equivalent(&uri(b)) && !uri(b).is_equivalent(&uri(a)),
                "{a} {b}"
            );
        }
    }
}
