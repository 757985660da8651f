//! The jitter buffer: puts received audio in order and reads it at an even pace.
//!
//! Octets (one a sample, as they came) lie in a ring by their RTP timestamp, so that reordering, duplicates, packets of any
//! length and changes of it need no rules of their own. One ring can have several readers
//! ([`Playout`]): a quick one for what reacts to the caller, and a slow, fixed one for recordings,
//! which need every late packet and an exact place in time rather than a small delay.
//!
//! The delay follows the sender's clock as seen from ours: the smallest transit of the last
//! seconds is the base, the spread above it is the jitter. Readers move only while the caller is
//! silent, unless they are far off.

use vireo_audio::{Codec, level_dbm0, plc::Concealer};

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

/// What a concealment looks back at: 40 ms.
const LOOK_BACK: usize = 2 * FRAME;

/// Encoded samples, one octet each, by timestamp.
#[derive(Debug, Clone)]
pub struct Ring {
    codec: Codec,
    octets: Box<[u8; RING]>,
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
            codec: Codec::Pcmu,
            octets: Box::new([0; RING]),
            filled: [0; WORDS],
            end: None,
        }
    }

    /// Puts octets at a timestamp. What lies more than the ring's length behind is ignored. With
    /// another codec than before, the ring is emptied first.
    pub fn insert(&mut self, codec: Codec, timestamp: u32, octets: &[u8]) {
        if codec != self.codec {
            self.reset();
            self.codec = codec;
        }
        let octets = octets.get(..octets.len().min(RING)).unwrap_or_default();
        let length = octets.len() as u32;
        let end = *self.end.get_or_insert(timestamp);
        let ahead = timestamp
            .wrapping_add(length)
            .wrapping_sub(end)
            .cast_signed();
        if ahead > 0 {
            self.mark(
                end,
                ahead.unsigned_abs().min(RING as u32) as usize,
                Mark::Missing,
            );
            self.end = Some(timestamp.wrapping_add(length));
        } else if ahead.unsigned_abs() + length > RING as u32 {
            return;
        }
        let start = index(timestamp);
        let (first, second) = octets.split_at(octets.len().min(RING - start));
        self.octets[start..start + first.len()].copy_from_slice(first);
        self.octets[..second.len()].copy_from_slice(second);
        self.mark(timestamp, octets.len(), Mark::Filled);
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.filled = [0; WORDS];
        self.end = None;
    }

    /// Reads from a timestamp on; what is missing is zero.
    pub fn read(&self, timestamp: u32, out: &mut [i16]) {
        let (mut at, mut rest) = (timestamp, out);
        while !rest.is_empty() {
            let (length, octets) = self.run(at, rest.len());
            let (run, after) = rest.split_at_mut(length);
            match octets {
                Some(octets) => {
                    self.codec.decode(octets, run);
                }
                None => run.fill(0),
            }
            at = at.wrapping_add(length as u32);
            rest = after;
        }
    }

    /// The octets from a timestamp on, up to the first that is missing, or how many are missing up
    /// to the first that is not: at least one and at most `most`, which is not zero.
    fn run(&self, timestamp: u32, most: usize) -> (usize, Option<&[u8]>) {
        let behind = self
            .end
            .map_or(0, |end| end.wrapping_sub(timestamp).cast_signed());
        if behind <= 0 {
            return (most, None);
        }
        if behind > RING as i32 {
            let gone = (behind.unsigned_abs() - RING as u32) as usize;
            return (gone.min(most), None);
        }
        let start = index(timestamp);
        let most = most.min(behind.unsigned_abs() as usize).min(RING - start);
        let filled = self.filled[start / 64] >> (start % 64) & 1;
        let mut length = 0;
        while length < most {
            let at = start + length;
            // Bits that differ from the first one of the run.
            let other = (self.filled[at / 64] ^ filled.wrapping_neg()) >> (at % 64);
            let same = (other.trailing_zeros() as usize).min(64 - at % 64);
            length += same;
            if same < 64 - at % 64 {
                break;
            }
        }
        let length = length.min(most);
        (
            length,
            (filled == 1).then(|| &self.octets[start..start + length]),
        )
    }

    /// Marks `length` samples from `timestamp` on, at most the whole ring.
    fn mark(&mut self, timestamp: u32, length: usize, mark: Mark) {
        let mut at = index(timestamp);
        let mut left = length;
        while left > 0 {
            let count = left.min(64 - at % 64);
            let mask = (u64::MAX >> (64 - count)) << (at % 64);
            match mark {
                Mark::Filled => self.filled[at / 64] |= mask,
                Mark::Missing => self.filled[at / 64] &= !mask,
            }
            at = (at + count) % RING;
            left -= count;
        }
    }
}

/// Is a sample there?
#[derive(Clone, Copy)]
enum Mark {
    Filled,
    Missing,
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

    /// Takes a packet's octets.
    pub fn insert(&mut self, codec: Codec, timestamp: u32, octets: &[u8], arrival: Time) {
        if !self.clock.observe(timestamp, arrival.in_clock(8000)) {
            self.ring.reset();
        }
        self.ring.insert(codec, timestamp, octets);
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
    /// Present only while a gap lasts.
    concealer: Option<Concealer>,
    quiet: bool,
}

impl Playout {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new(config: JitterConfig) -> Playout {
        Playout {
            config,
            next: None,
            concealer: None,
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
            let (length, octets) = ring.run(at, rest.len());
            let (run, after) = rest.split_at_mut(length);
            match octets {
                Some(octets) => {
                    ring.codec.decode(octets, run);
                    if let Some(mut concealer) = self.concealer.take() {
                        concealer.good(run);
                    }
                }
                None => self.fill(ring, at, missing, run),
            }
            gap |= octets.is_none();
            at = at.wrapping_add(length as u32);
            rest = after;
        }
        gap
    }

    /// Fills what is missing from a timestamp on.
    fn fill(&mut self, ring: &Ring, at: u32, missing: Missing, out: &mut [i16]) {
        match missing {
            Missing::Conceal => {
                // The ring still has what was heard before the gap.
                let concealer = self.concealer.get_or_insert_with(|| {
                    let mut before = [0; LOOK_BACK];
                    ring.read(at.wrapping_sub(LOOK_BACK as u32), &mut before);
                    let mut concealer = Concealer::new();
                    concealer.good(&mut before);
                    concealer
                });
                concealer.conceal(out);
            }
            Missing::Silence => {
                self.concealer = None;
                out.fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
