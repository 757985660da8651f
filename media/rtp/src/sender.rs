//! What goes out: prompts, silence between them, digits.
//!
//! Packets go out at every packet time while anything plays; what goes out in between is for
//! [`Silence`] to say. Timestamps follow the clock on the wall, over gaps too.

use std::collections::VecDeque;
use std::time::Duration;

use vireo_audio::{Codec, dtmf};

use crate::config::{CUT, DigitOut, HANG_OVER, KEEP_ALIVE, OPENING, Play, Silence, StreamConfig};
use crate::event::MediaEvent;
use crate::packet::{HEADER_LEN, Packet};
use crate::player::Player;
use crate::telephone_event::{Sending, code_of};
use crate::time::Time;

/// What the engine may be late with and still catch up, packet by packet. Beyond it, packets are
/// left out and the timestamps jump.
pub const MAX_DEBT: Duration = Duration::from_millis(80);

/// A packet may go out so much early, because slots are whole milliseconds.
const TOLERANCE: Duration = Duration::from_micros(500);

/// Level of each tone of digits that are sent in the audio, dBm0.
const TONE_DBM0: f32 = -10.0;

const PER_MS: u32 = 8;

/// The digits that are being sent.
#[derive(Debug, Default)]
struct DigitQueue {
    jobs: VecDeque<(u64, VecDeque<DigitOut>)>,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    /// Telephone-event packets, then a pause.
    Event(Sending, u32),
    /// Tones in the audio, then a pause; samples sent.
    Tones(Vec<i16>, usize, u32),
    /// Silence, samples left.
    Pause(u32),
}

/// Builds the packets of one stream.
#[derive(Debug)]
pub(crate) struct Sender {
    pub ssrc: u32,
    sequence: u16,
    /// Of the packet that is due at `due`.
    timestamp: u32,
    due: Option<Time>,
    sent_at: Option<Time>,
    sending: bool,
    /// Silence that is still sent before it is suppressed.
    tail: Duration,
    /// The next audio packet follows a gap in the audio (RFC 3551, 4.1).
    marker: bool,
    player: Player,
    digits: DigitQueue,
    pub packets: u64,
    pub octets: u64,
    pub skipped: u64,
}

/// A packet that was built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Built {
    pub length: usize,
    /// The timestamp of its audio; `None` for an event.
    pub audio: Option<u32>,
}

impl Sender {
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Sender {
        Sender {
            ssrc,
            sequence,
            timestamp,
            due: None,
            sent_at: None,
            sending: false,
            tail: OPENING,
            marker: true,
            player: Player::new(),
            digits: DigitQueue::default(),
            packets: 0,
            octets: 0,
            skipped: 0,
        }
    }

    /// When the next packet is due.
    pub fn due(&self) -> Option<Time> {
        if self.sending { self.due } else { None }
    }

    /// When a talkspurt may begin; `None` while one lasts.
    pub fn may_begin(&self) -> Option<Time> {
        (!self.sending).then(|| self.due.unwrap_or_default())
    }

    /// Our media clock at `now`.
    pub fn clock(&self, now: Time) -> u32 {
        match self.due {
            None => self.timestamp,
            Some(due) if due >= now => self.timestamp.wrapping_sub(due.since(now).in_samples()),
            Some(due) => self.timestamp.wrapping_add(now.since(due).in_samples()),
        }
    }

    pub fn play(&mut self, play: Play) -> Option<MediaEvent> {
        self.player.play(play)
    }

    pub fn stop(&mut self) -> Option<MediaEvent> {
        let stopped = self.player.stop();
        if stopped.is_some() {
            self.tail = self.tail.min(CUT);
        }
        stopped
    }

    pub fn send_digits(&mut self, id: u64, digits: Vec<DigitOut>) {
        self.digits.jobs.push_back((id, digits.into()));
    }

    /// Reads a little of what the next frame is made from.
    pub fn touch(&self) -> u8 {
        self.player.touch()
    }

    /// Nothing is sent for now; what comes after it is an opening.
    pub fn suspend(&mut self) {
        self.sending = false;
        self.open();
    }

