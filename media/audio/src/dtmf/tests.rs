//! The matrix of Q.24 and of what hurts in practice: 16 digits times 20 alignments a case, through
//! mu-law, as a network would carry them.

use super::*;
use crate::g711::{ulaw_decode, ulaw_encode};

const DIGITS: &str = "0123456789*#ABCD";

/// Deterministic pseudo-random numbers, -1 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1 << 30) - 1.0
    }

    /// Nearly normal, of variance 1.
    fn gauss(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() / 2.0
    }
}

/// One digit as an imperfect sender makes it.
#[derive(Clone, Copy)]
struct Case {
    ms: f64,
    low_dbm0: f32,
    high_dbm0: f32,
    low_offset: f64,
    high_offset: f64,
    /// Noise below the sum of both tones, dB.
    snr: Option<f32>,
    /// Gain after which the sum clips.
    overdrive: f64,
}

const NOMINAL: Case = Case {
    ms: 50.0,
    low_dbm0: -10.0,
    high_dbm0: -10.0,
    low_offset: 0.0,
    high_offset: 0.0,
    snr: None,
    overdrive: 1.0,
};

impl Case {
    fn level(self, dbm0: f32) -> Self {
        Case {
            low_dbm0: dbm0,
            high_dbm0: dbm0,
            ..self
        }
    }

    fn ms(self, ms: f64) -> Self {
        Case { ms, ..self }
    }

    fn offset(self, low: f64, high: f64) -> Self {
        Case {
            low_offset: low,
            high_offset: high,
            ..self
        }
    }

    /// High over low, dB, with the louder one at -8 dBm0.
    fn twist(self, db: f32) -> Self {
        Case {
            low_dbm0: -8.0 - db.max(0.0),
            high_dbm0: -8.0 + db.min(0.0),
            ..self
        }
    }

    fn samples(&self, digit: char, rng: &mut Noise) -> Vec<i16> {
        let (low, high) = frequencies(digit).unwrap();
        let sines = [
            (
                low * (1.0 + self.low_offset),
                peak_of_sine(self.low_dbm0),
                rng.next(),
            ),
            (
                high * (1.0 + self.high_offset),
                peak_of_sine(self.high_dbm0),
                rng.next(),
            ),
        ];
        let lead = 800 + ((rng.next() + 1.0) * 60.0) as usize;
        let length = (self.ms * 8.0) as usize;
        let power: f64 = sines.iter().map(|s| f64::from(s.1).powi(2) / 2.0).sum();
        let noise = self.snr.map_or(0.0, |snr| {
            (power / 10.0_f64.powf(f64::from(snr) / 10.0)).sqrt()
        });
        (0..lead + length + 800)
            .map(|n| {
                let mut x = noise * rng.gauss();
                if (lead..lead + length).contains(&n) {
                    for (hz, peak, phase) in sines {
                        let angle = hz * n as f64 / 8000.0 + phase;
                        x += f64::from(peak) * (angle * std::f64::consts::TAU).sin();
                    }
                }
                through_ulaw((x * self.overdrive).clamp(-32768.0, 32767.0) as i16)
            })
            .collect()
    }

    /// In how many of 320 trials exactly this digit was found, and in how many nothing at all.
    fn run(&self) -> (usize, usize) {
        let mut rng = Noise(42);
        let (mut right, mut none) = (0, 0);
        for digit in DIGITS.chars() {
            for _ in 0..20 {
                let found = detect(&self.samples(digit, &mut rng));
                right += usize::from(found == digit.to_string());
                none += usize::from(found.is_empty());
            }
        }
        (right, none)
    }
}

fn through_ulaw(sample: i16) -> i16 {
    ulaw_decode(ulaw_encode(sample))
}

fn events(samples: &[i16]) -> Vec<Event> {
    let mut detector = Detector::new();
    let mut events = Vec::new();
    for frame in samples.chunks(160) {
        detector.feed(frame, |event| events.push(event));
    }
    events.extend(detector.reset());
    events
}

/// The digits that ended; each must have started before.
fn detect(samples: &[i16]) -> String {
    let mut found = String::new();
    let mut sounding = None;
    for event in events(samples) {
        match event {
            Event::Start(digit) => {
                assert_eq!(sounding.replace(digit), None, "a start inside a digit");
            }
            Event::End { digit, .. } => {
                assert_eq!(sounding.take(), Some(digit), "an end without its start");
                found.push(digit);
            }
        }
    }
    assert_eq!(sounding, None, "a digit without its end");
    found
}

