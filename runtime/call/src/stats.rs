//! From the media engine's statistics to those of a CDR.

use vireo_rtp::StreamStats;
use vireo_store::cdr;

pub(crate) fn media(stats: &StreamStats) -> cdr::MediaStats {
    cdr::MediaStats {
        received: cdr::StreamStats {
            packets: stats.inbound.packets,
            lost: stats.inbound.lost,
            jitter_ms: stats.inbound.jitter_ms,
            mos: stats.inbound.mos,
        },
        sent: cdr::StreamStats {
            packets: stats.outbound.packets,
            lost: stats.outbound.lost.unwrap_or(0).into(),
            jitter_ms: stats.outbound.jitter_ms.unwrap_or(0.0),
            mos: stats.outbound.mos,
        },
    }
}
