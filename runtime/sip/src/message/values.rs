//! Small typed header values.

use super::lex;
use super::method::Method;
use super::params::Params;
use std::fmt;

/// `CSeq` (RFC 3261, 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Sequence number.
    pub number: u32,
    /// Method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads a CSeq; `None` when it is none or its number passes 32 bits.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = lex::trim(bytes);
        let blank = bytes.iter().position(|&byte| lex::is_blank(byte))?;
        let (number, method) = bytes.split_at_checked(blank)?;
        Some(Self {
            number: lex::number(number)?,
            method: Method::parse(lex::trim(method))?,
        })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// `Reason` (RFC 3326): why a call was cancelled or ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reason {
    /// `SIP`, `Q.850` or another token.
    pub protocol: String,
    /// Status code or Q.850 cause.
    pub cause: Option<u16>,
    /// Text for people.
    pub text: Option<String>,
}

impl Reason {
    /// A reason given as a SIP status code.
    pub fn sip(status: u16, text: &str) -> Self {
        Self {
            protocol: "SIP".into(),
            cause: Some(status),
            text: Some(text.into()),
        }
    }

    /// A reason given as an ITU-T Q.850 cause.
    pub fn q850(cause: u16, text: &str) -> Self {
        Self {
            protocol: "Q.850".into(),
            cause: Some(cause),
            text: Some(text.into()),
        }
    }

    /// Reads one value; `None` when it is malformed.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let protocol_end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
        let (protocol, params) = bytes.split_at_checked(protocol_end)?;
        let protocol = lex::trim(protocol);
        if !lex::is_token(protocol) {
            return None;
        }
        let params = Params::parse(params).ok()?;
        Some(Self {
            protocol: lex::text(protocol),
            cause: params
                .get("cause")
                .and_then(|cause| lex::number(cause.as_bytes())),
            text: params.get_unquoted("text").map(Into::into),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if lex::is_token(self.protocol.as_bytes()) {
            &self.protocol
        } else {
            "SIP"
        })?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            f.write_str(";text=")?;
            lex::write_quoted(f, text)?;
        }
        Ok(())
    }
}

/// `Content-Type` (RFC 3261, 20.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// Type, in lower case.
    pub kind: String,
    /// Subtype, in lower case.
    pub subtype: String,
    /// Parameters, such as `boundary`.
    pub params: Params,
}

impl MediaType {
    /// Reads a media type; `None` when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let name_end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
        let (name, params) = bytes.split_at_checked(name_end)?;
        let (kind, subtype) = lex::split_once(name, b'/')?;
        let (kind, subtype) = (lex::trim(kind), lex::trim(subtype));
        if !lex::is_token(kind) || !lex::is_token(subtype) {
            return None;
        }
        Some(Self {
            kind: lex::text(kind).to_ascii_lowercase(),
            subtype: lex::text(subtype).to_ascii_lowercase(),
            params: Params::parse(params).ok()?,
        })
    }

    /// Is it this type, whatever its parameters?
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cseq() {
        let read = |text: &str| CSeq::parse(text.as_bytes()).map(|cseq| cseq.to_string());
        assert_eq!(read("0009     INVITE").as_deref(), Some("9 INVITE"));
        assert_eq!(read("4294967295\tX").as_deref(), Some("4294967295 X"));
        for bad in [
            "",
            "INVITE",
            "1",
            "1 ",
            "-1 INVITE",
            "4294967296 INVITE",
            "36893488147419103232 REGISTER",
            "1 IN VITE",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn reason() {
        let reason =
            Reason::parse(b"Q.850 ;cause=16 ;text=\"Normal \\\"call\\\" clearing\"").unwrap();
        assert_eq!(reason, Reason::q850(16, "Normal \"call\" clearing"));
        assert_eq!(
            reason.to_string(),
            "Q.850;cause=16;text=\"Normal \\\"call\\\" clearing\""
        );
        assert_eq!(Reason::parse(b"SIP").unwrap().cause, None);
        assert_eq!(Reason::parse(b";cause=1"), None);
    }

    #[test]
    fn media_type() {
        let media_type = MediaType::parse(b"Multipart/MIXED ; boundary=\"a b\"").unwrap();
        assert!(media_type.is("multipart", "mixed"));
        assert_eq!(
            media_type.params.get_unquoted("boundary").as_deref(),
            Some("a b")
        );
        assert_eq!(MediaType::parse(b"text"), None);
    }
}
