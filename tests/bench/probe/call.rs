//! One probe call: its SIP, its digits, what it hears.

use std::net::{SocketAddr, UdpSocket};

use vireo_tests::rtp::{Packet, Sender, receive_stamped, stamp};
use vireo_tests::sip::Message;

use super::Script;
use super::log::{Log, Outcome};
use crate::error::{Context, Result};
use crate::tones::Tone;
use crate::usage::now_ns;

/// A request is sent again after so long (T1, RFC 3261, 17.1.1.1), doubled each time.
const T1_NS: i64 = 500_000_000;
/// Packets of telephone-event for one key: 100 ms, and the end three times (RFC 4733, 2.5.1.4).
const KEY_STEPS: u16 = 5;
const EVENTS: u8 = 101;
const MILLISECOND: i64 = 1_000_000;

/// Where the call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Inviting,
    Up { since_ns: i64 },
    Leaving,
    Over,
}

/// A request that has no final response yet.
#[derive(Debug)]
struct Pending {
    text: String,
    sent_ns: i64,
    again_ns: i64,
    wait_ns: i64,
}

impl Pending {
    fn new(text: String, socket: &UdpSocket) -> Self {
        let sent_ns = now_ns();
        // A datagram that the socket does not take is sent again like one that was lost.
        let _ = socket.send(text.as_bytes());
        Self {
            text,
            sent_ns,
            again_ns: sent_ns + T1_NS,
            wait_ns: T1_NS,
        }
    }
}

/// A key that is being pressed, or whose prompt is waited for.
#[derive(Debug)]
struct Press {
    key: char,
    step: u16,
    next_ns: i64,
    timestamp: u32,
    /// What was heard when it began.
    before: Tone,
    /// When the first packet that says it has ended was sent.
    end_ns: Option<i64>,
    /// When the first packet of the next prompt came.
    answered_ns: Option<i64>,
}

/// The last packet heard.
#[derive(Debug, Clone, Copy)]
struct Heard {
    at_ns: i64,
    sequence: u16,
    tone: Tone,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    id: String,
    tag: String,
    local: SocketAddr,
    to: String,
    target: String,
    state: State,
    begun_ns: i64,
    pending: Option<Pending>,
    rtp: UdpSocket,
    media: Option<SocketAddr>,
    sender: Sender,
    pressed: usize,
    press: Option<Press>,
    heard: Option<Heard>,
    tone: Tone,
    /// Packets of the prompt that is heard.
    packets_of_tone: u32,
}

impl Call {
    /// Sends its INVITE.
    pub fn begin(
        number: u32,
        socket: &UdpSocket,
        server: SocketAddr,
        script: &Script,
    ) -> Result<Self> {
        let local = socket
            .local_addr()
            .context(|| "the probes' socket".into())?;
        let rtp = UdpSocket::bind("127.0.0.1:0").context(|| "a probe's RTP socket".into())?;
        rtp.set_nonblocking(true)
            .context(|| "a probe's RTP socket".into())?;
        stamp(&rtp);
        let target = format!("sip:{}@{server}", script.service);
        let mut call = Self {
            id: format!("probe-{}-{}-{number}", std::process::id(), local.port()),
            tag: format!("p{number}"),
            local,
            to: format!("<{target}>"),
            target,
            state: State::Inviting,
            begun_ns: now_ns(),
            pending: None,
            rtp,
            media: None,
            sender: Sender::new(number),
            pressed: 0,
            press: None,
            heard: None,
            tone: Tone::Silence,
            packets_of_tone: 0,
        };
        let invite = call.request("INVITE", 1, &call.offer()?);
        call.pending = Some(Pending::new(invite, socket));
        Ok(call)
    }

