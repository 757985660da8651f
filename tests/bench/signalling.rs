//! Signalling: INVITE, 200, ACK, one second, BYE.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::error::Result;
use crate::floor::Scenario;
use crate::generator::{Generator, Load};
use crate::measure::{Window, percentiles, round};
use crate::probe::{Log, Probes, SIGNALLING, Sizes};
use crate::subject::Subject;

/// The load at which the cost of a call is measured, calls a second.
const RATE: f64 = 1_000.0;
/// And once more at a load that fills most of the core.
const BUSY_RATE: f64 = 4_000.0;
/// INVITE to 200 is measured at so many calls a second.
const LATENCY_RATE: f64 = 100.0;
/// Nobody is asked for more.
const HIGHEST: f64 = 8_000.0;
const HOLD_S: f64 = 1.0;
/// The search for the most calls a second ends then with what it has.
const SEARCH_LIMIT: Duration = Duration::from_secs(150);
/// So many failures are not the work of a busy machine.
const HOPELESS: f64 = 0.1;

fn load(rate: f64, calls: Option<u32>) -> Load {
    Load {
        scenario: "signalling",
        service: "sig",
        rate,
        calls,
    }
}

/// Runs it; returns its part of the report, and the sizes of the server's messages.
pub fn run(bench: &mut Bench) -> Result<(Value, Sizes)> {
    bench.step("signalling: the server starts", 4);
    let server = Subject::server(&bench.machine, bench.limits())?;
    let log = latency(bench, &server)?;
    let cost = cost(bench, &server, "server")?;
    let busy = steady(bench, &server, BUSY_RATE, "server")?;
    server.drained(Duration::from_secs(10));
    let (max_cps, limit) = highest(bench, &server)?;
    server.drained(Duration::from_secs(10));
    let idle = server.idle;
    drop(server);

    let floor = Subject::floor(&bench.machine, Scenario::Signalling, log.sizes)?;
    let floor_cost = steady(bench, &floor, cost.asked, "floor")?;
    let busy_floor = steady(bench, &floor, BUSY_RATE, "floor")?;
    let all = log.whole();
    let report = json!({
        "cpu_ms_per_call": round(cost.cpu_ms_per_call()),
        "floor_cpu_ms_per_call": round(floor_cost.cpu_ms_per_call()),
        "floor_ratio": round(cost.cpu_ms_per_call() / floor_cost.cpu_ms_per_call()),
        "at_calls_per_second": cost.asked,
        "busy": {
            "cpu_ms_per_call": round(busy.cpu_ms_per_call()),
            "floor_cpu_ms_per_call": round(busy_floor.cpu_ms_per_call()),
            "floor_ratio": round(busy.cpu_ms_per_call() / busy_floor.cpu_ms_per_call()),
            "at_calls_per_second": BUSY_RATE,
            "server": busy.json(idle.rss_kib),
            "floor": busy_floor.json(floor.idle.rss_kib),
        },
        "max_cps": max_cps,
        "max_cps_limited_by": limit,
        "invite_to_200_p50_ms": all.invite_ms.at(0.5).map(round),
        "invite_to_200_p99_ms": all.invite_ms.at(0.99).map(round),
        "invite_to_200_ms": percentiles(&all.invite_ms),
        "idle_core_percent": round(idle.core_percent),
        "server": cost.json(idle.rss_kib),
        "floor": floor_cost.json(floor.idle.rss_kib),
    });
    Ok((report, log.sizes))
}

/// A client of our own alone, at 100 calls a second.
fn latency(bench: &mut Bench, server: &Subject) -> Result<Log> {
    let seconds = bench.seconds(10, 4);
    bench.step("signalling: INVITE to 200 at 100 calls/s", seconds + 2);
    let probes = Probes::start(&bench.machine, server.udp, &SIGNALLING, 1_000, LATENCY_RATE)?;
    std::thread::sleep(Duration::from_secs(seconds));
    let log = probes.finish();
    let all = log.whole();
    bench.note(&format!(
        "{} calls, {} failed, p50 {:.2} ms, p99 {:.2} ms",
        all.invite_ms.len(),
        all.failed,
        all.invite_ms.at(0.5).unwrap_or(f64::NAN),
        all.invite_ms.at(0.99).unwrap_or(f64::NAN)
    ));
    Ok(log)
}