#[test]
fn every_digit_is_found_where_q24_demands_it() {
    let table = [
        ("nominal", NOMINAL, 320),
        ("40 ms", NOMINAL.ms(40.0), 320),
        (
            "0 dBm0 a tone, clipped",
            Case {
                overdrive: 2.0,
                ..NOMINAL.level(-3.0)
            },
            320,
        ),
        ("-25 dBm0", NOMINAL.level(-25.0), 320),
        ("-35 dBm0", NOMINAL.level(-35.0), 318),
        ("both +1.5 %", NOMINAL.offset(0.015, 0.015), 320),
        ("both -1.5 %", NOMINAL.offset(-0.015, -0.015), 320),
        ("+1.5 % and -1.5 %", NOMINAL.offset(0.015, -0.015), 320),
        (
            "both +1.5 %, 40 ms",
            NOMINAL.offset(0.015, 0.015).ms(40.0),
            316,
        ),
        ("low +1.8 %", NOMINAL.offset(0.018, 0.0), 320),
        ("high -1.8 %", NOMINAL.offset(0.0, -0.018), 320),
        ("twist +4 dB", NOMINAL.twist(4.0), 320),
        ("twist +6 dB", NOMINAL.twist(6.0), 320),
        ("twist -8 dB", NOMINAL.twist(-8.0), 320),
        (
            "twist +4 dB, both +1.5 %",
            NOMINAL.twist(4.0).offset(0.015, 0.015),
            318,
        ),
        (
            "twist -8 dB, both -1.5 %",
            NOMINAL.twist(-8.0).offset(-0.015, -0.015),
            318,
        ),
        (
            "noise 15 dB below",
            Case {
                snr: Some(15.0),
                ..NOMINAL
            },
            320,
        ),
        (
            "noise 10 dB below",
            Case {
                snr: Some(10.0),
                ..NOMINAL
            },
            316,
        ),
        ("a second long", NOMINAL.ms(1000.0), 320),
    ];
    for (name, case, at_least) in table {
        let (right, _) = case.run();
        println!("{name:30} {right}/320");
        assert!(right >= at_least, "{name}: {right} of 320");
    }
}

#[test]
fn what_q24_forbids_is_rejected() {
    let table = [
        ("both +3.5 %", NOMINAL.offset(0.035, 0.035), 320),
        ("both -3.5 %", NOMINAL.offset(-0.035, -0.035), 320),
        ("high +3.5 %", NOMINAL.offset(0.0, 0.035), 300),
        ("twist +12 dB", NOMINAL.twist(12.0), 320),
        ("twist -14 dB", NOMINAL.twist(-14.0), 320),
        ("23 ms", NOMINAL.ms(23.0), 320),
        ("22 ms, loud", NOMINAL.ms(22.0).level(-3.0), 320),
        ("-50 dBm0", NOMINAL.level(-50.0), 320),
    ];
    for (name, case, at_least) in table {
        let (_, none) = case.run();
        println!("{name:30} {none}/320 rejected");
        assert!(none >= at_least, "{name}: {none} of 320 rejected");
    }
}

#[test]
fn the_length_is_told_within_5_ms() {
    let mut rng = Noise(7);
    for ms in [40.0, 55.0, 100.0, 400.0, 2000.0] {
        for digit in DIGITS.chars() {
            let all = events(&NOMINAL.ms(ms).samples(digit, &mut rng));
            let [Event::Start(_), Event::End { duration_ms, .. }] = all[..] else {
                panic!("{ms} {digit}: {all:?}");
            };
            assert!(
                (f64::from(duration_ms) - ms).abs() <= 5.0,
                "{digit} {ms} ms: {duration_ms}"
            );
        }
    }
}

/// Digits of `on` ms with pauses of `off` ms.
fn stream(digits: &str, on: u32, off: usize) -> Vec<i16> {
    let mut samples = vec![0; 400];
    for digit in digits.chars() {
        samples.extend(generate(digit, on, -10.0).unwrap());
        samples.extend(std::iter::repeat_n(0, off * SAMPLES_PER_MS));
    }
    samples.extend([0; 800]);
    samples.into_iter().map(through_ulaw).collect()
}

fn random_digits(count: usize) -> String {
    let mut rng = Noise(3);
    let digits: Vec<char> = DIGITS.chars().collect();
    (0..count)
        .map(|_| digits[((rng.next() + 1.0) * 7.99) as usize])
        .collect()
}

#[test]
fn streams_are_read_exactly() {
    let digits = random_digits(400);
    for (on, off) in [(60, 60), (40, 40), (100, 100), (50, 45), (70, 40)] {
        assert_eq!(detect(&stream(&digits, on, off)), digits, "{on}/{off} ms");
    }
}

#[test]
fn a_lost_packet_never_doubles_a_digit() {
    let digits = random_digits(400);
    let mut samples = stream(&digits, 100, 100);
    let mut rng = Noise(11);
    for frame in samples.chunks_mut(160) {
        if rng.next() > 0.9 {
            frame.fill(0);
        }
    }
    // 5 % lost as silence: each digit still comes once or, rarely, not at all.
    let found = detect(&samples);
    assert!(found.len() <= digits.len(), "{} digits of 400", found.len());
    assert!(found.len() >= 390, "{} digits of 400", found.len());
}

