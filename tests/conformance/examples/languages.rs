//! What a flow costs in each language: the table of `docs/languages.md`.
//!
//!     cargo run --release --locked --workspace --example languages -- [LANGUAGE...]
//!
//! It measures the components of `target/conformance`: size and compilation of the first flow that
//! `vireo new` writes (`scripts/test-projects.sh`), everything else with the flows of the suite
//! (`scripts/build-conformance.sh`). CPU times, so that a busy machine shows nearly the same.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use vireo_conformance::{Case, LANGUAGES, MEMORY, ScriptedCall, components};
use vireo_host::contract::{Error, Event};
use vireo_host::{Answer, Control, Host, HostConfig, Outcome, Reply, Request, Secret, Version};

/// Calls that stand still at the same time.
const PARKED: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "language      bytes  compile ms  start us  demo us  now ns  play ns  gather ns  \
         parked KiB  memory KiB"
    );
    for language in LANGUAGES {
        if !asked.is_empty() && !asked.iter().any(|one| one == language) {
            continue;
        }
        if let Err(error) = measure(language).await {
            println!("{language:<8} skipped: {error}");
        }
    }
}

async fn measure(language: &str) -> std::io::Result<()> {
    let suite = fs::read(components().join(format!("{language}.wasm")))?;
    // C++ has no template of its own.
    let first = fs::read(components().join(format!("project-{language}.wasm")));
    let first = first.as_ref().unwrap_or(&suite);
    let host = Host::new(HostConfig {
        max_calls: PARKED as u32,
        memory_bytes: MEMORY,
        ..HostConfig::default()
    })
    .unwrap();
    let cpu = thread_cpu();
    let only_compiled = host.compile(first).unwrap();
    let compile = (thread_cpu() - cpu).as_secs_f64() * 1e3;
    drop(only_compiled);

    let version = host.compile(&suite).unwrap();
    let (start, memory) = median_cpu(&version, &bench("now", 0), 300).await;
    let (demo, _) = median_cpu(&version, &Case::named("demo"), 300).await;
    let now = host_call(&version, "now").await;
    let play = host_call(&version, "play").await;
    let gather = host_call(&version, "gather").await;
    let parked = parked_kib(&version).await;
    println!(
        "{language:<8} {:>10}  {compile:>10.1}  {start:>8}  {demo:>7}  {now:>6}  \
         {play:>7}  {gather:>9}  {parked:>10.0}  {:>10}",
        first.len(),
        memory / 1024,
    );
    Ok(())
}

/// A call of so many host calls of one kind, which are answered at once.
fn bench(verb: &str, times: u32) -> Case {
    let mut case = Case::named("demo");
    case.script.flow = "bench".to_owned();
    case.script.answers.clear();
    case.script.settings = [
        ("verb".to_owned(), verb.to_owned()),
        ("times".to_owned(), times.to_string()),
    ]
    .into();
    case
}

/// Median CPU of a run, µs, and the most memory that one took, bytes.
async fn median_cpu(version: &Version, case: &Case, runs: usize) -> (u64, u64) {
    let mut times = Vec::with_capacity(runs);
    let mut memory = 0;
    for _ in 0..runs {
        let call = case.call().without_journal();
        let (outcome, _, usage) = case.run_call(version, call).await;
        assert_eq!(outcome, Outcome::Completed);
        times.push(usage.cpu_us);
        memory = memory.max(usage.memory_peak);
    }
    times.sort_unstable();
    (times[runs / 2], memory)
}

/// One host call, ns.
async fn host_call(version: &Version, verb: &str) -> u64 {
    const MANY: u32 = 10_000;
    let (with, _) = median_cpu(version, &bench(verb, MANY), 7).await;
    let (without, _) = median_cpu(version, &bench(verb, 0), 7).await;
    (with - without.min(with)) * 1_000 / u64::from(MANY)
}

/// Private memory of one call that waits, KiB.
async fn parked_kib(version: &Arc<Version>) -> f64 {
    let gate = Arc::new(Gate {
        parked: AtomicUsize::new(0),
        open: Semaphore::new(0),
    });
    let before = anonymous_kib();
    let calls: Vec<_> = (0..PARKED)
        .map(|_| {
            let (version, gate) = (version.clone(), gate.clone());
            tokio::spawn(async move {
                let case = bench("wait", 1);
                let call = Waiting {
                    call: case.call().without_journal(),
                    gate,
                };
                case.run_call(&version, call).await.0
            })
        })
        .collect();
    while gate.parked.load(Ordering::SeqCst) < PARKED {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let after = anonymous_kib();
    gate.open.add_permits(PARKED);
    for call in calls {
        assert_eq!(call.await.unwrap(), Outcome::Completed);
    }
    (after.saturating_sub(before)) as f64 / PARKED as f64
}

struct Gate {
    parked: AtomicUsize,
    open: Semaphore,
}

/// A call whose `wait` lasts until the gate opens.
struct Waiting {
    call: ScriptedCall,
    gate: Arc<Gate>,
}

impl Control for Waiting {
    async fn perform(&mut self, request: Request) -> Answer {
        if matches!(request, Request::Wait { .. }) {
            self.gate.parked.fetch_add(1, Ordering::SeqCst);
            let _permit = self.gate.open.acquire().await;
            return Ok(Reply::Event(Event::Timeout));
        }
        self.call.perform(request).await
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        self.call.reveal(name)
    }
}

fn status_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn anonymous_kib() -> u64 {
    status_kib("RssAnon:")
}

/// CPU time of this thread; the compiler runs in the thread that calls it.
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}
