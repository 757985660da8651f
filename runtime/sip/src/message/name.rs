//! The header names this crate knows, with their compact forms (RFC 3261, 7.3.3 and 20).

/// Is a header's value a comma-separated list that may be spread over several lines (RFC 3261, 7.3.1)?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    List,
}

struct Entry {
    known: Known,
    name: &'static str,
    /// First letter of the name in lower case, which most candidates of a length differ in.
    initial: u8,
    /// Lower-case compact form, or 0.
    compact: u8,
}

macro_rules! known_headers {
    ($($known:ident $name:literal $compact:literal $kind:ident,)*) => {
        /// A header name that is looked up by number instead of by text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Known { $($known),* }

        const KNOWN: &[Entry] = &[
            $(Entry {
                known: Known::$known,
                name: $name,
                initial: $name.as_bytes()[0].to_ascii_lowercase(),
                compact: $compact,
            }),*
        ];

        impl Known {
            /// The full name as printed.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$known => $name),* }
            }

            pub(crate) const fn kind(self) -> Kind {
                match self { $(Self::$known => Kind::$kind),* }
            }
        }
    };
}

known_headers! {
    Accept "Accept" 0 List,
    AcceptEncoding "Accept-Encoding" 0 List,
    AcceptLanguage "Accept-Language" 0 List,
    AlertInfo "Alert-Info" 0 List,
    Allow "Allow" 0 List,
    AllowEvents "Allow-Events" b'u' List,
    Authorization "Authorization" 0 Single,
    CallId "Call-ID" b'i' Single,
    CallInfo "Call-Info" 0 List,
    Contact "Contact" b'm' List,
    ContentDisposition "Content-Disposition" 0 Single,
    ContentEncoding "Content-Encoding" b'e' List,
    ContentLanguage "Content-Language" 0 List,
    ContentLength "Content-Length" b'l' Single,
    ContentType "Content-Type" b'c' Single,
    CSeq "CSeq" 0 Single,
    Date "Date" 0 Single,
    Diversion "Diversion" 0 List,
    ErrorInfo "Error-Info" 0 List,
    Event "Event" b'o' Single,
    Expires "Expires" 0 Single,
    From "From" b'f' Single,
    HistoryInfo "History-Info" 0 List,
    Identity "Identity" b'y' List,
    InReplyTo "In-Reply-To" 0 List,
    MaxForwards "Max-Forwards" 0 Single,
    MinExpires "Min-Expires" 0 Single,
    MinSe "Min-SE" 0 Single,
    PAssertedIdentity "P-Asserted-Identity" 0 List,
    PPreferredIdentity "P-Preferred-Identity" 0 List,
    Path "Path" 0 List,
    Privacy "Privacy" 0 Single,
    ProxyAuthenticate "Proxy-Authenticate" 0 Single,
    ProxyAuthorization "Proxy-Authorization" 0 Single,
    ProxyRequire "Proxy-Require" 0 List,
    RAck "RAck" 0 Single,
    Reason "Reason" 0 List,
    RecordRoute "Record-Route" 0 List,
    ReferTo "Refer-To" b'r' Single,
    ReferredBy "Referred-By" b'b' Single,
    RejectContact "Reject-Contact" b'j' List,
    RequestDisposition "Request-Disposition" b'd' List,
    RSeq "RSeq" 0 Single,
    AcceptContact "Accept-Contact" b'a' List,
    Replaces "Replaces" 0 Single,
    Require "Require" 0 List,
    RetryAfter "Retry-After" 0 Single,
    Route "Route" 0 List,
    Server "Server" 0 Single,
    ServiceRoute "Service-Route" 0 List,
    SessionExpires "Session-Expires" b'x' Single,
    Subject "Subject" b's' Single,
    Supported "Supported" b'k' List,
    Timestamp "Timestamp" 0 Single,
    To "To" b't' Single,
    Unsupported "Unsupported" 0 List,
    UserAgent "User-Agent" 0 Single,
    Via "Via" b'v' List,
    Warning "Warning" 0 List,
    WwwAuthenticate "WWW-Authenticate" 0 Single,
}

const LONGEST: usize = 20;
const PER_LENGTH: usize = 10;
const NONE: u8 = u8::MAX;

/// Indexes into `KNOWN` by length of the name: a lookup compares with the few names of that length only.
const BY_LENGTH: [[u8; PER_LENGTH]; LONGEST + 1] = {
    let mut table = [[NONE; PER_LENGTH]; LONGEST + 1];
    let mut index = 0;
    while index < KNOWN.len() {
        let length = KNOWN[index].name.len();
        let mut slot = 0;
        while table[length][slot] != NONE {
            slot += 1;
        }
        table[length][slot] = index as u8;
        index += 1;
    }
    table
};

impl Known {
    /// The header of this full or compact name, compared without case.
    pub(crate) fn find(name: &[u8]) -> Option<Self> {
        if let [letter] = name {
            let letter = letter.to_ascii_lowercase();
            let found = KNOWN
                .iter()
                .find(|entry| entry.compact != 0 && entry.compact == letter);
            return found.map(|entry| entry.known);
        }
        let initial = name.first()?.to_ascii_lowercase();
        let candidates = BY_LENGTH.get(name.len())?;
        candidates
            .iter()
            .map_while(|&index| KNOWN.get(usize::from(index)))
            .find(|entry| {
                entry.initial == initial && entry.name.as_bytes().eq_ignore_ascii_case(name)
            })
            .map(|entry| entry.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_letter() {
        for entry in KNOWN {
            assert_eq!(Known::find(entry.name.as_bytes()), Some(entry.known));
            assert_eq!(
                Known::find(entry.name.to_uppercase().as_bytes()),
                Some(entry.known)
            );
            assert_eq!(entry.known.name(), entry.name);
            if entry.compact != 0 {
                assert_eq!(Known::find(&[entry.compact]), Some(entry.known));
                assert_eq!(
                    Known::find(&[entry.compact.to_ascii_uppercase()]),
                    Some(entry.known)
                );
            }
        }
        for unknown in [
            "",
            "q",
            "X-Vendor",
            "Vi",
            "a-name-that-is-longer-than-any-known",
        ] {
            assert_eq!(Known::find(unknown.as_bytes()), None, "{unknown}");
        }
        assert_eq!(Known::find(&[0]), None);
    }
}
