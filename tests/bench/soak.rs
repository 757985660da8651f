//! Soak: half of what the machine carries, for a long time. Nothing fails, and nothing is left.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::error::{BenchError, Result};
use crate::generator::{Generator, Load};
use crate::measure::{percentiles, round};
use crate::probe::{IVR_A, Probes};
use crate::subject::{MEDIA_PORTS, Subject};
use crate::usage::{Usage, open_files, udp_sockets};

const PROBES: u32 = 20;
const IVR_A_S: f64 = 7.2;
const IVR_B_S: f64 = 20.6;
/// Of the other two scenarios there is a little beside: calls a second, and calls at the same time.
const SIGNALLING_RATE: f64 = 50.0;
const IVR_B_CALLS: f64 = 20.0;
/// Finished transactions stay for 32 s (RFC 3261, timers H and J); then their memory is the idle
/// server's.
const AFTERWARDS: Duration = Duration::from_secs(90);
/// Memory may differ by this much between a quarter of the time and the end: a twentieth, and what a
/// journal's caches take.
const GROWTH: f64 = 0.05;
const SLACK_KIB: f64 = 8.0 * 1024.0;
/// Media sockets rest between calls, so their number follows the largest number of calls so far.
const MORE_SOCKETS: f64 = 0.1;
const SLACK_SOCKETS: f64 = 40.0;

/// Gauges that count what a call holds; the server's metrics that are not there are left out.
const HELD: [&str; 11] = [
    "vireo_calls_active",
    "vireo_sip_calls",
    "vireo_sip_legs",
    "vireo_sip_dialogs",
    "vireo_sip_server_transactions",
    "vireo_sip_client_transactions",
    "vireo_sip_finished_transactions",
    "vireo_sip_remembered_refusals",
    "vireo_sip_unacknowledged",
    "vireo_media_streams",
    "vireo_flow_instances",
];

/// Runs it; the report, and whether it is as it should be.
pub fn run(bench: &mut Bench, minutes: u32, concurrent: u32) -> Result<(Value, bool)> {
    let length = Duration::from_secs(u64::from(minutes) * 60);
    bench.step("soak: the server starts, some first calls", 80);
    let server = Subject::server(&bench.machine, bench.limits())?;
    warm_up(bench, &server)?;
    let before = Rest::of(&server);
    bench.step(
        &format!("soak: {concurrent} calls at the same time for {minutes} min"),
        length.as_secs() + 30,
    );
    let mut generators = loads(concurrent)
        .iter()
        .map(|load| Generator::start(&bench.machine, server.udp, load))
        .collect::<Result<Vec<_>>>()?;
    let rate = f64::from(PROBES) / IVR_A_S;
    let probes = Probes::start(&bench.machine, server.udp, &IVR_A, PROBES, rate)?;
    let memory = watch(bench, &server, &generators, length)?;
    let mut failed = 0.0;
    let (mut calls, mut retransmissions) = (0.0, 0.0);
    for generator in &mut generators {
        let last = generator.finish(Duration::from_secs(40))?;
        failed += last.failed;
        calls += last.created;
        retransmissions += last.retransmissions;
    }
    let seen = probes.finish().whole();
    #[allow(clippy::cast_precision_loss)]
    {
        failed += seen.failed as f64;
        calls += (seen.completed.len() + seen.failed) as f64;
    }
    bench.step(
        "soak: what is left when the calls have ended",
        AFTERWARDS.as_secs(),
    );
    let after = settled(&server, &before);
    let kept = after.held == before.held && after.files <= before.files;
    let flat = memory.kib.grown() <= memory.kib.early * GROWTH + SLACK_KIB;
    let sockets = memory.sockets.grown() <= memory.sockets.early * MORE_SOCKETS + SLACK_SOCKETS;
    println!(
        "\n{calls:.0} calls, {failed:.0} failed, {retransmissions:.0} retransmissions, {:.0} RTP packets lost",
        seen.lost
    );
    println!(
        "memory: {:.0} MiB after a quarter of the time, {:.0} MiB at the end",
        memory.kib.early / 1024.0,
        memory.kib.late / 1024.0
    );
    println!(
        "media sockets: {:.0} after a quarter of the time, {:.0} at the end",
        memory.sockets.early, memory.sockets.late
    );
    println!(
        "open files beside them: {} before, {} afterwards",
        before.files, after.files
    );
    for ((name, was), (_, is)) in before.held.iter().zip(&after.held) {
        println!("{name}: {was} before, {is} afterwards");
    }
    let good = failed == 0.0 && seen.lost == 0.0 && kept && flat && sockets;
    println!(
        "{}",
        if good {
            "as it should be"
        } else {
            "NOT as it should be"
        }
    );
    let report = json!({
        "minutes": minutes,
        "concurrent": concurrent,
        "calls": calls,
        "failed": failed,
        "retransmissions": retransmissions,
        "lost_packets": seen.lost,
        "gap_ms": percentiles(&seen.gap_ms),
        "digit_to_prompt_ms": percentiles(&seen.key_ms),
        "rss_kib_at_a_quarter": round(memory.kib.early),
        "rss_kib_at_the_end": round(memory.kib.late),
        "rss_flat": flat,
        "media_sockets_at_a_quarter": memory.sockets.early,
        "media_sockets_at_the_end": memory.sockets.late,
        "held_before": before.json(),
        "held_afterwards": after.json(),
        "nothing_left": kept,
        "good": good,
    });
    Ok((report, good))
}

