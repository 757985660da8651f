//! IVR-B: a menu three deep, a 10 s recording, a key read and written.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::error::Result;
use crate::generator::{Generator, Load};
use crate::measure::{Window, percentiles, round};
use crate::probe::{IVR_B, Probes};
use crate::subject::Subject;

const CONCURRENT: u32 = 300;
const PROBES: u32 = 40;
/// Three digits 2 s apart, a 4 s prompt, 10 s of recording.
const LENGTH_S: f64 = 20.6;

/// Runs it.
pub fn run(bench: &mut Bench) -> Result<Value> {
    bench.step("IVR-B: the server starts", 3);
    let server = Subject::server(&bench.machine, bench.limits())?;
    let concurrent = if bench.options.quick { 100 } else { CONCURRENT };
    let seconds = bench.seconds(15, 8);
    bench.step(
        &format!("IVR-B: {concurrent} calls at the same time"),
        seconds + 46,
    );
    let load = Load {
        scenario: "ivr-b",
        service: "ivrb",
        rate: f64::from(concurrent - PROBES) / LENGTH_S,
        calls: None,
    };
    let mut generator = Generator::start(&bench.machine, server.udp, &load)?;
    let probes_rate = f64::from(PROBES) / LENGTH_S;
    let probes = Probes::start(&bench.machine, server.udp, &IVR_B, PROBES, probes_rate)?;
    std::thread::sleep(Duration::from_secs(23));
    let asked = f64::from(concurrent);
    let length = Duration::from_secs(seconds);
    let window = Window::measure(&server, &generator, &probes, asked, length)?;
    let last = generator.finish(Duration::from_secs(35))?;
    let failed = probes.finish().whole().failed;
    server.drained(Duration::from_secs(10));
    let recordings = server.metric("vireo_recordings_total");
    let recordings_failed = server.metric("vireo_recordings_failed_total");
    let probes = &window.probes;
    bench.note(&format!(
        "{:.3} ms CPU a call, {:.0} % of the core, gap p99 {:.1} ms, {} failed",
        window.cpu_ms_per_call(),
        window.core_percent(),
        probes.gap_ms.at(0.99).unwrap_or(f64::NAN),
        last.failed
    ));
    #[allow(clippy::cast_precision_loss)]
    let failed = last.failed + failed as f64;
    Ok(json!({
        "concurrent": round(window.concurrent),
        "calls_per_second": round(window.rate()),
        "cpu_ms_per_call": round(window.cpu_ms_per_call()),
        "core_percent": round(window.core_percent()),
        "rss_kib_per_call": round(window.rss_kib_per_call(server.idle.rss_kib)),
        "failed": failed,
        "retransmissions": last.retransmissions,
        "recordings": recordings,
        "recordings_failed": recordings_failed,
        "digit_to_prompt_p50_ms": probes.key_ms.at(0.5).map(round),
        "digit_to_prompt_p99_ms": probes.key_ms.at(0.99).map(round),
        "digit_to_prompt_ms": percentiles(&probes.key_ms),
        "gap_p99_ms": probes.gap_ms.at(0.99).map(round),
        "gap_p999_ms": probes.gap_ms.at(0.999).map(round),
        "lost_packets": probes.lost,
        "window": window.json(server.idle.rss_kib),
    }))
}
