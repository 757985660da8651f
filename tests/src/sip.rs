//! A caller that speaks SIP by hand: text out, text in, nothing shared with the server's stack, so
//! that a test can say anything, at any moment, in any order.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::rtp::Peer;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A SIP message as text.
#[derive(Debug, Clone)]
pub struct Message(pub String);

impl Message {
    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        self.0
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or(0)
    }

    /// The method of a request; empty for a response.
    pub fn method(&self) -> &str {
        if self.status() > 0 {
            ""
        } else {
            self.0.split(' ').next().unwrap_or_default()
        }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
    }

    /// All headers of this name.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let lines = self.0.lines().take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// The body.
    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Where the SDP in the body wants RTP.
    pub fn media(&self) -> Option<SocketAddr> {
        let line = |prefix: &str| {
            self.body()
                .lines()
                .find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
        };
        let host = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "))?;
        let port = line("m=audio ")?.split(' ').next()?.to_owned();
        Some(SocketAddr::new(
            host.trim().parse().ok()?,
            port.parse().ok()?,
        ))
    }
}

/// One call as a caller sees it.
#[derive(Debug)]
pub struct Call {
    socket: UdpSocket,
    server: SocketAddr,
    /// What is called.
    pub user: String,
    /// The calling number.
    pub caller: String,
    /// Its Call-ID.
    pub call_id: String,
    /// Our tag.
    pub tag: String,
    /// To of the last response with a tag.
    pub to: String,
    /// Remote target: Contact of the last 2xx.
    pub target: String,
    /// CSeq of the last request.
    pub cseq: u32,
    /// Branch of the INVITE.
    pub branch: String,
    /// More header lines for each request, each with CRLF.
    pub more: String,
}

/// SDP that offers PCMU and PCMA, and telephone-event as 101 unless `events` is false.
pub fn sdp(peer: &Peer, events: bool) -> String {
    let address = peer.address();
    let event = if events { " 101" } else { "" };
    let lines = if events {
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    } else {
        ""
    };
    format!(
        "v=0\r\no=test 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8{event}\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n{lines}a=ptime:20\r\na=sendrecv\r\n",
        ip = address.ip(),
        port = address.port(),
    )
}

impl Call {
    /// A caller on a port of its own.
    pub fn new(server: SocketAddr, user: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}-{number}", std::process::id());
        Self {
            target: format!("sip:{user}@{server}"),
            to: format!("<sip:{user}@{server}>"),
            user: user.to_owned(),
            caller: "100".to_owned(),
            call_id: format!("{unique}@test"),
            tag: format!("t{unique}"),
            branch: format!("z9hG4bK-{unique}-1"),
            cseq: 0,
            more: String::new(),
            socket,
            server,
        }
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Sends text as it is.
    pub fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// Text of a request with these branch and CSeq.
    pub fn text(&self, method: &str, branch: &str, cseq: u32, body: &str) -> String {
        let local = self.local();
        let content = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: \"Test\" <sip:{caller}@{local}>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {verb}\r\n\
             Contact: <sip:100@{local}>\r\n{more}{content}Content-Length: {length}\r\n\r\n{body}",
            target = self.target,
            caller = self.caller,
            tag = self.tag,
            to = self.to,
            call_id = self.call_id,
            verb = method,
            more = self.more,
            length = body.len(),
        )
    }

    /// Sends a new request; returns its text, for retransmissions.
    pub fn request(&mut self, method: &str, body: &str) -> String {
        self.cseq += 1;
        let branch = format!("z9hG4bK-{}-{}-{}", self.tag, method, self.cseq);
        if method == "INVITE" {
            self.branch.clone_from(&branch);
        }
        let text = self.text(method, &branch, self.cseq, body);
        self.send(&text);
        text
    }

    /// The next message, none after `limit`.
    pub fn receive(&mut self, limit: Duration) -> Option<Message> {
        let mut bytes = vec![0; 65_536];
        self.socket
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
            .unwrap();
        let (length, _) = self.socket.recv_from(&mut bytes).ok()?;
        let message = Message(String::from_utf8_lossy(&bytes[..length]).into_owned());
        if message.status() > 100
            && let Some(to) = message.header("To")
            && to.contains("tag=")
        {
            to.clone_into(&mut self.to);
        }
        if (200..300).contains(&message.status())
            && let Some(contact) = message.header("Contact")
        {
            self.target = contact
                .trim_start_matches('<')
                .split('>')
                .next()
                .unwrap_or_default()
                .to_owned();
        }
        Some(message)
    }

    /// Receives until a message suits; answers nothing.
    ///
    /// # Panics
    /// None does within 5 s.
    pub fn expect(&mut self, what: &str, suits: impl Fn(&Message) -> bool) -> Message {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut seen = Vec::new();
        while Instant::now() < deadline {
            if let Some(message) = self.receive(deadline - Instant::now()) {
                if suits(&message) {
                    return message;
                }
                seen.push(message.0.lines().next().unwrap_or_default().to_owned());
            }
        }
        panic!("no {what} within 5 s; came: {seen:?}");
    }

    /// Receives until a response with this status.
    pub fn expect_status(&mut self, status: u16) -> Message {
        self.expect(&status.to_string(), |message| message.status() == status)
    }

    /// Acknowledges a 2xx.
    pub fn ack(&mut self, body: &str) {
        let branch = format!("{}-ack", self.branch);
        self.send(&self.text("ACK", &branch, self.cseq, body));
    }

    /// Acknowledges a final response other than 2xx: part of the INVITE's own transaction (RFC 3261,
    /// 17.1.1.3).
    pub fn ack_refusal(&mut self) {
        self.send(&self.text("ACK", &self.branch, self.cseq, ""));
    }

    /// INVITE, 200, ACK; returns the 200.
    pub fn establish(&mut self, sdp: &str) -> Message {
        self.request("INVITE", sdp);
        let ok = self.expect_status(200);
        self.ack("");
        ok
    }

    /// BYE and its 200.
    pub fn bye(&mut self) {
        self.request("BYE", "");
        self.expect("200 of the BYE", |m| {
            m.status() == 200 && m.header("CSeq").is_some_and(|c| c.ends_with("BYE"))
        });
    }

    /// Waits for the server's BYE and answers it.
    ///
    /// # Panics
    /// It does not come within `limit`.
    pub fn wait_for_bye(&mut self, limit: Duration) -> Message {
        let deadline = Instant::now() + limit;
        while let Some(message) = self.receive(deadline.saturating_duration_since(Instant::now())) {
            if message.method() == "BYE" {
                self.respond(&message, "200 OK");
                return message;
            }
        }
        panic!("no BYE within {limit:?}");
    }

    /// Answers a request.
    pub fn respond(&self, request: &Message, status: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.headers(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.send(&text);
    }
}
