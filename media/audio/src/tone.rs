//! Tones of one or two sine waves.

use crate::{SAMPLE_RATE, SAMPLES_PER_MS, peak_of_sine};

/// Ramp at each end, so that a tone does not click.
const RAMP_MS: usize = 3;

/// The longest tone, ms: a minute.
pub const MAX_DURATION_MS: u32 = 60_000;

/// One or two sine waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// Hz, 50 to 3,800.
    pub frequency: u16,
    /// A second frequency added to the first; Hz, 50 to 3,800.
    pub second_frequency: Option<u16>,
    /// 1 to [`MAX_DURATION_MS`] ms.
    pub duration_ms: u32,
    /// Power of each sine, dBm0 (G.711: a full-scale sine is +3.14). Two sines of -3 dBm0 each just
    /// reach full scale.
    pub level_dbm0: i8,
}

/// The tone that asks a caller to speak.
pub const BEEP: Tone = Tone {
    frequency: 1000,
    second_frequency: None,
    duration_ms: 250,
    level_dbm0: -13,
};

/// Why a tone cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToneError {
    /// A frequency outside the telephone band.
    #[error("a tone of {0} Hz is not heard on a telephone; use 50 to 3800 Hz")]
    Frequency(u16),
    /// Nothing, or more than a minute.
    #[error("a tone of {0} ms is not possible; use 1 to {MAX_DURATION_MS} ms")]
    Duration(u32),
    /// Too loud or not audible.
    #[error("a tone of {0} dBm0 is not possible; use -60 to -3 dBm0")]
    Level(i8),
}

impl Tone {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ToneError> {
        for frequency in std::iter::once(self.frequency).chain(self.second_frequency) {
            if !(50..=3800).contains(&frequency) {
                return Err(ToneError::Frequency(frequency));
            }
        }
        if !(1..=MAX_DURATION_MS).contains(&self.duration_ms) {
            return Err(ToneError::Duration(self.duration_ms));
        }
        if !(-60..=-3).contains(&self.level_dbm0) {
            return Err(ToneError::Level(self.level_dbm0));
        }
        Ok(())
    }
}

/// The samples of a tone, its ends ramped over 3 ms (half the tone when it is shorter).
///
/// Values out of range are clamped to the nearest possible one; [`Tone::check`] finds them.
#[must_use]
pub fn render(tone: &Tone) -> Vec<i16> {
    let duration_ms = tone.duration_ms.clamp(1, MAX_DURATION_MS);
    let peak = f64::from(peak_of_sine(f32::from(tone.level_dbm0.clamp(-60, -3))));
    let frequencies = [Some(tone.frequency), tone.second_frequency].map(|hz| hz.map(f64::from));
    sum_of_sines(frequencies.map(|hz| (hz.unwrap_or(0.0), peak)), duration_ms)
}

/// Sines of (Hz, peak) that start at phase 0. An entry of 0 Hz is silent.
pub(crate) fn sum_of_sines(sines: [(f64, f64); 2], duration_ms: u32) -> Vec<i16> {
    let count = duration_ms as usize * SAMPLES_PER_MS;
    let ramp = (RAMP_MS * SAMPLES_PER_MS).min(count / 2);
    let step = std::f64::consts::TAU / f64::from(SAMPLE_RATE);
    (0..count)
        .map(|n| {
            let sum: f64 = sines
                .iter()
                .map(|(hz, peak)| peak * (n as f64 * hz * step).sin())
                .sum();
            let edge = n.min(count - 1 - n);
            let gain = if edge < ramp {
                raised_cosine(edge, ramp)
            } else {
                1.0
            };
            (sum * gain).round().clamp(-32768.0, 32767.0) as i16
        })
        .collect()
}

/// From nearly 0 to nearly 1 over `length` samples.
fn raised_cosine(n: usize, length: usize) -> f64 {
    let x = (n as f64 + 0.5) / length as f64;
    0.5 - 0.5 * (x * std::f64::consts::PI).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level_dbm0;

    #[test]
    fn a_tone_has_its_length_and_level() {
        for level in [-60, -30, -13, -3] {
            let tone = Tone {
                level_dbm0: level,
                duration_ms: 500,
                ..BEEP
            };
            let samples = render(&tone);
            assert_eq!(samples.len(), 4000);
            let heard = level_dbm0(&samples[400..3600]);
            assert!((heard - f32::from(level)).abs() < 0.2, "{level}: {heard}");
        }
        let two = Tone {
            second_frequency: Some(440),
            duration_ms: 1000,
            ..BEEP
        };
        let heard = level_dbm0(&render(&two)[400..7600]);
        assert!((heard - -10.0).abs() < 0.2, "two sines add 3 dB: {heard}");
    }

    #[test]
    fn the_ends_do_not_click() {
        for duration_ms in [5, 20, 250] {
            let samples = render(&Tone {
                level_dbm0: -3,
                duration_ms,
                ..BEEP
            });
            assert!(samples[0].abs() < 400, "{}", samples[0]);
            assert!(samples[samples.len() - 1].abs() < 400);
        }
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(BEEP.check(), Ok(()));
        let table = [
            (
                Tone {
                    frequency: 49,
                    ..BEEP
                },
                ToneError::Frequency(49),
            ),
            (
                Tone {
                    second_frequency: Some(3801),
                    ..BEEP
                },
                ToneError::Frequency(3801),
            ),
            (
                Tone {
                    duration_ms: 0,
                    ..BEEP
                },
                ToneError::Duration(0),
            ),
            (
                Tone {
                    duration_ms: 60_001,
                    ..BEEP
                },
                ToneError::Duration(60_001),
            ),
            (
                Tone {
                    level_dbm0: -2,
                    ..BEEP
                },
                ToneError::Level(-2),
            ),
            (
                Tone {
                    level_dbm0: -61,
                    ..BEEP
                },
                ToneError::Level(-61),
            ),
        ];
        for (tone, error) in table {
            assert_eq!(tone.check(), Err(error));
        }
        assert_eq!(
            render(&Tone {
                duration_ms: u32::MAX,
                ..BEEP
            })
            .len(),
            480_000
        );
    }
}
