//! `rsip`'s types as views of our messages, for headers that this crate has no view of its own for.
//!
//! Only views: what goes on the wire is never printed from them, because `rsip` 0.4 corrupts what is no UTF-8, and
//! refuses messages, names and URIs that RFC 3261 allows. `tests/it/vocabulary.rs` holds what it gets right and wrong.

use super::Response;
use super::headers::Headers;
use super::lex;
use super::method::Method;
use super::uri::Uri;
use rsip::headers::ToTypedHeader;

impl Headers {
    /// The header of this name as `rsip` reads it, several lines taken as one list: `Accept`, `WWW-Authenticate`,
    /// `Warning`, `Alert-Info`, `Call-Info`, `Content-Disposition` and so on. `None` when there is none.
    ///
    /// Not for `Authorization`: `rsip` reads the nonce count as a decimal byte, where RFC 7616 has it hexadecimal.
    ///
    /// # Errors
    /// When `rsip` cannot read it; the value may be valid all the same.
    pub fn typed<'a, H: ToTypedHeader<'a>>(
        &self,
        name: &str,
    ) -> Option<Result<H::Typed, rsip::Error>> {
        let values: Vec<String> = self.lines(name).map(lex::text).collect();
        (!values.is_empty()).then(|| H::new(values.join(", ")).into_typed())
    }
}

impl Response {
    /// The status as `rsip` names it.
    pub fn status_code(&self) -> rsip::StatusCode {
        rsip::StatusCode::from(self.status)
    }
}

impl From<rsip::Method> for Method {
    fn from(method: rsip::Method) -> Self {
        match method {
            rsip::Method::Ack => Self::Ack,
            rsip::Method::Bye => Self::Bye,
            rsip::Method::Cancel => Self::Cancel,
            rsip::Method::Info => Self::Info,
            rsip::Method::Invite => Self::Invite,
            rsip::Method::Message => Self::Message,
            rsip::Method::Notify => Self::Notify,
            rsip::Method::Options => Self::Options,
            rsip::Method::PRack => Self::Prack,
            rsip::Method::Publish => Self::Publish,
            rsip::Method::Refer => Self::Refer,
            rsip::Method::Register => Self::Register,
            rsip::Method::Subscribe => Self::Subscribe,
            rsip::Method::Update => Self::Update,
        }
    }
}

/// For `sip:` and `sips:`. Others `rsip` either refuses or takes for a host and port.
impl TryFrom<&Uri> for rsip::Uri {
    type Error = rsip::Error;

    fn try_from(uri: &Uri) -> Result<Self, rsip::Error> {
        if !uri.is_sip() {
            return Err(rsip::Error::ParseError(format!("no SIP URI: {uri}")));
        }
        Self::try_from(uri.to_string())
    }
}
