//! The table, the plots and `report.json`.

mod rows;

use std::path::Path;

use serde_json::Value;

use crate::error::{Context, Result};
use crate::ivr::Step;
use crate::measure::GAP_LIMIT_MS;
use crate::svg::{Line, Plot};
use rows::ROWS;

/// Rows of the table that were measured, and why others could not be.
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
    let mut lines: Vec<String> = (rows.iter())
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
    for (part, value) in report.as_object().into_iter().flatten() {
        for (name, value) in value.as_object().into_iter().flatten() {
            if let Some(why) = value.get("not_measured").and_then(Value::as_str) {
                lines.push(format!("{part}, {name}: not measured: {why}"));
            }
        }
    }
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
            "tts": { "plays": 0.0, "piper": { "not_measured": "vireo-piper is not built" } },
        });
        let table = table(&report);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 5, "{table}");
        assert!(
            lines[1].contains("0.300 ms") && lines[1].ends_with("4.0  MISSED"),
            "{table}"
        );
        assert!(lines[2].ends_with("SIPp's limit"), "{table}");
        assert!(lines[3].ends_with("ok"), "{table}");
        assert_eq!(
            lines[4],
            "tts, piper: not measured: vireo-piper is not built"
        );
    }
}