    /// Its Call-ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It has ended.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn offer(&self) -> Result<String> {
        let port = (self.rtp.local_addr())
            .context(|| "a probe's RTP socket".into())?
            .port();
        Ok(format!(
            "v=0\r\no=probe 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 {EVENTS}\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        ))
    }

    fn request(&self, method: &str, cseq: u32, body: &str) -> String {
        let (local, tag) = (self.local, &self.tag);
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        // The ACK of a 2xx is a transaction of its own, that of a refusal is the INVITE's.
        let branch = match (method, self.state) {
            ("ACK", State::Up { .. }) => "ACK".to_owned(),
            ("ACK" | "INVITE", _) => "INVITE".to_owned(),
            _ => method.to_owned(),
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{id}-{branch}\r\n\
             From: <sip:probe@{local}>;tag={tag}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:probe@{local}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            target = self.target,
            id = self.id,
            to = self.to,
            length = body.len(),
        )
    }

    /// Takes a SIP message of this call.
    pub fn receive(
        &mut self,
        message: &Message,
        at_ns: i64,
        script: &Script,
        socket: &UdpSocket,
        log: &mut Log,
    ) {
        let cseq = message.header("CSeq").unwrap_or_default();
        match (message.status(), message.method()) {
            (0, "BYE") => {
                respond(message, socket);
                log.sizes.bye = message.0.len();
                // A key that no prompt followed is a call that went wrong.
                let outcome = if self.pressed == script.digits.len() {
                    Outcome::Completed
                } else {
                    Outcome::Failed
                };
                self.end(now_ns(), outcome, log);
            }
            (0, _) | (100..=199, _) => {}
            (status, _) if cseq.ends_with("INVITE") => {
                self.invite_answered(status, message, at_ns, socket, log);
            }
            (status, _) if cseq.ends_with("BYE") => {
                log.sizes.bye_ok = message.0.len();
                let outcome = if status == 200 {
                    Outcome::Completed
                } else {
                    Outcome::Failed
                };
                self.end(at_ns, outcome, log);
            }
            _ => {}
        }
    }

    fn invite_answered(
        &mut self,
        status: u16,
        message: &Message,
        at_ns: i64,
        socket: &UdpSocket,
        log: &mut Log,
    ) {
        if let Some(to) = message.header("To") {
            to.clone_into(&mut self.to);
        }
        if self.state == State::Inviting
            && let Some(pending) = self.pending.take()
        {
            if (200..300).contains(&status) {
                log.answered(at_ns, pending.sent_ns);
                log.sizes.ok = message.0.len();
                self.state = State::Up { since_ns: at_ns };
                self.media = message.media();
                let contact = message.header("Contact").unwrap_or_default();
                let contact = contact.trim_start_matches('<');
                contact
                    .split('>')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut self.target);
            } else {
                let outcome = match (status, message.header("Retry-After")) {
                    (503, Some(_)) => Outcome::Refused,
                    _ => Outcome::Failed,
                };
                self.end(at_ns, outcome, log);
            }
        } else {
            log.retransmitted(at_ns);
        }
        let _ = socket.send(self.request("ACK", 1, "").as_bytes());
    }

    /// Does what is due.
    pub fn turn(&mut self, socket: &UdpSocket, script: &Script, bytes: &mut [u8], log: &mut Log) {
        while let Some((length, at_ns)) = receive_stamped(&self.rtp, bytes) {
            if let Some(packet) = Packet::parse(&bytes[..length], at_ns) {
                self.hear(&packet, log);
            }
        }
        let now = now_ns();
        self.send_again(now, socket, log);
        if let State::Up { since_ns } = self.state {
            self.press(now, since_ns, script, log);
            if let Some(after) = script.hang_up
                && now - since_ns >= nanoseconds(after)
            {
                let bye = self.request("BYE", 2, "");
                self.state = State::Leaving;
                self.pending = Some(Pending::new(bye, socket));
            }
        }
        if self.state == State::Over {
            self.check_end(script, log);
        } else if now - self.begun_ns > nanoseconds(script.limit) {
            self.end(now, Outcome::Failed, log);
        }
    }

    fn send_again(&mut self, now: i64, socket: &UdpSocket, log: &mut Log) {
        if let Some(pending) = &mut self.pending
            && now >= pending.again_ns
        {
            let _ = socket.send(pending.text.as_bytes());
            pending.wait_ns *= 2;
            pending.again_ns = now + pending.wait_ns;
            log.retransmitted(now);
        }
    }

