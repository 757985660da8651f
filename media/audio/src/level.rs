//! The dBm0 scale of G.711.

use crate::sums;

/// The level of a full-scale sine (peak 32,768), dBm0: G.711 puts the overload point of A-law at
/// +3.14 dBm0 (table 5) and of mu-law at +3.17 (table 6). One scale serves both; it is 0.03 dB off
/// for mu-law.
#[expect(clippy::approx_constant, reason = "it is no pi")]
const FULL_SCALE_SINE_DBM0: f32 = 3.14;

/// What [`level_dbm0`] returns for digital silence and for anything below it, dBm0.
pub const SILENCE_DBM0: f32 = -96.0;

/// The level of a signal, dBm0; [`SILENCE_DBM0`] for an empty one.
#[must_use]
pub fn level_dbm0(samples: &[i16]) -> f32 {
    let energy = sums::energy(samples);
    if energy == 0.0 {
        return SILENCE_DBM0;
    }
    let mean_square = energy / samples.len() as f64;
    let full_scale = 32768.0_f64.powi(2) / 2.0;
    let level = (10.0 * (mean_square / full_scale).log10()) as f32 + FULL_SCALE_SINE_DBM0;
    level.max(SILENCE_DBM0)
}

/// The peak, in linear samples, of a sine of this level in dBm0. Above +3.14 dBm0 it overloads.
#[must_use]
pub fn peak_of_sine(level_dbm0: f32) -> f32 {
    32768.0 * 10.0_f32.powf((level_dbm0 - FULL_SCALE_SINE_DBM0) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digital_milliwatt_is_0_dbm0() {
        // G.711, table 6: the periodic sequence of A-law octets of a 1 kHz sine at 0 dBm0.
        let octets = [0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4];
        let samples = crate::Codec::Pcma.decode_all(&octets);
        let level = level_dbm0(&samples);
        assert!(level.abs() < 0.1, "{level}");
        // G.711, table 5: the same for mu-law.
        let octets = [0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E];
        let samples = crate::Codec::Pcmu.decode_all(&octets);
        let level = level_dbm0(&samples);
        assert!(level.abs() < 0.1, "{level}");
    }

    #[test]
    fn silence_has_a_floor() {
        assert_eq!(level_dbm0(&[]), SILENCE_DBM0);
        assert_eq!(level_dbm0(&[0; 160]), SILENCE_DBM0);
        assert_eq!(level_dbm0(&[i16::MIN; 8]).round(), 6.0);
    }
}
