//! The floor: what the kernel alone costs for a scenario.
//!
//! A bare program that SIPp and the probes cannot tell from a server: it answers, sends a packet
//! every 20 ms for each call from a socket of the call's own, changes the prompt after a key, ends
//! the call, with messages of the server's sizes. It does nothing else: no SIP beyond copying header
//! lines, no state machines, no retransmissions, no RTCP, no jitter buffer, no journal, no flow.

mod io;
mod sip;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::error::{Context, Result};
use crate::probe::Sizes;
use crate::subject::MEDIA_PORTS;
use crate::tones::{FRAME, Tone};
use io::Poll;

/// Slots of the 20 ms wheel, 1 ms each.
const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);
/// The key of the SIP socket in the poll; calls have their index.
const SIP: u64 = u64::MAX;
/// Packets of the second prompt.
const SECOND_PROMPT: u32 = 200;
/// Even ports for RTP, the next for RTCP.
const FIRST_PORT: u16 = *MEDIA_PORTS.start();
const LAST_PORT: u16 = *MEDIA_PORTS.end() - 1;

/// What is played to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing: the media sockets are opened, no packet is sent.
    Signalling,
    /// The first prompt until a key, the second to its end, BYE.
    IvrA,
}

impl Scenario {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signalling => "signalling",
            Self::IvrA => "ivr-a",
        }
    }

    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Signalling, Self::IvrA]
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }
}

/// A call of the floor.
#[derive(Debug)]
struct Call {
    id: String,
    /// The BYE that ends it.
    bye: Vec<u8>,
    peer: SocketAddr,
    slot: usize,
    tone: Tone,
    left: u32,
    packet: [u8; 12 + FRAME],
    sequence: u16,
    timestamp: u32,
}

/// The media sockets of a place; they stay open from call to call.
#[derive(Debug)]
struct Media {
    rtp: UdpSocket,
    local: SocketAddr,
    _rtcp: UdpSocket,
}

struct Floor {
    sip: UdpSocket,
    scenario: Scenario,
    sizes: Sizes,
    poll: Poll,
    calls: Vec<Option<Call>>,
    /// Of each place in `calls`.
    sockets: Vec<Media>,
    free: Vec<usize>,
    by_id: HashMap<String, usize>,
    wheel: [Vec<usize>; SLOTS],
    next_slot: usize,
    next_port: u16,
}

/// Runs until it is killed; prints its address when it is up.
pub fn run(scenario: Scenario, sizes: Sizes) -> Result<()> {
    let sip = UdpSocket::bind("127.0.0.1:0").context(|| "the floor's SIP socket".into())?;
    sip.set_nonblocking(true)
        .context(|| "the floor's SIP socket".into())?;
    io::large_buffer(&sip);
    let poll = Poll::new().context(|| "epoll".into())?;
    poll.add(&sip, SIP).context(|| "epoll".into())?;
    let address = sip
        .local_addr()
        .context(|| "the floor's SIP socket".into())?;
    println!("{address}");
    std::io::stdout()
        .flush()
        .context(|| "standard output".into())?;
    let floor = Floor {
        sip,
        scenario,
        sizes,
        poll,
        calls: Vec::new(),
        sockets: Vec::new(),
        free: Vec::new(),
        by_id: HashMap::with_capacity(16_384),
        wheel: Default::default(),
        next_slot: 0,
        next_port: FIRST_PORT,
    };
    floor.serve()
}

impl Floor {
    fn serve(mut self) -> Result<()> {
        let mut bytes = vec![0; 65_536];
        let start = Instant::now();
        let mut turn = 0_u32;
        loop {
            let now = start.elapsed();
            while SLOT * turn <= now {
                self.slot(turn as usize % SLOTS);
                turn += 1;
            }
            let wait = match self.slots_to_next(turn as usize % SLOTS) {
                Some(slots) => {
                    turn += slots;
                    (SLOT * turn).saturating_sub(start.elapsed())
                }
                None => Duration::from_millis(100),
            };
            let keys = self.poll.wait(wait).context(|| "epoll".into())?;
            for key in keys {
                match key {
                    SIP => self.signalling(&mut bytes),
                    #[allow(clippy::cast_possible_truncation)]
                    index => self.media(index as usize, &mut bytes),
                }
            }
        }
    }

    /// Slots to pass over until one has calls.
    #[allow(clippy::cast_possible_truncation)]
    fn slots_to_next(&self, from: usize) -> Option<u32> {
        (0..SLOTS)
            .find(|step| !self.wheel[(from + step) % SLOTS].is_empty())
            .map(|step| step as u32)
    }

