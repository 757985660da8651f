//! What listens to the caller: recordings, in-band DTMF, silence detection, a recognizer.
//!
//! Recordings are made [`TAPE_DELAY_MS`] behind the wire: every packet that is late by less than
//! that finds its place, and what the caller said and what the caller heard lie side by side as they
//! passed the wire. So everything that happens to a recording (its start, a pause, a mark) is noted
//! with the frame at which it happened, and is done when the tape gets there.

use std::collections::VecDeque;

use vireo_audio::Codec;
use vireo_audio::recorder::{Mark, Track};
use vireo_audio::{SAMPLES_PER_MS, dtmf, vad};

use crate::config::{InbandDtmf, JitterConfig, RecordLimits, RecordSlot, RecordStart};
use crate::event::{MediaEvent, RecordEnd};
use crate::jitter::{FRAME, JitterBuffer, MAX_DELAY_MS, Missing, Playout, Ring};
use crate::tap::{Listener, Tap};
use crate::time::Time;

/// How far recordings are behind the wire.
pub const TAPE_DELAY_MS: u16 = MAX_DELAY_MS;

/// The same in frames.
const TAPE_DELAY_FRAMES: u64 = TAPE_DELAY_MS as u64 / FRAME_MS as u64;

const FRAME_MS: u32 = 20;

/// What is taken of one packet: 200 ms of G.711.
const MAX_OCTETS: usize = 1600;

/// Notes per recording that wait for the tape; more are left out.
const MAX_NOTES: usize = 32;

/// What happens to a recording at some frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Pause,
    Continue,
    Mark(Mark),
}

struct Recording {
    track: Track,
    limits: RecordLimits,
    /// The frame at which it began.
    start: u64,
    notes: VecDeque<(u64, Note)>,
    vad: vad::Detector,
}

/// Everything that listens; exists only while something does.
pub(crate) struct Capture {
    jitter: JitterConfig,
    buffer: JitterBuffer,
    heard: Ring,
    quick: Playout,
    tape: Playout,
    /// Frames of the wire so far; the tape is [`TAPE_DELAY_FRAMES`] behind.
    frame: u64,
    /// When the last frame passed, and our media clock then.
    last: (Time, u32),
    call: Option<Recording>,
    message: Option<Recording>,
    detector: Option<dtmf::Detector>,
    tap: Option<Box<Tap>>,
}

/// What the in-band detector found.
pub(crate) type Tone = dtmf::Event;

impl Capture {
    pub fn new(jitter: JitterConfig) -> Capture {
        Capture {
            jitter,
            buffer: JitterBuffer::new(),
            heard: Ring::new(),
            quick: Playout::new(jitter),
            tape: Playout::new(JitterConfig::Fixed {
                delay_ms: TAPE_DELAY_MS,
            }),
            frame: 0,
            last: (Time::default(), 0),
            call: None,
            message: None,
            detector: None,
            tap: None,
        }
    }

    /// Does anything listen?
    pub fn is_needed(&self) -> bool {
        self.detector.is_some() || self.tap.is_some() || self.is_recording()
    }

    /// Lets somebody hear the caller from now on; whoever did before does not any more.
    pub fn listen(&mut self, listener: Box<dyn Listener>) {
        self.tap = Some(Box::new(Tap::new(listener, self.jitter)));
    }

    /// Nobody hears the caller any more.
    pub fn stop_listening(&mut self) {
        self.tap = None;
    }

    /// Does a recording run?
    pub fn is_recording(&self) -> bool {
        self.call.is_some() || self.message.is_some()
    }

    /// Sets the delay of what reacts to the caller; recordings have their own.
    pub fn set_jitter(&mut self, jitter: JitterConfig) {
        if self.jitter != jitter {
            self.jitter = jitter;
            self.quick = Playout::new(jitter);
            if let Some(tap) = &mut self.tap {
                tap.set_jitter(jitter);
            }
        }
    }

    /// Turns in-band detection on or off; the end of a digit that was sounding.
    pub fn set_inband(&mut self, inband: InbandDtmf) -> Option<Tone> {
        match inband {
            InbandDtmf::Off => self
                .detector
                .take()
                .and_then(|mut detector| detector.reset()),
            InbandDtmf::On => {
                self.detector.get_or_insert_with(dtmf::Detector::new);
                None
            }
        }
    }

    /// Forgets a tone that is sounding.
    pub fn forget_tone(&mut self) {
        self.detector = None;
    }

    /// Takes a received packet's audio; `false` when it came too late for everyone.
    pub fn receive(&mut self, codec: Codec, timestamp: u32, payload: &[u8], arrival: Time) -> bool {
        let payload = payload
            .get(..payload.len().min(MAX_OCTETS))
            .unwrap_or_default();
        let length = payload.len();
        self.buffer.insert(codec, timestamp, payload, arrival);
        let past_tape = !self.is_recording() || self.tape.is_past(timestamp, length);
        let past_quick = self.detector.is_none() || self.quick.is_past(timestamp, length);
        let past_tap = (self.tap.as_ref()).is_none_or(|tap| tap.is_past(timestamp, length));
        !(past_tape && past_quick && past_tap)
    }

    /// Another source speaks from now on.
    pub fn restart(&mut self) {
        self.buffer.restart();
    }

    /// Takes the audio that goes out, at its place on our media clock.
    pub fn sent(&mut self, codec: Codec, timestamp: u32, payload: &[u8]) {
        if self.is_recording() {
            self.heard.insert(codec, timestamp, payload);
        }
    }

