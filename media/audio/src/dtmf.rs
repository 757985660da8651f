//! In-band DTMF (ITU-T Q.23, Q.24): a detector for streams without telephone-event, and the tones.
//!
//! The detector computes eight Goertzel filters over half-blocks of 51 samples (6.4 ms) and joins
//! each two of them into a half-overlapped block of 102 samples (12.8 ms). A block is a *hit* when
//! one tone of each group stands out, their twist is possible and they hold most of the block's
//! energy. Hits in a row make a digit when three more things hold:
//!
//! * length: how far each block was covered by the tone is known from its amplitude, the coverages
//!   add up to the tone's length, and 30 ms of it are enough;
//! * frequency: the phase from block to block tells each tone's frequency;
//! * purity: with the frequency known, what the filters missed by being off it is added, and then
//!   hardly any energy may be left over. This is what tells a key from a voice.

use crate::{SAMPLES_PER_MS, peak_of_sine, tone};

/// The low group, Hz (Q.23).
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// The high group, Hz (Q.23).
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Digit of each low (row) and high (column) frequency.
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// Samples of a half-block.
const HOP: usize = 51;
/// Samples of a block.
const BLOCK: f32 = 2.0 * HOP as f32;
/// The part of a block's energy that both filters must hold. Q.24's +-1.5 % costs a fifth of it.
const ENERGY_FRACTION: f32 = 0.65;
/// The part that both tones must hold in the mean, corrected for their frequencies. Noise 10 dB
/// below the tones leaves 0.91.
const PURITY: f32 = 0.86;
/// A tone's frequency may be off by so much: Q.24 demands 1.5 % accepted and 3.5 % rejected.
const FREQUENCY_TOLERANCE: f32 = 0.025;
/// A tone must be so much stronger than the next one of its group (5 dB).
const PEAK_RATIO: f32 = 3.0;
/// High over low: Q.24 asks for +4 dB; 8 dB accepted, for what +-1.5 % adds.
const TWIST_HIGH: f32 = 6.31;
/// Low over high: Q.24 asks for 8 dB; 12 dB accepted.
const TWIST_LOW: f32 = 15.8;
/// Each tone must be at least so loud.
const MIN_LEVEL_DBM0: f32 = -42.0;
/// Hits in a row that a digit needs.
const MIN_HITS: u32 = 3;
/// Length that a digit needs, samples: 30 ms. Q.24 demands 40 ms accepted and 23 ms rejected.
const MIN_LENGTH: f32 = 240.0;
/// Half-blocks without the tone that end a digit: 32 ms. A lost packet of 20 ms does not split it.
const MISSES_TO_END: u32 = 5;
/// A block with so much of the largest amplitude was filled by the tone: the other group's tone
/// shakes it by an eighth.
const FILLED: f32 = 0.75;
/// Blocks whose amplitude is remembered while a digit is not yet sure.
const REMEMBERED: usize = 8;

/// What the detector found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The digit has sounded long enough to be one; it still sounds.
    Start(char),
    /// It ended. Reported about 35 ms after the tone's end.
    End {
        /// One of `0123456789*#ABCD`.
        digit: char,
        /// How long it sounded, ms.
        duration_ms: u32,
    },
}

/// Finds DTMF digits in a stream of samples.
///
/// Costs no allocation and about 0.6 us for 20 ms.
#[derive(Debug, Clone)]
pub struct Detector {
    bank: Bank,
    /// The half-block before.
    previous: Half,
    /// The block before.
    before: Block,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Idle,
    /// Hits, not yet long enough.
    Candidate(Run),
    /// A digit that was reported.
    Digit {
        run: Run,
        misses: u32,
    },
}

/// A tone pair and how long it was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    pair: Pair,
    hits: u32,
    /// Amplitudes (low, high) of the first blocks.
    amplitudes: [(f32, f32); REMEMBERED],
    remembered: usize,
    /// Samples beyond those blocks.
    more: f32,
    /// Sums over the steps from hit to hit: deviations from the nominal frequencies, relative.
    deviation: (f32, f32),
    /// Sum of the purities of the hits that are neither first nor last.
    purity: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    row: usize,
    column: usize,
}

impl Pair {
    fn digit(self) -> char {
        KEYS[self.row][self.column]
    }
}