    /// Packets go somewhere else from now on.
    pub fn open(&mut self) {
        self.tail = self.tail.max(OPENING);
    }

    /// Is there nothing but silence to send?
    fn is_idle(&self) -> bool {
        !self.player.is_playing()
            && self.digits.jobs.is_empty()
            && matches!(self.digits.phase, Phase::Idle)
    }

    /// Is the packet that is due one of silence that need not be sent?
    fn is_suppressed(&self, config: &StreamConfig, idle: bool, now: Time) -> bool {
        config.silence == Silence::Suppress
            && idle
            && self.tail.is_zero()
            && self.sent_at.is_some_and(|at| now.since(at) < KEEP_ALIVE)
    }

    /// When silence must be broken next, unless an order comes; `None` while packets are sent.
    pub fn rest(&self, config: &StreamConfig, now: Time) -> Option<Time> {
        let rests = !self.sending && self.is_suppressed(config, self.is_idle(), now);
        self.sent_at.filter(|_| rests).map(|at| at + KEEP_ALIVE)
    }

    /// Builds the packet that is due at `nominal`, if any. `now` is when this really happens: a
    /// packet that is caught up with keeps half a packet time away from the one before.
    pub fn tick(
        &mut self,
        config: &StreamConfig,
        nominal: Time,
        now: Time,
        buffer: &mut [u8],
        mut emit: impl FnMut(MediaEvent),
    ) -> Option<Built> {
        let ptime = Duration::from_millis(u64::from(ptime_ms(config)));
        let due = *self.due.get_or_insert(nominal);
        if due > nominal + TOLERANCE {
            // A pause in sending shorter than a packet does not start anew.
            return None;
        }
        let idle = self.is_idle();
        if self.is_suppressed(config, idle, now) {
            self.sending = false;
            return None;
        }
        let gap = nominal.since(due);
        if !self.sending {
            self.resume(gap);
        } else if gap > MAX_DEBT {
            self.skip(gap, ptime);
        }
        if self.sent_at.is_some_and(|at| now.since(at) < ptime / 2) {
            return None;
        }
        let built = self.build(config, buffer, &mut emit)?;
        self.sent_at = Some(now);
        self.tail = if idle {
            self.tail.saturating_sub(ptime)
        } else {
            HANG_OVER
        };
        self.due = self.due.map(|due| due + ptime);
        self.timestamp = self.timestamp.wrapping_add(ptime.in_samples());
        Some(built)
    }

    /// Sends again after a pause: the timestamps went on with the time.
    fn resume(&mut self, gap: Duration) {
        self.timestamp = self.timestamp.wrapping_add(gap.in_samples());
        self.due = self.due.map(|due| due + gap);
        self.marker = true;
        self.sending = true;
    }

    /// Leaves out the packets that are overdue, whole ones, so that the stream keeps to its slot.
    fn skip(&mut self, gap: Duration, ptime: Duration) {
        let packets = u32::try_from(gap.as_nanos() / ptime.as_nanos().max(1)).unwrap_or(u32::MAX);
        self.skipped += u64::from(packets);
        self.resume(ptime.saturating_mul(packets));
    }

    fn build(
        &mut self,
        config: &StreamConfig,
        buffer: &mut [u8],
        emit: &mut impl FnMut(MediaEvent),
    ) -> Option<Built> {
        self.next_digit(config, emit);
        let (header, body) = buffer.split_at_mut_checked(HEADER_LEN)?;
        let samples = u32::from(ptime_ms(config)) * PER_MS;
        let (payload_type, marker, timestamp, payload) = match self.event(config, samples) {
            Some((payload_type, outgoing)) => {
                let payload = body.first_chunk_mut()?;
                *payload = outgoing.payload.to_bytes();
                self.marker = true;
                (payload_type, outgoing.marker, outgoing.timestamp, 4)
            }
            None => {
                let frame = body.get_mut(..samples as usize)?;
                self.audio(config.codec, frame, emit);
                let marker = std::mem::take(&mut self.marker);
                (config.payload_type, marker, self.timestamp, frame.len())
            }
        };
        let header = Packet {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            // It lies in its place already.
            payload: &[],
        }
        .write(header)?;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += payload as u64;
        Some(Built {
            length: header + payload,
            audio: (payload > 4).then_some(self.timestamp),
        })
    }

