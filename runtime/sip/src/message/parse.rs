//! From bytes to a message, or to the reason why not and what can still be answered.

use super::headers::{Headers, Reader};
use super::lex;
use super::method::Method;
use super::name::Known;
use super::name_addr::NameAddr;
use super::status;
use super::uri::Uri;
use super::values::CSeq;
use super::via::{self, Via};
use super::{Message, Request, Response};
use std::hash::{DefaultHasher, Hash, Hasher};
use thiserror::Error;

/// Longest message, in bytes: what one UDP datagram can carry.
pub const MAX_MESSAGE: usize = 65_535;

/// Most header lines of one message.
pub const MAX_HEADER_LINES: usize = 256;

/// Why bytes are no message that can be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason} (at byte {offset})")]
pub struct ParseError {
    offset: usize,
    reason: &'static str,
    reply: Option<Box<Response>>,
}

impl ParseError {
    pub(crate) const fn new(offset: usize, reason: &'static str) -> Self {
        Self {
            offset,
            reason,
            reply: None,
        }
    }

    /// The answer that the sender of a request is owed: 400, 505 or 413 with its Via, From, To, Call-ID and CSeq.
    /// To be sent to where the request came from, because its Via may be what is malformed. `None` for responses, for
    /// ACK, and for what has no Via.
    pub fn reply(&self) -> Option<&Response> {
        self.reply.as_deref()
    }

    /// What is wrong.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// Byte of the message where it was noticed.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// Something wrong, and the status that says so.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    status: u16,
    offset: usize,
    reason: &'static str,
}

impl Fault {
    const fn bad(offset: usize, reason: &'static str) -> Self {
        Self {
            status: 400,
            offset,
            reason,
        }
    }
}

/// Everything before the body.
pub(crate) struct Head {
    start: Result<StartLine, Fault>,
    /// Is it a request other than ACK, as far as can be seen?
    answerable: bool,
    pub(crate) headers: Headers,
    /// `Content-Length`, when one was sent.
    length: Result<Option<usize>, Fault>,
    /// First malformed header line.
    fault: Option<Fault>,
    /// Where the body begins.
    pub(crate) end: usize,
}

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: u16, reason: String },
}

impl Head {
    /// Reads start line and headers. `None` when the empty line that ends them is not there.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        // RFC 3261, 7.5: empty lines before the start line are passed over.
        let begin = bytes
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let mut lines = Lines {
            bytes,
            at: begin,
            returns: false,
        };
        let (start_begin, start_end) = lines.next_line()?;
        let first = bytes.get(start_begin..start_end).unwrap_or_default();
        let header_begin = lines.at;
        let mut reader = Reader::new();
        let mut fault = None;
        let mut can_fold = false;
        loop {
            lines.returns = false;
            let (begin, end) = lines.next_line()?;
            let line = bytes.get(begin..end).unwrap_or_default();
            let Some(&front) = line.first() else { break };
            if lines.returns {
                reader.stray_return();
            }
            if lex::is_blank(front) {
                if can_fold {
                    reader.fold(end - header_begin);
                } else if fault.is_none() {
                    fault = Some(Fault::bad(begin, "Folded line after no header"));
                }
                continue;
            }
            let read = read_line(&mut reader, line, begin - header_begin);
            can_fold = read.is_ok();
            if let Err(reason) = read
                && fault.is_none()
            {
                fault = Some(Fault::bad(begin, reason));
            }
        }
        let text = bytes.get(header_begin..lines.at).unwrap_or_default();
        let mut headers = reader.finish(text);
        let length = content_length(&mut headers, header_begin);
        let start = read_start_line(lex::trim(first), start_begin);
        let answerable = !is_response(first)
            && lex::split_once(first, b' ').is_some_and(|(method, _)| method != b"ACK");
        Some(Self {
            start,
            answerable,
            headers,
            length,
            fault,
            end: lines.at,
        })
    }

    /// Length of the body: as the header says; `None` when there is no header or it cannot be believed.
    pub(crate) fn body_length(&self) -> Option<usize> {
        self.length.as_ref().ok().copied().flatten()
    }

    /// The message with this body, or why it is none.
    pub(crate) fn finish(self, body: &[u8]) -> Result<Message, ParseError> {
        match self.check(body) {
            Ok(body_end) => {
                let body = body.get(..body_end).unwrap_or_default().to_vec();
                match self.start {
                    Ok(StartLine::Request { method, uri }) => Ok(Message::Request(Request {
                        method,
                        uri,
                        headers: self.headers,
                        body,
                    })),
                    Ok(StartLine::Response { status, reason }) => Ok(Message::Response(Response {
                        status,
                        reason,
                        headers: self.headers,
                        body,
                    })),
                    Err(fault) => Err(ParseError::new(fault.offset, fault.reason)),
                }
            }
            Err(fault) => Err(self.refuse(fault)),
        }
    }

    /// Turns a fault into the error, with the answer to it where one is owed.
    pub(crate) fn refuse(&self, fault: Fault) -> ParseError {
        let mut error = ParseError::new(fault.offset, fault.reason);
        if self.answerable && self.headers.first(Known::Via).is_some() {
            let mut reply = reply_to(&self.headers, fault.status);
            // RFC 3261, 21.4.1: the phrase says what is wrong. Phrases are constants, never the peer's text.
            if fault.status == 400 {
                reply.reason = fault.reason.to_owned();
            }
            reply.set_to_tag(&stateless_tag(&self.headers));
            error.reply = Some(Box::new(reply));
        }
        error
    }

    /// The fault of a stream whose next message cannot be found (RFC 3261, 18.3).
    pub(crate) fn refuse_unframed(&self) -> ParseError {
        let fault = match self.length {
            Err(fault) => fault,
            Ok(_) => Fault::bad(self.end, "Missing Content-Length"),
        };
        self.refuse(fault)
    }

    /// The fault of a message that is longer than is taken.
    pub(crate) fn refuse_too_large(&self) -> ParseError {
        self.refuse(Fault {
            status: 413,
            offset: self.end,
            reason: "Message too large",
        })
    }

    /// Finds the end of the body, or the first fault in the order in which they matter.
    fn check(&self, body: &[u8]) -> Result<usize, Fault> {
        let start = self.start.as_ref().map_err(|fault| *fault)?;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let body_end = match self.length? {
            Some(length) if length > body.len() => {
                return Err(Fault::bad(
                    self.end,
                    "Content-Length beyond the end of the message",
                ));
            }
            Some(length) => length,
            None => body.len(),
        };
        check_headers(&self.headers, start, self.end)?;
        Ok(body_end)
    }
}

