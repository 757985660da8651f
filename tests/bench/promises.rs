//! `--check`: what docs/SPECIFICATION.md promises of the load figures, held against a report.
//!
//! These are limits for a run on any machine, so mostly ratios to the floor of the same run, with room
//! for noise above what is measured. The targets in the table are another matter: some are not reached.

use serde_json::Value;

/// What a promise says of the value in the report.
#[derive(Debug, Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
    True,
}

/// What is promised, where it stands in the report, and the limit.
type Promise = (&'static str, &'static str, Limit);

const PROMISES: &[Promise] = {
    use Limit::{AtLeast, AtMost, True};
    &[
        (
            "signalling: CPU of a call, times the floor",
            "/signalling/floor_ratio",
            AtMost(12.0),
        ),
        (
            "IVR-A: CPU of a call, times the floor",
            "/ivr_a/floor_ratio",
            AtMost(1.9),
        ),
        (
            "IVR-A: digit's end to next prompt at half load, p50, ms",
            "/ivr_a/digit_to_prompt_p50_ms",
            AtMost(12.0),
        ),
        (
            "IVR-A: digit's end to next prompt at half load, p99, ms",
            "/ivr_a/digit_to_prompt_p99_ms",
            AtMost(22.0),
        ),
        (
            "IVR-A: gap between packets p99, ms",
            "/ivr_a/gap_p99_ms",
            AtMost(25.0),
        ),
        ("IVR-A: packets lost", "/ivr_a/lost_packets", AtMost(0.0)),
        ("IVR-A: calls failed", "/ivr_a/failed", AtMost(0.0)),
        (
            "IVR-A: memory of a call, KiB",
            "/ivr_a/rss_kib_per_call",
            AtMost(115.0),
        ),
        (
            "IVR-B: recordings failed",
            "/ivr_b/recordings_failed",
            AtMost(0.0),
        ),
        (
            "overload: each call admitted or refused",
            "/overload/counts_exact",
            True,
        ),
        (
            "overload: no more calls than allowed",
            "/overload/limit_kept",
            True,
        ),
        (
            "overload: admitted calls keep their pacing",
            "/overload/gap_kept",
            True,
        ),
        ("overload: nothing is left", "/overload/drained", True),
        (
            "texts: calls failed, espeak-ng",
            "/tts/espeak/failed",
            AtMost(0.0),
        ),
        (
            "texts: sentences failed, espeak-ng",
            "/tts/espeak/sentences_failed",
            AtMost(0.0),
        ),
        (
            "asr: words understood without noise, percent",
            "/asr/accuracy_clean",
            AtLeast(97.0),
        ),
        (
            "asr: words understood at 15 dB, percent",
            "/asr/accuracy_15db",
            AtLeast(92.0),
        ),
        (
            "asr: callers at the same time",
            "/asr/max_concurrent",
            AtLeast(50.0),
        ),
    ]
};

/// The promises that the report breaks, one line each. What was not measured breaks none.
pub fn broken(report: &Value) -> Vec<String> {
    let broken = PROMISES.iter().filter_map(|(what, pointer, limit)| {
        let value = report.pointer(pointer).filter(|value| !value.is_null())?;
        match limit {
            Limit::AtMost(most) if value.as_f64().is_none_or(|value| value > *most) => {
                Some(format!("{what}: {value}, promised at most {most}"))
            }
            Limit::AtLeast(least) if value.as_f64().is_none_or(|value| value < *least) => {
                Some(format!("{what}: {value}, promised at least {least}"))
            }
            Limit::True if value.as_bool() != Some(true) => Some(format!("{what}: no")),
            _ => None,
        }
    });
    broken.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_promised_is_told_and_what_was_not_measured_is_not() {
        assert!(broken(&json!({})).is_empty());
        let report = json!({
            "signalling": { "floor_ratio": 12.0 },
            "ivr_a": { "floor_ratio": 2.3, "lost_packets": 1.0, "gap_p99_ms": null },
            "overload": { "counts_exact": true, "drained": false },
            "asr": { "accuracy_clean": 97.0, "accuracy_15db": 91.9 },
        });
        assert_eq!(
            broken(&report),
            [
                "IVR-A: CPU of a call, times the floor: 2.3, promised at most 1.9",
                "IVR-A: packets lost: 1.0, promised at most 0",
                "overload: nothing is left: no",
                "asr: words understood at 15 dB, percent: 91.9, promised at least 92",
            ]
        );
    }
}
