//! Overload: twice as many calls as the limit allows. Every one past it gets 503 with Retry-After,
//! the admitted ones notice nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::error::Result;
use crate::generator::{Generator, Load};
use crate::measure::{GAP_LIMIT_MS, percentiles, round};
use crate::probe::{IVR_A, Probes};
use crate::subject::{Limits, Subject};

const LIMIT: u32 = 200;
const PROBES: u32 = 40;
/// About what an admitted call lasts, s.
const LENGTH_S: f64 = 7.2;

/// Runs it.
pub fn run(bench: &mut Bench) -> Result<Value> {
    let seconds = bench.seconds(25, 12);
    bench.step(
        &format!("overload: the limit is {LIMIT} calls, twice as many are offered"),
        seconds + 15,
    );
    let limits = Limits {
        calls: LIMIT,
        recordings: 10,
        ..bench.limits()
    };
    let server = Subject::server(&bench.machine, limits)?;
    let probes_rate = f64::from(PROBES) / LENGTH_S;
    let rate = f64::from(2 * LIMIT - PROBES) / LENGTH_S;
    let probes = Probes::start(&bench.machine, server.udp, &IVR_A, PROBES, probes_rate)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let load = Load {
        scenario: "overload",
        service: "ivra",
        rate,
        calls: Some((rate * seconds as f64) as u32),
    };
    let mut generator = Generator::start(&bench.machine, server.udp, &load)?;
    let mut most = 0.0_f64;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < deadline {
        most = most.max(server.metric("vireo_sip_calls").unwrap_or(f64::NAN));
        std::thread::sleep(Duration::from_millis(50));
    }
    let last = generator.wait(Duration::from_secs(20))?;
    let seen = probes.finish().whole();
    let drained = server.drained(Duration::from_secs(10));
    #[allow(clippy::cast_precision_loss)]
    let refused = last.counters[1] + seen.refused as f64;
    let counted = server.metrics_sum("vireo_sip_refused_total");
    let gap = seen.gap_ms.at(0.99);
    #[allow(clippy::cast_precision_loss)]
    let failed = last.failed + seen.failed as f64;
    let exact = failed == 0.0
        && last.counters[0] + last.counters[1] == last.created
        && Some(refused) == counted
        && refused > 0.0;
    bench.note(&format!(
        "{:.0} calls: {:.0} admitted, {:.0} refused with 503 and Retry-After, {failed:.0} failed; at most {most:.0} at the same time; gap p99 {:.1} ms",
        last.created,
        last.counters[0],
        last.counters[1],
        gap.unwrap_or(f64::NAN)
    ));
    Ok(json!({
        "limit": LIMIT,
        "offered_calls": last.created + (seen.completed.len() + seen.refused + seen.failed) as f64,
        "refused_503_with_retry_after": refused,
        "refused_by_the_server_s_count": counted,
        "failed": failed,
        "most_at_the_same_time": most,
        "counts_exact": exact,
        "limit_kept": most <= f64::from(LIMIT) && most > 0.0,
        "drained": drained,
        "gap_p99_ms": gap.map(round),
        "gap_kept": gap.is_some_and(|gap| gap <= GAP_LIMIT_MS),
        "gap_ms": percentiles(&seen.gap_ms),
        "digit_to_prompt_ms": percentiles(&seen.key_ms),
        "lost_packets": seen.lost,
    }))
}
