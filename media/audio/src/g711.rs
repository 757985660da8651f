//! ITU-T G.711: mu-law and A-law, by tables that the compiler makes.
//!
//! A linear sample is 16 bits, left-aligned: mu-law's 14-bit values are multiplied by 4 and
//! A-law's 13-bit values by 8, as in the ITU's software tools (G.191). Negative samples are folded
//! by one's complement there, and so here. The encoding tables are indexed by the bits that
//! matter (16 KiB and 4 KiB), so that they stay in the cache next to the calls.

/// mu-law octet of a sample of 0.
pub const ULAW_SILENCE: u8 = 0xFF;
/// A-law octet of a sample of 0.
pub const ALAW_SILENCE: u8 = 0xD5;

static ULAW_DECODE: [i16; 256] = ulaw_decode_table();
static ALAW_DECODE: [i16; 256] = alaw_decode_table();
static ULAW_ENCODE: [u8; 1 << 14] = ulaw_encode_table();
static ALAW_ENCODE: [u8; 1 << 12] = alaw_encode_table();
static ULAW_TO_ALAW: [u8; 256] = ulaw_to_alaw_table();
static ALAW_TO_ULAW: [u8; 256] = alaw_to_ulaw_table();

/// The sample of a mu-law octet (G.711, table 2).
#[inline]
#[must_use]
pub fn ulaw_decode(octet: u8) -> i16 {
    ULAW_DECODE[octet as usize]
}

/// The mu-law octet of a sample (G.711, table 2).
#[inline]
#[must_use]
pub fn ulaw_encode(sample: i16) -> u8 {
    ULAW_ENCODE[(sample as u16 >> 2) as usize]
}

/// The sample of an A-law octet (G.711, table 1).
#[inline]
#[must_use]
pub fn alaw_decode(octet: u8) -> i16 {
    ALAW_DECODE[octet as usize]
}

/// The A-law octet of a sample (G.711, table 1).
#[inline]
#[must_use]
pub fn alaw_encode(sample: i16) -> u8 {
    ALAW_ENCODE[(sample as u16 >> 4) as usize]
}

/// The A-law octet nearest to a mu-law octet.
#[inline]
#[must_use]
pub fn ulaw_to_alaw(octet: u8) -> u8 {
    ULAW_TO_ALAW[octet as usize]
}

/// The mu-law octet nearest to an A-law octet.
#[inline]
#[must_use]
pub fn alaw_to_ulaw(octet: u8) -> u8 {
    ALAW_TO_ULAW[octet as usize]
}

/// Encodes as many samples as fit in `out`; returns how many octets were written.
pub fn ulaw_encode_slice(samples: &[i16], out: &mut [u8]) -> usize {
    map_slice(samples, out, ulaw_encode)
}

/// Decodes as many octets as fit in `out`; returns how many samples were written.
pub fn ulaw_decode_slice(octets: &[u8], out: &mut [i16]) -> usize {
    map_slice(octets, out, ulaw_decode)
}

/// Encodes as many samples as fit in `out`; returns how many octets were written.
pub fn alaw_encode_slice(samples: &[i16], out: &mut [u8]) -> usize {
    map_slice(samples, out, alaw_encode)
}

/// Decodes as many octets as fit in `out`; returns how many samples were written.
pub fn alaw_decode_slice(octets: &[u8], out: &mut [i16]) -> usize {
    map_slice(octets, out, alaw_decode)
}

/// Turns mu-law into A-law in place.
pub fn ulaw_to_alaw_slice(octets: &mut [u8]) {
    for octet in octets {
        *octet = ulaw_to_alaw(*octet);
    }
}

/// Turns A-law into mu-law in place.
pub fn alaw_to_ulaw_slice(octets: &mut [u8]) {
    for octet in octets {
        *octet = alaw_to_ulaw(*octet);
    }
}

