//! The sound of a recording as a shape.

use vireo_audio::wav::Audio;

/// Points of a shape; more than a screen has.
const POINTS: usize = 1_600;

/// The loudest and the softest of each stretch of a recording.
#[derive(Debug)]
pub(super) struct Waveform {
    pub id: String,
    pub length_ms: u64,
    /// For each channel, -1 to 1: what the caller said, then what the caller heard; a message has one.
    pub channels: Vec<Vec<(f32, f32)>>,
}

impl Waveform {
    pub fn of(id: &str, audio: &Audio) -> Self {
        let channels = (0..audio.channels).map(|channel| shape(&audio.channel(channel)));
        Waveform {
            id: id.to_owned(),
            length_ms: audio.duration_ms().into(),
            channels: channels.collect(),
        }
    }
}

fn shape(samples: &[i16]) -> Vec<(f32, f32)> {
    let stretch = samples.len().div_ceil(POINTS).max(1);
    let share = |sample: i16| f32::from(sample) / 32_768.0;
    let peaks = samples.chunks(stretch).map(|stretch| {
        let least = stretch.iter().min().copied().unwrap_or_default();
        let most = stretch.iter().max().copied().unwrap_or_default();
        (share(least), share(most))
    });
    peaks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_the_peaks_of_each_channel() {
        let mut samples = vec![0; 2 * 16_000];
        samples[2 * 8_000] = 16_384;
        samples[2 * 8_000 + 1] = -32_768;
        let audio = Audio {
            rate: 8_000,
            channels: 2,
            samples,
        };
        let wave = Waveform::of("r", &audio);
        assert_eq!((wave.length_ms, wave.channels.len()), (2_000, 2));
        let at = POINTS / 2;
        assert_eq!(wave.channels[0][at], (0.0, 0.5));
        assert_eq!(wave.channels[1][at], (-1.0, 0.0));
        assert_eq!(wave.channels[0].len(), POINTS);
        assert_eq!(
            wave.channels[0]
                .iter()
                .filter(|peak| **peak != (0.0, 0.0))
                .count(),
            1
        );
        assert_eq!(shape(&[]), []);
        assert_eq!(shape(&[3]).len(), 1);
    }
}
