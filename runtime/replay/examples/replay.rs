//! How many recorded calls a second one core replays: every case of a script, again and again. The
//! CPU time does not change with what else the machine does.
//!
//! ```sh
//! taskset -c 0 cargo run --release -p vireo-replay --example replay -- \
//!     examples/demo-ivr/tests/information-line.test.toml 20000
//! ```

// A measurement: what goes wrong ends it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use serde_json::json;
use vireo_host::{Host, HostConfig, Limits};
use vireo_replay::{Class, Job, Replayer};
use vireo_sim::{Case, Follower, Happened, Prompts, Script, Stage, play};
use vireo_store::journal::{Entry, Json};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("which script?");
    let calls: usize = (arguments.next()).map_or(10_000, |calls| calls.parse().expect("a number"));
    let script: Script = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let suite = script.compile("call", &|_| 0).unwrap();
    let host = Host::new(HostConfig {
        max_calls: 1,
        ..HostConfig::default()
    })
    .unwrap();
    let component = Path::new(&file).parent().unwrap();
    let wasm = std::fs::read(component.join(suite.component.as_ref().unwrap())).unwrap();
    let stage = Stage {
        version: host.compile(&wasm).unwrap(),
        flow: "demo".to_owned(),
        prompts: Prompts::Assumed,
        grants: None,
        limits: Limits::default(),
        longest: Duration::from_secs(7_200),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
        zone: TimeZone::UTC,
        apology: None,
        fallback: None,
    };
    let replayer = Replayer {
        version: Arc::clone(&stage.version),
        grants: None,
        limits: Limits::default(),
        secrets: Arc::default(),
    };
    for case in suite.cases {
        let case = Arc::new(case);
        let journal = journal(&stage, &case);
        // As the journals of a server come: each has its own text.
        let jobs: Vec<Job> = (0..calls)
            .map(|call| Job {
                call_id: call.to_string(),
                entries: journal.clone(),
            })
            .collect();
        let (started, used) = (Instant::now(), cpu_seconds());
        let verdicts = replayer.replay_all(&jobs, None, 1).unwrap();
        let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - used);
        let same = |verdict: &Result<vireo_replay::Verdict, _>| {
            verdict
                .as_ref()
                .is_ok_and(|verdict| verdict.class == Class::Same)
        };
        assert!(verdicts.iter().all(same), "{:?}", verdicts[0]);
        println!(
            "{:>8.0} calls/s  {:>5.0} us of CPU a call  {:>3} entries  {}",
            calls as f64 / seconds,
            cpu * 1e6 / calls as f64,
            journal.len(),
            case.name
        );
    }
}

/// CPU time of this process: fields 14 and 15 of proc(5)'s stat, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
        .sum()
}

/// The journal of one call, as a server writes it.
fn journal(stage: &Stage, case: &Arc<Case>) -> Vec<Entry> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let ended = runtime.block_on(play(stage, case, Follower::new(Arc::clone(case))));
    let route = json!({ "route": "r", "flow": "demo", "version": stage.version.digest() });
    let mut entries = vec![Entry::event(0, 0, "route", route.into())];
    for record in ended.world.log() {
        if let Happened::Verb {
            request, answer, ..
        } = &record.what
        {
            let mut reply = json!(**answer);
            reply["took_ms"] = 1.into();
            let seq = u32::try_from(entries.len()).unwrap();
            let asked = Json::of(&**request).unwrap();
            entries.push(Entry::verb(seq, 0, request.verb(), asked, reply.into()));
        }
    }
    let seq = u32::try_from(entries.len()).unwrap();
    let ended = json!({ "outcome": ended.outcome.to_string() });
    entries.push(Entry::event(seq, 0, "flow-ended", ended.into()));
    entries
}
