//! Packet loss concealment for G.711, in the manner of ITU-T G.711 Appendix I, without its delay.
//!
//! The last pitch period is repeated, its seam blended; from 10 ms on it fades, and 60 ms into a
//! gap there is silence. When sound comes back, its first milliseconds are blended with what the
//! concealment would have gone on with, so that neither seam clicks.

use std::ops::RangeInclusive;

use crate::SAMPLES_PER_MS;
use crate::sums::products;

/// Shortest pitch period, samples: 200 Hz, as in Appendix I.
const PITCH_MIN: usize = 40;
/// Longest pitch period, samples: 66 Hz.
const PITCH_MAX: usize = 120;
/// Samples that are compared to find the pitch: 20 ms.
const WINDOW: usize = 20 * SAMPLES_PER_MS;
/// Samples that are kept.
const HISTORY: usize = WINDOW + PITCH_MAX;
/// Full strength until here, samples.
const FADE_START: usize = 10 * SAMPLES_PER_MS;
/// Silence from here on, samples.
const FADE_END: usize = 60 * SAMPLES_PER_MS;
/// Length of the blend when sound comes back, samples; longer gaps, longer blends.
const BLEND_MIN: usize = 4 * SAMPLES_PER_MS;
const BLEND_MAX: usize = 10 * SAMPLES_PER_MS;

/// Conceals what a stream lost.
#[derive(Debug, Clone)]
pub struct Concealer {
    /// The last samples, oldest first. While a gap lasts, what was heard before it.
    history: [i16; HISTORY],
    /// One pitch period, its end blended into its beginning.
    period: [f32; PITCH_MAX],
    pitch: usize,
    /// Samples concealed since the last good frame.
    concealed: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// A concealer at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Concealer {
            history: [0; HISTORY],
            period: [0.0; PITCH_MAX],
            pitch: PITCH_MIN,
            concealed: 0,
        }
    }

    /// Takes a frame that arrived. After a gap its beginning is blended with the concealment,
    /// otherwise it is left alone.
    pub fn good(&mut self, frame: &mut [i16]) {
        if self.concealed > 0 {
            let blend = (BLEND_MIN + self.concealed / 10)
                .min(BLEND_MAX)
                .min(frame.len());
            for (n, sample) in frame[..blend].iter_mut().enumerate() {
                let x = (n as f32 + 1.0) / (blend as f32 + 1.0);
                let old = self.next();
                *sample = (f32::from(*sample) * x + old * (1.0 - x)) as i16;
            }
            self.concealed = 0;
        }
        self.remember(frame);
    }

    /// Fills a frame that did not arrive.
    pub fn conceal(&mut self, frame: &mut [i16]) {
        if self.concealed == 0 {
            self.begin();
        }
        for sample in &mut *frame {
            *sample = self.next() as i16;
        }
        self.remember(frame);
    }

    /// Forgets the stream, as after a source changed.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    fn remember(&mut self, frame: &[i16]) {
        let frame = &frame[frame.len().saturating_sub(HISTORY)..];
        self.history.copy_within(frame.len().., 0);
        self.history[HISTORY - frame.len()..].copy_from_slice(frame);
    }

    /// Takes the last pitch period out of the history. Its last quarter is blended with the quarter
    /// before the period, so that it can be repeated without a seam.
    fn begin(&mut self) {
        self.pitch = find_pitch(&self.history);
        let (pitch, start) = (self.pitch, HISTORY - self.pitch);
        for n in 0..pitch {
            self.period[n] = f32::from(self.history[start + n]);
        }
        // The history ends where the period ends; what follows is the period's beginning.
        let quarter = pitch / 4;
        for n in 0..quarter {
            let x = (n as f32 + 1.0) / (quarter as f32 + 1.0);
            let at = pitch - quarter + n;
            let before = f32::from(self.history[start - quarter + n]);
            self.period[at] = self.period[at] * (1.0 - x) + before * x;
        }
    }

    /// The next concealed sample.
    fn next(&mut self) -> f32 {
        let n = self.concealed;
        self.concealed = n.saturating_add(1);
        if n >= FADE_END {
            return 0.0;
        }
        let faded = n.saturating_sub(FADE_START) as f32 / (FADE_END - FADE_START) as f32;
        self.period[n % self.pitch] * (1.0 - faded)
    }
}