    /// The event packet that is due, when an event is being sent.
    fn event(
        &mut self,
        config: &StreamConfig,
        samples: u32,
    ) -> Option<(u8, crate::telephone_event::Outgoing)> {
        let Phase::Event(sending, pause) = &mut self.digits.phase else {
            return None;
        };
        let Some(negotiated) = config.telephone_event else {
            // A re-negotiation took telephone-event away while it was being sent.
            self.digits.phase = Phase::Pause(*pause);
            return None;
        };
        let step = samples / PER_MS * negotiated.clock_rate / 1000;
        let outgoing = sending.next(u16::try_from(step).unwrap_or(u16::MAX));
        if outgoing.last {
            self.digits.phase = Phase::Pause(*pause);
        }
        Some((negotiated.send_pt, outgoing))
    }

    /// Fills an audio frame: a digit's tones or pause, else what plays, else silence.
    fn audio(&mut self, codec: Codec, frame: &mut [u8], emit: &mut impl FnMut(MediaEvent)) {
        match &mut self.digits.phase {
            Phase::Tones(tones, sent, pause) => {
                let rest = tones.get(*sent..).unwrap_or_default();
                let length = rest.len().min(frame.len());
                frame.fill(codec.silence());
                if let (Some(from), Some(to)) = (rest.get(..length), frame.get_mut(..length)) {
                    codec.encode(from, to);
                }
                *sent += length;
                if *sent >= tones.len() {
                    let left = pause.saturating_sub((frame.len() - length) as u32);
                    self.digits.phase = Phase::Pause(left);
                }
            }
            Phase::Pause(left) => {
                frame.fill(codec.silence());
                *left = left.saturating_sub(frame.len() as u32);
            }
            Phase::Idle | Phase::Event(..) => {
                if let Some(ended) = self.player.fill(codec, frame) {
                    emit(ended);
                }
            }
        }
    }

    /// Goes on to the next digit when the one before is done.
    fn next_digit(&mut self, config: &StreamConfig, emit: &mut impl FnMut(MediaEvent)) {
        if !matches!(self.digits.phase, Phase::Idle | Phase::Pause(0)) {
            return;
        }
        self.digits.phase = Phase::Idle;
        while let Some((id, job)) = self.digits.jobs.front_mut() {
            let Some(digit) = job.pop_front() else {
                emit(MediaEvent::DigitsSent { id: *id });
                self.digits.jobs.pop_front();
                continue;
            };
            if let Some(phase) = begin(digit, config, self.timestamp) {
                self.digits.phase = phase;
                return;
            }
        }
    }
}

/// How a digit begins; `None` when it is not one.
fn begin(digit: DigitOut, config: &StreamConfig, timestamp: u32) -> Option<Phase> {
    let pause = u32::from(digit.pause_ms) * PER_MS;
    if digit.digit == ',' {
        return Some(Phase::Pause(u32::from(digit.duration_ms) * PER_MS + pause));
    }
    let duration_ms = u32::from(digit.duration_ms.clamp(40, 8000));
    match config.telephone_event {
        Some(negotiated) => {
            let units =
                u16::try_from(duration_ms * (negotiated.clock_rate / 1000)).unwrap_or(u16::MAX);
            Some(Phase::Event(
                Sending::new(code_of(digit.digit)?, timestamp, units),
                pause,
            ))
        }
        None => Some(Phase::Tones(
            dtmf::generate(digit.digit, duration_ms, TONE_DBM0)?,
            0,
            pause,
        )),
    }
}

/// The packet time that is used.
pub(crate) fn ptime_ms(config: &StreamConfig) -> u16 {
    match config.ptime_ms {
        ptime @ (10 | 20 | 30 | 40) => ptime,
        _ => 20,
    }
}

trait InSamples {
    /// At 8 kHz, rounded down.
    fn in_samples(self) -> u32;
}

impl InSamples for Duration {
    fn in_samples(self) -> u32 {
        (self.as_micros() * u128::from(PER_MS) / 1000) as u32
    }
}
