//! Voice activity by energy: good enough to end a recording after silence, and cheap.
//!
//! A frame is active when it is well above the noise floor, which is the quietest that the last
//! seconds were. Speech pauses often enough for that; a steady noise, tone or hum therefore becomes
//! background after [`FLOOR_MS`], which is what the end of a message needs (a caller who hung up
//! into a busy tone has stopped talking).

use crate::{SAMPLES_PER_MS, level_dbm0};

/// Speech is so much above the noise floor, dB.
const MARGIN_DB: f32 = 8.0;
/// Speech is never quieter than this, dBm0.
const MIN_LEVEL_DBM0: f32 = -50.0;
/// The floor is believed to lie in this range, dBm0.
const FLOOR_RANGE_DBM0: (f32, f32) = (-70.0, -3.0);
/// So much activity in a row makes speech; a click does not.
const ONSET_MS: u32 = 40;
/// Speech goes on for so long after the last active frame: soft ends of words, short pauses.
const HANGOVER_MS: u32 = 250;
/// Time over which the floor is the quietest moment.
pub const FLOOR_MS: u32 = 1600;
/// It is kept in so many pieces, so that an old minimum can be forgotten.
const PIECES: usize = 4;
/// Weight of a new 20 ms frame in the level that the floor follows: single frames of noise scatter.
const SMOOTHING: f32 = 0.3;

/// Is somebody speaking?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Speech, its hangover included.
    Speech,
    /// Nothing, or steady noise.
    Silence,
}

/// Tells speech from silence, frame by frame. Deterministic.
#[derive(Debug, Clone)]
pub struct Detector {
    smoothed_dbm0: f32,
    /// Quietest moments of the last pieces of time, the current one last.
    minima: [f32; PIECES],
    piece_ms: u32,
    active_ms: u32,
    since_active_ms: Option<u32>,
    silence_ms: u32,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector at the start of a stream. It believes in a quiet line until it knows better.
    #[must_use]
    pub fn new() -> Self {
        Detector {
            smoothed_dbm0: FLOOR_RANGE_DBM0.0,
            minima: [FLOOR_RANGE_DBM0.0; PIECES],
            piece_ms: 0,
            active_ms: 0,
            since_active_ms: None,
            silence_ms: 0,
        }
    }

    /// A detector at the start of a stream whose noise is not known: what is there from the first moment is
    /// background until something is louder. Somebody who speaks already is found in the first pause.
    #[must_use]
    pub fn for_unknown_line() -> Self {
        let unknown = FLOOR_RANGE_DBM0.1;
        Detector {
            smoothed_dbm0: unknown,
            minima: [unknown; PIECES],
            ..Self::new()
        }
    }

    /// Takes the next frame, best 10 to 40 ms of it. An empty one changes nothing.
    pub fn feed(&mut self, frame: &[i16]) -> Activity {
        let ms = u32::try_from(frame.len() / SAMPLES_PER_MS).unwrap_or(u32::MAX);
        if ms == 0 {
            return self.activity();
        }
        let level = level_dbm0(frame);
        let active = level >= MIN_LEVEL_DBM0 && level >= self.floor_dbm0() + MARGIN_DB;
        self.follow_floor(level, ms);
        if active {
            self.active_ms = self.active_ms.saturating_add(ms);
        } else {
            self.active_ms = 0;
        }
        self.since_active_ms = match self.since_active_ms {
            _ if self.active_ms >= ONSET_MS => Some(0),
            // Within speech, any activity keeps it alive.
            Some(_) if active => Some(0),
            Some(since) if since + ms < HANGOVER_MS => Some(since + ms),
            _ => None,
        };
        self.silence_ms = match self.since_active_ms {
            Some(since) => since,
            None => self.silence_ms.saturating_add(ms),
        };
        self.activity()
    }

    /// What the last frame was.
    #[must_use]
    pub fn activity(&self) -> Activity {
        match self.since_active_ms {
            Some(_) => Activity::Speech,
            None => Activity::Silence,
        }
    }

    /// Time since the last speech, or since the start of the stream, ms. The hangover counts: it
    /// is what a recording that ends by silence has to cut off.
    #[must_use]
    pub fn silence_ms(&self) -> u32 {
        self.silence_ms
    }

    /// The noise floor, dBm0.
    #[must_use]
    pub fn floor_dbm0(&self) -> f32 {
        let quietest = self.minima.iter().copied().fold(f32::MAX, f32::min);
        quietest.clamp(FLOOR_RANGE_DBM0.0, FLOOR_RANGE_DBM0.1)
    }

