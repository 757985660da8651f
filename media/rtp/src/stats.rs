//! What a stream was like, for the CDR.

use serde::{Deserialize, Serialize};

/// Figures of a stream's life. "In" is from the peer, "out" to it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamStats {
    /// Packets from the peer.
    pub inbound: Inbound,
    /// Packets to the peer.
    pub outbound: Outbound,
    /// Round trip from RTCP, ms.
    pub round_trip_ms: Option<f32>,
}

/// What came from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Inbound {
    /// Packets taken, duplicates included.
    pub packets: u64,
    /// Octets of payload.
    pub octets: u64,
    /// Packets that never came, from gaps in the sequence numbers.
    pub lost: u64,
    /// Packets that were overtaken by a later one.
    pub out_of_order: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Interarrival jitter at the end, ms (RFC 3550, 6.4.1).
    pub jitter_ms: f32,
    /// The greatest jitter seen, ms.
    pub max_jitter_ms: f32,
    /// Packets that came too late to be heard or recorded, while anything listened.
    pub discarded: u64,
    /// Datagrams that are not RTP.
    pub malformed: u64,
    /// Packets from other sources than the latched one.
    pub strays: u64,
    /// Packets with a payload type that was not negotiated.
    pub unknown_payload: u64,
    /// How often the peer's SSRC changed.
    pub ssrc_changes: u32,
    /// Telephone-events and tones heard as digits.
    pub digits: u32,
    /// Estimated listening quality, 1 to 4.5 (ITU-T G.107, P.800.1 MOS-CQE); absent without packets.
    pub mos: Option<f32>,
}

/// What went to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outbound {
    /// Packets sent.
    pub packets: u64,
    /// Octets of payload.
    pub octets: u64,
    /// Packets that the kernel did not take.
    pub failed: u64,
    /// Packets left out because the engine was late by more than it may catch up.
    pub skipped: u64,
    /// Packets lost on their way, as the peer's last report says.
    pub lost: Option<u32>,
    /// Greatest fraction lost that the peer reported, 0 to 1.
    pub max_fraction_lost: Option<f32>,
    /// Jitter that the peer reported last, ms.
    pub jitter_ms: Option<f32>,
    /// Estimated quality at the peer, 1 to 4.5; absent without a report of the peer.
    pub mos: Option<f32>,
}

/// Impairment of packet loss for G.711 with concealment (ITU-T G.113, appendix I): Bpl.
const G711_PLC_ROBUSTNESS: f32 = 25.1;

/// R with all other impairments at their defaults (ITU-T G.107, table 2).
const R0: f32 = 93.2;

/// Estimates the mean opinion score by the E-model of ITU-T G.107, simplified to delay, loss and
/// G.711 with concealment: `R = 93.2 - Id - Ie,eff`, random loss.
///
/// `loss` is 0 to 1 and includes packets that came too late; `delay_ms` is one way, mouth to ear.
#[must_use]
pub fn mos(loss: f32, delay_ms: f32) -> f32 {
    let loss_percent = loss.clamp(0.0, 1.0) * 100.0;
    // Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl); Ie of G.711 is 0, BurstR 1.
    let equipment = 95.0 * loss_percent / (loss_percent + G711_PLC_ROBUSTNESS);
    let delay_ms = delay_ms.max(0.0);
    // The usual fit of Id for echo-free connections (Cole and Rosenbluth, 2001).
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let r = (R0 - delay - equipment).clamp(0.0, 100.0);
    // G.107, annex B.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_known_points() {
        // (loss, one-way delay ms, MOS): the first is the G.107 default of 4.41 less its delay.
        let cases = [
            (0.0, 0.0, 4.41),
            (0.0, 100.0, 4.36),
            (0.01, 50.0, 4.30),
            (0.05, 50.0, 3.87),
            (0.2, 50.0, 2.57),
            (0.0, 400.0, 3.05),
        ];
        for (loss, delay, expected) in cases {
            let got = mos(loss, delay);
            assert!(
                (got - expected).abs() < 0.02,
                "loss {loss}, delay {delay}: {got}, expected {expected}"
            );
        }
        assert_eq!(mos(1.0, 5000.0), 1.0);
    }

    #[test]
    fn worse_is_never_better() {
        let mut last = 5.0;
        for percent in 0..100 {
            let score = mos(percent as f32 / 100.0, 60.0);
            assert!(score <= last);
            last = score;
        }
    }
}
