//! Recording calls in virtual time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use vireo_host::{Answer, Grants, Host, HostConfig, Limits, Request, Version};
use vireo_replay::{Job, JournalError, Recorded, Replayer, Verdict};
use vireo_sim::{Case, Follower, Happened, Prompts, Script, Stage, play};
use vireo_store::journal::{Entry, Json};

/// A component of the host's own tests.
pub fn version(name: &str) -> Arc<Version> {
    static HOST: OnceLock<Host> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        Host::new(HostConfig {
            max_calls: 64,
            ..HostConfig::default()
        })
        .unwrap()
    });
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/fixtures");
    let wasm = std::fs::read(fixtures.join(format!("{name}.wasm"))).unwrap();
    host.compile(&wasm).unwrap()
}

/// A caller who does nothing.
pub const QUIET: &str = "strict = false\nsteps = [{ ends = \"completed\" }]";

/// Calls a flow by a script, and returns the call's journal.
pub async fn record(name: &str, script: &str) -> Vec<Entry> {
    let script: Script = toml::from_str(script).unwrap();
    let suite = script.compile("call", &|_| 0).unwrap();
    let case: Arc<Case> = Arc::new(suite.cases.into_iter().next().unwrap());
    let stage = Stage {
        version: version(name),
        flow: name.to_owned(),
        prompts: Prompts::Assumed,
        grants: Some(Arc::new(Grants {
            kv: Some("test".to_owned()),
            http: vec!["api.example.com".to_owned()],
            secrets: vec!["pin".to_owned()],
            ..Grants::default()
        })),
        limits: Limits::default(),
        longest: Duration::from_secs(7_200),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
        zone: TimeZone::UTC,
        apology: None,
        fallback: None,
    };
    let ended = play(&stage, &case, Follower::new(Arc::clone(&case))).await;
    let asked = ended
        .world
        .log()
        .iter()
        .filter_map(|record| match &record.what {
            Happened::Verb {
                asked,
                request,
                answer,
            } => Some((*asked, &**request, &**answer)),
            _ => None,
        });
    journal(name, asked, &ended.outcome.to_string())
}

/// The journal of a call, with notes of the wire among the verbs.
pub fn journal<'a>(
    flow: &str,
    asked: impl Iterator<Item = (Duration, &'a Request, &'a Answer)>,
    outcome: &str,
) -> Vec<Entry> {
    let mut entries = vec![
        Entry::event(0, 0, "invite", json!({ "caller": "1000" }).into()),
        Entry::event(
            1,
            0,
            "route",
            json!({ "route": "r", "flow": flow, "version": "aa" }).into(),
        ),
    ];
    for (at, request, answer) in asked {
        let mut reply = json!(answer);
        reply["took_ms"] = 1.into();
        let seq = u32::try_from(entries.len()).unwrap();
        let at_ms = u64::try_from(at.as_millis()).unwrap();
        let request = (request.verb(), Json::of(request).unwrap());
        entries.push(Entry::verb(seq, at_ms, request.0, request.1, reply.into()));
    }
    for (name, detail) in [
        ("flow-ended", json!({ "outcome": outcome, "host_calls": 1 })),
        ("bye-sent", json!({})),
        ("cdr", json!({ "outcome": "completed" })),
    ] {
        let seq = u32::try_from(entries.len()).unwrap();
        entries.push(Entry::event(seq, 9_000, name, detail.into()));
    }
    entries
}

/// What `probe` did, by its setting `do`, in a call without further facts.
pub async fn probe(what: &str, more: &str) -> Vec<Entry> {
    record(
        "probe",
        &format!("settings = {{ do = {what:?} }}\n{QUIET}\n{more}"),
    )
    .await
}

/// The journal as JSON, to be changed.
pub fn text(entries: &[Entry]) -> Vec<Value> {
    entries
        .iter()
        .map(|entry| serde_json::to_value(entry).unwrap())
        .collect()
}

/// A journal of changed JSON, numbered anew.
pub fn numbered(entries: Vec<Value>) -> Vec<Entry> {
    let number = |(seq, mut entry): (usize, Value)| {
        entry["seq"] = seq.into();
        serde_json::from_value(entry).unwrap()
    };
    entries.into_iter().enumerate().map(number).collect()
}

/// The place of the first entry of a verb.
pub fn place(entries: &[Value], verb: &str) -> usize {
    let named = |entry: &Value| entry["kind"]["verb"]["name"] == verb;
    entries.iter().position(named).unwrap()
}

pub fn replayer(name: &str) -> Replayer {
    Replayer {
        version: version(name),
        grants: None,
        limits: Limits::default(),
        secrets: Arc::default(),
    }
}

/// Replays a journal on a flow.
pub async fn replay(name: &str, entries: &[Entry]) -> Result<Verdict, JournalError> {
    replayer(name).replay(Recorded::read(entries, None)?).await
}

pub fn job(call_id: &str, entries: Vec<Entry>) -> Job {
    Job {
        call_id: call_id.to_owned(),
        entries,
    }
}
