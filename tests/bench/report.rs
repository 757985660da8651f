//! The table, the plots and `report.json`.

use std::path::Path;

use serde_json::Value;

use crate::error::{Context, Result};
use crate::ivr::Step;
use crate::measure::GAP_LIMIT_MS;
use crate::svg::{Line, Plot};

/// Whether less or more is better.
#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// None is set.
    None,
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::AtMost(value) => format!("<= {value}"),
            Self::AtLeast(value) => format!(">= {value}"),
            Self::None => String::new(),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        match self {
            Self::AtMost(target) if value > target => "MISSED",
            Self::AtLeast(target) if value < target => "MISSED",
            Self::None => "",
            _ => "ok",
        }
    }
}

/// Name, JSON pointer, unit, target, pointer to the ratio to the floor.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Target,
    &'static str,
);

/// In the order of the table.
const ROWS: &[Row] = {
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

/// Rows of the table that were measured.
pub fn table(report: &Value) -> String {
    let head = ["", "measured", "target", "x floor", ""].map(str::to_owned);
    let mut rows = vec![head];
    for (name, pointer, unit, target, ratio) in ROWS {
        let Some(value) = report.pointer(pointer).and_then(Value::as_f64) else {
            continue;
        };
        let ratio = (report.pointer(ratio).filter(|_| !ratio.is_empty()))
            .and_then(Value::as_f64)
            .map_or(String::new(), |ratio| format!("{ratio:.1}"));
        let verdict = target.verdict(value);
        let verdict = match (verdict, limited(report, pointer)) {
            ("MISSED", Some("generator")) => "SIPp's limit",
            ("MISSED", Some("search")) => "not asked for more",
            (verdict, _) => verdict,
        };
        rows.push([
            (*name).to_owned(),
            format!("{} {unit}", number(value)),
            target.text(),
            ratio,
            verdict.to_owned(),
        ]);
    }
    let widths: Vec<usize> = (0..5)
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let lines: Vec<String> = (rows.iter())
        .map(|row| {
            let line = format!(
                "{:<a$}  {:>b$}  {:>c$}  {:>d$}  {}",
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                a = widths[0],
                b = widths[1],
                c = widths[2],
                d = widths[3],
            );
            line.trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

fn limited<'a>(report: &'a Value, pointer: &str) -> Option<&'a str> {
    let key = format!("{pointer}_limited_by");
    report.pointer(&key).and_then(Value::as_str)
}

fn number(value: f64) -> String {
    let places = if value.abs() >= 100.0 || value.fract() == 0.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        3
    };
    format!("{value:.places$}")
}

/// Writes `report.json`, or the soak's.
pub fn write(out: &Path, name: &str, report: &Value) -> Result<()> {
    std::fs::create_dir_all(out).context(|| format!("{}", out.display()))?;
    file(out, name, &format!("{report:#}\n"))
}

/// Writes the plots of concurrency against pacing, CPU and the cost of a call.
pub fn plots(out: &Path, server: &[Step], floor: &[Step]) -> Result<()> {
    std::fs::create_dir_all(out).context(|| format!("{}", out.display()))?;
    let line = |name: &str, steps: &[Step], value: &dyn Fn(&Step) -> Option<f64>| Line {
        name: name.to_owned(),
        points: (steps.iter())
            .filter_map(|step| Some((step.window.concurrent, value(step)?)))
            .collect(),
    };
    // How late the latest 1 % and 0.1 % of packets are.
    let late = |share: f64| {
        move |step: &Step| {
            step.window
                .probes
                .gap_ms
                .at(share)
                .map(|gap| (gap - 20.0).max(0.0))
        }
    };
    let x = "calls at the same time".to_owned();
    let pacing = Plot {
        title: "IVR-A: how far packets are from 20 ms apart".into(),
        x: x.clone(),
        y: "gap - 20 ms, ms".into(),
        lines: vec![
            line("server, p99", server, &late(0.99)),
            line("server, p99.9", server, &late(0.999)),
            line("floor, p99", floor, &late(0.99)),
        ],
        limit: Some((GAP_LIMIT_MS - 20.0, "limit for p99".into())),
    };
    file(out, "pacing.svg", &pacing.svg())?;
    let core = |step: &Step| Some(step.window.core_percent());
    let cpu = Plot {
        title: "IVR-A: CPU of the server".into(),
        x: x.clone(),
        y: "percent of one core".into(),
        lines: vec![line("server", server, &core), line("floor", floor, &core)],
        limit: Some((100.0, "one core".into())),
    };
    file(out, "cpu.svg", &cpu.svg())?;
    // A handful of calls shares the wake-ups that a thousand share; they say nothing of a call.
    let call = |step: &Step| (step.asked >= 100).then(|| step.window.cpu_ms_per_call());
    let cost = Plot {
        title: "IVR-A: CPU for one call".into(),
        x,
        y: "ms".into(),
        lines: vec![line("server", server, &call), line("floor", floor, &call)],
        limit: None,
    };
    file(out, "cost.svg", &cost.svg())
}

fn file(out: &Path, name: &str, text: &str) -> Result<()> {
    let path = out.join(name);
    std::fs::write(&path, text).context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_says_what_is_missed_and_leaves_out_what_was_not_measured() {
        let report = json!({
            "signalling": { "cpu_ms_per_call": 0.3, "floor_ratio": 4.0, "max_cps": 3_000.0, "max_cps_limited_by": "generator" },
            "ivr_a": { "max_concurrent": 4_500, "max_concurrent_limited_by": "server", "instantiate_us": null },
        });
        let table = table(&report);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(
            lines[1].contains("0.300 ms") && lines[1].ends_with("4.0  MISSED"),
            "{table}"
        );
        assert!(lines[2].ends_with("SIPp's limit"), "{table}");
        assert!(lines[3].ends_with("ok"), "{table}");
    }
}
