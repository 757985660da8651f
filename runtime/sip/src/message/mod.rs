//! SIP messages: framing, headers, addresses, printing (RFC 3261, 7, 20 and 25).
//!
//! Framing and header splitting are this crate's own; `docs/dependencies.md` says where `rsip` comes in. What arrives
//! is read leniently where its meaning is plain (RFC 3261's compact names, folds and white space, lone line feeds,
//! unquoted display names, Latin-1 text), and refused with the answer to send where it is not. What is printed is
//! strict. Reading takes time linear in the length of the message.

mod headers;
mod host;
pub(crate) mod lex;
mod method;
mod multipart;
mod name;
mod name_addr;
mod params;
mod parse;
mod serialise;
mod status;
pub mod stream;
mod typed;
mod uri;
mod values;
mod via;
mod vocabulary;

pub use headers::Headers;
pub use host::Host;
pub use method::Method;
pub use name_addr::{NameAddr, NameAddrError};
pub use params::Params;
pub use parse::{MAX_HEADER_LINES, MAX_MESSAGE, ParseError};
pub use status::phrase;
pub use typed::HeaderError;
pub use uri::{Scheme, Uri, UriError};
pub use values::{CSeq, MediaType, Reason};
pub use via::{MAGIC_COOKIE, Transport, Via, ViaError};

use name::Known;
use std::io::Write;

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The headers, without Content-Length.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 699.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers, without Content-Length.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads a datagram: one message, to the length that its Content-Length says or to the end (RFC 3261, 18.3).
    ///
    /// # Errors
    /// When it is no message, or lacks what every message must have. The error carries the answer that is owed.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let head = parse::Head::read(datagram).ok_or(ParseError::new(
            datagram.len(),
            "No empty line after the headers",
        ))?;
        if datagram.len() > MAX_MESSAGE {
            return Err(head.refuse_too_large());
        }
        let body = datagram.get(head.end..).unwrap_or_default();
        head.finish(body)
    }

    /// Appends the message as it goes on the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
        }
    }

    /// The headers.
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub const fn new(method: Method, uri: Uri) -> Self {
        Self {
            method,
            uri,
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// Appends the request as it goes on the wire, with its Content-Length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.headers.size_hint() + self.body.len() + 128);
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{} {} SIP/2.0\r\n", self.method, self.uri);
        encode_rest(&self.headers, &self.body, out);
    }

    /// Puts a body in, with its Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set("Content-Type", content_type);
        self.body = body;
    }

    /// The session description in the body, if there is one; also inside `multipart/*` (RFC 5621), where carriers send
    /// ISUP beside it.
    pub fn sdp(&self) -> Option<&[u8]> {
        multipart::sdp(&self.headers, &self.body)
    }
}

impl Response {
    /// A response to this request: its Vias, From, To, Call-ID and CSeq (RFC 3261, 8.2.6.2), in a 100 its Timestamp,
    /// and the default phrase. The To gets no tag: see [`Response::set_to_tag`].
    pub fn to(request: &Request, status: u16) -> Self {
        parse::reply_to(&request.headers, status)
    }

    /// Adds this tag to the To, unless it has one.
    pub fn set_to_tag(&mut self, tag: &str) {
        let to = self.headers.first(Known::To);
        if to.is_some_and(|to| NameAddr::check(to).is_ok() && NameAddr::tag_of(to).is_none()) {
            self.headers
                .append_to_first(Known::To, &[b";tag=", tag.as_bytes()]);
        }
    }

    /// Appends the response as it goes on the wire, with its Content-Length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.headers.size_hint() + self.body.len() + 128);
        let _ = write!(out, "SIP/2.0 {} ", self.status);
        out.extend(self.reason.bytes().map(|byte| {
            if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                byte
            }
        }));
        out.extend_from_slice(b"\r\n");
        encode_rest(&self.headers, &self.body, out);
    }

    /// Puts a body in, with its Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.set("Content-Type", content_type);
        self.body = body;
    }

    /// The session description in the body, as [`Request::sdp`].
    pub fn sdp(&self) -> Option<&[u8]> {
        multipart::sdp(&self.headers, &self.body)
    }

    /// Is it 1xx?
    pub const fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Is it 2xx?
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

fn encode_rest(headers: &Headers, body: &[u8], out: &mut Vec<u8>) {
    headers.encode(out);
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
}