    /// Sends a packet of each call of a slot.
    fn slot(&mut self, slot: usize) {
        for position in (0..self.wheel[slot].len()).rev() {
            let index = self.wheel[slot][position];
            let Some(call) = &mut self.calls[index] else {
                continue;
            };
            call.packet[2..4].copy_from_slice(&call.sequence.to_be_bytes());
            call.packet[4..8].copy_from_slice(&call.timestamp.to_be_bytes());
            call.sequence = call.sequence.wrapping_add(1);
            call.timestamp = call.timestamp.wrapping_add(160);
            let _ = self.sockets[index].rtp.send(&call.packet);
            if call.tone == Tone::High {
                call.left -= 1;
                if call.left == 0 {
                    let _ = self.sip.send_to(&call.bye, call.peer);
                    self.wheel[slot].swap_remove(position);
                }
            }
        }
    }

    /// A packet from a caller: the end of a key changes the prompt.
    fn media(&mut self, index: usize, bytes: &mut [u8]) {
        let Some(Some(call)) = self.calls.get_mut(index) else {
            // Of a call that has ended.
            while self.sockets[index].rtp.recv(bytes).is_ok() {}
            return;
        };
        while let Ok(length) = self.sockets[index].rtp.recv(bytes) {
            let packet = &bytes[..length];
            if length == 16 && packet[13] & 0x80 != 0 && call.tone == Tone::Low {
                call.tone = Tone::High;
                call.left = SECOND_PROMPT;
                call.packet[12..].copy_from_slice(&Tone::High.frame());
            }
        }
    }

    fn signalling(&mut self, bytes: &mut [u8]) {
        while let Ok((length, peer)) = self.sip.recv_from(bytes) {
            let Ok(text) = std::str::from_utf8(&bytes[..length]) else {
                continue;
            };
            let Some(id) = sip::header(text, "Call-ID") else {
                continue;
            };
            if text.starts_with("INVITE ") {
                self.invite(text, id, peer);
            } else if text.starts_with("BYE ") {
                let ok = sip::ok(text, "", self.sizes.bye_ok);
                let _ = self.sip.send_to(&ok, peer);
                self.remove(id);
            } else if text.starts_with("SIP/2.0 200") {
                self.remove(id);
            }
        }
    }

    fn invite(&mut self, text: &str, id: &str, peer: SocketAddr) {
        let known = self.by_id.get(id).copied();
        let Some(index) = known.or_else(|| self.accept(text, id, peer)) else {
            return;
        };
        let ok = sip::ok(text, &sip::answer(self.sockets[index].local), self.sizes.ok);
        let _ = self.sip.send_to(&ok, peer);
    }

    /// Makes the call that an INVITE begins; returns its place.
    fn accept(&mut self, text: &str, id: &str, peer: SocketAddr) -> Option<usize> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.place()?,
        };
        let media = &self.sockets[index];
        self.next_slot = (self.next_slot + 1) % SLOTS;
        let mut packet = [0; 12 + FRAME];
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&media.local.port().to_be_bytes().repeat(2));
        packet[12..].copy_from_slice(&Tone::Low.frame());
        let call = Call {
            id: id.to_owned(),
            bye: sip::bye(text, self.sip.local_addr().ok()?, self.sizes.bye)?,
            peer,
            slot: self.next_slot,
            tone: Tone::Low,
            left: 0,
            packet,
            sequence: 0,
            timestamp: 0,
        };
        if self.scenario == Scenario::IvrA {
            media.rtp.connect(sip::media(text)?).ok()?;
            self.wheel[call.slot].push(index);
        }
        self.calls[index] = Some(call);
        self.by_id.insert(id.to_owned(), index);
        Some(index)
    }

    /// A new place for a call, with its sockets.
    fn place(&mut self) -> Option<usize> {
        for _ in FIRST_PORT / 2..=LAST_PORT / 2 {
            let port = self.next_port;
            self.next_port = if port >= LAST_PORT {
                FIRST_PORT
            } else {
                port + 2
            };
            if let (Ok(rtp), Ok(rtcp)) = (
                UdpSocket::bind(("127.0.0.1", port)),
                UdpSocket::bind(("127.0.0.1", port + 1)),
            ) {
                rtp.set_nonblocking(true).ok()?;
                self.poll.add(&rtp, self.calls.len() as u64).ok()?;
                let local = rtp.local_addr().ok()?;
                self.sockets.push(Media {
                    rtp,
                    local,
                    _rtcp: rtcp,
                });
                self.calls.push(None);
                return Some(self.calls.len() - 1);
            }
        }
        None
    }

    fn remove(&mut self, id: &str) {
        let Some(index) = self.by_id.remove(id) else {
            return;
        };
        if let Some(call) = self.calls[index].take() {
            debug_assert_eq!(call.id, id);
            self.wheel[call.slot].retain(|other| *other != index);
            self.free.push(index);
        }
    }
}
