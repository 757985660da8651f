//! One RTP stream without its sockets: datagrams and time in, datagrams and events out.
//!
//! [`StreamState`] is what the engine's threads drive, and what the tests drive in virtual time.
//! Its driver calls [`StreamState::tick`] once every 20 ms, and once more 10 ms later when
//! [`StreamState::due`] says so (packets of 10 or 30 ms, or a packet to catch up with). Of a stream with
//! nothing to do, [`StreamState::rest`] says how many turns it may leave out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use vireo_audio::recorder::Mark;

use crate::capture::Capture;
use crate::config::{DigitOut, InbandDtmf, Play, RecordSlot, RecordStart, StreamConfig};
use crate::event::{MediaEvent, RecordEnd};
use crate::inbound::{Inbound, Received};
use crate::jitter::Missing;
use crate::latch::Guard;
use crate::reports::{Last, NtpOrigin, Reports};
use crate::rtcp::MAX_COMPOUND_OUT;
use crate::sender::{Sender, ptime_ms};
use crate::stats::{Outbound, StreamStats, mos};
use crate::tap::Listener;
use crate::time::Time;

/// The pace of everything that is not a packet.
pub const TURN: Duration = Duration::from_millis(20);

/// One-way delay of our own part, ms: packet and jitter buffer. Added to half the round trip.
const OWN_DELAY_MS: f32 = 60.0;

/// The longest rest of a stream.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Missed turns that a recording catches up with at once; more are left out of it.
const MAX_TURNS: u32 = 50;

/// Has the peer put us on hold? It takes nothing from us then, whether or not it sends music
/// (RFC 3264, 8.4); an old way to say so is an address of zeros.
fn is_held(config: &StreamConfig) -> bool {
    !config.direction.sends() || config.remote.is_none()
}

/// What makes a stream unlike every other; the numbers are random (RFC 3550, 5.1).
#[derive(Debug, Clone)]
pub struct Identity {
    /// Our SSRC.
    pub ssrc: u32,
    /// Our first sequence number.
    pub sequence: u16,
    /// Our first timestamp.
    pub timestamp: u32,
    /// Our canonical name (RFC 7022), at most 32 octets.
    pub cname: String,
    /// Spreads our reports.
    pub seed: u64,
    /// What the wall clock says when [`Time`] is zero.
    pub ntp_origin: NtpOrigin,
}

/// Something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Octets of the buffer that were filled.
    pub length: usize,
}

/// A stream.
pub struct StreamState {
    config: Option<StreamConfig>,
    sender: Sender,
    inbound: Inbound,
    reports: Reports,
    rtcp_source: Option<SocketAddr>,
    capture: Option<Box<Capture>>,
    next_turn: Option<Time>,
    /// Where packets went last.
    target: Option<SocketAddr>,
    events: VecDeque<MediaEvent>,
}

