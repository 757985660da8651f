//! One endpoint, and a test that writes every message of its peer by hand.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::super::*;
use crate::message::{Message, Request, Response};
use crate::transport::{ConnectionId, Packet, Protocol};
use crate::trunk::{Trunk, UnknownPeer};

pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(super) const ANSWER: &[u8] =
    b"v=0\r\no=- 2 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

pub(super) const CARRIER: &str = "192.0.2.7:5060";

pub(super) fn carrier() -> Trunk {
    Trunk::new("carrier").with_peer("192.0.2.0/24".parse::<ipnet::IpNet>().unwrap())
}

pub(super) fn config() -> EndpointConfig {
    let local = |protocol, text: &str| LocalAddress::new(protocol, text.parse().unwrap());
    let mut config = EndpointConfig::new(vec![
        local(Protocol::Udp, "192.0.2.1:5060"),
        local(Protocol::Tcp, "192.0.2.1:5060"),
        local(Protocol::Udp, "[2001:db8::1]:5070"),
    ]);
    // Small tables keep a hundred endpoints in one test cheap.
    config.limits.max_calls = 100;
    config.limits.max_transactions = 1_000;
    config
}

pub(super) struct Probe {
    pub(super) endpoint: Endpoint,
    pub(super) now: Time,
    pub(super) source: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) connection: Option<ConnectionId>,
    sent: VecDeque<(Time, Transmit)>,
    events: VecDeque<(LegId, LegEvent)>,
}

impl Probe {
    pub(super) fn new() -> Self {
        Self::with(
            config(),
            Trunks::new(vec![carrier()], UnknownPeer::Drop).unwrap(),
        )
    }

    pub(super) fn with(config: EndpointConfig, trunks: Trunks) -> Self {
        Self::around(
            Endpoint::new(config, trunks, [7; 32]),
            Time::from_millis(1_000_000),
        )
    }

    pub(super) fn around(endpoint: Endpoint, now: Time) -> Self {
        Self {
            endpoint,
            now,
            source: CARRIER.parse().unwrap(),
            local: "192.0.2.1:5060".parse().unwrap(),
            protocol: Protocol::Udp,
            connection: None,
            sent: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, text: impl AsRef<[u8]>) {
        let message = Message::parse(text.as_ref());
        let (protocol, local, source, connection) =
            (self.protocol, self.local, self.source, self.connection);
        self.endpoint.receive(
            Packet {
                protocol,
                local,
                source,
                connection,
                message,
            },
            self.now,
        );
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.sent.push_back((self.now, transmit));
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push_back(event);
        }
    }

    /// Lets virtual time pass, every timer at its own moment.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        self.drain();
        let end = self.now + std::time::Duration::from_millis(milliseconds);
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// The next thing sent, whole.
    pub(super) fn next_sent(&mut self) -> (Time, Transmit) {
        self.drain();
        self.sent.pop_front().expect("nothing was sent")
    }

    pub(super) fn next_request(&mut self) -> Request {
        match Message::parse(&self.next_sent().1.bytes).unwrap() {
            Message::Request(request) => request,
            Message::Response(response) => panic!("a {} instead of a request", response.status),
        }
    }

    pub(super) fn next_response(&mut self) -> Response {
        match Message::parse(&self.next_sent().1.bytes).unwrap() {
            Message::Response(response) => response,
            Message::Request(request) => panic!("a {} instead of a response", request.method),
        }
    }

    /// Our tag in the next response.
    pub(super) fn next_tag(&mut self) -> String {
        let to = self.next_response().headers.to().unwrap();
        to.tag().unwrap().to_owned()
    }

    /// What was sent since the last look: `180 INVITE` for responses, `BYE` for requests.
    pub(super) fn sent(&mut self) -> Vec<String> {
        self.drain();
        self.sent
            .drain(..)
            .map(|(_, transmit)| summary(&transmit.bytes))
            .collect()
    }

    /// The same with the milliseconds since `start`.
    pub(super) fn sent_since(&mut self, start: Time) -> Vec<(u64, String)> {
        self.drain();
        self.sent
            .drain(..)
            .map(|(at, transmit)| (at.since(start).as_millis() as u64, summary(&transmit.bytes)))
            .collect()
    }

    pub(super) fn next_event(&mut self) -> Option<LegEvent> {
        self.drain();
        self.events.pop_front().map(|(_, event)| event)
    }

    /// The names of the events since the last look.
    pub(super) fn events(&mut self) -> Vec<String> {
        self.drain();
        self.events
            .drain(..)
            .map(|(_, event)| name(&event))
            .collect()
    }

    pub(super) fn incoming(&mut self) -> (LegId, Incoming) {
        self.drain();
        match self.events.pop_front() {
            Some((id, LegEvent::Incoming(incoming))) => (id, *incoming),
            other => panic!("no incoming call but {other:?}"),
        }
    }