    fn follow_floor(&mut self, level: f32, ms: u32) {
        let weight = (SMOOTHING * ms as f32 / 20.0).min(1.0);
        self.smoothed_dbm0 += (level.max(FLOOR_RANGE_DBM0.0) - self.smoothed_dbm0) * weight;
        self.piece_ms = self.piece_ms.saturating_add(ms);
        if self.piece_ms > FLOOR_MS / PIECES as u32 {
            self.minima.rotate_left(1);
            self.minima[PIECES - 1] = self.smoothed_dbm0;
            self.piece_ms = ms;
        }
        let current = &mut self.minima[PIECES - 1];
        *current = current.min(self.smoothed_dbm0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, render};

    /// Deterministic white noise at a level, by a linear congruential generator.
    fn noise(seed: u32, level: f32, ms: usize) -> Vec<i16> {
        let mut state = seed;
        let peak = crate::peak_of_sine(level) * 1.5_f32.sqrt();
        (0..ms * SAMPLES_PER_MS)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) as f32 / (1 << 23) as f32 * peak - peak) as i16
            })
            .collect()
    }

    /// Syllables: 160 ms of voiced sound, 80 ms of pause, over a noise.
    fn speech(level: i8, noise_level: f32, ms: usize) -> Vec<i16> {
        let syllable = render(&Tone {
            frequency: 140,
            second_frequency: Some(560),
            duration_ms: 160,
            level_dbm0: level,
        });
        let mut samples = noise(7, noise_level, ms);
        for (n, sample) in samples.iter_mut().enumerate() {
            if let Some(voice) = syllable.get(n % (240 * SAMPLES_PER_MS)) {
                *sample = sample.saturating_add(*voice);
            }
        }
        samples
    }

    fn speech_ms(detector: &mut Detector, samples: &[i16], frame_ms: usize) -> usize {
        samples
            .chunks(frame_ms * SAMPLES_PER_MS)
            .filter(|frame| detector.feed(frame) == Activity::Speech)
            .count()
            * frame_ms
    }

    #[test]
    fn silence_is_silence_and_its_length_is_told() {
        let mut detector = Detector::new();
        assert_eq!(speech_ms(&mut detector, &[0; 8000], 20), 0);
        assert_eq!(detector.silence_ms(), 1000);
    }

    #[test]
    fn speech_is_found_at_every_level_noise_and_frame_size() {
        for (level, noise_level) in [
            (-10, -70.0),
            (-25, -60.0),
            (-35, -60.0),
            (-20, -40.0),
            (-15, -32.0),
        ] {
            for frame_ms in [10, 20, 30, 40] {
                let mut detector = Detector::new();
                // The floor is learnt in the first two seconds of noise.
                speech_ms(&mut detector, &noise(1, noise_level, 2400), frame_ms);
                assert_eq!(
                    detector.activity(),
                    Activity::Silence,
                    "{level} {noise_level} {frame_ms}"
                );
                let talk = speech(level, noise_level, 4800);
                let found = speech_ms(&mut detector, &talk, frame_ms);
                assert!(
                    found >= 4600,
                    "{level} {noise_level} {frame_ms}: {found} of 4800 ms"
                );
                let after = speech_ms(&mut detector, &noise(2, noise_level, 3000), frame_ms);
                assert!(
                    after <= 320,
                    "{level} {noise_level} {frame_ms}: {after} ms after its end"
                );
                let silence = detector.silence_ms();
                // The last syllable ends 80 ms before the noise begins.
                assert!(
                    (3000..=3120).contains(&silence),
                    "{level} {noise_level}: {silence}"
                );
            }
        }
    }

    #[test]
    fn steady_noise_and_tones_become_background() {
        for samples in [
            noise(3, -30.0, 6000),
            render(&Tone {
                duration_ms: 6000,
                ..crate::tone::BEEP
            }),
        ] {
            let mut detector = Detector::new();
            speech_ms(&mut detector, &samples[..2000 * SAMPLES_PER_MS], 20);
            assert_eq!(
                speech_ms(&mut detector, &samples[2400 * SAMPLES_PER_MS..], 20),
                0
            );
        }
    }

    #[test]
    fn noise_from_the_first_moment_is_background_on_an_unknown_line() {
        for level in [-60.0, -45.0, -30.0] {
            let mut detector = Detector::for_unknown_line();
            assert_eq!(speech_ms(&mut detector, &noise(1, level, 4000), 20), 0);
            let found = speech_ms(&mut detector, &speech(-12, level, 2400), 20);
            assert!(found >= 2300, "{level}: {found} of 2400 ms");
        }
        let mut detector = Detector::for_unknown_line();
        let found = speech_ms(&mut detector, &speech(-20, -60.0, 2400), 20);
        assert!(found >= 2000, "from the first moment: {found} of 2400 ms");
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut detector = Detector::new();
        let mut samples = noise(5, -60.0, 3000);
        samples[16_000..16_080].fill(12_000);
        assert_eq!(speech_ms(&mut detector, &samples, 20), 0);
    }

    #[test]
    fn noise_that_grows_is_followed() {
        let mut detector = Detector::new();
        speech_ms(&mut detector, &noise(1, -60.0, 2000), 20);
        speech_ms(&mut detector, &noise(1, -38.0, 2400), 20);
        assert_eq!(speech_ms(&mut detector, &noise(9, -38.0, 3000), 20), 0);
    }
}
