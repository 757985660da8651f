//! What comes in: whose packets are taken, what they are, what they say.

use std::net::SocketAddr;
use std::time::Duration;

use vireo_audio::dtmf;

use crate::capture::Capture;
use crate::config::{InbandDtmf, StreamConfig};
use crate::event::{DigitSource, MediaEvent};
use crate::latch::{Guard, Verdict};
use crate::packet::Packet;
use crate::reception::{Order, Reception};
use crate::stats::Inbound as Figures;
use crate::telephone_event::{self, Heard, Payload};
use crate::time::{Time, millis};

/// Comfort noise (RFC 3389): silence, but a sign of life.
const COMFORT_NOISE: u8 = 13;

/// Payload types that are assigned dynamically (RFC 3551, 3).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// A telephone-event that begins so soon after a tone of the same digit is that digit once more.
const LEFTOVER: Duration = Duration::from_millis(250);

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was taken.
    Taken,
    /// It is not RTP.
    Malformed,
    /// It is from a stranger.
    Stray,
    /// Its payload type was not negotiated.
    UnknownPayload,
    /// Nothing is to be received now (not configured yet, or held).
    Unwanted,
}

/// What a packet carries.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Audio,
    Event(Payload),
    ComfortNoise,
}

/// The receiving side of a stream.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub guard: Guard,
    pub reception: Option<Reception>,
    digits: telephone_event::Receiver,
    clock_rate: u32,
    /// A packet of the negotiated event type came: others are not taken for events any more.
    event_type_known: bool,
    /// A tone whose end was not reported yet.
    tone: Option<char>,
    /// The tone that was reported last.
    last_tone: Option<(char, Time)>,
    /// The event in progress was reported as a tone.
    leftover: bool,
    /// The peer sends events, whatever was negotiated: tones are not listened to any more.
    pub sends_events: bool,
    last_packet: Option<Time>,
    waiting_since: Option<Time>,
    no_media: bool,
    /// Of former sources.
    lost_before: u64,
    expected_before: u64,
    figures: Figures,
}

impl Inbound {
    pub fn new(guard: Guard) -> Inbound {
        Inbound {
            guard,
            reception: None,
            digits: telephone_event::Receiver::new(),
            clock_rate: 8000,
            event_type_known: false,
            tone: None,
            last_tone: None,
            leftover: false,
            sends_events: false,
            last_packet: None,
            waiting_since: None,
            no_media: false,
            lost_before: 0,
            expected_before: 0,
            figures: Figures::default(),
        }
    }

    /// Takes a datagram from the RTP port.
    pub fn receive(
        &mut self,
        config: &StreamConfig,
        capture: Option<&mut Capture>,
        datagram: &[u8],
        source: SocketAddr,
        arrival: Time,
        emit: &mut impl FnMut(MediaEvent),
    ) -> Received {
        let Some(packet) = Packet::parse(datagram) else {
            self.figures.malformed += 1;
            return Received::Malformed;
        };
        if !config.direction.receives() {
            return Received::Unwanted;
        }
        let Some(kind) = self.kind(config, &packet) else {
            self.figures.unknown_payload += 1;
            return Received::UnknownPayload;
        };
        match self.guard.judge(source, arrival) {
            Verdict::Refuse => {
                self.figures.strays += 1;
                return Received::Stray;
            }
            Verdict::Latched => emit(MediaEvent::Latched { source }),
            Verdict::Accept => {}
        }
        self.sign_of_life(arrival, emit);
        self.figures.packets += 1;
        self.figures.octets += packet.payload.len() as u64;
        match kind {
            Kind::Audio => self.audio(config, capture, &packet, arrival),
            Kind::ComfortNoise => {
                self.order(&packet);
            }
            Kind::Event(payload) => {
                // Events may come from an SSRC of their own; the figures are those of the audio.
                if self
                    .reception
                    .as_ref()
                    .is_none_or(|r| r.ssrc == packet.ssrc)
                {
                    self.order(&packet);
                }
                self.event(config, capture, &packet, payload, arrival, emit);
            }
        }
        Received::Taken
    }