/// The lines of a text: offsets without the line break. A lone LF ends a line too, a lone CR does not.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Did the last line hold a carriage return that ended nothing?
    returns: bool,
}

impl Lines<'_> {
    fn next_line(&mut self) -> Option<(usize, usize)> {
        let begin = self.at;
        let rest = self.bytes.get(begin..)?;
        for found in memchr::memchr2_iter(b'\r', b'\n', rest) {
            let at = begin + found;
            if self.bytes.get(at) == Some(&b'\n') {
                self.at = at + 1;
                return Some((begin, at));
            }
            if self.bytes.get(at + 1) == Some(&b'\n') {
                self.at = at + 2;
                return Some((begin, at));
            }
            self.returns = true;
        }
        None
    }
}

fn read_line(reader: &mut Reader, line: &[u8], offset: usize) -> Result<(), &'static str> {
    if reader.len() >= MAX_HEADER_LINES {
        return Err("Too many header lines");
    }
    let colon = memchr::memchr(b':', line).ok_or("Header line without colon")?;
    let name = lex::trim(line.get(..colon).unwrap_or_default());
    let known = Known::find(name);
    if known.is_none() && !lex::is_token(name) {
        return Err("Malformed header name");
    }
    let rest = lex::trim_start(line.get(colon + 1..).unwrap_or_default());
    let begin = offset + line.len() - rest.len();
    reader.line(
        known,
        (offset, offset + name.len()),
        (begin, begin + lex::trim(rest).len()),
    );
    Ok(())
}

fn is_response(line: &[u8]) -> bool {
    line.get(..4)
        .is_some_and(|front| front.eq_ignore_ascii_case(b"SIP/"))
}

fn read_start_line(line: &[u8], offset: usize) -> Result<StartLine, Fault> {
    if is_response(line) {
        return read_status_line(line).ok_or(Fault::bad(offset, "Malformed status line"));
    }
    let (method, rest) =
        lex::split_once(line, b' ').ok_or(Fault::bad(offset, "Malformed request line"))?;
    let at = memchr::memrchr(b' ', rest).ok_or(Fault::bad(offset, "Malformed request line"))?;
    let (uri, version) = (
        rest.get(..at).unwrap_or_default(),
        rest.get(at + 1..).unwrap_or_default(),
    );
    let method = Method::parse(method).ok_or(Fault::bad(offset, "Malformed method"))?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let is_sip = is_response(version);
        return Err(Fault {
            status: if is_sip { 505 } else { 400 },
            offset,
            reason: "Version not supported",
        });
    }
    let uri = Uri::parse(uri).map_err(|_| Fault::bad(offset, "Malformed Request-URI"))?;
    if !uri.headers.is_empty() {
        // RFC 3261, 19.1.1: there they are not allowed, and nobody may act on them.
        return Err(Fault::bad(offset, "Header fields in the Request-URI"));
    }
    Ok(StartLine::Request { method, uri })
}

