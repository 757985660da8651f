//! HTTP as flows see it: requests that can be journaled without giving secrets away.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::contract::{Error, http};
use crate::grants::Grants;
use crate::secrets::Secrets;
use crate::url::Url;

/// What stands in a journaled request where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A request of a flow.
///
/// The public fields are what is shown and journaled: values of secrets, and the headers that
/// carry credentials, are replaced by [`REDACTED`]. What goes on the wire is
/// [`HttpRequest::wire`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpRequest {
    /// One of GET, POST, PUT, PATCH, DELETE, HEAD.
    pub method: String,
    /// Absolute URL, as the flow wrote it.
    pub url: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Bytes,
    /// For the whole exchange, 1 to 60,000 ms.
    pub timeout_ms: u32,
    /// Absent in a request that was read from a journal.
    #[serde(skip)]
    pub(crate) wire: Option<Arc<Wire>>,
}

/// Two requests are equal when they would be journaled alike.
impl PartialEq for HttpRequest {
    fn eq(&self, other: &Self) -> bool {
        self.method == other.method
            && self.url == other.url
            && self.headers == other.headers
            && self.body == other.body
            && self.timeout_ms == other.timeout_ms
    }
}

/// What is sent: checked, split at the places where URL parsers disagree, secrets included.
#[derive(Clone, PartialEq, Eq)]
pub struct Wire {
    /// Is it `https`?
    pub scheme: Scheme,
    /// Lower-case name, IPv4 address, or IPv6 address without brackets. This, and nothing parsed
    /// anew from the URL, is what was checked against the grant: connect to it.
    pub host: String,
    /// The port, given or by default (80, 443).
    pub port: u16,
    /// Path and query, starting with `/`; the fragment is dropped.
    pub target: String,
    /// Names and values, in order; none of those that the client itself sets.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Target, headers and body may hold secrets.
        f.debug_struct("Wire")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// The value of the Host header: brackets around IPv6, the port unless it is the default.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port == self.scheme.default_port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl HttpRequest {
    /// What is to be sent. None when the request was read from a journal, where the secrets are
    /// gone: such a request can be compared, not sent.
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    /// Checks what a flow wants to send, and takes the secrets out of what is shown of it.
    pub(crate) fn check(
        request: http::Request,
        grants: &Grants,
        secrets: &Secrets,
    ) -> Result<HttpRequest, Error> {
        let http::Request {
            method,
            url,
            headers,
            body,
            timeout_ms,
        } = request;
        if !METHODS.contains(&method.as_str()) {
            return invalid(format!(
                "method is {method:?}; it must be {}",
                METHODS.join(", ")
            ));
        }
        let parsed = Url::parse(&url).map_err(|why| Error::Invalid(format!("the URL {why}")))?;
        check_headers(&headers)?;
        if body.len() > MOST_BODY {
            return invalid(format!(
                "body has {} bytes; at most {MOST_BODY}",
                body.len()
            ));
        }
        if !(1..=60_000).contains(&timeout_ms) {
            return invalid(format!("timeout-ms is {timeout_ms}; it must be 1 to 60000"));
        }
        grants.check_http(&parsed)?;
        let shown_headers = headers.iter().map(|(name, value)| {
            let value = match is_credential(name) {
                true => REDACTED.to_owned(),
                false => secrets.redact(value.clone()),
            };
            (name.clone(), value)
        });
        Ok(HttpRequest {
            method,
            url: secrets.redact(url),
            headers: shown_headers.collect(),
            body: Bytes(secrets.redact_bytes(body.clone())),
            timeout_ms,
            wire: Some(Arc::new(Wire {
                scheme: parsed.scheme,
                host: parsed.host,
                port: parsed.port,
                target: parsed.target,
                headers,
                body,
            })),
        })
    }
}

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// Bytes of a body.
const MOST_BODY: usize = 1 << 20;

const MOST_HEADERS: usize = 64;

/// Bytes of all header names and values.
const MOST_HEADER_BYTES: usize = 16 << 10;

/// Headers that frame the message or name the peer (RFC 9110, 7; RFC 9112, 6): the client's own.
const RESERVED: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "proxy-connection",
];

fn check_headers(headers: &[(String, String)]) -> Result<(), Error> {
    if headers.len() > MOST_HEADERS {
        return invalid(format!(
            "there are {} headers; at most {MOST_HEADERS}",
            headers.len()
        ));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > MOST_HEADER_BYTES {
        return invalid(format!(
            "the headers have {bytes} bytes; at most {MOST_HEADER_BYTES}"
        ));
    }
    for (name, value) in headers {
        if name.is_empty() || !name.bytes().all(is_token) {
            return invalid(format!("{name:?} is no header name"));
        }
        if RESERVED
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))
        {
            return invalid(format!("the header {name} is set by the server"));
        }
        if value
            .bytes()
            .any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f))
        {
            return invalid(format!(
                "the value of the header {name} has a control character"
            ));
        }
    }
    Ok(())
}

/// A `tchar` of RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Credentials may be encoded (Basic), so that the secret's value is not found in them.
fn is_credential(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie"]
        .iter()
        .any(|credential| name.eq_ignore_ascii_case(credential))
}

fn invalid<T>(text: String) -> Result<T, Error> {
    Err(Error::Invalid(text))
}

/// A response of any status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// 100 to 599.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Bytes,
}