#[inline]
fn map_slice<A: Copy, B>(from: &[A], to: &mut [B], map: impl Fn(A) -> B) -> usize {
    for (out, value) in to.iter_mut().zip(from) {
        *out = map(*value);
    }
    from.len().min(to.len())
}

// The algorithms below run in the compiler only.

const fn ulaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let inverted = !(octet as u8);
        let segment = (inverted >> 4) & 7;
        let step = (inverted & 15) as i32;
        // 33 is the bias that makes every segment start at a power of two.
        let magnitude = (((2 * step + 33) << segment) - 33) * 4;
        table[octet] = if inverted & 0x80 != 0 {
            -magnitude
        } else {
            magnitude
        } as i16;
        octet += 1;
    }
    table
}

const fn ulaw_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < 1 << 14 {
        // The index is the 14-bit two's complement value; fold negatives by one's complement.
        let negative = index >= 1 << 13;
        let folded = if negative {
            (1 << 14) - 1 - index
        } else {
            index
        };
        let biased: usize = if folded + 33 > 0x1FFF {
            0x1FFF
        } else {
            folded + 33
        };
        let segment = biased.ilog2() - 5;
        let step = (biased >> (segment + 1)) & 15;
        let sign = if negative { 0x80 } else { 0 };
        table[index] = !(sign | (segment << 4) as u8 | step as u8);
        index += 1;
    }
    table
}

const fn alaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let plain = octet as u8 ^ 0x55;
        let segment = (plain >> 4) & 7;
        let step = (plain & 15) as i32;
        let magnitude = if segment == 0 {
            (2 * step + 1) << 3
        } else {
            (2 * step + 33) << (segment + 2)
        };
        table[octet] = if plain & 0x80 != 0 {
            magnitude
        } else {
            -magnitude
        } as i16;
        octet += 1;
    }
    table
}

const fn alaw_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < 1 << 12 {
        let negative = index >= 1 << 11;
        let folded: usize = if negative {
            (1 << 12) - 1 - index
        } else {
            index
        };
        let code = if folded < 32 {
            folded
        } else {
            let shift = folded.ilog2() - 4;
            ((shift as usize + 1) << 4) | ((folded >> shift) & 15)
        };
        // Bit 8 is the sign: 1 is positive. Even bits are inverted on the line (G.711, 3.2).
        let sign = if negative { 0 } else { 0x80 };
        table[index] = (sign | code as u8) ^ 0x55;
        index += 1;
    }
    table
}

const fn ulaw_to_alaw_table() -> [u8; 256] {
    let (decode, encode) = (ulaw_decode_table(), alaw_encode_table());
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode[(decode[octet] as u16 >> 4) as usize];
        octet += 1;
    }
    // The silences must stay silent, and a decoded mu-law 0 has lost its sign.
    table[0x7F] = 0x55;
    table
}

