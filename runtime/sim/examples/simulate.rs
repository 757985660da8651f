//! How many simulated calls a second one core runs: every case of a script, again and again.
//!
//! ```sh
//! taskset -c 0 cargo run --release -p vireo-sim --example simulate -- \
//!     examples/demo-ivr/tests/information-line.test.toml 20000
//! ```

// A measurement: what goes wrong ends it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_host::{Host, HostConfig, Limits};
use vireo_sim::{Prompts, Script, Stage, check};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("which script?");
    let calls: usize = (arguments.next()).map_or(10_000, |calls| calls.parse().expect("a number"));
    let beside = |path: &Path| Path::new(&file).parent().unwrap().join(path);
    let script: Script = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let suite = script.compile("call", &|_| 0).unwrap();

    let host = Host::new(HostConfig {
        max_calls: 1,
        ..HostConfig::default()
    })
    .unwrap();
    let wasm = std::fs::read(beside(suite.component.as_ref().unwrap())).unwrap();
    let prompts = match &suite.prompts {
        None => Prompts::Assumed,
        Some(directory) => {
            let options = LibraryConfig {
                recheck_after: Duration::MAX,
                ..LibraryConfig::new(beside(directory))
            };
            Prompts::Directory(Arc::new(Library::open(options).unwrap()))
        }
    };
    let stage = Stage {
        version: host.compile(&wasm).unwrap(),
        flow: "demo".to_owned(),
        prompts,
        grants: None,
        limits: Limits::default(),
        longest: Duration::from_secs(7_200),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
        zone: TimeZone::UTC,
        apology: None,
        fallback: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for case in suite.cases {
        let case = Arc::new(case);
        let run = |count: usize| {
            let started = Instant::now();
            let mut verbs = 0;
            for _ in 0..count {
                let verdict = runtime.block_on(check(&stage, &case));
                assert!(verdict.troubles.is_empty(), "{:?}", verdict.troubles);
                verbs += verdict.log.len();
            }
            (started.elapsed().as_secs_f64(), verbs / count.max(1))
        };
        // The prompts are read once.
        run(10);
        let (seconds, events) = run(calls);
        println!(
            "{:>8.0} calls/s  {:>5.1} us a call  {events:>3} events  {}",
            calls as f64 / seconds,
            seconds * 1e6 / calls as f64,
            case.name
        );
    }
}
