//! The jitter buffer: puts received audio in order and reads it at an even pace.
//!
//! Samples lie in a ring by their RTP timestamp, so that reordering, duplicates, packets of any
//! length and changes of it need no rules of their own. One ring can have several readers
//! ([`Playout`]): a quick one for what reacts to the caller, and a slow, fixed one for recordings,
//! which need every late packet and an exact place in time rather than a small delay.
//!
//! The delay follows the sender's clock as seen from ours: the smallest transit of the last
//! seconds is the base, the spread above it is the jitter. Readers move only while the caller is
//! silent, unless they are far off.

use vireo_audio::{level_dbm0, plc::Concealer};

use crate::config::JitterConfig;
use crate::time::Time;

/// Samples in the ring: 512 ms.
const RING: usize = 4096;
const WORDS: usize = RING / 64;

/// Samples a millisecond.
pub(crate) const PER_MS: u32 = 8;

/// Samples in a frame of 20 ms.
pub(crate) const FRAME: usize = 160;

/// What a reader needs besides jitter: its own frame, and the pause between draining the socket and
/// reading (2 ms), with 3 ms to spare.
const FLOOR: u32 = FRAME as u32 + 5 * PER_MS;

/// The longest delay of any reader, ms.
pub const MAX_DELAY_MS: u16 = 200;

/// A window of transit times lasts so many packets; two are looked at.
const WINDOW_PACKETS: u32 = 100;

/// Timestamps further off than this begin anew: one second.
const JUMP: u32 = 8000;

/// A reader that is this far off moves when the caller is silent...
const OFF: u32 = 15 * PER_MS;
/// ...by this much a frame...
const STEP: usize = 80;
/// ...and at once if it is so far off.
const FAR_OFF: u32 = 100 * PER_MS;

/// Below this level a frame may be shortened or lengthened unheard.
const QUIET_DBM0: f32 = -42.0;

/// Samples by timestamp.
#[derive(Debug, Clone)]
pub struct Ring {
    samples: Box<[i16; RING]>,
    filled: [u64; WORDS],
    /// The timestamp after the newest sample.
    end: Option<u32>,
}

impl Default for Ring {
    fn default() -> Self {
        Ring::new()
    }
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Ring {
        Ring {
            samples: Box::new([0; RING]),
            filled: [0; WORDS],
            end: None,
        }
    }

    /// Puts samples at a timestamp. What lies more than the ring's length behind is ignored.
    pub fn insert(&mut self, timestamp: u32, samples: &[i16]) {
        let samples = samples.get(..samples.len().min(RING)).unwrap_or_default();
        let length = samples.len() as u32;
        let end = *self.end.get_or_insert(timestamp);
        let ahead = timestamp
            .wrapping_add(length)
            .wrapping_sub(end)
            .cast_signed();
        if ahead > 0 {
            self.clear(end, ahead.unsigned_abs());
            self.end = Some(timestamp.wrapping_add(length));
        } else if ahead.unsigned_abs() + length > RING as u32 {
            return;
        }
        for (i, sample) in samples.iter().enumerate() {
            let at = index(timestamp.wrapping_add(i as u32));
            self.samples[at] = *sample;
            self.filled[at / 64] |= 1 << (at % 64);
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.filled = [0; WORDS];
        self.end = None;
    }

    /// The sample at a timestamp.
    fn get(&self, timestamp: u32) -> Option<i16> {
        let behind = self.end?.wrapping_sub(timestamp);
        if behind == 0 || behind > RING as u32 {
            return None;
        }
        let at = index(timestamp);
        (self.filled[at / 64] >> (at % 64) & 1 == 1).then(|| self.samples[at])
    }

    /// Reads from a timestamp on; what is missing is zero.
    pub fn read(&self, timestamp: u32, out: &mut [i16]) {
        for (i, sample) in out.iter_mut().enumerate() {
            *sample = self.get(timestamp.wrapping_add(i as u32)).unwrap_or(0);
        }
    }

    /// Marks `length` samples from `timestamp` as missing.
    fn clear(&mut self, timestamp: u32, length: u32) {
        if length >= RING as u32 {
            self.filled = [0; WORDS];
            return;
        }
        for i in 0..length {
            let at = index(timestamp.wrapping_add(i));
            self.filled[at / 64] &= !(1 << (at % 64));
        }
    }
}

/// Where a timestamp lies; `RING` divides 2^32.
fn index(timestamp: u32) -> usize {
    timestamp as usize % RING
}

/// The sender's clock as seen from ours.
#[derive(Debug, Clone, Default)]
struct Clock {
    /// Smallest and greatest transit of the window before and of this one, relative to `origin`.
    windows: [Option<(i32, i32)>; 2],
    packets: u32,
    origin: u32,
}

impl Clock {
    /// Takes a packet; `false` when its timestamp has nothing to do with those before.
    fn observe(&mut self, timestamp: u32, arrival: u32) -> bool {
        let transit = arrival.wrapping_sub(timestamp);
        let Some((base, _)) = self.range() else {
            self.restart(transit);
            return true;
        };
        let relative = transit.wrapping_sub(self.origin).cast_signed();
        if relative.abs_diff(base) > JUMP {
            self.restart(transit);
            return false;
        }
        if self.packets >= WINDOW_PACKETS {
            self.packets = 0;
            self.windows = [self.windows[1], None];
        }
        self.packets += 1;
        let (low, high) = self.windows[1].unwrap_or((relative, relative));
        self.windows[1] = Some((low.min(relative), high.max(relative)));
        true
    }

