//! Request methods.

use super::lex;
use std::fmt;

/// A request method (RFC 3261, 7.1). Methods are compared with case, so `invite` is an unknown method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261, 13
    Invite,
    /// RFC 3261, 13 and 17
    Ack,
    /// RFC 3261, 15
    Bye,
    /// RFC 3261, 9
    Cancel,
    /// RFC 3261, 11
    Options,
    /// RFC 3261, 10
    Register,
    /// RFC 3262
    Prack,
    /// RFC 3311
    Update,
    /// RFC 6086
    Info,
    /// RFC 3515
    Refer,
    /// RFC 6665
    Notify,
    /// RFC 6665
    Subscribe,
    /// RFC 3428
    Message,
    /// RFC 3903
    Publish,
    /// Any other token.
    Other(String),
}

/// Every method with a name of its own.
const KNOWN: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Options, "OPTIONS"),
    (Method::Register, "REGISTER"),
    (Method::Prack, "PRACK"),
    (Method::Update, "UPDATE"),
    (Method::Info, "INFO"),
    (Method::Refer, "REFER"),
    (Method::Notify, "NOTIFY"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Message, "MESSAGE"),
    (Method::Publish, "PUBLISH"),
];

impl Method {
    /// Reads a method; `None` when it is no token.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Some((method, _)) = KNOWN.iter().find(|(_, name)| name.as_bytes() == bytes) {
            return Some(method.clone());
        }
        lex::is_token(bytes).then(|| Self::Other(lex::text(bytes)))
    }

    /// The method as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Info => "INFO",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
            Self::Publish => "PUBLISH",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_methods_read_as_they_print() {
        for (method, name) in KNOWN {
            assert_eq!(method.as_str(), name);
            assert_eq!(Method::parse(name.as_bytes()), Some(method));
        }
    }

    #[test]
    fn case_matters_and_only_tokens_are_methods() {
        assert_eq!(
            Method::parse(b"invite"),
            Some(Method::Other("invite".into()))
        );
        assert_eq!(
            Method::parse(b"RE%47IST%45R"),
            Some(Method::Other("RE%47IST%45R".into()))
        );
        assert_eq!(Method::parse(b""), None);
        assert_eq!(Method::parse(b"A B"), None);
        assert_eq!(Method::parse(b"A\xffB"), None);
    }
}
