//! The prompts of the bench: tones, so that a probe can tell from a packet alone which prompt it
//! belongs to.
//!
//! Every second prompt of a scenario is high, the others are low: each 20 ms of a prompt are the
//! same 160 bytes, with 40 or with 20 changes of sign. What a prompt sounds like makes no
//! difference to what it costs.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use vireo_tests::rtp::ulaw_encode;

use crate::error::{Context, Result};

/// Samples of 20 ms.
pub const FRAME: usize = 160;
const LOW_HZ: f64 = 500.0;
const HIGH_HZ: f64 = 1000.0;

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The first prompt, and every second one after it.
    Low,
    /// The others.
    High,
    /// Neither.
    Silence,
}

impl Tone {
    /// Of the payload of a packet, PCMU or PCMA: both have the sign in bit 7.
    pub fn of(payload: &[u8]) -> Self {
        let first = payload.first().copied().unwrap_or(0);
        if payload.iter().all(|byte| *byte == first) {
            return Self::Silence;
        }
        let changes = payload
            .windows(2)
            .filter(|pair| (pair[0] ^ pair[1]) & 0x80 != 0)
            .count();
        // 19 and 39 of them within a full packet.
        match changes * FRAME / payload.len().max(1) {
            10..=28 => Self::Low,
            29..=60 => Self::High,
            _ => Self::Silence,
        }
    }

    /// A packet of it, as PCMU.
    pub fn frame(self) -> [u8; FRAME] {
        let mut frame = [0xff; FRAME];
        for (index, byte) in frame.iter_mut().enumerate() {
            match self {
                Self::Low => *byte = ulaw_encode(sample(LOW_HZ, index)),
                Self::High => *byte = ulaw_encode(sample(HIGH_HZ, index)),
                Self::Silence => {}
            }
        }
        frame
    }
}

/// Half a sample off, so that none of them is 0 and has no sign.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn sample(hertz: f64, index: usize) -> i16 {
    (8_000.0 * (TAU * hertz * (index as f64 + 0.5) / 8_000.0).sin()) as i16
}

/// Writes the prompts of the flows `ivra` and `ivrb`.
pub fn write_prompts(directory: &Path) -> Result<()> {
    let prompts = [
        ("en/test/eight-seconds.wav", LOW_HZ, 8),
        ("en/test/four-seconds.wav", HIGH_HZ, 4),
        ("en/vireo/apology.wav", LOW_HZ, 1),
    ];
    for (name, hertz, seconds) in prompts {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).context(|| format!("{}", parent.display()))?;
        fs::write(&path, wav(hertz, seconds * 8_000)).context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

/// 16-bit mono PCM at 8 kHz.
fn wav(hertz: f64, samples: u32) -> Vec<u8> {
    let bytes = samples * 2;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&8_000_u32.to_le_bytes());
    file.extend_from_slice(&16_000_u32.to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&bytes.to_le_bytes());
    for index in 0..samples as usize {
        file.extend_from_slice(&sample(hertz, index % FRAME).to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_which_prompt_it_is_of() {
        for tone in [Tone::Low, Tone::High, Tone::Silence] {
            assert_eq!(Tone::of(&tone.frame()), tone);
        }
        assert_eq!(Tone::of(&[]), Tone::Silence);
        let half = &Tone::High.frame()[..80];
        assert_eq!(Tone::of(half), Tone::High);
    }
}
