//! Typed views of headers.

use super::headers::Headers;
use super::lex;
use super::method::Method;
use super::name::Known;
use super::name_addr::NameAddr;
use super::values::{CSeq, MediaType, Reason};
use super::via::Via;
use std::borrow::Cow;
use std::fmt::Display;
use thiserror::Error;

/// Why a header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is none.
    #[error("no {0} header")]
    Missing(&'static str),
    /// Its value is malformed.
    #[error("{name}: {reason}")]
    Malformed {
        /// Name of the header.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
}

fn malformed(known: Known, reason: impl Display) -> HeaderError {
    HeaderError::Malformed {
        name: known.name(),
        reason: reason.to_string(),
    }
}

impl Headers {
    fn required(&self, known: Known) -> Result<&[u8], HeaderError> {
        self.first(known).ok_or(HeaderError::Missing(known.name()))
    }

    fn address(&self, known: Known) -> Result<NameAddr, HeaderError> {
        NameAddr::parse(self.required(known)?).map_err(|error| malformed(known, error))
    }

    fn addresses(&self, known: Known) -> Result<Vec<NameAddr>, HeaderError> {
        self.items_of(known)
            .map(|item| NameAddr::parse(item).map_err(|error| malformed(known, error)))
            .collect()
    }

    /// The addresses that can be read; others are left out.
    fn readable_addresses(&self, known: Known) -> Vec<NameAddr> {
        self.items_of(known)
            .filter_map(|item| NameAddr::parse(item).ok())
            .collect()
    }

    fn tokens(&self, known: Known) -> impl Iterator<Item = String> {
        self.items_of(known)
            .filter(|item| !item.is_empty())
            .map(lex::text)
    }

    /// The top Via: the hop the message came from, or the response goes to.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let top = self
            .items_of(Known::Via)
            .next()
            .ok_or(HeaderError::Missing("Via"))?;
        Via::parse(top).map_err(|error| malformed(Known::Via, error))
    }

    /// All Vias, top first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via, HeaderError>> {
        self.items_of(Known::Via)
            .map(|item| Via::parse(item).map_err(|error| malformed(Known::Via, error)))
    }

    /// Puts this Via in the place of the top one.
    pub fn set_top_via(&mut self, via: &Via) {
        self.remove_front("Via");
        self.insert_front("Via", via);
    }

    /// From (RFC 3261, 20.20). Its tag is absent in requests of RFC 2543.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.address(Known::From)
    }

    /// To (RFC 3261, 20.39).
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.address(Known::To)
    }

    /// The tag of From, as far as it can be read.
    pub(crate) fn caller_tag(&self) -> Option<Cow<'_, str>> {
        NameAddr::tag_of(self.first(Known::From)?)
    }

    /// The tag of To, as far as it can be read.
    pub(crate) fn callee_tag(&self) -> Option<Cow<'_, str>> {
        NameAddr::tag_of(self.first(Known::To)?)
    }

    /// CSeq (RFC 3261, 20.16).
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        CSeq::parse(self.required(Known::CSeq)?)
            .ok_or_else(|| malformed(Known::CSeq, "no number and method"))
    }

    /// Call-ID (RFC 3261, 20.8), compared byte by byte.
    ///
    /// # Errors
    /// When there is none, or it is empty or has white space in it.
    pub fn call_id(&self) -> Result<&[u8], HeaderError> {
        let value = self.required(Known::CallId)?;
        if value.is_empty() || value.iter().any(|&byte| lex::is_blank(byte)) {
            return Err(malformed(Known::CallId, "empty or in several words"));
        }
        Ok(value)
    }

    /// Contacts (RFC 3261, 20.10); none for the `*` of a REGISTER, see [`Headers::is_contact_wildcard`].
    ///
    /// # Errors
    /// When one is malformed.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, HeaderError> {
        if self.is_contact_wildcard() {
            Ok(Vec::new())
        } else {
            self.addresses(Known::Contact)
        }
    }

    /// Is the Contact `*` (RFC 3261, 10.2.2)?
    pub fn is_contact_wildcard(&self) -> bool {
        self.first(Known::Contact) == Some(b"*")
    }

    /// Routes, next hop first (RFC 3261, 20.34).
    ///
    /// # Errors
    /// When one is malformed.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.addresses(Known::Route)
    }

    /// Record-Routes, topmost first (RFC 3261, 20.30).
    ///
    /// # Errors
    /// When one is malformed.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.addresses(Known::RecordRoute)
    }

    /// Max-Forwards (RFC 3261, 20.22); `None` when there is none. Read messages never have a malformed one.
    pub fn max_forwards(&self) -> Option<u8> {
        lex::number(self.first(Known::MaxForwards)?)
    }

    /// Option tags of Require (RFC 3261, 20.32).
    pub fn require(&self) -> impl Iterator<Item = String> {
        self.tokens(Known::Require)
    }

    /// Option tags of Supported (RFC 3261, 20.37).
    pub fn supported(&self) -> impl Iterator<Item = String> {
        self.tokens(Known::Supported)
    }

    /// Methods of Allow (RFC 3261, 20.5).
    pub fn allow(&self) -> impl Iterator<Item = Method> {
        self.items_of(Known::Allow).filter_map(Method::parse)
    }

    /// Content-Type; `None` when there is none or it is malformed.
    pub fn content_type(&self) -> Option<MediaType> {
        MediaType::parse(self.first(Known::ContentType)?)
    }

    /// Expires in seconds; `None` when there is none or it is malformed (RFC 3261, 20.19).
    pub fn expires(&self) -> Option<u32> {
        lex::number(self.first(Known::Expires)?)
    }

    /// Retry-After in seconds, without comment and parameters (RFC 3261, 20.33).
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.first(Known::RetryAfter)?;
        let digits = value
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        lex::number(value.get(..digits)?)
    }

    /// All Reasons that can be read (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.items_of(Known::Reason).filter_map(Reason::parse)
    }

    /// The first Reason that can be read (RFC 3326).
    pub fn reason(&self) -> Option<Reason> {
        self.reasons().next()
    }

    /// P-Asserted-Identity (RFC 3325): one `sip:` and one `tel:` address at the most. To be believed only when the
    /// peer is trusted.
    pub fn p_asserted_identity(&self) -> Vec<NameAddr> {
        self.readable_addresses(Known::PAssertedIdentity)
    }

    /// Diversion (RFC 5806): who diverted the call, nearest first.
    pub fn diversion(&self) -> Vec<NameAddr> {
        self.readable_addresses(Known::Diversion)
    }

    /// Privacy (RFC 3323): is this value, such as `id` or `user`, asked for?
    pub fn wants_privacy(&self, value: &str) -> bool {
        let asked = self.first(Known::Privacy).unwrap_or_default();
        lex::Items::new(asked, b';').any(|item| item.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// User-Agent of a request, Server of a response, as text.
    pub fn user_agent(&self) -> Option<String> {
        self.first(Known::UserAgent)
            .or_else(|| self.first(Known::Server))
            .map(lex::text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_views() {
        let mut headers = Headers::new();
        headers.push("Via", "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b");
        headers.push("v", "SIP/2.0/UDP c");
        headers.push("Require", "100rel, timer,");
        headers.push("Retry-After", "18000;duration=3600");
        headers.push(
            "Reason",
            "SIP ;cause=200 ;text=\"Call completed elsewhere\", Q.850;cause=16",
        );
        headers.push(
            "P-Asserted-Identity",
            "\"Cullen, J\" <sip:fluffy@cisco.com>, <tel:+14085264000>, <broken",
        );
        headers.push("Diversion", "<tel:+1>;reason=no-answer");
        headers.push("Privacy", "id;critical");
        headers.push("Contact", "*");
        assert_eq!(
            headers
                .vias()
                .filter_map(Result::ok)
                .map(|via| via.host.to_string())
                .collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        let mut top = headers.via().unwrap();
        assert!(top.stamp("192.0.2.1:5060".parse().unwrap()));
        headers.set_top_via(&top);
        assert_eq!(headers.via().unwrap().received(), "192.0.2.1".parse().ok());
        assert_eq!(headers.vias().count(), 3);
        assert_eq!(headers.require().collect::<Vec<_>>(), ["100rel", "timer"]);
        assert_eq!(headers.retry_after(), Some(18000));
        assert_eq!(headers.reason().and_then(|reason| reason.cause), Some(200));
        assert_eq!(headers.reasons().count(), 2);
        assert_eq!(headers.p_asserted_identity().len(), 2);
        assert_eq!(headers.diversion().len(), 1);
        assert!(headers.wants_privacy("ID") && !headers.wants_privacy("user"));
        assert!(headers.is_contact_wildcard());
        assert_eq!(headers.contacts(), Ok(Vec::new()));
        assert_eq!(headers.from(), Err(HeaderError::Missing("From")));
        headers.push("From", "nothing");
        assert!(matches!(
            headers.from(),
            Err(HeaderError::Malformed { name: "From", .. })
        ));
    }
}
