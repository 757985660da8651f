//! A recorded word as it should be, so that words follow each other as a sentence: no silence around
//! it, one level, nothing clipped.

use crate::{SAMPLES_PER_MS, level_dbm0};

/// The level of a recorded word, dBm0: that of speech on a telephone line.
pub const LEVEL_DBM0: f32 = -16.0;

/// So far from [`LEVEL_DBM0`] a word stands out of its sentence; dB.
pub const LEVEL_TOLERANCE_DB: f32 = 5.0;

/// Silence before or after a word that is heard as a gap, ms.
pub const MOST_SILENCE_MS: usize = 100;

/// Silence that is left on either side when it is cut off, ms.
const MARGIN_MS: usize = 15;

/// A frame that is judged as sound or silence, samples.
const FRAME: usize = 10 * SAMPLES_PER_MS;

/// So far below the loudest frame begins silence, dB.
const SILENCE_BELOW_DB: f32 = 35.0;

/// So far below the loudest frame a sentence begins, dB: its first consonant may be faint.
const FAINT_BELOW_DB: f32 = 40.0;

/// What is left before the beginning of a sentence, ms.
const FADE_IN_MS: usize = 30;

/// Nothing louder than this is no word at all, dBm0.
const FAINTEST_DBM0: f32 = -60.0;

/// From here on a sample counts as clipped; so many in a row are no chance.
const CLIPPED: i16 = 32_700;
const CLIPPED_RUN: usize = 3;

/// The greatest peak that [`shape`] leaves: 0.5 dB below full scale.
const GREATEST_PEAK: f32 = 30_900.0;

/// What can be said of a recorded word by measuring it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Level of what is not silence around it, dBm0.
    pub level_dbm0: f32,
    /// Silence before it, ms.
    pub silence_before_ms: usize,
    /// Silence after it, ms.
    pub silence_after_ms: usize,
    /// Are there rows of samples at full scale?
    pub is_clipped: bool,
}

/// Measures a word of 8 kHz; none when it is all silence.
#[must_use]
pub fn measure(samples: &[i16]) -> Option<Measured> {
    let (first, last) = sound(samples, SILENCE_BELOW_DB)?;
    let runs = samples.chunk_by(|one, next| is_clipped(*one) == is_clipped(*next));
    let mut clipped = runs.filter(|run| is_clipped(run[0]));
    Some(Measured {
        level_dbm0: level_dbm0(&samples[first..last]),
        silence_before_ms: first / SAMPLES_PER_MS,
        silence_after_ms: (samples.len() - last) / SAMPLES_PER_MS,
        is_clipped: clipped.any(|run| run.len() >= CLIPPED_RUN),
    })
}

fn is_clipped(sample: i16) -> bool {
    sample.unsigned_abs() >= CLIPPED.unsigned_abs()
}

/// From where to where there is sound, in whole frames: what is so far below the loudest is none.
fn sound(samples: &[i16], below_db: f32) -> Option<(usize, usize)> {
    let levels: Vec<f32> = samples.chunks(FRAME).map(level_dbm0).collect();
    let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
    if loudest < FAINTEST_DBM0 {
        return None;
    }
    let is_sound = |level: &f32| *level > loudest - below_db;
    let first = levels.iter().position(is_sound)?;
    let last = levels.iter().rposition(is_sound)?;
    Some((first * FRAME, ((last + 1) * FRAME).min(samples.len())))
}

/// Cuts the silence around a word off and brings it to [`LEVEL_DBM0`], or as near as its peaks
/// allow; none when it is all silence. The samples are of 8 kHz.
#[must_use]
pub fn shape(samples: &[i16]) -> Option<Vec<i16>> {
    let (first, last) = sound(samples, SILENCE_BELOW_DB)?;
    let margin = MARGIN_MS * SAMPLES_PER_MS;
    let gain_db = LEVEL_DBM0 - level_dbm0(&samples[first..last]);
    let around = &samples[first.saturating_sub(margin)..(last + margin).min(samples.len())];
    let peak = around.iter().map(|sample| sample.unsigned_abs()).max()?;
    let gain = 10f32
        .powf(gain_db / 20.0)
        .min(GREATEST_PEAK / f32::from(peak));
    let last = around.len() - 1;
    let shaped = around.iter().enumerate().map(|(at, sample)| {
        // The ends come up from silence and go down to it, so that no edge clicks.
        let fade = (at.min(last - at) as f32 / margin as f32).min(1.0);
        (f32::from(*sample) * gain * fade).round() as i16
    });
    Some(shaped.collect())
}