    /// One frame of the wire has passed. `clock` is our media clock now.
    pub fn advance(
        &mut self,
        now: Time,
        clock: u32,
        missing: Missing,
        mut on_tone: impl FnMut(Tone),
        mut on_event: impl FnMut(MediaEvent),
    ) {
        self.frame += 1;
        self.last = (now, clock);
        if let Some(detector) = &mut self.detector {
            let mut frame = [0; FRAME];
            // Concealment would lengthen tones.
            self.quick
                .pull(&self.buffer, now, Missing::Silence, &mut frame);
            detector.feed(&frame, &mut on_tone);
        }
        if let Some(tap) = &mut self.tap {
            tap.advance(&self.buffer, now, missing);
        }
        if !self.is_recording() {
            return;
        }
        let mut caller = [0; FRAME];
        self.tape.pull(&self.buffer, now, missing, &mut caller);
        let mut heard = [0; FRAME];
        let delay = u32::from(TAPE_DELAY_MS) * SAMPLES_PER_MS as u32;
        self.heard.read(clock.wrapping_sub(delay), &mut heard);
        let at = self.frame;
        for slot in [RecordSlot::Call, RecordSlot::Message] {
            let place = self.place(slot);
            let end = place
                .as_mut()
                .and_then(|recording| recording.push(at, &caller, &heard));
            if let Some(end) = end
                && let Some(recording) = place.take()
            {
                on_event(recording.finish(slot, end));
            }
        }
    }

    fn place(&mut self, slot: RecordSlot) -> &mut Option<Recording> {
        match slot {
            RecordSlot::Call => &mut self.call,
            RecordSlot::Message => &mut self.message,
        }
    }

    /// Starts a recording with the next frame of the wire.
    pub fn start(&mut self, start: RecordStart) {
        if !self.is_recording() {
            self.heard.reset();
            self.tape = Playout::new(JitterConfig::Fixed {
                delay_ms: TAPE_DELAY_MS,
            });
        }
        let recording = Recording {
            track: start.track,
            limits: start.limits,
            start: self.frame,
            notes: VecDeque::with_capacity(4),
            vad: vad::Detector::new(),
        };
        *self.place(start.slot) = Some(recording);
    }

    pub fn pause(&mut self, slot: RecordSlot) {
        self.note(slot, Note::Pause);
    }

    pub fn resume(&mut self, slot: RecordSlot) {
        self.note(slot, Note::Continue);
    }

    /// Marks a place in the recording of the call.
    pub fn mark(&mut self, mark: Mark) {
        self.note(RecordSlot::Call, Note::Mark(mark));
    }

    fn note(&mut self, slot: RecordSlot, note: Note) {
        let frame = self.frame;
        if let Some(recording) = self.place(slot)
            && recording.notes.len() < MAX_NOTES
        {
            recording.notes.push_back((frame, note));
        }
    }

    /// Ends a recording here and now: the tape is run up to the wire, and `trim_ms` are cut off.
    pub fn stop(
        &mut self,
        slot: RecordSlot,
        trim_ms: u32,
        end: RecordEnd,
        missing: Missing,
    ) -> Option<MediaEvent> {
        let mut recording = self.place(slot).take()?;
        // A copy of the reader runs ahead, because the other recording goes on at its own place.
        let (now, clock) = self.last;
        let mut tape = self.tape.clone();
        let mut ended = None;
        for ahead in 1..TAPE_DELAY_FRAMES {
            let later = std::time::Duration::from_millis(ahead * u64::from(FRAME_MS));
            let mut caller = [0; FRAME];
            tape.pull(&self.buffer, now + later, missing, &mut caller);
            let mut heard = [0; FRAME];
            let lag = (TAPE_DELAY_FRAMES - ahead) as u32 * FRAME as u32;
            self.heard.read(clock.wrapping_sub(lag), &mut heard);
            ended = recording.push(self.frame + ahead, &caller, &heard);
            if ended.is_some() {
                break;
            }
        }
        if trim_ms > 0 {
            recording.track.truncate_tail(trim_ms);
        }
        Some(recording.finish(slot, ended.unwrap_or(end)))
    }
}

impl Recording {
    /// Takes what the tape reads when `at` frames have passed the wire: the frame
    /// [`TAPE_DELAY_FRAMES`] before. Why the recording ends, if it does.
    fn push(&mut self, at: u64, caller: &[i16; FRAME], heard: &[i16; FRAME]) -> Option<RecordEnd> {
        let frame = at.checked_sub(TAPE_DELAY_FRAMES)?;
        while let Some((when, note)) = self.notes.front().copied()
            && when <= frame
        {
            self.notes.pop_front();
            match note {
                Note::Pause => self.track.pause(),
                Note::Continue => self.track.resume(),
                Note::Mark(mark) => self.track.mark(mark),
            }
        }
        if frame < self.start {
            return None;
        }
        self.track.push(caller, heard);
        if self.track.failed().is_some() {
            return Some(RecordEnd::Failed);
        }
        if self
            .limits
            .max_duration_ms
            .is_some_and(|max| self.track.position_ms() >= max)
        {
            return Some(RecordEnd::MaxDuration);
        }
        let limit = self.limits.silence_ms?;
        self.vad.feed(caller);
        if self.vad.silence_ms() < limit {
            return None;
        }
        self.track.truncate_tail(self.vad.silence_ms());
        Some(RecordEnd::Silence)
    }

    fn finish(self, slot: RecordSlot, end: RecordEnd) -> MediaEvent {
        let (id, duration_ms) = (self.track.id().to_owned(), self.track.position_ms());
        self.track.finish();
        MediaEvent::RecordFinished {
            slot,
            id,
            duration_ms,
            end,
        }
    }
}
