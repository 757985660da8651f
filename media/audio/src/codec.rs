//! The audio codecs that a stream can be configured with.

use crate::{SAMPLE_RATE, g711};

/// An audio codec with an RTP payload format (RFC 3551, section 4.5.14).
///
/// Both are stateless and one octet a sample, so that a prompt can be encoded once and shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law: North America, Japan.
    Pcmu,
    /// G.711 A-law: everywhere else.
    Pcma,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    /// The encoding name of `a=rtpmap` (RFC 3551, table 4).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// The codec of an `a=rtpmap` encoding name and clock rate; names are case-insensitive
    /// (RFC 8866, section 6.6). `None` when it is none of ours.
    #[must_use]
    pub fn from_rtpmap(name: &str, clock_rate: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(name) && codec.clock_rate() == clock_rate
        })
    }

    /// The codec of a static payload type (RFC 3551, table 4).
    #[must_use]
    pub fn from_payload_type(payload_type: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.payload_type() == payload_type)
    }

    /// The static payload type (RFC 3551, table 4).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// RTP timestamp units a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        SAMPLE_RATE
    }

    /// Octets of payload in a millisecond of sound.
    #[must_use]
    pub const fn bytes_per_ms(self) -> usize {
        crate::SAMPLES_PER_MS
    }

    /// The octet that decodes to silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Codec::Pcmu => g711::ULAW_SILENCE,
            Codec::Pcma => g711::ALAW_SILENCE,
        }
    }

    /// Encodes as many samples as fit in `out`; returns how many octets were written.
    pub fn encode(self, samples: &[i16], out: &mut [u8]) -> usize {
        match self {
            Codec::Pcmu => g711::ulaw_encode_slice(samples, out),
            Codec::Pcma => g711::alaw_encode_slice(samples, out),
        }
    }

    /// Decodes as many octets as fit in `out`; returns how many samples were written.
    pub fn decode(self, octets: &[u8], out: &mut [i16]) -> usize {
        match self {
            Codec::Pcmu => g711::ulaw_decode_slice(octets, out),
            Codec::Pcma => g711::alaw_decode_slice(octets, out),
        }
    }

    /// Encodes a whole signal.
    #[must_use]
    pub fn encode_all(self, samples: &[i16]) -> Vec<u8> {
        let mut out = vec![0; samples.len()];
        self.encode(samples, &mut out);
        out
    }

    /// Decodes a whole signal.
    #[must_use]
    pub fn decode_all(self, octets: &[u8]) -> Vec<i16> {
        let mut out = vec![0; octets.len()];
        self.decode(octets, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree_with_rfc_3551() {
        let table = [(Codec::Pcmu, "PCMU", 0), (Codec::Pcma, "PCMA", 8)];
        for (codec, name, payload_type) in table {
            assert_eq!(codec.name(), name);
            assert_eq!(codec.payload_type(), payload_type);
            assert_eq!(Codec::from_payload_type(payload_type), Some(codec));
            assert_eq!(Codec::from_rtpmap(&name.to_lowercase(), 8000), Some(codec));
            assert_eq!(Codec::from_rtpmap(name, 16000), None);
        }
        assert_eq!(Codec::from_payload_type(9), None);
    }

    #[test]
    fn silence_decodes_to_the_smallest_value() {
        for codec in Codec::ALL {
            let decoded = codec.decode_all(&[codec.silence()]);
            assert!(decoded[0].abs() <= 8, "{codec:?}: {decoded:?}");
            assert_eq!(codec.encode_all(&[0]), [codec.silence()]);
        }
    }

    #[test]
    fn a_short_output_takes_what_fits() {
        let mut out = [0; 3];
        assert_eq!(Codec::Pcmu.encode(&[0; 10], &mut out), 3);
        let mut samples = [1; 5];
        assert_eq!(Codec::Pcma.decode(&[0xD5; 2], &mut samples), 2);
        assert_eq!(samples[2..], [1, 1, 1]);
    }
}