    fn restart(&mut self, transit: u32) {
        *self = Clock {
            windows: [None, Some((0, 0))],
            packets: 1,
            origin: transit,
        };
    }

    fn range(&self) -> Option<(i32, i32)> {
        match self.windows {
            [Some(a), Some(b)] => Some((a.0.min(b.0), a.1.max(b.1))),
            [a, b] => b.or(a),
        }
    }

    /// The timestamp of what arrives just now, and the jitter in samples.
    fn position(&self, now: u32) -> Option<(u32, u32)> {
        let (low, high) = self.range()?;
        let base = self.origin.wrapping_add(low.cast_unsigned());
        Some((now.wrapping_sub(base), high.abs_diff(low)))
    }
}

/// The ring and the clock of one stream's received audio.
#[derive(Debug, Clone, Default)]
pub struct JitterBuffer {
    ring: Ring,
    clock: Clock,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> JitterBuffer {
        JitterBuffer::default()
    }

    /// Takes a packet's samples.
    pub fn insert(&mut self, timestamp: u32, samples: &[i16], arrival: Time) {
        if !self.clock.observe(timestamp, arrival.in_clock(8000)) {
            self.ring.reset();
        }
        self.ring.insert(timestamp, samples);
    }

    /// Another source speaks from now on.
    pub fn restart(&mut self) {
        self.clock = Clock::default();
        self.ring.reset();
    }
}

/// What stands in for audio that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It was lost: its neighbours are stretched over it.
    Conceal,
    /// It was never sent (an event, hold, silence suppression).
    Silence,
}

/// Reads a [`JitterBuffer`] at an even pace, 20 ms at a time.
#[derive(Debug, Clone)]
pub struct Playout {
    config: JitterConfig,
    next: Option<u32>,
    concealer: Concealer,
    quiet: bool,
}

impl Playout {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new(config: JitterConfig) -> Playout {
        Playout {
            config,
            next: None,
            concealer: Concealer::new(),
            quiet: true,
        }
    }

    /// Is a packet of `length` samples entirely behind this reader?
    #[must_use]
    pub fn is_past(&self, timestamp: u32, length: usize) -> bool {
        self.next
            .is_some_and(|next| next.wrapping_sub(timestamp).cast_signed() >= length as i32)
    }

    /// The delay that the jitter asks for, in samples.
    fn delay(&self, jitter: u32) -> u32 {
        match self.config {
            JitterConfig::Adaptive { min_ms, max_ms } => {
                let max = u32::from(max_ms.min(MAX_DELAY_MS)) * PER_MS;
                (FLOOR + jitter)
                    .max(u32::from(min_ms) * PER_MS)
                    .min(max.max(FLOOR))
            }
            JitterConfig::Fixed { delay_ms } => {
                (u32::from(delay_ms.min(MAX_DELAY_MS)) * PER_MS).max(FLOOR)
            }
        }
    }

