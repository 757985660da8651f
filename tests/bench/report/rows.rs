//! The rows of the table, and what is aimed at.

use crate::measure::GAP_LIMIT_MS;

/// Whether less or more is better.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// None is set.
    None,
}

impl Target {
    /// As it stands in the table.
    pub fn text(self) -> String {
        match self {
            Self::AtMost(value) => format!("<= {value}"),
            Self::AtLeast(value) => format!(">= {value}"),
            Self::None => String::new(),
        }
    }

    /// Whether a value reaches it.
    pub fn verdict(self, value: f64) -> &'static str {
        match self {
            Self::AtMost(target) if value > target => "MISSED",
            Self::AtLeast(target) if value < target => "MISSED",
            Self::None => "",
            _ => "ok",
        }
    }
}

/// Name, JSON pointer, unit, target, pointer to the ratio to the floor.
pub type Row = (
    &'static str,
    &'static str,
    &'static str,
    Target,
    &'static str,
);

/// In the order of the table.
pub const ROWS: &[Row] = {
    use Target::{AtLeast, AtMost, None};
    &[
        (
            "signalling: CPU a call",
            "/signalling/cpu_ms_per_call",
            "ms",
            AtMost(0.16),
            "/signalling/floor_ratio",
        ),
        (
            "signalling: the floor's",
            "/signalling/floor_cpu_ms_per_call",
            "ms",
            None,
            "",
        ),
        (
            "signalling: CPU a call at 4,000 calls/s",
            "/signalling/busy/cpu_ms_per_call",
            "ms",
            AtMost(0.16),
            "/signalling/busy/floor_ratio",
        ),
        (
            "signalling: most calls/s",
            "/signalling/max_cps",
            "",
            AtLeast(4_000.0),
            "",
        ),
        (
            "INVITE to 200 at 100 calls/s, p50",
            "/signalling/invite_to_200_p50_ms",
            "ms",
            AtMost(1.0),
            "",
        ),
        (
            "INVITE to 200 at 100 calls/s, p99",
            "/signalling/invite_to_200_p99_ms",
            "ms",
            AtMost(5.0),
            "",
        ),
        (
            "IVR-A: CPU a call",
            "/ivr_a/cpu_ms_per_call",
            "ms",
            AtMost(1.4),
            "/ivr_a/floor_ratio",
        ),
        (
            "IVR-A: the floor's",
            "/ivr_a/floor_cpu_ms_per_call",
            "ms",
            None,
            "",
        ),
        (
            "IVR-A: ratio to the floor",
            "/ivr_a/floor_ratio",
            "",
            AtMost(2.0),
            "",
        ),
        (
            "IVR-A: most calls at the same time",
            "/ivr_a/max_concurrent",
            "",
            AtLeast(4_000.0),
            "",
        ),
        (
            "IVR-A: calls/s there",
            "/ivr_a/calls_per_second",
            "",
            None,
            "",
        ),
        ("IVR-A: failed there", "/ivr_a/failed", "", AtMost(0.0), ""),
        (
            "IVR-A: retransmissions there",
            "/ivr_a/retransmissions",
            "",
            None,
            "",
        ),
        (
            "IVR-A: memory a call there",
            "/ivr_a/rss_kib_per_call",
            "KiB",
            AtMost(100.0),
            "",
        ),
        (
            "IVR-A: gap between packets there, p99",
            "/ivr_a/gap_p99_ms",
            "ms",
            AtMost(GAP_LIMIT_MS),
            "",
        ),
        (
            "IVR-A: gap between packets there, p99.9",
            "/ivr_a/gap_p999_ms",
            "ms",
            None,
            "",
        ),
        (
            "IVR-A: packets lost there",
            "/ivr_a/lost_packets",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "digit's end to prompt, half load, p50",
            "/ivr_a/digit_to_prompt_p50_ms",
            "ms",
            AtMost(12.0),
            "",
        ),
        (
            "digit's end to prompt, half load, p99",
            "/ivr_a/digit_to_prompt_p99_ms",
            "ms",
            AtMost(22.0),
            "",
        ),
        (
            "instance of a flow, p50",
            "/ivr_a/instantiate_us/p50",
            "us",
            None,
            "",
        ),
        (
            "instance of a flow, p99",
            "/ivr_a/instantiate_us/p99",
            "us",
            None,
            "",
        ),
        (
            "CPU of the idle server",
            "/ivr_a/idle_core_percent",
            "%",
            None,
            "",
        ),
        (
            "IVR-B: CPU a call",
            "/ivr_b/cpu_ms_per_call",
            "ms",
            None,
            "",
        ),
        ("IVR-B: failed", "/ivr_b/failed", "", AtMost(0.0), ""),
        (
            "IVR-B: packets lost",
            "/ivr_b/lost_packets",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "IVR-B: recordings failed",
            "/ivr_b/recordings_failed",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "overload: refused with Retry-After",
            "/overload/refused_503_with_retry_after",
            "",
            None,
            "",
        ),
        ("overload: failed", "/overload/failed", "", AtMost(0.0), ""),
        (
            "overload: most at the same time",
            "/overload/most_at_the_same_time",
            "",
            AtMost(200.0),
            "",
        ),
        (
            "overload: gap between packets, p99",
            "/overload/gap_p99_ms",
            "ms",
            AtMost(GAP_LIMIT_MS),
            "",
        ),
        (
            "espeak-ng: first sound, p50",
            "/tts/espeak/first_audio_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "espeak-ng: first sound, p99",
            "/tts/espeak/first_audio_p99_ms",
            "ms",
            None,
            "",
        ),
        (
            "espeak-ng: first sound from memory, p50",
            "/tts/espeak/first_audio_cached_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "espeak-ng: CPU for a second of speech",
            "/tts/espeak/real_time_factor",
            "s",
            None,
            "",
        ),
        (
            "espeak-ng: prompts with a gap",
            "/tts/espeak/with_gap",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "espeak-ng: sentences failed",
            "/tts/espeak/sentences_failed",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "flite: first sound, p50",
            "/tts/flite/first_audio_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "flite: first sound, p99",
            "/tts/flite/first_audio_p99_ms",
            "ms",
            None,
            "",
        ),
        (
            "flite: first sound from memory, p50",
            "/tts/flite/first_audio_cached_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "flite: CPU for a second of speech",
            "/tts/flite/real_time_factor",
            "s",
            None,
            "",
        ),
        (
            "flite: prompts with a gap",
            "/tts/flite/with_gap",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "flite: sentences failed",
            "/tts/flite/sentences_failed",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "Piper, a tiny voice: first sound, p50",
            "/tts/piper/first_audio_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "Piper, a tiny voice: first sound, p99",
            "/tts/piper/first_audio_p99_ms",
            "ms",
            None,
            "",
        ),
        (
            "Piper, a tiny voice: first sound from memory, p50",
            "/tts/piper/first_audio_cached_p50_ms",
            "ms",
            None,
            "",
        ),
        (
            "Piper, a tiny voice: CPU for a second of speech",
            "/tts/piper/real_time_factor",
            "s",
            None,
            "",
        ),
        (
            "Piper, a tiny voice: prompts with a gap",
            "/tts/piper/with_gap",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "Piper, a tiny voice: sentences failed",
            "/tts/piper/sentences_failed",
            "",
            AtMost(0.0),
            "",
        ),
        (
            "asr: words understood, clean",
            "/asr/accuracy_clean",
            "%",
            AtLeast(97.0),
            "",
        ),
        (
            "asr: words understood, 15 dB",
            "/asr/accuracy_15db",
            "%",
            AtLeast(92.0),
            "",
        ),
        (
            "asr: words understood, 10 dB",
            "/asr/accuracy_10db",
            "%",
            None,
            "",
        ),
        (
            "asr: strings of four digits, clean",
            "/asr/digits_clean",
            "%",
            None,
            "",
        ),
        (
            "asr: other words rejected, clean",
            "/asr/outside_rejected_clean",
            "%",
            None,
            "",
        ),
        (
            "asr: Mandarin words understood, clean",
            "/asr/zh/accuracy_clean",
            "%",
            None,
            "",
        ),
        (
            "asr: Mandarin words understood, 15 dB",
            "/asr/zh/accuracy_15db",
            "%",
            None,
            "",
        ),
        (
            "asr: Mandarin words understood, 10 dB",
            "/asr/zh/accuracy_10db",
            "%",
            None,
            "",
        ),
        (
            "asr: CPU of one caller, of a core",
            "/asr/cpu_percent_per_stream",
            "%",
            None,
            "",
        ),
        (
            "asr: most callers at the same time",
            "/asr/max_concurrent",
            "",
            AtLeast(50.0),
            "",
        ),
        (
            "asr: end of the sound to answer, 50 callers, p99",
            "/asr/answer_p99_ms",
            "ms",
            None,
            "",
        ),
    ]
};
