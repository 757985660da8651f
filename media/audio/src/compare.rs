//! Was this heard? Finds a reference in a recording, whatever the codec, the level and small slips
//! of the packet clock did to it.
//!
//! First the place: the cross-correlation of both, divided by the energy under the reference at
//! each place. It is computed by Fourier transforms, exactly and over every offset. Then the
//! score: the reference is cut into pieces of half a second, and each is searched near its place,
//! so that a jitter buffer that dropped or inserted a packet costs nothing.

use crate::SAMPLES_PER_MS;
use crate::sums::products;
use fft::{Complex, Direction, transform};

mod fft;

/// Pieces that are scored one by one.
const PIECE: usize = 500 * SAMPLES_PER_MS;
/// How far a piece may be from its place.
const SLIP: usize = 50 * SAMPLES_PER_MS;
/// A stretch of less than this mean square holds nothing to compare: about -66 dBm0.
const QUIET: f64 = 64.0;
/// The most samples of each signal that are compared: ten minutes.
pub const MAX_SAMPLES: usize = 600_000 * SAMPLES_PER_MS;

/// Where and how well a reference was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Samples of the recording before the reference begins; negative when the recording begins
    /// later than the reference.
    pub offset_samples: i64,
    /// 1: exactly this, at any level. G.711 leaves 0.99 and more; other speech scores below 0.6;
    /// a part that is missing lacks in proportion to its energy.
    pub score: f32,
}

impl Match {
    /// What silence, or nothing, matches.
    const NONE: Match = Match {
        offset_samples: 0,
        score: 0.0,
    };
}

/// Finds `reference` in `heard`. Of both at most [`MAX_SAMPLES`] are looked at. A silent or empty
/// signal is found nowhere: its score is 0.
#[must_use]
pub fn correlate(reference: &[i16], heard: &[i16]) -> Match {
    let reference = without_offset(&reference[..reference.len().min(MAX_SAMPLES)]);
    let heard = without_offset(&heard[..heard.len().min(MAX_SAMPLES)]);
    if is_quiet(&reference) || is_quiet(&heard) {
        return Match::NONE;
    }
    let offset = best_offset(&reference, &heard);
    Match {
        offset_samples: offset,
        score: score(&reference, &heard, offset) as f32,
    }
}

/// Samples without their mean: codecs and sound cards add a constant.
fn without_offset(samples: &[i16]) -> Vec<f32> {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample)).sum();
    let mean = (sum / samples.len().max(1) as f64) as f32;
    samples
        .iter()
        .map(|sample| f32::from(*sample) - mean)
        .collect()
}

fn is_quiet(samples: &[f32]) -> bool {
    energy(samples) < QUIET * samples.len() as f64 || samples.is_empty()
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|x| f64::from(*x).powi(2)).sum()
}