    /// What a packet is by its payload type.
    ///
    /// An event under a payload type that was not negotiated (a known defect: SIPp's `play_dtmf`
    /// sends 96 whatever the answer said) is taken only if telephone-event *was* negotiated, no
    /// event of the right type ever came, the type is dynamic, and the payload is exactly four
    /// octets that name a digit. Audio is never that short, so nothing else can be mistaken for it.
    fn kind(&self, config: &StreamConfig, packet: &Packet<'_>) -> Option<Kind> {
        let payload_type = packet.payload_type;
        if payload_type == config.payload_type {
            return Some(Kind::Audio);
        }
        if payload_type == COMFORT_NOISE {
            return Some(Kind::ComfortNoise);
        }
        let negotiated = config.telephone_event?;
        let plausible = !self.event_type_known
            && DYNAMIC.contains(&payload_type)
            && Payload::looks_like_a_digit(packet.payload);
        if payload_type != negotiated.receive_pt && !plausible {
            return None;
        }
        Payload::parse(packet.payload).map(Kind::Event)
    }

    fn sign_of_life(&mut self, now: Time, emit: &mut impl FnMut(MediaEvent)) {
        self.last_packet = Some(now);
        if self.no_media {
            self.no_media = false;
            emit(MediaEvent::MediaBack);
        }
    }

    /// Counts a packet in its sequence.
    fn order(&mut self, packet: &Packet<'_>) -> Order {
        let order = match &mut self.reception {
            Some(reception) if reception.ssrc == packet.ssrc => {
                let (lost, expected) = (reception.lost(), reception.expected());
                let order = reception.receive(packet.sequence);
                if order == Order::Restart {
                    self.lost_before += lost;
                    self.expected_before += u64::from(expected);
                }
                order
            }
            _ => {
                self.leave_source();
                let mut reception = Reception::new(packet.ssrc, packet.sequence);
                reception.receive(packet.sequence);
                self.reception = Some(reception);
                Order::Restart
            }
        };
        match order {
            Order::Late => self.figures.out_of_order += 1,
            Order::Duplicate => self.figures.duplicates += 1,
            Order::New | Order::Restart => {}
        }
        order
    }

    fn leave_source(&mut self) {
        if let Some(reception) = self.reception.take() {
            self.lost_before += reception.lost();
            self.expected_before += u64::from(reception.expected());
            self.figures.ssrc_changes += 1;
        }
    }

    fn audio(
        &mut self,
        config: &StreamConfig,
        capture: Option<&mut Capture>,
        packet: &Packet<'_>,
        arrival: Time,
    ) {
        let order = self.order(packet);
        if order == Order::Duplicate {
            return;
        }
        let rate = config.codec.clock_rate();
        if let Some(reception) = &mut self.reception {
            reception.arrival(packet.timestamp, arrival, rate);
            let jitter = reception.jitter() as f32 * 1000.0 / rate as f32;
            self.figures.max_jitter_ms = self.figures.max_jitter_ms.max(jitter);
        }
        if let Some(capture) = capture {
            if order == Order::Restart {
                capture.restart();
            }
            if !capture.receive(config.codec, packet.timestamp, packet.payload, arrival) {
                self.figures.discarded += 1;
            }
        }
    }

    fn event(
        &mut self,
        config: &StreamConfig,
        capture: Option<&mut Capture>,
        packet: &Packet<'_>,
        payload: Payload,
        arrival: Time,
        emit: &mut impl FnMut(MediaEvent),
    ) {
        if let Some(negotiated) = config.telephone_event {
            self.event_type_known |= packet.payload_type == negotiated.receive_pt;
            self.clock_rate = negotiated.clock_rate.max(1000);
        }
        if config.inband_dtmf == InbandDtmf::On && !self.sends_events {
            self.sends_events = true;
            if let Some(capture) = capture {
                capture.forget_tone();
            }
        }
        let reports = self.digits.receive(
            packet.ssrc,
            packet.timestamp,
            packet.marker,
            payload,
            arrival,
        );
        for heard in reports.into_iter().flatten() {
            self.heard(heard, arrival, emit);
        }
    }