const fn alaw_to_ulaw_table() -> [u8; 256] {
    let (decode, encode) = (alaw_decode_table(), ulaw_encode_table());
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode[(decode[octet] as u16 >> 2) as usize];
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision values x(1)..x(n) of the positive half, as G.711's tables build them: 8 (or 7)
    /// segments of 16 steps, each step twice as wide as in the segment before.
    fn ulaw_decisions() -> Vec<i32> {
        // Table 2a: 0, 1, 3, 5 ... 31, 35 ... 95, 103 ... 8159.
        let mut values = vec![0, 1];
        for segment in 0..8 {
            let count = if segment == 0 { 15 } else { 16 };
            for _ in 0..count {
                let last = values[values.len() - 1];
                values.push(last + (2 << segment));
            }
        }
        values
    }

    fn alaw_decisions() -> Vec<i32> {
        // Table 1a, in half steps of the 13-bit value: 0, 2, 4 ... 64, 68 ... 128 ... 4096.
        let mut values = vec![0];
        for segment in 0..8 {
            let width = if segment == 0 { 2 } else { 1 << segment };
            for _ in 0..16 {
                let last = values[values.len() - 1];
                values.push(last + width);
            }
        }
        values
    }

    #[test]
    fn decision_values_are_those_of_the_recommendation() {
        let ulaw = ulaw_decisions();
        assert_eq!(
            (ulaw.len(), ulaw[16], ulaw[32], ulaw[128]),
            (129, 31, 95, 8159)
        );
        let alaw = alaw_decisions();
        assert_eq!(
            (alaw.len(), alaw[16], alaw[32], alaw[128]),
            (129, 32, 64, 4096)
        );
    }

    #[test]
    fn every_octet_decodes_to_the_recommended_value() {
        let (ulaw, alaw) = (ulaw_decisions(), alaw_decisions());
        for octet in 0..=255u8 {
            let n = usize::from(!octet & 0x7F);
            let y = if n == 0 {
                0
            } else {
                (ulaw[n] + ulaw[n + 1]) / 2
            };
            let sign = if octet & 0x80 != 0 { 1 } else { -1 };
            assert_eq!(
                i32::from(ulaw_decode(octet)),
                sign * y * 4,
                "mu-law {octet:#x}"
            );

            let n = usize::from((octet ^ 0x55) & 0x7F);
            let y = (alaw[n] + alaw[n + 1]) * 4;
            assert_eq!(i32::from(alaw_decode(octet)), sign * y, "A-law {octet:#x}");
        }
    }

    #[test]
    fn every_sample_encodes_into_its_decision_interval() {
        let (ulaw, alaw) = (ulaw_decisions(), alaw_decisions());
        for sample in i16::MIN..=i16::MAX {
            let folded = i32::from(if sample < 0 { !sample } else { sample });
            let sign = if sample < 0 { 0 } else { 0x80 };

            let m = (folded >> 2).min(8158);
            let n = ulaw.iter().rposition(|x| *x <= m).unwrap();
            let expected = sign | (!(n as u8) & 0x7F);
            assert_eq!(ulaw_encode(sample), expected, "mu-law {sample}");

            let n = alaw.iter().rposition(|x| *x <= folded >> 3).unwrap();
            let expected = (sign | n as u8) ^ 0x55;
            assert_eq!(alaw_encode(sample), expected, "A-law {sample}");
        }
    }

    #[test]
    fn every_octet_survives_a_round_trip() {
        for octet in 0..=255u8 {
            assert_eq!(alaw_encode(alaw_decode(octet)), octet);
            // mu-law has a positive and a negative zero; one linear zero stands for both.
            let expected = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(ulaw_encode(ulaw_decode(octet)), expected);
        }
    }

    #[test]
    fn transcoding_is_off_by_no_more_than_the_coarser_step() {
        for octet in 0..=255u8 {
            let (a, b) = (ulaw_decode(octet), alaw_decode(ulaw_to_alaw(octet)));
            let step = (i32::from(a).abs() / 16).max(16);
            assert!(
                (i32::from(a) - i32::from(b)).abs() <= step,
                "{octet:#x}: {a} {b}"
            );
            assert_eq!(
                octet & 0x80,
                ulaw_to_alaw(octet) & 0x80,
                "sign of {octet:#x}"
            );

            let (a, b) = (alaw_decode(octet), ulaw_decode(alaw_to_ulaw(octet)));
            let step = (i32::from(a).abs() / 16).max(16);
            assert!(
                (i32::from(a) - i32::from(b)).abs() <= step,
                "{octet:#x}: {a} {b}"
            );
            assert_eq!(
                octet & 0x80,
                alaw_to_ulaw(octet) & 0x80,
                "sign of {octet:#x}"
            );
        }
        assert_eq!(ulaw_to_alaw(ULAW_SILENCE), ALAW_SILENCE);
        assert_eq!(alaw_to_ulaw(ALAW_SILENCE), 0xFE);
    }
}