impl StreamState {
    /// A stream that is not configured: it sends nothing and takes nothing.
    #[must_use]
    pub fn new(identity: Identity) -> StreamState {
        StreamState {
            config: None,
            sender: Sender::new(identity.ssrc, identity.sequence, identity.timestamp),
            inbound: Inbound::new(Guard::new(crate::Latch::Symmetric, None)),
            reports: Reports::new(identity.ntp_origin, identity.cname, identity.seed),
            rtcp_source: None,
            capture: None,
            next_turn: None,
            target: None,
            events: VecDeque::with_capacity(8),
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Takes what offer and answer agreed on, also again after a re-negotiation.
    pub fn configure(&mut self, config: StreamConfig) {
        self.inbound.guard.reconfigure(config.latch, config.remote);
        let held_before = self.config.as_ref().map(is_held);
        let held = is_held(&config);
        if let (Some(capture), Some(held_before)) = (&mut self.capture, held_before)
            && held_before != held
        {
            capture.mark(if held { Mark::Hold } else { Mark::Resume });
        }
        let inband = if self.inbound.sends_events {
            InbandDtmf::Off
        } else {
            config.inband_dtmf
        };
        if inband == InbandDtmf::On || self.capture.is_some() {
            let capture = self
                .capture
                .get_or_insert_with(|| Box::new(Capture::new(config.jitter)));
            capture.set_jitter(config.jitter);
            if let Some(tone) = capture.set_inband(inband) {
                let now = self.next_turn.unwrap_or_default();
                self.inbound
                    .tone(tone, now, &mut |event| self.events.push_back(event));
            }
        }
        if is_held(&config) {
            self.sender.suspend();
        }
        self.config = Some(config);
        self.drop_idle_capture();
    }

    /// Plays; what plays is replaced.
    pub fn play(&mut self, play: Play) {
        let replaced = self.sender.play(play);
        self.events.extend(replaced);
    }

    /// Stops what plays.
    pub fn stop(&mut self) {
        let stopped = self.sender.stop();
        self.events.extend(stopped);
    }

    /// Sends digits after those that are still being sent; prompts wait meanwhile.
    pub fn send_digits(&mut self, id: u64, digits: Vec<DigitOut>) {
        self.sender.send_digits(id, digits);
    }

    /// Starts a recording; one in the same slot is ended.
    pub fn record(&mut self, start: RecordStart) {
        self.stop_record(start.slot, 0);
        let jitter = self
            .config
            .as_ref()
            .map(|config| config.jitter)
            .unwrap_or_default();
        self.capture
            .get_or_insert_with(|| Box::new(Capture::new(jitter)))
            .start(start);
        if self.config.as_ref().is_some_and(is_held)
            && let Some(capture) = &mut self.capture
        {
            capture.mark(Mark::Hold);
        }
    }

    /// Lets somebody hear the caller from now on; whoever did before does not any more.
    pub fn listen(&mut self, listener: Box<dyn Listener>) {
        let jitter = (self.config.as_ref()).map_or_else(Default::default, |config| config.jitter);
        self.capture
            .get_or_insert_with(|| Box::new(Capture::new(jitter)))
            .listen(listener);
    }

    /// Nobody hears the caller any more.
    pub fn stop_listening(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.stop_listening();
        }
        self.drop_idle_capture();
    }

    /// Writes silence instead of what is said, until it is resumed.
    pub fn pause_record(&mut self, slot: RecordSlot) {
        if let Some(capture) = &mut self.capture {
            capture.pause(slot);
        }
    }

    /// Ends a pause.
    pub fn resume_record(&mut self, slot: RecordSlot) {
        if let Some(capture) = &mut self.capture {
            capture.resume(slot);
        }
    }

    /// Ends a recording and cuts off its last `trim_ms`.
    pub fn stop_record(&mut self, slot: RecordSlot, trim_ms: u32) {
        self.end_record(slot, trim_ms, RecordEnd::Stopped);
        self.drop_idle_capture();
    }

    fn end_record(&mut self, slot: RecordSlot, trim_ms: u32, end: RecordEnd) {
        let missing = self.missing();
        if let Some(capture) = &mut self.capture {
            let ended = capture.stop(slot, trim_ms, end, missing);
            self.events.extend(ended);
        }
    }

    /// What stands in for caller audio that did not come.
    fn missing(&self) -> Missing {
        let receives = self
            .config
            .as_ref()
            .is_some_and(|config| config.direction.receives());
        if receives && !self.inbound.is_in_event() {
            Missing::Conceal
        } else {
            Missing::Silence
        }
    }

    /// Takes a datagram from the RTP port. `arrival` is when the kernel got it.
    pub fn receive(&mut self, datagram: &[u8], source: SocketAddr, arrival: Time) -> Received {
        let Some(config) = &self.config else {
            return Received::Unwanted;
        };
        let capture = self.capture.as_deref_mut();
        let events = &mut self.events;
        self.inbound
            .receive(config, capture, datagram, source, arrival, &mut |event| {
                events.push_back(event)
            })
    }

    /// Takes a datagram from the RTCP port.
    pub fn receive_rtcp(&mut self, datagram: &[u8], source: SocketAddr, arrival: Time) -> Received {
        if self.config.is_none() {
            return Received::Unwanted;
        }
        if !self.inbound.guard.trusts_rtcp(source) {
            return Received::Stray;
        }
        if !self.reports.receive(datagram, self.sender.ssrc, arrival) {
            return Received::Malformed;
        }
        self.rtcp_source = Some(source);
        Received::Taken
    }

    /// Is the peer pressing a key (RFC 4733)?
    #[must_use]
    pub fn is_in_event(&self) -> bool {
        self.inbound.is_in_event()
    }

    /// Reads a little of what [`StreamState::tick`] needs.
    pub(crate) fn touch(&self) -> u8 {
        let played = self.sender.touch();
        let payload_type = self.config.as_ref().map_or(0, |config| config.payload_type);
        played ^ payload_type
    }

    /// Lets time pass to `nominal`, the moment of the stream's slot; `now` is when this really
    /// happens. Fills `buffer` with the packet that is due, if any.
    pub fn tick(&mut self, nominal: Time, now: Time, buffer: &mut [u8]) -> Option<Transmit> {
        let config = self.config.as_ref()?;
        let events = &mut self.events;
        self.inbound
            .tick(config, nominal, &mut |event| events.push_back(event));
        self.pump(nominal);
        let config = self.config.as_ref()?;
        let to = self.inbound.guard.target()?;
        if is_held(config) {
            return None;
        }
        if self.target.replace(to) != Some(to) {
            self.sender.open();
        }
        let events = &mut self.events;
        let built = self.sender.tick(config, nominal, now, buffer, |event| {
            events.push_back(event)
        })?;
        if let (Some(capture), Some(timestamp)) = (&mut self.capture, built.audio) {
            let payload = buffer
                .get(crate::packet::HEADER_LEN..built.length)
                .unwrap_or_default();
            capture.sent(config.codec, timestamp, payload);
        }
        Some(Transmit {
            to,
            length: built.length,
        })
    }

    /// Moves recordings and detection on, one frame for every 20 ms that passed.
    fn pump(&mut self, nominal: Time) {
        let mut turn = *self.next_turn.get_or_insert(nominal);
        let missing = self.missing();
        let mut turns = 0;
        while turn <= nominal {
            if let Some(capture) = &mut self.capture
                && turns < MAX_TURNS
            {
                let (inbound, events) = (&mut self.inbound, &mut self.events);
                let clock = self.sender.clock(turn);
                let mut tones = [None; 4];
                let mut found = tones.iter_mut();
                capture.advance(
                    turn,
                    clock,
                    missing,
                    |tone| {
                        if let Some(place) = found.next() {
                            *place = Some(tone);
                        }
                    },
                    |event| events.push_back(event),
                );
                for tone in tones.into_iter().flatten() {
                    inbound.tone(tone, turn, &mut |event| events.push_back(event));
                }
            }
            turns += 1;
            turn = turn + TURN;
        }
        self.next_turn = Some(turn);
        self.drop_idle_capture();
    }

    fn drop_idle_capture(&mut self) {
        if self
            .capture
            .as_ref()
            .is_some_and(|capture| !capture.is_needed())
        {
            self.capture = None;
        }
    }

    /// When the next packet is due; `None` while nothing is sent.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.sender.due()
    }

