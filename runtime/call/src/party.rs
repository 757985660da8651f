//! Who calls whom, out of the headers of an INVITE.

use vireo_sip::endpoint::Incoming;
use vireo_sip::message::{Scheme, Uri};

/// The number or user of an address: `tel:` and SIP user parts without escapes, and without the
/// parameters that `user=phone` hides in them (RFC 3261, 19.1.6).
pub(crate) fn number(uri: &Uri) -> String {
    let user = uri.user_decoded().unwrap_or_default();
    match uri.scheme {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => {
            user.split(';').next().unwrap_or_default().to_owned()
        }
        _ => user.into_owned(),
    }
}

/// The calling number: what a trusted trunk asserts (RFC 3325), otherwise From; empty when it is
/// withheld (RFC 3323: `anonymous@anonymous.invalid`).
pub(crate) fn caller(invite: &Incoming) -> String {
    if let Some(asserted) = invite
        .asserted_identity
        .iter()
        .map(|who| number(&who.uri))
        .find(|number| !number.is_empty())
    {
        return asserted;
    }
    let from = number(&invite.caller.uri);
    if from.eq_ignore_ascii_case("anonymous") {
        String::new()
    } else {
        from
    }
}

/// The caller's name, where one was sent.
pub(crate) fn caller_name(invite: &Incoming) -> Option<String> {
    let asserted = invite
        .asserted_identity
        .iter()
        .find_map(|who| who.display.clone());
    asserted
        .or_else(|| invite.caller.display.clone())
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("anonymous"))
}