    /// Reads the frame that is due at `now`.
    pub fn pull(
        &mut self,
        buffer: &JitterBuffer,
        now: Time,
        missing: Missing,
        out: &mut [i16; FRAME],
    ) {
        let Some((arriving, jitter)) = buffer.clock.position(now.in_clock(8000)) else {
            out.fill(0);
            return;
        };
        let target = arriving.wrapping_sub(self.delay(jitter));
        let next = self.next.unwrap_or(target);
        let off = target.wrapping_sub(next).cast_signed();
        let mut start = next;
        let mut stretch = 0;
        if off.unsigned_abs() > FAR_OFF {
            start = target;
        } else if off.unsigned_abs() > OFF && self.quiet {
            if off > 0 {
                start = next.wrapping_add(STEP as u32);
            } else {
                stretch = STEP;
            }
        }
        let (idle, audible) = out.split_at_mut(stretch);
        idle.fill(0);
        let gap = self.read(&buffer.ring, start, missing, audible);
        self.next = Some(start.wrapping_add(audible.len() as u32));
        // The level is needed only by a reader that waits for a chance to move. A gap is one too: it
        // may just be a packet that needs more delay.
        self.quiet = gap || off.unsigned_abs() > OFF / 2 && level_dbm0(out) < QUIET_DBM0;
    }