    fn press(&mut self, now: i64, since_ns: i64, script: &Script, log: &mut Log) {
        if self.press.is_none()
            && let Some((after, key)) = script.digits.get(self.pressed)
            && now - since_ns >= nanoseconds(*after)
        {
            self.press = Some(Press {
                key: *key,
                step: 0,
                next_ns: now,
                timestamp: self.sender.timestamp,
                before: self.tone,
                end_ns: None,
                answered_ns: None,
            });
        }
        let (Some(press), Some(media)) = (&mut self.press, self.media) else {
            return;
        };
        while press.step < KEY_STEPS + 3 && now >= press.next_ns {
            let end = press.step >= KEY_STEPS;
            let duration = (press.step + 1).min(KEY_STEPS) * 160;
            let [high, low] = duration.to_be_bytes();
            let event = "0123456789*#".find(press.key).unwrap_or(0);
            #[allow(clippy::cast_possible_truncation)]
            let payload = [event as u8, if end { 0x8a } else { 10 }, high, low];
            let marker = press.step == 0;
            let packet = (self.sender).packet_at(EVENTS, press.timestamp, marker, &payload);
            if end && press.end_ns.is_none() {
                press.end_ns = Some(now_ns());
            }
            let _ = self.rtp.send_to(&packet, media);
            press.step += 1;
            if !end {
                press.next_ns += 20 * MILLISECOND;
            }
        }
        if let (Some(end), Some(answered)) = (press.end_ns, press.answered_ns) {
            log.prompt_after_key(answered, end);
            self.press = None;
            self.pressed += 1;
        }
    }

    fn hear(&mut self, packet: &Packet, log: &mut Log) {
        if packet.payload_type != 0 {
            return;
        }
        let tone = Tone::of(&packet.payload);
        let heard = Heard {
            at_ns: packet.at_ns,
            sequence: packet.sequence,
            tone,
        };
        if let Some(last) = self.heard.replace(heard) {
            let step = packet.sequence.wrapping_sub(last.sequence);
            if step == 0 || step > 0x8000 {
                log.disorder(packet.at_ns);
                self.heard = Some(last);
                return;
            }
            if step > 1 {
                log.lost(packet.at_ns, u32::from(step) - 1);
            }
            if tone == last.tone {
                log.gap(packet.at_ns, last.at_ns);
            }
        }
        log.packet(packet.at_ns);
        if tone == self.tone {
            self.packets_of_tone += 1;
            return;
        }
        self.tone = tone;
        self.packets_of_tone = 1;
        if let Some(press) = &mut self.press
            && tone != Tone::Silence
            && tone != press.before
            && press.answered_ns.is_none()
        {
            press.answered_ns = Some(packet.at_ns);
        }
    }

    /// A prompt that is cut off at its end has lost packets that no sequence number tells of.
    fn check_end(&self, script: &Script, log: &mut Log) {
        if let Some(whole) = script.last_prompt
            && self.pressed == script.digits.len()
            && let Some(heard) = self.heard
            && heard.tone == Tone::High
        {
            log.lost(heard.at_ns, whole.saturating_sub(self.packets_of_tone));
        }
    }

    fn end(&mut self, now: i64, outcome: Outcome, log: &mut Log) {
        #[allow(clippy::cast_precision_loss)]
        let seconds = (now - self.begun_ns) as f64 / 1e9;
        self.pending = None;
        self.state = State::Over;
        log.ended(now, outcome, seconds);
    }
}

/// Answers a request with 200.
pub fn respond(request: &Message, socket: &UdpSocket) {
    let mut text = String::from("SIP/2.0 200 OK\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        for value in request.headers(name) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    let _ = socket.send(text.as_bytes());
}

#[allow(clippy::cast_possible_truncation)]
fn nanoseconds(duration: std::time::Duration) -> i64 {
    duration.as_nanos() as i64
}