/// Complex outputs of the eight filters over a half-block, and the energy of its samples.
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    re: [f32; 8],
    im: [f32; 8],
    energy: f32,
}

/// The same for two half-blocks. A sine of peak `a` that fills the block gives the power `a * a`.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    re: [f32; 8],
    im: [f32; 8],
    power: [f32; 8],
    energy: f32,
}

impl Block {
    fn amplitudes(&self, pair: Pair) -> (f32, f32) {
        (
            self.power[pair.row].sqrt(),
            self.power[4 + pair.column].sqrt(),
        )
    }
}

/// The eight filters, side by side so that the compiler uses vector registers.
#[derive(Debug, Clone)]
struct Bank {
    coefficient: [f32; 8],
    cos: [f32; 8],
    sin: [f32; 8],
    /// e^(j w HOP): turns an earlier half-block to the phase of the later one.
    turn_re: [f32; 8],
    turn_im: [f32; 8],
    s1: [f32; 8],
    s2: [f32; 8],
    energy: f32,
    filled: usize,
}

impl Bank {
    fn new() -> Self {
        let mut omega = [0.0_f64; 8];
        for (i, hz) in LOW.iter().chain(&HIGH).enumerate() {
            omega[i] = std::f64::consts::TAU * f64::from(*hz) / f64::from(crate::SAMPLE_RATE);
        }
        Bank {
            coefficient: omega.map(|w| (2.0 * w.cos()) as f32),
            cos: omega.map(|w| w.cos() as f32),
            sin: omega.map(|w| w.sin() as f32),
            turn_re: omega.map(|w| (w * HOP as f64).cos() as f32),
            turn_im: omega.map(|w| (w * HOP as f64).sin() as f32),
            s1: [0.0; 8],
            s2: [0.0; 8],
            energy: 0.0,
            filled: 0,
        }
    }

    /// Takes samples up to the end of the half-block; returns how many.
    fn take(&mut self, samples: &[i16]) -> usize {
        let count = samples.len().min(HOP - self.filled);
        let (mut s1, mut s2, mut energy) = (self.s1, self.s2, self.energy);
        for sample in &samples[..count] {
            let x = f32::from(*sample);
            energy += x * x;
            for k in 0..8 {
                // In this order each sample waits for one multiplication and one addition only.
                let s0 = self.coefficient[k] * s1[k] + (x - s2[k]);
                s2[k] = s1[k];
                s1[k] = s0;
            }
        }
        (self.s1, self.s2, self.energy) = (s1, s2, energy);
        self.filled += count;
        count
    }

    /// The finished half-block, if it is full; starts the next.
    fn finish(&mut self) -> Option<Half> {
        if self.filled < HOP {
            return None;
        }
        let mut half = Half {
            energy: self.energy,
            ..Half::default()
        };
        for k in 0..8 {
            half.re[k] = self.s1[k] - self.cos[k] * self.s2[k];
            half.im[k] = self.sin[k] * self.s2[k];
        }
        (self.s1, self.s2, self.energy, self.filled) = ([0.0; 8], [0.0; 8], 0.0, 0);
        Some(half)
    }

    /// The block of two half-blocks.
    fn join(&self, first: &Half, second: &Half) -> Block {
        let mut block = Block {
            energy: first.energy + second.energy,
            ..Block::default()
        };
        for k in 0..8 {
            let (re, im) = (first.re[k], first.im[k]);
            let re = re * self.turn_re[k] - im * self.turn_im[k] + second.re[k];
            let im = first.re[k] * self.turn_im[k] + im * self.turn_re[k] + second.im[k];
            block.re[k] = re;
            block.im[k] = im;
            block.power[k] = (re * re + im * im) * (4.0 / (BLOCK * BLOCK));
        }
        block
    }

    /// By how many radians a sample the tone of filter `k` is above the filter, from its phase in
    /// two blocks that follow each other.
    fn detuning(&self, k: usize, before: &Block, block: &Block) -> f32 {
        let re = before.re[k] * self.turn_re[k] - before.im[k] * self.turn_im[k];
        let im = before.re[k] * self.turn_im[k] + before.im[k] * self.turn_re[k];
        let (cos, sin) = (
            block.re[k] * re + block.im[k] * im,
            block.im[k] * re - block.re[k] * im,
        );
        sin.atan2(cos) / HOP as f32
    }
}

