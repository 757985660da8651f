//! From, To, Contact, Route and other headers that hold an address.

use super::lex;
use super::params::Params;
use super::uri::{Uri, UriError};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// `name-addr` or `addr-spec` with header parameters (RFC 3261, 20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without its quotes; `None` when there is none.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// Header parameters, such as `tag`.
    pub params: Params,
}

/// Why text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameAddrError {
    /// Between the brackets, or where they may be left out, stands no URI.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Anything else.
    #[error("malformed address: {0}")]
    Malformed(&'static str),
}

impl NameAddr {
    /// An address without display name and parameters.
    pub const fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            params: Params::new(),
        }
    }

    /// Reads one address with its parameters.
    ///
    /// More is let through than RFC 3261 allows where the meaning is plain: unquoted display names with any character,
    /// and white space inside the brackets.
    ///
    /// # Errors
    /// Unbalanced quotes or brackets, a malformed URI or parameter, or a URI with header fields without brackets
    /// (RFC 3261, 20).
    pub fn parse(bytes: &[u8]) -> Result<Self, NameAddrError> {
        let NameAddrRef {
            display,
            uri,
            params,
        } = NameAddrRef::parse(bytes)?;
        let display = match display {
            [] => None,
            quoted @ [b'"', ..] => Some(lex::unquote(&lex::text(quoted)).into_owned()),
            name => Some(lex::text(name)),
        };
        let params = Params::parse(params).map_err(|error| NameAddrError::Malformed(error.0))?;
        Ok(Self {
            display,
            uri: Uri::parse(uri)?,
            params,
        })
    }

    /// Would [`NameAddr::parse`] read it?
    pub(crate) fn check(bytes: &[u8]) -> Result<(), NameAddrError> {
        let NameAddrRef { uri, params, .. } = NameAddrRef::parse(bytes)?;
        Uri::check(uri)?;
        Params::check(params).map_err(|error| NameAddrError::Malformed(error.0))
    }

    /// The tag of a From or To value, without reading the rest into anything.
    pub(crate) fn tag_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
        Params::find(NameAddrRef::parse(bytes).ok()?.params, "tag")
    }

    /// The tag of a From or To.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// The same address with this tag.
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }
}

/// The parts of an address as they stand in the header.
struct NameAddrRef<'a> {
    /// With its quotes, when it has some.
    display: &'a [u8],
    uri: &'a [u8],
    params: &'a [u8],
}

impl<'a> NameAddrRef<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, NameAddrError> {
        const UNBALANCED: NameAddrError =
            NameAddrError::Malformed("display name with unbalanced quotes");
        let bytes = lex::trim(bytes);
        let name_end = match bytes.first() {
            Some(b'"') => lex::quoted_end(bytes).ok_or(UNBALANCED)?,
            _ => 0,
        };
        let (quoted, rest) = bytes.split_at_checked(name_end).unwrap_or((b"", bytes));
        let Some((unquoted, rest)) = lex::split_once(rest, b'<') else {
            let bare = quoted.is_empty().then(|| Self::parse_bare(bytes));
            return bare.unwrap_or(Err(NameAddrError::Malformed("no address")));
        };
        let display = match (quoted, lex::trim(unquoted)) {
            ([], name) if name.contains(&b'"') => return Err(UNBALANCED),
            ([], name) => name,
            (name, []) => name,
            _ => {
                return Err(NameAddrError::Malformed(
                    "text between display name and address",
                ));
            }
        };
        let (uri, params) = lex::split_once(rest, b'>')
            .ok_or(NameAddrError::Malformed("unbalanced angle brackets"))?;
        Ok(Self {
            display,
            uri: lex::trim(uri),
            params,
        })
    }

    /// Without brackets, what follows the first semicolon belongs to the header, not to the URI.
    fn parse_bare(bytes: &'a [u8]) -> Result<Self, NameAddrError> {
        let uri_end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
        let (uri, params) = bytes.split_at_checked(uri_end).unwrap_or((bytes, b""));
        let uri = lex::trim(uri);
        if memchr::memchr2(b'?', b',', uri).is_some() {
            return Err(NameAddrError::Malformed("this URI needs angle brackets"));
        }
        Ok(Self {
            display: b"",
            uri,
            params,
        })
    }
}

impl FromStr for NameAddr {
    type Err = NameAddrError;

    fn from_str(text: &str) -> Result<Self, NameAddrError> {
        Self::parse(text.as_bytes())
    }
}

/// Display names are always quoted and URIs always bracketed, which is right for every name and URI.
impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            lex::write_quoted(f, display)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        let table = [
            ("<sip:a@b>", "<sip:a@b>"),
            ("sip:a@b;tag=1", "<sip:a@b>;tag=1"),
            (
                "  sip:vivekg@chair.example.com ;   tag    = 1918181833n",
                "<sip:vivekg@chair.example.com>;tag=1918181833n",
            ),
            (
                "caller<sip:caller@example.com>;tag=323",
                "\"caller\" <sip:caller@example.com>;tag=323",
            ),
            (
                "\"J Rosenberg \\\\\\\"\"       <sip:j@example.com>  ;  tag = 98asjd8",
                "\"J Rosenberg \\\\\\\"\" <sip:j@example.com>;tag=98asjd8",
            ),
            (
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
                "\"Bell, Alexander\" <sip:a.g.bell@example.com>;tag=43",
            ),
            ("\"\" < sip:a@b;lr >", "\"\" <sip:a@b;lr>"),
            ("<tel:+1-201>;p=\"<;>\"", "<tel:+1-201>;p=\"<;>\""),
            ("<sip:a@b?Route=%3Csip:c%3E>", "<sip:a@b?Route=%3Csip:c%3E>"),
        ];
        for (input, printed) in table {
            let parsed: NameAddr = input
                .parse()
                .unwrap_or_else(|error| panic!("{input}: {error}"));
            assert_eq!(parsed.to_string(), printed);
            assert_eq!(printed.parse(), Ok(parsed));
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "\"a\" b <sip:a@b>",
            "<sip:a@b",
            "<sip:a@b> tag=1",
            "<sip:a@b>;tag=\"1",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "sip:a@b,sip:c@d",
            "a\"b <sip:a@b>",
            "\"only a name\"",
            "<>",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn line_breaks_never_reach_the_wire() {
        let mut address: NameAddr = "<sip:a@b>".parse().unwrap();
        address.display = Some("x\r\nVia: evil".into());
        address.params.set("text", Some("y\nz"));
        assert!(!address.to_string().contains(['\r', '\n']));
    }
}