    /// From when on the stream's turns may lie elsewhere in the 20 ms, because none of its packets would
    /// be early or late for it; `None` while packets are sent.
    pub(crate) fn may_move(&self) -> Option<Time> {
        self.sender.may_begin()
    }

    /// May turns be left out, seen from `nominal`, a turn that was ticked? Until when, if no order and
    /// no datagram comes. The stream is then ticked, and asked for its report, in the first turn that
    /// does not begin before that moment.
    pub fn rest(&mut self, nominal: Time) -> Option<Time> {
        let until = self.resting_until(nominal)?;
        // Nobody listens to the frames that pass meanwhile.
        self.next_turn = None;
        Some(until)
    }

    fn resting_until(&self, now: Time) -> Option<Time> {
        let mut until = now + LONGEST_REST;
        let Some(config) = &self.config else {
            return Some(until);
        };
        let inbound = &self.inbound;
        if self.capture.is_some() || inbound.is_in_event() {
            return None;
        }
        if !is_held(config) {
            until = until.min(self.sender.rest(config, now)?);
        }
        if self.rtcp_target().is_some() {
            until = until.min(self.reports.due()?);
        }
        let others = [
            inbound.no_media_due(config),
            inbound.guard.connection_changes(now),
        ];
        let until = others.into_iter().flatten().fold(until, Time::min);
        (until > now).then_some(until)
    }