/// The offset with the largest normalised cross-correlation.
fn best_offset(reference: &[f32], heard: &[f32]) -> i64 {
    let product = cross_correlation(reference, heard);
    let size = product.len();
    // Sums of squares up to each sample, for the energy under the reference at every offset.
    let mut sums = Vec::with_capacity(heard.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for x in heard {
        sum += f64::from(*x).powi(2);
        sums.push(sum);
    }
    // Where only a little of both overlaps, or little sounds, chance would win.
    let least = sum * 1e-4 + QUIET * reference.len() as f64;
    let mut best = (0, 0.0);
    for offset in 1 - reference.len() as i64..heard.len() as i64 {
        let at = if offset < 0 {
            (size as i64 + offset) as usize
        } else {
            offset as usize
        };
        let begin = offset.max(0) as usize;
        let end = ((offset + reference.len() as i64) as usize).min(heard.len());
        let under = (sums[end] - sums[begin]).max(least);
        let likeness = product[at] / under.sqrt();
        if likeness > best.1 {
            best = (offset, likeness);
        }
    }
    best.0
}

/// For every offset the sum of products, negative offsets at the end.
fn cross_correlation(reference: &[f32], heard: &[f32]) -> Vec<f64> {
    // Both signals go through one transform, as real and imaginary part.
    let size = (reference.len() + heard.len()).next_power_of_two();
    let mut values = vec![Complex::default(); size];
    for (value, x) in values.iter_mut().zip(heard) {
        value.re = f64::from(*x);
    }
    for (value, x) in values.iter_mut().zip(reference) {
        value.im = f64::from(*x);
    }
    transform(&mut values, Direction::Forward);
    // With Z = H + jR: H = (Z(k) + Z*(-k)) / 2, R = (Z(k) - Z*(-k)) / 2j; wanted is H R*.
    let product = |k: usize| {
        let (a, b) = (values[k], values[(size - k) % size].conjugate());
        let heard = Complex {
            re: (a.re + b.re) / 2.0,
            im: (a.im + b.im) / 2.0,
        };
        let reference = Complex {
            re: (a.im - b.im) / 2.0,
            im: (b.re - a.re) / 2.0,
        };
        heard.times(reference.conjugate())
    };
    let mut spectrum: Vec<Complex> = (0..size).map(product).collect();
    transform(&mut spectrum, Direction::Inverse);
    spectrum
        .iter()
        .map(|value| value.re / size as f64)
        .collect()
}

/// The mean likeness of all pieces, each weighted by its energy.
fn score(reference: &[f32], heard: &[f32], offset: i64) -> f64 {
    let (mut weights, mut sum) = (0.0, 0.0);
    for (number, piece) in reference.chunks(PIECE).enumerate() {
        let weight = energy(piece);
        weights += weight;
        let place = offset + (number * PIECE) as i64;
        sum += weight * best_likeness(piece, heard, place);
    }
    (sum / weights).clamp(0.0, 1.0)
}

/// The largest normalised correlation of a piece within [`SLIP`] of its place.
fn best_likeness(piece: &[f32], heard: &[f32], place: i64) -> f64 {
    let own = energy(piece);
    let mut best = 0.0_f64;
    for slip in -(SLIP as i64)..=SLIP as i64 {
        let begin = place + slip;
        let skip = usize::try_from(-begin).unwrap_or(0);
        let from = usize::try_from(begin).unwrap_or(0).min(heard.len());
        let to = (from + piece.len().saturating_sub(skip)).min(heard.len());
        let Some(overlap) = piece.get(skip..) else {
            continue;
        };
        let (product, other) = products(overlap, &heard[from..to]);
        if other > 0.0 {
            best = best.max(product / (own * other).sqrt());
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codec;
    use crate::tone::{BEEP, Tone, render};

    /// Something like speech: voiced syllables of random pitch and length, and pauses.
    fn speech(seed: u64, seconds: usize) -> Vec<i16> {
        let mut state = seed;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut samples = Vec::new();
        while samples.len() < seconds * 8000 {
            samples.extend(render(&Tone {
                frequency: 100 + random(200) as u16,
                second_frequency: Some(300 + random(2500) as u16),
                duration_ms: 60 + random(200) as u32,
                level_dbm0: -12 - random(15) as i8,
            }));
            let pause = random(1500) as usize;
            samples.resize(samples.len() + pause, 0);
        }
        samples.truncate(seconds * 8000);
        samples
    }

    /// `reference` after `lead` samples of silence, through a codec, at some gain, with an end.
    fn heard(reference: &[i16], lead: usize, codec: Codec, gain: f32) -> Vec<i16> {
        let mut samples = vec![0; lead];
        samples.extend(reference.iter().map(|x| (f32::from(*x) * gain) as i16));
        samples.extend([0; 4000]);
        codec.decode_all(&codec.encode_all(&samples))
    }

    #[test]
    fn the_reference_is_found_through_any_codec_at_any_level() {
        let reference = speech(1, 5);
        for codec in Codec::ALL {
            for (lead, gain) in [(0, 1.0), (12_345, 0.1), (40_000, 2.0)] {
                let found = correlate(&reference, &heard(&reference, lead, codec, gain));
                assert_eq!(found.offset_samples, lead as i64, "{codec:?} {gain}");
                assert!(found.score > 0.98, "{codec:?} {gain}: {}", found.score);
            }
        }
    }

    #[test]
    fn other_speech_and_noise_score_low() {
        let reference = speech(1, 5);
        for seed in 2..6 {
            let found = correlate(&reference, &speech(seed, 20));
            assert!(found.score < 0.6, "{seed}: {}", found.score);
        }
        let found = correlate(
            &reference,
            &render(&Tone {
                duration_ms: 10_000,
                ..BEEP
            }),
        );
        assert!(found.score < 0.3, "{}", found.score);
    }

    #[test]
    fn slips_of_the_packet_clock_are_forgiven() {
        let reference = speech(3, 8);
        let mut samples = heard(&reference, 8000, Codec::Pcmu, 0.7);
        // A frame dropped after 3 s, one inserted after 5 s.
        samples.drain(32_000..32_160);
        samples.splice(48_000..48_000, [0; 160]);
        let found = correlate(&reference, &samples);
        assert!(found.score > 0.93, "{}", found.score);
        assert!(
            (found.offset_samples - 8000).abs() <= 160,
            "{}",
            found.offset_samples
        );
    }

    #[test]
    fn a_missing_half_costs_half() {
        let reference = speech(4, 6);
        let mut samples = heard(&reference, 1000, Codec::Pcma, 1.0);
        samples[25_000..].fill(0);
        let found = correlate(&reference, &samples);
        assert!((0.35..0.65).contains(&found.score), "{}", found.score);
        assert_eq!(found.offset_samples, 1000);
    }

    #[test]
    fn a_recording_that_began_late_has_a_negative_offset() {
        let reference = speech(5, 5);
        let samples = heard(&reference, 0, Codec::Pcmu, 1.0);
        let found = correlate(&reference, &samples[4000..]);
        assert_eq!(found.offset_samples, -4000);
        assert!(found.score > 0.8, "{}", found.score);
    }

    #[test]
    fn a_short_beep_is_found() {
        let mut samples = speech(6, 10);
        samples.truncate(40_000);
        samples.extend(vec![0; 1000]);
        samples.extend(render(&BEEP));
        samples.extend(vec![0; 8000]);
        let found = correlate(&render(&BEEP), &samples);
        assert!(
            (found.offset_samples - 41_000).abs() <= 8,
            "{}",
            found.offset_samples
        );
        assert!(found.score > 0.98, "{}", found.score);
    }

    #[test]
    fn silence_and_nothing_match_nothing() {
        let reference = speech(7, 2);
        for (a, b) in [
            (&reference[..], &[][..]),
            (&[], &reference),
            (&[0; 800], &reference),
            (&reference, &[0; 8000]),
            (&[5; 800], &[5; 800]),
        ] {
            assert_eq!(correlate(a, b), Match::NONE);
        }
        let found = correlate(&reference[..1], &reference[..1]);
        assert!(found.score >= 0.0);
    }
}
