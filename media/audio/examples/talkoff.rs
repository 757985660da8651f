//! Digits that the in-band detector finds in recordings that hold none:
//! `cargo run --release -p vireo-audio --example talkoff -- speech/*.wav`

use std::path::Path;

use vireo_audio::{dtmf, g711, prompt::Prompt, wav};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut milliseconds, mut digits) = (0_u64, 0);
    for file in std::env::args().skip(1) {
        let prompt = Prompt::from_audio(&file, wav::read(Path::new(&file))?)?;
        // As loud as a telephone carries it, ordinary, and soft.
        for attenuation in [0, 2, 4] {
            let samples: Vec<i16> = prompt
                .samples()
                .iter()
                .map(|sample| g711::ulaw_decode(g711::ulaw_encode(sample >> attenuation)))
                .collect();
            let mut detector = dtmf::Detector::new();
            detector.feed(&samples, |event| {
                if let dtmf::Event::End { digit, duration_ms } = event {
                    digits += 1;
                    println!(
                        "{file}: {digit} for {duration_ms} ms, attenuated {} dB",
                        attenuation * 6
                    );
                }
            });
            milliseconds += u64::from(prompt.duration_ms());
        }
    }
    println!(
        "{digits} digits in {:.1} minutes",
        milliseconds as f64 / 60_000.0
    );
    Ok(())
}