/// A spoken sentence that begins at once: the silence before it is put behind it, but for 30 ms, so that
/// the pause between two sentences stays what it was. The samples are of 8 kHz.
#[must_use]
pub fn sound_first(mut samples: Vec<i16>) -> Vec<i16> {
    let first = sound(&samples, FAINT_BELOW_DB).map_or(0, |(first, _)| first);
    let before = first.saturating_sub(FADE_IN_MS * SAMPLES_PER_MS);
    samples.rotate_left(before);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, render};

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * SAMPLES_PER_MS]
    }

    fn word(before_ms: usize, level_dbm0: i8, after_ms: usize) -> Vec<i16> {
        let tone = render(&Tone {
            frequency: 400,
            second_frequency: None,
            duration_ms: 300,
            level_dbm0,
        });
        [silence(before_ms), tone, silence(after_ms)].concat()
    }

    #[test]
    fn silence_and_level_are_measured() {
        let measured = measure(&word(120, -20, 60)).unwrap();
        assert_eq!(
            (measured.silence_before_ms, measured.silence_after_ms),
            (120, 60)
        );
        assert!((measured.level_dbm0 + 20.0).abs() < 1.0, "{measured:?}");
        assert!(!measured.is_clipped);
        assert_eq!(measure(&silence(500)), None);
        assert_eq!(measure(&[]), None);
    }

    #[test]
    fn a_row_at_full_scale_is_clipped() {
        let mut samples = word(0, -10, 0);
        samples[800] = i16::MAX;
        samples[900] = i16::MIN;
        assert!(!measure(&samples).unwrap().is_clipped);
        samples[801..803].fill(i16::MIN);
        assert!(measure(&samples).unwrap().is_clipped);
    }

    #[test]
    fn what_is_shaped_measures_well() {
        for level in [-40, -16, -6] {
            let shaped = shape(&word(300, level, 700)).unwrap();
            let measured = measure(&shaped).unwrap();
            assert!(measured.silence_before_ms <= MARGIN_MS, "{measured:?}");
            assert!(measured.silence_after_ms <= MARGIN_MS, "{measured:?}");
            assert!(
                (measured.level_dbm0 - LEVEL_DBM0).abs() < 1.0,
                "{measured:?}"
            );
            assert_eq!((shaped[0], shaped[shaped.len() - 1]), (0, 0));
        }
        assert_eq!(shape(&silence(200)), None);
    }

    #[test]
    fn the_silence_before_a_sentence_is_put_behind_it() {
        // A faint consonant belongs to the sentence, noise before it does not.
        let noise: Vec<i16> = (0..250 * SAMPLES_PER_MS).map(|n| (n % 7) as i16).collect();
        let consonant = word(0, -50, 0);
        let sentence = [consonant.clone(), word(0, -16, 100)].concat();
        let moved = sound_first([noise.clone(), sentence.clone()].concat());
        let (left, after) = (30 * SAMPLES_PER_MS, 220 * SAMPLES_PER_MS);
        let expected = [&noise[after..], &sentence, &noise[..after]].concat();
        assert_eq!(noise.len() - after, left);
        assert_eq!(moved, expected);
        // What begins at once, and what is no speech, stays as it is.
        assert_eq!(sound_first(sentence.clone()), sentence);
        assert_eq!(sound_first(noise.clone()), noise);
        assert_eq!(sound_first(vec![]), []);
    }

    #[test]
    fn peaks_limit_the_level() {
        // A click in a faint tone would be clipped at the wanted level.
        let mut samples = word(0, -40, 0);
        samples[1000] = 20_000;
        let shaped = shape(&samples).unwrap();
        assert!(!measure(&shaped).unwrap().is_clipped);
        assert!(shaped.iter().all(|sample| sample.unsigned_abs() < 31_000));
    }
}