#[test]
fn a_digit_that_follows_without_a_pause_is_its_own() {
    assert_eq!(detect(&stream("159D", 80, 0)), "159D");
}

#[test]
fn any_cut_of_the_stream_gives_the_same_events() {
    let samples = stream("0123456789*#ABCD", 60, 60);
    let whole = events(&samples);
    for size in [1, 7, 80, 240, 333, samples.len()] {
        let mut detector = Detector::new();
        let mut found = Vec::new();
        for piece in samples.chunks(size) {
            detector.feed(piece, |event| found.push(event));
        }
        found.extend(detector.reset());
        assert_eq!(found, whole, "pieces of {size}");
    }
}

/// Something like speech: a glottal pulse train with vibrato through three moving
/// formants, with fricative noise and pauses.
fn speech_like(seed: u64, seconds: usize, peak: f64) -> Vec<i16> {
    let mut rng = Noise(seed);
    let mut samples = Vec::with_capacity(seconds * 8000);
    while samples.len() < seconds * 8000 {
        let length = 800 + ((rng.next() + 1.0) * 1200.0) as usize;
        let pitch = 150.0 + 90.0 * rng.next();
        let glide = rng.next() * 0.2;
        let formants = [
            (500.0 + 250.0 * rng.next(), 60.0),
            (1500.0 + 700.0 * rng.next(), 90.0),
            (2600.0 + 400.0 * rng.next(), 120.0),
        ];
        let voiced = rng.next() > -0.6;
        let mut filters = [(0.0_f64, 0.0_f64); 3];
        let mut phase = 0.0;
        let mut syllable = Vec::with_capacity(length);
        for n in 0..length {
            let position = n as f64 / length as f64;
            phase += pitch * (1.0 + glide * position) / 8000.0;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let excitation = if voiced {
                pulse + 0.01 * rng.next()
            } else {
                0.2 * rng.next()
            };
            let mut sum = 0.0;
            for (k, (hz, width)) in formants.iter().enumerate() {
                let r = (-std::f64::consts::PI * width / 8000.0).exp();
                let hz = hz * (1.0 + 0.1 * position);
                let c = 2.0 * r * (std::f64::consts::TAU * hz / 8000.0).cos();
                let y = excitation + c * filters[k].0 - r * r * filters[k].1;
                filters[k] = (y, filters[k].0);
                sum += y / (1.0 + k as f64);
            }
            syllable.push(sum * (position * std::f64::consts::PI).sin());
        }
        let loudest = syllable.iter().fold(1e-9_f64, |max, x| max.max(x.abs()));
        samples.extend(
            syllable
                .iter()
                .map(|x| through_ulaw((x / loudest * peak) as i16)),
        );
        let pause = ((rng.next() + 1.0) * 400.0) as usize;
        samples.extend(std::iter::repeat_n(0, pause));
    }
    samples
}

#[test]
fn speech_like_sound_is_hardly_ever_a_digit() {
    let found: String = [(1, 30_000.0), (2, 8_000.0), (3, 2_000.0)]
        .into_iter()
        .map(|(seed, peak)| detect(&speech_like(seed, 400, peak)))
        .collect();
    // Twenty minutes of vowels whose formants ring like tones, much nearer to DTMF than a voice.
    assert!(found.len() <= 1, "talk-off: {found}");
}

#[test]
fn noise_and_call_progress_tones_are_no_digit() {
    let mut rng = Noise(5);
    let noise: Vec<i16> = (0..480_000)
        .map(|_| (rng.gauss() * 3000.0) as i16)
        .collect();
    assert_eq!(detect(&noise), "");
    for (frequency, second) in [
        (350, 440),
        (440, 480),
        (480, 620),
        (425, 0),
        (1100, 0),
        (2100, 0),
        (941, 0),
    ] {
        let tone = tone::Tone {
            frequency,
            second_frequency: (second > 0).then_some(second),
            duration_ms: 3000,
            level_dbm0: -10,
        };
        assert_eq!(detect(&tone::render(&tone)), "", "{frequency}+{second} Hz");
    }
}

#[test]
fn generate_knows_its_digits() {
    assert_eq!(generate('E', 100, -10.0), None);
    assert_eq!(generate('a', 100, -10.0), generate('A', 100, -10.0));
    let samples = generate('5', 100, -10.0).unwrap();
    assert_eq!(samples.len(), 800);
    assert!((crate::level_dbm0(&samples[80..720]) - -7.0).abs() < 0.3);
}

#[test]
fn sounding_tells_the_digit_that_has_not_ended() {
    let mut detector = Detector::new();
    detector.feed(&generate('7', 60, -10.0).unwrap(), |_| {});
    assert_eq!(detector.sounding(), Some('7'));
    assert!(matches!(
        detector.reset(),
        Some(Event::End { digit: '7', .. })
    ));
    assert_eq!(detector.sounding(), None);
}
