//! A stream in virtual time, with the peer's side at hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use vireo_audio::Codec;
use vireo_rtp::packet::{MAX_PACKET_OUT, Packet};
use vireo_rtp::rtcp::MAX_COMPOUND_OUT;
use vireo_rtp::stream::{Identity, StreamState, TURN};
use vireo_rtp::{
    MediaEvent, NtpOrigin, Play, Received, Repeat, Segment, Silence, StreamConfig, TelephoneEvent,
    Time,
};

pub const PEER: &str = "192.0.2.1:4000";
pub const STRANGER: &str = "203.0.113.9:9";

pub const SSRC: u32 = 0x0102_0304;
pub const FIRST_SEQUENCE: u16 = 65_530;
pub const FIRST_TIMESTAMP: u32 = u32::MAX - 1000;

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Silence is sent, so that the pace is seen at all times.
pub fn config() -> StreamConfig {
    StreamConfig {
        silence: Silence::Send,
        telephone_event: Some(TelephoneEvent {
            send_pt: 101,
            receive_pt: 101,
            clock_rate: 8000,
        }),
        ..StreamConfig::new(Some(address(PEER)), Codec::Pcmu, 0)
    }
}

/// Silence is left out, as by default.
pub fn suppressing() -> StreamConfig {
    StreamConfig {
        silence: Silence::Suppress,
        ..config()
    }
}

/// So many milliseconds of a sound that is no silence.
pub fn play(id: u64, ms: usize) -> Play {
    Play {
        id,
        segments: vec![Segment::Samples(Arc::from(vec![8000i16; ms * 8]))],
        repeat: Repeat::Once,
    }
}

/// A packet that went out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub at_ms: u64,
    pub to: SocketAddr,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Sent {
    /// The loudest sample.
    pub fn peak(&self) -> i16 {
        let mut samples = vec![0; self.payload.len()];
        Codec::Pcmu.decode(&self.payload, &mut samples);
        samples
            .into_iter()
            .map(|s| s.saturating_abs())
            .max()
            .unwrap_or(0)
    }
}

/// A stream, its clock, and what came of it.
pub struct Line {
    pub state: StreamState,
    pub ms: u64,
    pub sent: Vec<Sent>,
    pub events: Vec<(u64, MediaEvent)>,
    pub rtcp: Vec<(u64, SocketAddr, Vec<u8>)>,
    /// How often the stream was ticked.
    pub ticks: usize,
    /// Turns before this moment may be left out.
    rest: Option<Time>,
    /// The peer's next packet.
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Line {
    /// A line that is not configured.
    pub fn bare() -> Line {
        let identity = Identity {
            ssrc: SSRC,
            sequence: FIRST_SEQUENCE,
            timestamp: FIRST_TIMESTAMP,
            cname: "0123456789abcdef".into(),
            seed: 42,
            ntp_origin: NtpOrigin(3_900_000_000 << 32),
        };
        Line {
            state: StreamState::new(identity),
            ms: 100_000,
            sent: Vec::new(),
            events: Vec::new(),
            rtcp: Vec::new(),
            ticks: 0,
            rest: None,
            sequence: 7,
            timestamp: 5000,
            ssrc: 99,
        }
    }

    pub fn new(config: StreamConfig) -> Line {
        let mut line = Line::bare();
        line.state.configure(config);
        line
    }

    pub fn now(&self) -> Time {
        Time::from_millis(self.ms)
    }

    fn collect(&mut self) {
        while let Some(event) = self.state.poll_event() {
            self.events.push((self.ms, event));
        }
    }

    fn tick(&mut self, nominal: Time, late: Duration) {
        self.ticks += 1;
        let mut buffer = [0; MAX_PACKET_OUT];
        if let Some(transmit) = self.state.tick(nominal, nominal + late, &mut buffer) {
            let packet = Packet::parse(&buffer[..transmit.length]).expect("we send RTP");
            self.sent.push(Sent {
                at_ms: (nominal + late).as_nanos() / 1_000_000,
                to: transmit.to,
                marker: packet.marker,
                payload_type: packet.payload_type,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: packet.payload.to_vec(),
            });
        }
        self.collect();
    }

    /// One turn of 20 ms, `late` by so much.
    pub fn turn_late(&mut self, late: Duration) {
        let nominal = self.now();
        self.tick(nominal, late);
        if self
            .state
            .due()
            .is_some_and(|due| due + Duration::from_micros(500) < nominal + TURN)
        {
            let half = nominal + TURN / 2;
            self.tick(half, late.saturating_sub(TURN / 2));
        }
        let mut buffer = [0; MAX_COMPOUND_OUT];
        if let Some(transmit) = self.state.poll_rtcp(nominal, &mut buffer) {
            self.rtcp
                .push((self.ms, transmit.to, buffer[..transmit.length].to_vec()));
        }
        self.ms += 20;
    }

    pub fn turn(&mut self) {
        self.turn_late(Duration::ZERO);
    }

    /// So many ms on our side alone.
    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.turn();
        }
    }

    /// So many ms on our side alone; the stream is ticked only when it asks for it.
    pub fn run_resting(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            if self.rest.is_some_and(|end| self.now() < end) {
                self.ms += 20;
                continue;
            }
            let nominal = self.now();
            self.turn();
            self.rest = self.state.rest(nominal);
        }
    }

    /// Gives an order.
    pub fn order(&mut self, order: impl FnOnce(&mut StreamState)) {
        order(&mut self.state);
        self.rest = None;
        self.collect();
    }

    /// A packet from the peer, just now.
    pub fn feed(&mut self, packet: &Packet<'_>, source: &str) -> Received {
        let mut buffer = [0; 2048];
        let length = packet.write(&mut buffer).unwrap();
        let arrival = self.now() - Duration::from_millis(2);
        let received = self
            .state
            .receive(&buffer[..length], address(source), arrival);
        self.rest = None;
        self.collect();
        received
    }

    /// The peer's next audio packet.
    pub fn audio(&mut self, payload: &[u8]) -> Received {
        let packet = Packet {
            marker: false,
            payload_type: 0,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(payload.len() as u32);
        self.feed(&packet, PEER)
    }

    /// The peer speaks for so many ms; `sample(i)` is sample `i` of it.
    pub fn speak(&mut self, ms: u64, sample: impl Fn(usize) -> i16) {
        for i in 0..(ms / 20) as usize {
            let samples: Vec<i16> = (0..160).map(|n| sample(i * 160 + n)).collect();
            self.audio(&Codec::Pcmu.encode_all(&samples));
            self.turn();
        }
    }

    pub fn event(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: [u8; 4],
    ) -> Received {
        let packet = Packet {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: &payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.feed(&packet, PEER)
    }

    /// What happened, without times.
    pub fn seen(&self) -> Vec<MediaEvent> {
        self.events.iter().map(|(_, event)| event.clone()).collect()
    }

    pub fn close(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; MAX_COMPOUND_OUT];
        let now = self.now();
        let bye = self.state.close(now, &mut buffer);
        self.collect();
        bye.map(|transmit| buffer[..transmit.length].to_vec())
    }
}