fn loads(concurrent: u32) -> [Load; 3] {
    let load = |scenario, service, rate| Load {
        scenario,
        service,
        rate,
        calls: None,
    };
    let others = SIGNALLING_RATE + IVR_B_CALLS + f64::from(PROBES);
    let ivr_a = (f64::from(concurrent) - others).max(1.0);
    [
        load("ivr-a", "ivra", ivr_a / IVR_A_S),
        load("ivr-b", "ivrb", IVR_B_CALLS / IVR_B_S),
        load("signalling", "sig", SIGNALLING_RATE),
    ]
}

/// Some calls of each kind, so that what is made once is there before the first count.
fn warm_up(bench: &Bench, server: &Subject) -> Result<()> {
    let running = loads(200)
        .into_iter()
        .map(|load| {
            let calls = Some(20);
            Generator::start(&bench.machine, server.udp, &Load { calls, ..load })
        })
        .collect::<Result<Vec<_>>>()?;
    for mut generator in running {
        let last = generator.wait(Duration::from_secs(60))?;
        if last.failed > 0.0 {
            let errors = generator.errors();
            let text = format!("the first calls failed already: {last:?} {errors}");
            return Err(BenchError::Run(text));
        }
    }
    // Their transactions end.
    std::thread::sleep(Duration::from_secs(35));
    Ok(())
}

/// Under load, after a quarter of the time and at its end.
#[derive(Debug, Default)]
struct Span {
    early: f64,
    late: f64,
}

impl Span {
    fn grown(&self) -> f64 {
        self.late - self.early
    }
}

/// What must not grow.
struct Memory {
    /// Resident memory, means of a twentieth of the time.
    kib: Span,
    /// UDP sockets on media ports.
    sockets: Span,
}

/// Watches until the time is over; tells how it goes each minute.
fn watch(
    bench: &Bench,
    server: &Subject,
    generators: &[Generator],
    length: Duration,
) -> Result<Memory> {
    let began = Instant::now();
    let mut samples = Vec::new();
    let mut told = Duration::ZERO;
    let mut sockets = Span::default();
    while began.elapsed() < length {
        std::thread::sleep(Duration::from_secs(1));
        let usage = Usage::read(server.pid)
            .ok_or_else(|| BenchError::Run("the server has ended".into()))?;
        #[allow(clippy::cast_precision_loss)]
        {
            samples.push(usage.rss_kib as f64);
            if began.elapsed() >= length / 4 && sockets.early == 0.0 {
                sockets.early = udp_sockets(server.pid, MEDIA_PORTS) as f64;
            }
        }
        if began.elapsed() >= told + Duration::from_secs(60) {
            told += Duration::from_secs(60);
            let rows: Vec<_> = (generators.iter())
                .filter_map(|generator| generator.rows().last().copied())
                .collect();
            let sum = |value: fn(&crate::generator::Row) -> f64| -> f64 {
                rows.iter().map(value).fold(0.0, |sum, value| sum + value)
            };
            bench.note(&format!(
                "{} of {} min: {:.0} calls, {:.0} now, {:.0} failed, {:.0} retransmissions, {} MiB",
                told.as_secs() / 60,
                length.as_secs() / 60,
                sum(|row| row.created),
                sum(|row| row.current),
                sum(|row| row.failed),
                sum(|row| row.retransmissions),
                usage.rss_kib / 1024,
            ));
        }
    }
    #[allow(clippy::cast_precision_loss)]
    {
        sockets.late = udp_sockets(server.pid, MEDIA_PORTS) as f64;
    }
    let part = (samples.len() / 20).max(1);
    let mean = |from: usize| {
        let part = &samples[from.min(samples.len() - part)..][..part];
        #[allow(clippy::cast_precision_loss)]
        let count = part.len() as f64;
        part.iter().fold(0.0, |sum, value| sum + value) / count
    };
    Ok(Memory {
        kib: Span {
            early: mean(samples.len() / 4),
            late: mean(samples.len()),
        },
        sockets,
    })
}

/// What a server holds.
#[derive(Debug)]
struct Rest {
    held: Vec<(&'static str, f64)>,
    /// Open files that are no media sockets.
    files: usize,
}

impl Rest {
    fn of(server: &Subject) -> Self {
        let metrics = server.metrics();
        let value = |name: &&'static str| {
            let metric = metrics.iter().find(|(key, _)| key == name)?;
            Some((*name, metric.1))
        };
        let mut held: Vec<_> = HELD.iter().filter_map(value).collect();
        // Those that rest between calls are nobody's.
        let sockets = value(&"vireo_media_sockets");
        let resting = value(&"vireo_media_idle_socket_pairs");
        if let (Some((_, sockets)), Some((_, pairs))) = (sockets, resting) {
            held.push(("media sockets of calls", sockets - 2.0 * pairs));
        }
        Self {
            held,
            files: open_files(server.pid).saturating_sub(udp_sockets(server.pid, MEDIA_PORTS)),
        }
    }

    fn json(&self) -> Value {
        let mut map: serde_json::Map<String, Value> = (self.held.iter())
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        map.insert("open_files".into(), json!(self.files));
        map.into()
    }
}

/// Waits until it holds what it held before, at most [`AFTERWARDS`].
fn settled(server: &Subject, before: &Rest) -> Rest {
    let deadline = Instant::now() + AFTERWARDS;
    loop {
        let now = Rest::of(server);
        let same = now.held == before.held && now.files <= before.files;
        if same || Instant::now() > deadline {
            return now;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}
