//! The plainest WAV reader and writer: 16-bit PCM, so that recordings are judged by other eyes than
//! our own.

use std::path::Path;

/// Samples of a file, channels interleaved.
#[derive(Debug, Clone)]
pub struct Wav {
    /// Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Channels interleaved.
    pub samples: Vec<i16>,
}

impl Wav {
    /// Writes a file, and the directories that it lies in.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, path: &Path) {
        let data: Vec<u8> = (self.samples.iter())
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let length = u32::try_from(data.len()).unwrap();
        let block = self.channels * 2;
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + length).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        bytes.extend(self.channels.to_le_bytes());
        bytes.extend(self.rate.to_le_bytes());
        bytes.extend((self.rate * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(b"\x10\0data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(data);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Reads a file.
    ///
    /// # Panics
    /// It is no 16-bit PCM WAV file.
    pub fn read(path: &Path) -> Self {
        let bytes =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WAVE",
            "{}",
            path.display()
        );
        let (mut at, mut format) = (12, None);
        while at + 8 <= bytes.len() {
            let size = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
            let body = &bytes[at + 8..(at + 8 + size).min(bytes.len())];
            match &bytes[at..at + 4] {
                b"fmt " => {
                    let u16_at =
                        |at: usize| u16::from_le_bytes(body[at..at + 2].try_into().unwrap());
                    assert_eq!(
                        (u16_at(0), u16_at(14)),
                        (1, 16),
                        "{}: 16-bit PCM",
                        path.display()
                    );
                    format = Some((
                        u16_at(2),
                        u32::from_le_bytes(body[4..8].try_into().unwrap()),
                    ));
                }
                b"data" => {
                    let (channels, rate) = format.expect("fmt before data");
                    let samples = body
                        .as_chunks::<2>()
                        .0
                        .iter()
                        .map(|pair| i16::from_le_bytes(*pair))
                        .collect();
                    return Self {
                        rate,
                        channels,
                        samples,
                    };
                }
                _ => {}
            }
            at += 8 + size + size % 2;
        }
        panic!("{}: no data chunk", path.display());
    }

    /// One channel.
    pub fn channel(&self, number: usize) -> Vec<i16> {
        self.samples
            .iter()
            .skip(number)
            .step_by(usize::from(self.channels))
            .copied()
            .collect()
    }
}

/// Where `reference` is best heard in `heard` and how well: offset in samples, and the normalised
/// correlation (1: the same but for level).
pub fn find(reference: &[i16], heard: &[i16]) -> (usize, f64) {
    // Every offset, by every seventh sample; then the best one by all of them. A coarser grid of
    // offsets would step over the peak: it is as narrow as half a period of the highest tone.
    let offsets = 0..heard.len().saturating_sub(reference.len() / 2);
    let scores = offsets.map(|at| (at, correlation(reference, &heard[at..], 7)));
    match scores.max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((at, _)) => (at, correlation(reference, &heard[at..], 1)),
        None => (0, 0.0),
    }
}

fn correlation(a: &[i16], b: &[i16], step: usize) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0, 1.0, 1.0);
    for (x, y) in a.iter().zip(b).step_by(step) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt()
}
