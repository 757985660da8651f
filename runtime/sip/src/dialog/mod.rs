//! Dialogs: RFC 3261 section 12.
//!
//! A dialog is a plain value: what both sides must agree on to exchange requests after the first. It is written down
//! as text, so that another process can read it and go on.

pub(crate) mod path;
mod unacknowledged;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use unacknowledged::{Answer, AnswerTo, Unacknowledged, UnacknowledgedAction};

use crate::message::{Headers, Host, Method, NameAddr, Request, Response, Uri};
use crate::transport::Protocol;

/// Why a message cannot found or change a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogError {
    /// No usable Contact.
    #[error("no usable Contact")]
    NoContact,
    /// From, To or Call-ID cannot be read.
    #[error("From, To or Call-ID cannot be read")]
    BadIdentity,
    /// A Record-Route cannot be read.
    #[error("a Record-Route cannot be read")]
    BadRoute,
    /// The CSeq numbers are used up (2^31).
    #[error("the CSeq numbers are used up")]
    SequenceExhausted,
}

/// Where a CSeq number stands among those seen before (RFC 3261 section 12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Higher than any before; gaps are legal.
    New,
    /// Not higher: out of order.
    Late,
}

/// The next hop of a request within a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The host.
    pub host: Host,
    /// The port, when the URI names one.
    pub port: Option<u16>,
    /// The transport, when the URI asks for one that we have.
    pub protocol: Option<Protocol>,
}

/// The state of a dialog.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dialog {
    call_id: String,
    local_tag: String,
    /// Empty when the peer is of RFC 2543 and has none, or has not answered yet.
    remote_tag: String,
    local: Uri,
    remote: Uri,
    /// The peer's Contact; before the first answer, the Request-URI of the INVITE.
    target: Uri,
    routes: Vec<NameAddr>,
    local_sequence: u32,
    remote_sequence: Option<u32>,
}

impl Dialog {
    /// The dialog that answering this INVITE founds (RFC 3261 section 12.1.1).
    ///
    /// # Errors
    /// The request lacks what a dialog needs.
    pub fn accept(invite: &Request, local_tag: String) -> Result<Self, DialogError> {
        let from = invite
            .headers
            .from()
            .map_err(|_| DialogError::BadIdentity)?;
        let to = invite.headers.to().map_err(|_| DialogError::BadIdentity)?;
        let cseq = invite
            .headers
            .cseq()
            .map_err(|_| DialogError::BadIdentity)?;
        Ok(Self {
            call_id: call_id(&invite.headers)?.to_owned(),
            local_tag,
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            local: to.uri,
            remote: from.uri,
            target: contact(&invite.headers)?,
            routes: record_routes(&invite.headers)?,
            local_sequence: 0,
            remote_sequence: Some(cseq.number),
        })
    }

    /// A call that is about to be placed: half a dialog, until [`establish`](Self::establish).
    #[must_use]
    pub fn place(call_id: String, local_tag: String, local: Uri, remote: Uri, target: Uri) -> Self {
        Self {
            call_id,
            local_tag,
            remote_tag: String::new(),
            local,
            remote,
            target,
            routes: Vec::new(),
            local_sequence: 0,
            remote_sequence: None,
        }
    }