/// The lag, samples, at which the last 20 ms resemble what came before them most: first by every
/// second sample, then exactly around the best.
fn find_pitch(history: &[i16; HISTORY]) -> usize {
    let all = history.map(f32::from);
    let mut half = [0.0; HISTORY / 2];
    for (sample, pair) in half.iter_mut().zip(all.as_chunks::<2>().0) {
        *sample = pair[0] + pair[1];
    }
    let coarse = 2 * best_lag(&half, WINDOW / 2, PITCH_MIN / 2..=PITCH_MAX / 2);
    let near = coarse.saturating_sub(1).max(PITCH_MIN)..=(coarse + 1).min(PITCH_MAX);
    best_lag(&all, WINDOW, near)
}

fn best_lag(history: &[f32], window: usize, lags: RangeInclusive<usize>) -> usize {
    let start = history.len() - window;
    let mut best = (*lags.start(), f64::MIN);
    for lag in lags {
        let (product, energy) = products(&history[start..], &history[start - lag..][..window]);
        let likeness = product / energy.max(1.0).sqrt();
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level_dbm0;
    use crate::tone::{Tone, render};

    fn hum(hz: u16, ms: u32) -> Vec<i16> {
        render(&Tone {
            frequency: hz,
            second_frequency: Some(hz * 2),
            duration_ms: ms,
            level_dbm0: -15,
        })
    }

    fn largest_step(samples: &[i16]) -> i32 {
        samples
            .windows(2)
            .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs())
            .max()
            .unwrap()
    }

    #[test]
    fn a_stream_without_loss_is_untouched() {
        let mut plc = Concealer::new();
        let signal = hum(200, 200);
        let mut heard = signal.clone();
        for frame in heard.chunks_mut(160) {
            plc.good(frame);
        }
        assert_eq!(heard, signal);
    }

    #[test]
    fn a_lost_frame_of_a_periodic_sound_is_hardly_different() {
        for hz in [80, 100, 133, 160, 200] {
            let signal = hum(hz, 400);
            let mut heard = signal.clone();
            let mut plc = Concealer::new();
            for (n, frame) in heard.chunks_mut(160).enumerate() {
                if n % 7 == 6 {
                    plc.conceal(frame)
                } else {
                    plc.good(frame)
                }
            }
            let difference: Vec<i16> = heard
                .iter()
                .zip(&signal)
                .map(|(a, b)| a.wrapping_sub(*b))
                .collect();
            let snr = level_dbm0(&signal) - level_dbm0(&difference);
            assert!(snr > 15.0, "{hz} Hz: {snr} dB");
            assert!(
                largest_step(&heard) < 2 * largest_step(&signal),
                "{hz} Hz clicks"
            );
        }
    }

    #[test]
    fn a_long_gap_fades_to_silence_and_comes_back() {
        let signal = hum(150, 400);
        let mut plc = Concealer::new();
        for frame in signal[..1600].chunks(160) {
            plc.good(&mut frame.to_vec());
        }
        let levels: Vec<f32> = (0..5)
            .map(|_| {
                let mut frame = [1; 160];
                plc.conceal(&mut frame);
                level_dbm0(&frame)
            })
            .collect();
        assert!(
            levels[0] > -16.0 && levels[0] > levels[1] && levels[1] > levels[2],
            "{levels:?}"
        );
        assert_eq!(levels[3..], [crate::SILENCE_DBM0; 2]);
        let mut frame = signal[1600..1760].to_vec();
        plc.good(&mut frame);
        assert!(frame[0].abs() < 1000, "blended in");
        assert_eq!(frame[80..], signal[1680..1760]);
    }

    #[test]
    fn hostile_sizes_and_full_scale_do_no_harm() {
        let mut plc = Concealer::new();
        plc.conceal(&mut []);
        plc.good(&mut []);
        plc.conceal(&mut [5; 3000]);
        plc.good(&mut [i16::MIN; 1]);
        plc.good(&mut [i16::MIN; 1000]);
        plc.conceal(&mut [0; 100]);
        plc.good(&mut [i16::MAX; 100]);
    }
}