    /// A call from the carrier, answered and acknowledged. Returns the leg and our tag.
    pub(super) fn established(&mut self) -> (LegId, String) {
        self.send(Text::invite().to_string());
        let (id, _) = self.incoming();
        self.endpoint.answer(id, ANSWER.to_vec(), self.now).unwrap();
        self.sent.clear();
        self.drain();
        let ok = self.next_response();
        let tag = ok.headers.to().unwrap().tag().unwrap().to_owned();
        self.send(Text::ack(&tag, 1).to_string());
        assert_eq!(self.events(), ["Acknowledged"]);
        assert!(self.sent().is_empty());
        (id, tag)
    }

    /// Everything is forgotten once all timers have run out.
    pub(super) fn assert_nothing_left(&mut self) {
        self.pass(200_000);
        let counters = self.endpoint.counters();
        let gauges = [
            counters.calls,
            counters.legs,
            counters.dialogs,
            counters.server_transactions,
            counters.client_transactions,
            counters.unacknowledged,
            counters.finished_transactions,
            counters.remembered_refusals,
        ];
        assert_eq!(gauges, [0; 8], "{counters:?}");
        assert!(self.endpoint.by_dialog.is_empty());
        assert_eq!(self.endpoint.usage.calls("carrier"), 0);
        assert_eq!(self.endpoint.poll_timeout(), None);
    }
}

/// The leading words of a message.
pub(super) fn summary(bytes: &[u8]) -> String {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => format!(
            "{} {}",
            response.status,
            response.headers.cseq().unwrap().method
        ),
    }
}

/// An event's name, with what tells it from others of the same name.
pub(super) fn name(event: &LegEvent) -> String {
    match event {
        LegEvent::Ended { by, .. } => format!("Ended {by:?}"),
        LegEvent::Failed { status, .. } => format!("Failed {status}"),
        LegEvent::Progress { status, .. } => format!("Progress {status}"),
        LegEvent::ReinviteFailed { status } => format!("ReinviteFailed {status}"),
        LegEvent::ReofferDone { outcome, .. } => format!("ReofferDone {outcome:?}"),
        other => {
            let text = format!("{other:?}");
            text.split([' ', '{', '('])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

/// A request of the peer, to be changed piece by piece.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) method: &'static str,
    pub(super) uri: String,
    pub(super) branch: String,
    pub(super) via: String,
    pub(super) to_tag: String,
    pub(super) sequence: u32,
    pub(super) call_id: String,
    pub(super) extra: String,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Text {
    pub(super) fn new(method: &'static str, sequence: u32) -> Self {
        Self {
            method,
            uri: "sip:100@192.0.2.1".into(),
            branch: format!("z9hG4bK{method}{sequence}"),
            via: "192.0.2.7:5060".into(),
            to_tag: String::new(),
            sequence,
            call_id: "call-1@carrier".into(),
            extra: String::new(),
            content_type: "application/sdp",
            body: String::new(),
        }
    }

    pub(super) fn invite() -> Self {
        let contact = "Contact: <sip:96170123456@192.0.2.7:5060>\r\n".into();
        Self {
            extra: contact,
            body: OFFER.into(),
            ..Self::new("INVITE", 1)
        }
    }

    pub(super) fn reinvite(tag: &str, sequence: u32) -> Self {
        Self {
            to_tag: tag.into(),
            sequence,
            branch: format!("z9hG4bKre{sequence}"),
            ..Self::invite()
        }
    }

    pub(super) fn within(method: &'static str, tag: &str, sequence: u32) -> Self {
        Self {
            to_tag: tag.into(),
            ..Self::new(method, sequence)
        }
    }

    pub(super) fn ack(tag: &str, sequence: u32) -> Self {
        Self::within("ACK", tag, sequence)
    }

    /// The CANCEL, or the ACK of a refusal, of this INVITE.
    pub(super) fn follow_up(&self, method: &'static str, tag: &str) -> Self {
        Self {
            method,
            to_tag: tag.into(),
            extra: String::new(),
            body: String::new(),
            ..self.clone()
        }
    }

    pub(super) fn extra(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let to_tag = if self.to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={}", self.to_tag)
        };
        write!(
            f,
            "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={}\r\n",
            self.method, self.uri, self.via, self.branch
        )?;
        write!(
            f,
            "From: <sip:96170123456@carrier.example>;tag=caller\r\nTo: <sip:100@192.0.2.1>{to_tag}\r\n"
        )?;
        write!(
            f,
            "Call-ID: {}\r\nCSeq: {} {}\r\n",
            self.call_id, self.sequence, self.method
        )?;
        if !self.extra.contains("Max-Forwards") {
            write!(f, "Max-Forwards: 70\r\n")?;
        }
        write!(f, "{}", self.extra)?;
        if !self.body.is_empty() {
            write!(f, "Content-Type: {}\r\n", self.content_type)?;
        }
        write!(
            f,
            "Content-Length: {}\r\n\r\n{}",
            self.body.len(),
            self.body
        )
    }
}

/// A response of the peer to a request of ours.
pub(super) fn reply(
    request: &Request,
    status: u16,
    tag: &str,
    extra: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut response = Response::to(request, status);
    if status > 100 {
        response.set_to_tag(tag);
    }
    for (name, value) in extra {
        response.headers.push(name, value);
    }
    if !body.is_empty() {
        response.set_body("application/sdp", body.to_vec());
    }
    let mut bytes = Vec::new();
    response.encode(&mut bytes);
    bytes
}