fn read_status_line(line: &[u8]) -> Option<StartLine> {
    let (version, rest) = lex::split_once(line, b' ')?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return None;
    }
    let (code, reason) = lex::split_once(rest, b' ').unwrap_or((rest, b""));
    let status = lex::number(code)
        .filter(|_| code.len() == 3)
        .filter(|status| (100..700).contains(status))?;
    // A carriage return that ends no line is printed as a space, so it is read as one.
    let reason = lex::text(reason).replace('\r', " ");
    Some(StartLine::Response {
        status,
        reason: reason.trim_end().to_owned(),
    })
}

/// Takes the Content-Length off the headers. Several are let through when they agree.
fn content_length(headers: &mut Headers, offset: usize) -> Result<Option<usize>, Fault> {
    let mut length = Ok(None);
    headers.take_content_lengths(|value| {
        length = length.and_then(|earlier| {
            let value = lex::number(value).ok_or(Fault::bad(offset, "Malformed Content-Length"))?;
            if earlier.is_some_and(|earlier: usize| earlier != value) {
                return Err(Fault::bad(offset, "Several Content-Length headers"));
            }
            Ok(Some(value))
        });
    });
    length
}

/// What every message must have (RFC 3261, 8.1.1), in a form that can be read.
fn check_headers(headers: &Headers, start: &StartLine, offset: usize) -> Result<(), Fault> {
    let bad = |reason| Fault::bad(offset, reason);
    let mut vias = headers.items_of(Known::Via).peekable();
    let top = *vias.peek().ok_or(bad("Missing Via"))?;
    for via in vias {
        Via::check(via).map_err(|_| bad("Malformed Via"))?;
    }
    if Via::branch_of(top).is_some_and(|branch| branch.eq_ignore_ascii_case(via::MAGIC_COOKIE)) {
        return Err(bad("Via branch names no transaction"));
    }
    let from = headers
        .single(Known::From)
        .ok_or(bad("Missing or several From"))?;
    NameAddr::check(from).map_err(|_| bad("Malformed From"))?;
    let to = headers
        .single(Known::To)
        .ok_or(bad("Missing or several To"))?;
    NameAddr::check(to).map_err(|_| bad("Malformed To"))?;
    headers
        .single(Known::CallId)
        .ok_or(bad("Missing or several Call-ID"))?;
    headers.call_id().map_err(|_| bad("Malformed Call-ID"))?;
    let cseq = headers
        .single(Known::CSeq)
        .ok_or(bad("Missing or several CSeq"))?;
    let cseq = CSeq::parse(cseq).ok_or(bad("Malformed CSeq"))?;
    let StartLine::Request { method, .. } = start else {
        return Ok(());
    };
    if cseq.method != *method {
        return Err(bad("CSeq of another method"));
    }
    if headers.first(Known::MaxForwards).is_some() {
        let value = headers
            .single(Known::MaxForwards)
            .ok_or(bad("Several Max-Forwards"))?;
        lex::number::<u8>(value).ok_or(bad("Malformed Max-Forwards"))?;
    }
    for (known, reason) in [
        (Known::Contact, "Malformed Contact"),
        (Known::Route, "Malformed Route"),
        (Known::RecordRoute, "Malformed Record-Route"),
    ] {
        let readable = |item: &[u8]| {
            (known == Known::Contact && item == b"*") || NameAddr::check(item).is_ok()
        };
        if !headers.items_of(known).all(readable) {
            return Err(bad(reason));
        }
    }
    Ok(())
}

impl Headers {
    /// The value of a header that stands there exactly once.
    fn single(&self, known: Known) -> Option<&[u8]> {
        let mut values = self.items_of(known);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// A response with what every response copies from its request (RFC 3261, 8.2.6.2).
pub(crate) fn reply_to(request: &Headers, status: u16) -> Response {
    // With what a 200 has beside: Record-Route, Contact, Allow, Server, Content-Type.
    let mut headers = Headers::with_capacity(1024, 16);
    for known in [
        Known::Via,
        Known::From,
        Known::To,
        Known::CallId,
        Known::CSeq,
    ] {
        headers.copy(request, known);
    }
    if status == 100 {
        headers.copy(request, Known::Timestamp);
    }
    Response {
        status,
        reason: status::phrase(status).to_owned(),
        headers,
        body: Vec::new(),
    }
}

/// A To tag for an answer that is sent without keeping state: the same for each retransmission (RFC 3261, 8.2.7).
fn stateless_tag(headers: &Headers) -> String {
    let mut hasher = DefaultHasher::new();
    for known in [Known::Via, Known::From, Known::CallId, Known::CSeq] {
        headers.first(known).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