/// The part of its power that a filter sees of a tone that is off by so many radians a sample.
fn filter_response(detuning: f32) -> f32 {
    let x = detuning * BLOCK / 2.0;
    if x.abs() < 0.01 {
        1.0
    } else {
        (x.sin() / x).powi(2).max(0.3)
    }
}

impl Run {
    fn new(pair: Pair, before: &Block, block: &Block) -> Self {
        let mut run = Run {
            pair,
            hits: 1,
            amplitudes: [(0.0, 0.0); REMEMBERED],
            remembered: 0,
            more: 0.0,
            deviation: (0.0, 0.0),
            purity: 0.0,
        };
        run.add(before);
        run.add(block);
        run
    }

    /// A further hit, which follows the hit `before`.
    fn hit(&mut self, bank: &Bank, before: &Block, block: &Block) {
        let (row, column) = (self.pair.row, 4 + self.pair.column);
        let low = bank.detuning(row, before, block);
        let high = bank.detuning(column, before, block);
        let hz = |detuning: f32| detuning * crate::SAMPLE_RATE as f32 / std::f32::consts::TAU;
        self.deviation.0 += hz(low) / LOW[self.pair.row];
        self.deviation.1 += hz(high) / HIGH[self.pair.column];
        if self.hits > 1 {
            let tones = before.power[row] / filter_response(low)
                + before.power[column] / filter_response(high);
            self.purity += tones * BLOCK / 2.0 / before.energy.max(1.0);
        }
        self.hits += 1;
        self.add(block);
    }

    fn add(&mut self, block: &Block) {
        let amplitudes = block.amplitudes(self.pair);
        if let Some(slot) = self.amplitudes.get_mut(self.remembered) {
            *slot = amplitudes;
            self.remembered += 1;
        } else {
            self.more += self.coverage(amplitudes) * HOP as f32;
        }
    }

    /// How much of a block the tone filled, 0 to 1.
    fn coverage(&self, (low, high): (f32, f32)) -> f32 {
        let (mut max_low, mut max_high) = (f32::MIN_POSITIVE, f32::MIN_POSITIVE);
        for (low, high) in &self.amplitudes[..self.remembered] {
            max_low = max_low.max(*low);
            max_high = max_high.max(*high);
        }
        let coverage = (low / max_low).min(high / max_high);
        if coverage < FILLED { coverage } else { 1.0 }
    }

    /// The tone's length, samples: each sample lies in two blocks, so half of each counts.
    fn length(&self) -> f32 {
        let first: f32 = self.amplitudes[..self.remembered]
            .iter()
            .map(|amplitudes| self.coverage(*amplitudes))
            .sum();
        first * HOP as f32 + self.more
    }

    fn is_digit(&self) -> bool {
        if self.hits < MIN_HITS || self.length() < MIN_LENGTH {
            return false;
        }
        let steps = (self.hits - 1) as f32;
        let (low, high) = (self.deviation.0 / steps, self.deviation.1 / steps);
        low.abs() <= FREQUENCY_TOLERANCE
            && high.abs() <= FREQUENCY_TOLERANCE
            && self.purity / (steps - 1.0) >= PURITY
    }

    fn end(&self) -> Event {
        Event::End {
            digit: self.pair.digit(),
            duration_ms: (self.length() / SAMPLES_PER_MS as f32).round() as u32,
        }
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Detector {
            bank: Bank::new(),
            previous: Half::default(),
            before: Block::default(),
            state: State::Idle,
        }
    }

    /// Takes the next samples, any number of them, and calls `on_event` for each event, in order.
    pub fn feed(&mut self, mut samples: &[i16], mut on_event: impl FnMut(Event)) {
        while !samples.is_empty() {
            let taken = self.bank.take(samples);
            samples = &samples[taken..];
            let Some(half) = self.bank.finish() else {
                return;
            };
            let block = self.bank.join(&self.previous, &half);
            let pair = find_pair(&block);
            self.state = self.step(pair, &block, &mut on_event);
            self.previous = half;
            self.before = block;
        }
    }

    /// Is a digit sounding now?
    #[must_use]
    pub fn sounding(&self) -> Option<char> {
        match &self.state {
            State::Digit { run, .. } => Some(run.pair.digit()),
            _ => None,
        }
    }