    /// Reports what the event receiver found, unless a tone said it already.
    fn heard(&mut self, heard: Heard, now: Time, emit: &mut impl FnMut(MediaEvent)) {
        match heard {
            Heard::Started(digit) => {
                self.leftover = self
                    .last_tone
                    .is_some_and(|(tone, at)| tone == digit && now.since(at) < LEFTOVER);
                match self.tone.take() {
                    Some(tone) if tone == digit => {}
                    other => {
                        if let Some(tone) = other {
                            self.report(tone, 0, DigitSource::Inband, emit);
                        }
                        if !self.leftover {
                            emit(MediaEvent::DigitStarted { digit });
                        }
                    }
                }
            }
            Heard::Ended(digit, units) => {
                if !std::mem::take(&mut self.leftover) {
                    let duration_ms = u64::from(units) * 1000 / u64::from(self.clock_rate);
                    self.report(digit, duration_ms as u32, DigitSource::Rfc4733, emit);
                }
            }
        }
    }

    fn report(
        &mut self,
        digit: char,
        duration_ms: u32,
        source: DigitSource,
        emit: &mut impl FnMut(MediaEvent),
    ) {
        self.figures.digits += 1;
        emit(MediaEvent::Digit {
            digit,
            duration_ms,
            source,
        });
    }

    /// Reports what the in-band detector found.
    pub fn tone(&mut self, tone: dtmf::Event, now: Time, emit: &mut impl FnMut(MediaEvent)) {
        match tone {
            dtmf::Event::Start(digit) => {
                self.tone = Some(digit);
                emit(MediaEvent::DigitStarted { digit });
            }
            dtmf::Event::End { digit, duration_ms } => {
                self.tone = None;
                self.last_tone = Some((digit, now));
                self.report(digit, duration_ms, DigitSource::Inband, emit);
            }
        }
    }

    /// Is an event in progress?
    pub fn is_in_event(&self) -> bool {
        self.digits.is_active()
    }

    /// Lets time pass.
    pub fn tick(&mut self, config: &StreamConfig, now: Time, emit: &mut impl FnMut(MediaEvent)) {
        if let Some(heard) = self.digits.tick(now) {
            self.heard(heard, now, emit);
        }
        let timeout = (config.no_media_timeout_ms).filter(|_| config.direction.receives());
        let Some(timeout) = timeout else {
            self.waiting_since = None;
            return;
        };
        let since = *self.waiting_since.get_or_insert(now);
        let silent = now.since(self.last_packet.map_or(since, |last| last.max(since)));
        if !self.no_media && millis(silent) >= timeout {
            self.no_media = true;
            emit(MediaEvent::NoMedia {
                for_ms: millis(silent),
            });
        }
    }

    /// When the peer's silence is to be reported, should it last.
    pub fn no_media_due(&self, config: &StreamConfig) -> Option<Time> {
        let timeout = (config.no_media_timeout_ms).filter(|_| !self.no_media)?;
        let since = self.waiting_since?;
        let silent_since = self.last_packet.map_or(since, |last| last.max(since));
        Some(silent_since + Duration::from_millis(u64::from(timeout)))
    }

    /// The figures so far; `delay_ms` is one way, for the quality estimate.
    pub fn figures(&self, delay_ms: f32) -> Figures {
        let (mut lost, mut expected) = (self.lost_before, self.expected_before);
        let mut figures = self.figures;
        if let Some(reception) = &self.reception {
            lost += reception.lost();
            expected += u64::from(reception.expected());
            figures.jitter_ms = reception.jitter() as f32 / 8.0;
        }
        figures.lost = lost;
        if expected > 0 {
            let missing = lost + self.figures.discarded;
            figures.mos = Some(crate::stats::mos(
                missing as f32 / expected as f32,
                delay_ms,
            ));
        }
        figures
    }
}