/// CPU for a call at [`RATE`], or at the highest half of it that is carried.
fn cost(bench: &mut Bench, subject: &Subject, who: &str) -> Result<Window> {
    let mut rate = RATE;
    loop {
        let window = steady(bench, subject, rate, who)?;
        if window.faults().is_empty() || rate <= RATE / 8.0 {
            return Ok(window);
        }
        subject.drained(Duration::from_secs(20));
        rate /= 2.0;
    }
}

fn steady(bench: &mut Bench, subject: &Subject, rate: f64, who: &str) -> Result<Window> {
    let seconds = bench.seconds(10, 5);
    let text = format!("signalling: {who}, {rate:.0} calls/s");
    bench.step(&text, seconds + 5);
    let mut generator = Generator::start(&bench.machine, subject.udp, &load(rate, None))?;
    let probes = Probes::start(&bench.machine, subject.udp, &SIGNALLING, 20, 10.0)?;
    std::thread::sleep(Duration::from_millis(2_500));
    let length = Duration::from_secs(seconds);
    let window = Window::measure(subject, &generator, &probes, rate * HOLD_S, length)?;
    generator.finish(Duration::from_secs(6))?;
    drop(probes);
    bench.note(&format!(
        "{:.3} ms CPU a call ({:.0} % of it in the kernel), {:.0} failed, {:.0} retransmissions{}",
        window.cpu_ms_per_call(),
        window.system_share * 100.0,
        window.failed,
        window.retransmissions,
        bench.generator_note(&window),
    ));
    Ok(window)
}

/// The most calls a second without failures, retransmissions or calls that pile up; and what
/// stopped the search: `server`, `generator` or `search`.
fn highest(bench: &mut Bench, server: &Subject) -> Result<(f64, &'static str)> {
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut rate: f64 = if bench.options.quick {
        1_000.0
    } else {
        2_000.0
    };
    let mut limit = "search";
    let deadline = Instant::now() + SEARCH_LIMIT;
    while Instant::now() < deadline {
        match attempt(bench, server, rate)? {
            Verdict::Carried => low = rate,
            Verdict::Failed => (high, limit) = (rate, "server"),
            Verdict::Generator => (high, limit) = (rate, "generator"),
        }
        rate = if high.is_finite() {
            f64::midpoint(low, high)
        } else {
            rate * 2.0
        };
        if rate > HIGHEST || high - low < high * 0.08 {
            break;
        }
    }
    Ok((low, limit))
}

enum Verdict {
    Carried,
    Failed,
    Generator,
}

/// Ten seconds at a rate; once more when it goes wrong, for the machine may have been busy.
fn attempt(bench: &mut Bench, server: &Subject, rate: f64) -> Result<Verdict> {
    let seconds = bench.seconds(10, 4);
    let mut generator_is_the_limit = false;
    for again in ["", ", again"] {
        let text = format!("signalling: is {rate:.0} calls/s carried{again}?");
        bench.step(&text, seconds + 3);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let calls = (rate * seconds as f64) as u32;
        let mut generator = Generator::start(&bench.machine, server.udp, &load(rate, Some(calls)))?;
        std::thread::sleep(Duration::from_millis(1_500));
        let before = generator.usage();
        std::thread::sleep(Duration::from_secs(seconds - 2));
        let percent = match (before, generator.usage()) {
            (Some(a), Some(b)) => b.cpu_ms_since(&a) / b.seconds_since(&a) / 10.0,
            _ => 0.0,
        };
        let rows = generator.rows();
        let last = generator.wait(Duration::from_secs(seconds + 10))?;
        let peak = rows.iter().map(|row| row.current).fold(0.0, f64::max);
        // SIPp tells its own rate by when it had begun the last call.
        let late = rows.last().is_some_and(|row| {
            #[allow(clippy::cast_precision_loss)]
            let at = (row.at_ns - rows[0].at_ns) as f64 / 1e9;
            row.created < (at * rate * 0.97 - rate * 0.2).min(f64::from(calls))
        });
        let bad = last.failed + last.retransmissions;
        let piled = peak > rate * HOLD_S * 1.2 + 50.0;
        bench.note(&format!(
            "{:.0} failed, {:.0} retransmissions, {peak:.0} at the same time, SIPp {percent:.0} % of its core",
            last.failed, last.retransmissions
        ));
        if bad <= last.created * 0.001 && !piled && !late {
            return Ok(Verdict::Carried);
        }
        generator_is_the_limit = percent > 92.0 || late && !piled;
        server.drained(Duration::from_secs(20));
        if bad > last.created * HOPELESS {
            break;
        }
    }
    Ok(if generator_is_the_limit {
        Verdict::Generator
    } else {
        Verdict::Failed
    })
}