    /// Forgets everything, as at a stream's start; returns the end of a digit that was sounding.
    pub fn reset(&mut self) -> Option<Event> {
        let end = match &self.state {
            State::Digit { run, .. } => Some(run.end()),
            _ => None,
        };
        *self = Self::new();
        end
    }

    /// The state after a block.
    fn step(&self, pair: Option<Pair>, block: &Block, on_event: &mut impl FnMut(Event)) -> State {
        match (self.state, pair) {
            (State::Idle, None) => State::Idle,
            (State::Candidate(run), pair) if pair.is_none() || pair == Some(run.pair) => {
                self.prolong(run, pair.is_some(), block, on_event)
            }
            (State::Idle | State::Candidate(_), Some(pair)) => {
                State::Candidate(Run::new(pair, &self.before, block))
            }
            (State::Candidate(_), None) => State::Idle,
            (State::Digit { mut run, misses }, pair) => {
                if pair == Some(run.pair) {
                    run.add(block);
                    return State::Digit { run, misses: 0 };
                }
                if misses == 0 {
                    run.add(block);
                }
                match pair {
                    // Another digit without a pause between. One block may be a mixture of both.
                    Some(pair) if misses > 0 => {
                        on_event(run.end());
                        State::Candidate(Run::new(pair, &self.before, block))
                    }
                    _ if misses + 1 >= MISSES_TO_END => {
                        on_event(run.end());
                        State::Idle
                    }
                    _ => State::Digit {
                        run,
                        misses: misses + 1,
                    },
                }
            }
        }
    }

    /// A candidate after a block of its own pair, or of none.
    fn prolong(
        &self,
        mut run: Run,
        hit: bool,
        block: &Block,
        on_event: &mut impl FnMut(Event),
    ) -> State {
        if hit {
            run.hit(&self.bank, &self.before, block);
        } else {
            // It may still hold the tone's last few milliseconds.
            run.add(block);
        }
        if run.is_digit() {
            on_event(Event::Start(run.pair.digit()));
            State::Digit {
                run,
                misses: u32::from(!hit),
            }
        } else if hit {
            State::Candidate(run)
        } else {
            State::Idle
        }
    }
}

/// The pair of a block that is a hit.
fn find_pair(block: &Block) -> Option<Pair> {
    let row = strongest(&block.power[..4])?;
    let column = strongest(&block.power[4..])?;
    let (low, high) = (block.power[row], block.power[4 + column]);
    let min = peak_of_sine(MIN_LEVEL_DBM0).powi(2);
    if low < min || high < min || high > low * TWIST_HIGH || low > high * TWIST_LOW {
        return None;
    }
    // A sine of peak a that fills the block has the energy a * a * BLOCK / 2.
    ((low + high) * BLOCK / 2.0 >= block.energy * ENERGY_FRACTION).then_some(Pair { row, column })
}

/// The strongest of a group, if it stands out.
fn strongest(group: &[f32]) -> Option<usize> {
    let mut best = 0;
    for k in 1..4 {
        if group[k] > group[best] {
            best = k;
        }
    }
    let stands_out = (0..4).all(|k| k == best || group[k] * PEAK_RATIO <= group[best]);
    stands_out.then_some(best)
}

/// The tones of a digit, each at `level_dbm0` (-60 to -3), with ramped ends; at most a minute.
/// `None` when `digit` is not one of `0123456789*#ABCD` (letters in either case).
#[must_use]
pub fn generate(digit: char, duration_ms: u32, level_dbm0: f32) -> Option<Vec<i16>> {
    let (low, high) = frequencies(digit)?;
    let peak = f64::from(peak_of_sine(level_dbm0.clamp(-60.0, -3.0)));
    let duration_ms = duration_ms.min(tone::MAX_DURATION_MS);
    Some(tone::sum_of_sines([(low, peak), (high, peak)], duration_ms))
}

/// The two frequencies of a digit, Hz.
fn frequencies(digit: char) -> Option<(f64, f64)> {
    let digit = digit.to_ascii_uppercase();
    KEYS.iter().zip(LOW).find_map(|(row, low)| {
        let column = row.iter().position(|key| *key == digit)?;
        Some((f64::from(low), f64::from(HIGH[column])))
    })
}

#[cfg(test)]
mod tests;