    /// Reads runs of samples that came and runs that did not; was anything missing?
    fn read(&mut self, ring: &Ring, start: u32, missing: Missing, out: &mut [i16]) -> bool {
        let mut rest = out;
        let mut at = start;
        let mut gap = false;
        while !rest.is_empty() {
            let present = ring.get(at).is_some();
            let mut length = 0;
            for (i, sample) in rest.iter_mut().enumerate() {
                match ring.get(at.wrapping_add(i as u32)) {
                    Some(value) if present => *sample = value,
                    None if !present => {}
                    _ => break,
                }
                length = i + 1;
            }
            gap |= !present;
            let (run, after) = rest.split_at_mut(length);
            match (present, missing) {
                (true, _) => self.concealer.good(run),
                (false, Missing::Conceal) => self.concealer.conceal(run),
                (false, Missing::Silence) => {
                    run.fill(0);
                    self.concealer.good(run);
                }
            }
            at = at.wrapping_add(length as u32);
            rest = after;
        }
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// A sample that says where it belongs, and is loud.
    fn mark(timestamp: u32) -> i16 {
        (timestamp % 16_000) as i16 + 8000
    }

    fn packet(timestamp: u32, length: u32) -> Vec<i16> {
        (0..length)
            .map(|i| mark(timestamp.wrapping_add(i)))
            .collect()
    }

    /// Sends 20 ms packets, each late by `late(i)` ms (`None`: lost), reads every 20 ms; the frames.
    fn run(
        config: JitterConfig,
        packets: u64,
        late: impl Fn(u64) -> Option<u64>,
    ) -> Vec<[i16; FRAME]> {
        let mut buffer = JitterBuffer::new();
        let mut playout = Playout::new(config);
        let mut arrivals: Vec<(u64, u64)> = (0..packets)
            .filter_map(|i| late(i).map(|l| (1000 + i * 20 + l, i)))
            .collect();
        arrivals.sort_unstable();
        let mut frames = Vec::new();
        let mut waiting = arrivals.into_iter().peekable();
        for tick in 0..packets + 10 {
            let now = 1002 + tick * 20;
            while let Some((arrival, i)) = waiting.next_if(|(arrival, _)| *arrival + 2 <= now) {
                let timestamp = (u32::MAX - 3000).wrapping_add(i as u32 * 160);
                buffer.insert(timestamp, &packet(timestamp, 160), at(arrival));
            }
            let mut out = [0; FRAME];
            playout.pull(&buffer, at(now), Missing::Silence, &mut out);
            frames.push(out);
        }
        frames
    }

    fn heard(frames: &[[i16; FRAME]]) -> usize {
        frames.iter().flatten().filter(|s| **s != 0).count()
    }

    #[test]
    fn nothing_is_lost_of_steady_packets_over_a_timestamp_wrap() {
        for config in [
            JitterConfig::default(),
            JitterConfig::Fixed { delay_ms: 60 },
        ] {
            let frames = run(config, 100, |_| Some(0));
            let flat: Vec<i16> = frames.iter().flatten().copied().collect();
            let first = flat.iter().position(|s| *s != 0).unwrap();
            for (i, sample) in flat[first..first + 100 * 160].iter().enumerate() {
                let expected = mark((u32::MAX - 3000).wrapping_add(i as u32));
                assert_eq!(*sample, expected, "{config:?}, sample {i}");
            }
        }
    }

    #[test]
    fn the_delay_is_small_without_jitter_and_as_told_when_fixed() {
        for (config, frames_later) in [
            (JitterConfig::default(), 1),
            (JitterConfig::Fixed { delay_ms: 100 }, 4),
        ] {
            let frames = run(config, 100, |_| Some(0));
            let first = frames
                .iter()
                .position(|f| f.iter().any(|s| *s != 0))
                .unwrap();
            assert_eq!(first, frames_later, "{config:?}");
        }
    }

    #[test]
    fn reordered_packets_are_put_in_order() {
        // Every fifth packet is overtaken by the next.
        let frames = run(JitterConfig::Fixed { delay_ms: 80 }, 100, |i| {
            Some(if i % 5 == 0 { 25 } else { 0 })
        });
        assert_eq!(heard(&frames), 100 * 160);
    }

    #[test]
    fn an_adaptive_reader_learns_the_jitter() {
        let frames = run(JitterConfig::default(), 500, |i| {
            Some(if i % 7 == 3 { 60 } else { 0 })
        });
        let early = heard(&frames[..50]);
        let late = heard(&frames[400..500]);
        assert!(early < 50 * 160, "the first late packets are missed");
        assert_eq!(late, 100 * 160, "later ones are waited for");
    }

    #[test]
    fn lost_packets_are_concealed_and_do_not_shift_what_follows() {
        let mut buffer = JitterBuffer::new();
        let mut playout = Playout::new(JitterConfig::Fixed { delay_ms: 40 });
        for tick in 0..50u64 {
            let timestamp = tick as u32 * 160;
            if tick != 20 {
                buffer.insert(timestamp, &[5000; 160], at(1000 + tick * 20));
            }
            let mut out = [0; FRAME];
            playout.pull(&buffer, at(1002 + tick * 20), Missing::Conceal, &mut out);
            if tick > 5 {
                assert!(out.iter().all(|s| *s > 2000), "tick {tick}: {out:?}");
            }
        }
    }

    #[test]
    fn a_jump_of_the_timestamps_starts_anew() {
        let mut buffer = JitterBuffer::new();
        let mut playout = Playout::new(JitterConfig::default());
        let mut heard = 0;
        for tick in 0..100u64 {
            let jump = if tick < 50 { 0 } else { 3_000_000_000u32 };
            buffer.insert(
                (tick as u32 * 160).wrapping_add(jump),
                &[5000; 160],
                at(1000 + tick * 20),
            );
            let mut out = [0; FRAME];
            playout.pull(&buffer, at(1002 + tick * 20), Missing::Silence, &mut out);
            heard += out.iter().filter(|s| **s != 0).count();
        }
        assert!(heard > 95 * 160, "{heard}");
    }

    #[test]
    fn a_drifting_clock_is_followed() {
        // The sender's clock is 1 % slow: 20 ms of its time take 20.2 ms.
        let mut buffer = JitterBuffer::new();
        let mut playout = Playout::new(JitterConfig::Fixed { delay_ms: 60 });
        let (mut silent, mut frames) = (0, 0);
        for tick in 0..3000u64 {
            let now = Time::from_millis(1000 + tick * 20);
            let sent = (tick * 1000) / 1010;
            let timestamp = sent as u32 * 160;
            // Half a second of sound, half a second of silence.
            let level = if sent % 50 < 25 { 5000 } else { 0 };
            buffer.insert(
                timestamp,
                &[level; 160],
                now - Duration::from_micros(200 * (tick % 2)),
            );
            let mut out = [0; FRAME];
            playout.pull(
                &buffer,
                now + Duration::from_millis(2),
                Missing::Silence,
                &mut out,
            );
            frames += 1;
            silent += usize::from(out.iter().all(|s| *s == 0));
        }
        let share = silent as f64 / f64::from(frames);
        assert!((0.45..0.55).contains(&share), "{share}");
    }

    #[test]
    fn the_ring_forgets_what_it_overwrites() {
        let mut ring = Ring::new();
        ring.insert(0, &[7; 160]);
        ring.insert(RING as u32, &[8; 80]);
        let mut out = [1; 160];
        ring.read(RING as u32, &mut out);
        assert_eq!(out[..80], [8; 80]);
        assert_eq!(out[80..], [0; 80]);
        ring.read(0, &mut out);
        assert_eq!(out, {
            let mut kept = [7; 160];
            kept[..80].fill(0);
            kept
        });
        ring.insert(0, &[9; 80]);
        ring.read(0, &mut out);
        assert_eq!(out[0], 0, "older than the ring is long");
    }
}