    /// The dialog that this response to our INVITE founds (RFC 3261 sections 12.1.2 and 13.2.2.4).
    ///
    /// # Errors
    /// The response lacks what a dialog needs.
    pub fn establish(&self, response: &Response) -> Result<Self, DialogError> {
        let to = response
            .headers
            .to()
            .map_err(|_| DialogError::BadIdentity)?;
        let mut routes = record_routes(&response.headers)?;
        routes.reverse();
        Ok(Self {
            remote_tag: to.tag().unwrap_or_default().to_owned(),
            // Some equipment leaves the Contact out of its 2xx; the call can only go on where it began.
            target: contact(&response.headers).unwrap_or_else(|_| self.target.clone()),
            routes,
            ..self.clone()
        })
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's tag; empty when it has none.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The CSeq number of our last request.
    #[must_use]
    pub fn local_sequence(&self) -> u32 {
        self.local_sequence
    }

    /// Takes note of the CSeq number of a request of the peer.
    pub fn sequence(&mut self, number: u32) -> Order {
        if self.remote_sequence.is_some_and(|last| number <= last) {
            return Order::Late;
        }
        self.remote_sequence = Some(number);
        Order::New
    }

    /// Takes a new Contact from a re-INVITE or its 2xx (RFC 3261 section 12.2); keeps the old one when there is none.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Ok(target) = contact(headers) {
            self.target = target;
        }
    }

    /// A request within the dialog with the next CSeq number, without Via and Contact (RFC 3261 section 12.2.1.1).
    ///
    /// # Errors
    /// The CSeq numbers are used up.
    pub fn request(&mut self, method: Method) -> Result<Request, DialogError> {
        let next = self.local_sequence + 1;
        if next >= 1 << 31 {
            return Err(DialogError::SequenceExhausted);
        }
        self.local_sequence = next;
        Ok(self.numbered(method, next))
    }

    /// The ACK of a 2xx to the INVITE with this CSeq number (RFC 3261 section 13.2.2.4).
    #[must_use]
    pub fn ack(&self, sequence: u32) -> Request {
        self.numbered(Method::Ack, sequence)
    }

    fn numbered(&self, method: Method, sequence: u32) -> Request {
        let (uri, routes) = self.route();
        let mut request = Request::new(method, uri);
        let headers = &mut request.headers;
        for route in routes {
            headers.push("Route", route);
        }
        headers.push("Max-Forwards", "70");
        headers.push(
            "From",
            NameAddr::new(self.local.clone())
                .with_tag(&self.local_tag)
                .to_string(),
        );
        let to = NameAddr::new(self.remote.clone());
        let to = if self.remote_tag.is_empty() {
            to
        } else {
            to.with_tag(&self.remote_tag)
        };
        headers.push("To", to.to_string());
        headers.push("Call-ID", self.call_id.as_str());
        headers.push("CSeq", format_args!("{sequence} {}", request.method));
        request
    }

    /// The Request-URI and the Route values. A first route without `lr` is a strict router: it becomes the Request-URI,
    /// and the target goes to the end of the list.
    fn route(&self) -> (Uri, Vec<String>) {
        match self.routes.split_first() {
            Some((first, rest)) if !first.uri.lr() => {
                let mut uri = first.uri.clone();
                uri.headers = String::new();
                uri.params.remove("method");
                let target = NameAddr::new(self.target.clone());
                (
                    uri,
                    rest.iter()
                        .map(ToString::to_string)
                        .chain([target.to_string()])
                        .collect(),
                )
            }
            _ => (
                self.target.clone(),
                self.routes.iter().map(ToString::to_string).collect(),
            ),
        }
    }

    /// Where requests go: the first route, else the target. `None` for URIs without a host (tel:).
    #[must_use]
    pub fn next_hop(&self) -> Option<Hop> {
        let uri = self.routes.first().map_or(&self.target, |route| &route.uri);
        let host = uri.maddr().or_else(|| uri.host.clone())?;
        let protocol = match uri.transport().map(str::to_ascii_lowercase).as_deref() {
            Some("udp") => Some(Protocol::Udp),
            Some("tcp") => Some(Protocol::Tcp),
            _ => None,
        };
        Some(Hop {
            host,
            port: uri.port,
            protocol,
        })
    }
}

/// The Call-ID, which must be text to be repeated faithfully.
pub(crate) fn call_id(headers: &Headers) -> Result<&str, DialogError> {
    let bytes = headers.call_id().map_err(|_| DialogError::BadIdentity)?;
    std::str::from_utf8(bytes).map_err(|_| DialogError::BadIdentity)
}

fn contact(headers: &Headers) -> Result<Uri, DialogError> {
    let contacts = headers.contacts().map_err(|_| DialogError::NoContact)?;
    let contact = contacts.into_iter().next().ok_or(DialogError::NoContact)?;
    if contact.uri.is_sip() {
        Ok(contact.uri)
    } else {
        Err(DialogError::NoContact)
    }
}

fn record_routes(headers: &Headers) -> Result<Vec<NameAddr>, DialogError> {
    headers.record_routes().map_err(|_| DialogError::BadRoute)
}
