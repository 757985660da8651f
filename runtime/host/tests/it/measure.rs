//! Measurements, to be run alone on an idle machine:
//! `cargo test --release -p vireo-host --test it -- --ignored --nocapture measure`
//!
//! The bounds are generous: they find what became ten times worse, not ten percent.

use std::time::Instant;

use vireo_host::{Host, HostConfig, Limits, Outcome};

use crate::script::{Gate, HELLO, PROBE, Script, all_grants, hello, host, probe, run, run_limited};

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_whole_calls() {
    let hello = hello();
    let (mut wall, mut cpu) = (vec![], vec![]);
    for _ in 0..3_000 {
        let start = Instant::now();
        let (outcome, _, usage) = hello
            .run(Script::default(), all_grants(), Limits::default())
            .await;
        wall.push(start.elapsed().as_secs_f64() * 1e6);
        cpu.push(usage.cpu_us as f64);
        assert_eq!(outcome, Outcome::Completed);
    }
    let (cpu50, cpu99) = (percentile(&mut cpu, 50), percentile(&mut cpu, 99));
    println!(
        "a call of five verbs, µs: wall p50 {:.0} p99 {:.0}; CPU p50 {cpu50} p99 {cpu99}",
        percentile(&mut wall, 50),
        percentile(&mut wall, 99)
    );
    assert!(cpu50 < 600.0);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_instances() {
    // A component that returns at once: what is left is the instance.
    let (mut wall, mut cpu) = (vec![], vec![]);
    let probe = probe();
    for _ in 0..3_000 {
        let start = Instant::now();
        let (.., usage) = probe
            .run(Script::new("now").times(0), all_grants(), Limits::default())
            .await;
        wall.push(start.elapsed().as_secs_f64() * 1e6);
        cpu.push(usage.cpu_us as f64);
    }
    println!(
        "instantiate, read two settings, drop, µs: wall p50 {:.0} p99 {:.0}; CPU p50 {} p99 {}",
        percentile(&mut wall, 50),
        percentile(&mut wall, 99),
        percentile(&mut cpu, 50),
        percentile(&mut cpu, 99)
    );
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_host_calls() {
    const CALLS: u64 = 50_000;
    for what in ["now", "play", "gather"] {
        let limits = Limits {
            host_calls: u64::MAX,
            ..Limits::default()
        };
        let script = Script::new(what).times(CALLS).without_journal();
        let (outcome, _, usage) = run_limited(script, limits).await;
        assert_eq!(outcome, Outcome::Completed);
        let ns = usage.cpu_us as f64 * 1e3 / CALLS as f64;
        println!("{what}: {ns:.0} ns CPU");
        assert!(ns < 10_000.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_parked_flows() {
    const FLOWS: usize = 1_000;
    let (outcome, ..) = run(Script::new("now")).await;
    assert_eq!(outcome, Outcome::Completed);
    let (resident, maps_before) = (resident_kib(), maps());
    let gate = Gate::new();
    let start = Instant::now();
    let runs: Vec<_> = (0..FLOWS)
        .map(|_| tokio::spawn(run(Script::new("park").gate(&gate))))
        .collect();
    gate.wait_for(FLOWS).await;
    let started = start.elapsed();
    let each = (resident_kib() - resident) / FLOWS as f64;
    let maps_each = (maps() - maps_before) as f64 / FLOWS as f64;
    println!(
        "{FLOWS} parked: {each:.1} KiB and {maps_each:.1} maps each (of {} in all), \
         started in {started:.1?}",
        maps()
    );
    assert!(each < 200.0);
    gate.permits.add_permits(FLOWS);
    for run in runs {
        assert_eq!(run.await.unwrap().0, Outcome::Completed);
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_compilation() {
    for (name, bytes) in [("hello", HELLO), ("probe", PROBE)] {
        let mut times = vec![];
        for number in 0..5 {
            let mut bytes = bytes.to_vec();
            bytes.extend_from_slice(&[0, 3, 1, b'v', number]);
            let start = Instant::now();
            host().compile(&bytes).unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        println!(
            "compile {name} ({} bytes): {:.1} ms",
            bytes.len(),
            percentile(&mut times, 50)
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_a_host_for_ten_thousand() {
    let (resident, maps_before) = (resident_kib(), maps());
    let start = Instant::now();
    let host = Host::new(HostConfig {
        max_calls: 10_000,
        ..HostConfig::default()
    });
    println!(
        "a host for 10,000 calls: {:.1?}, {:.0} KiB, {} maps, {:?}",
        start.elapsed(),
        resident_kib() - resident,
        maps() - maps_before,
        host.as_ref().map(|host| host.in_use())
    );
    assert!(host.is_ok());
}