    /// The address that the socket should be connected to; `None`: to none.
    #[must_use]
    pub fn connection(&self, now: Time) -> Option<SocketAddr> {
        self.inbound.guard.connection(now)
    }

    /// Fills `buffer` with the RTCP report that is due, if any.
    pub fn poll_rtcp(
        &mut self,
        now: Time,
        buffer: &mut [u8; MAX_COMPOUND_OUT],
    ) -> Option<Transmit> {
        let to = self.rtcp_target()?;
        if !self.reports.is_due(now) {
            return None;
        }
        let length = self.reports.write(
            &self.sender,
            self.inbound.reception.as_mut(),
            now,
            Last::No,
            buffer,
        );
        Some(Transmit { to, length })
    }

    /// Where RTCP goes: to where the peer's comes from, to where its SDP says, or one port above
    /// where RTP goes.
    fn rtcp_target(&self) -> Option<SocketAddr> {
        let config = self.config.as_ref()?;
        let guard = &self.inbound.guard;
        if let Some(source) = self.rtcp_source
            && guard.trusts_rtcp(source)
        {
            return Some(source);
        }
        let target = guard.target()?;
        if let Some(announced) = config.remote_rtcp
            && (guard.source().is_none() || Some(target) == config.remote)
        {
            return Some(announced);
        }
        Some(SocketAddr::new(target.ip(), target.port().checked_add(1)?))
    }

    /// Ends everything; the last events are queued, [`MediaEvent::Closed`] last. Fills `buffer`
    /// with a BYE.
    pub fn close(&mut self, now: Time, buffer: &mut [u8; MAX_COMPOUND_OUT]) -> Option<Transmit> {
        self.stop();
        for slot in [RecordSlot::Call, RecordSlot::Message] {
            self.end_record(slot, 0, RecordEnd::Closed);
        }
        self.capture = None;
        let to = self.rtcp_target();
        let length = self.reports.write(
            &self.sender,
            self.inbound.reception.as_mut(),
            now,
            Last::Bye,
            buffer,
        );
        self.events
            .push_back(MediaEvent::Closed(Box::new(self.stats())));
        to.filter(|_| self.sender.packets > 0)
            .map(|to| Transmit { to, length })
    }

    /// Packets that were left out because the driver was late.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.sender.skipped
    }

    /// The figures so far.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        let round_trip_ms = self.reports.round_trip.map(|d| d.as_secs_f32() * 1000.0);
        let ptime = self.config.as_ref().map_or(20, ptime_ms);
        let delay_ms = round_trip_ms.unwrap_or(0.0) / 2.0 + OWN_DELAY_MS + f32::from(ptime) - 20.0;
        let remote = self.reports.remote;
        let lost = remote.map(|block| block.lost.max(0).unsigned_abs());
        let packets = self.sender.packets;
        StreamStats {
            inbound: self.inbound.figures(delay_ms),
            outbound: Outbound {
                packets,
                octets: self.sender.octets,
                failed: 0,
                skipped: self.sender.skipped,
                lost,
                max_fraction_lost: remote
                    .map(|_| f32::from(self.reports.max_fraction_lost) / 256.0),
                jitter_ms: remote.map(|block| block.jitter as f32 / 8.0),
                mos: lost.map(|lost| mos(lost as f32 / packets.max(1) as f32, delay_ms)),
            },
            round_trip_ms,
        }
    }
}
