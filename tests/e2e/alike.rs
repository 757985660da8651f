//! The same call leaves the same journal: whatever the flow is written in, and in simulation.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vireo_tests::server::{Setup, binary};
use vireo_tests::sipp::Run;
use vireo_tests::wav::Wav;
use vireo_tests::{Server, root};

use crate::{Call, ended_call, records};

/// What the flows of these tests play.
const PROMPTS: [&str; 19] = [
    "demo/welcome",
    "demo/menu",
    "demo/opening-hours",
    "demo/enter-number",
    "demo/no-such-number",
    "demo/operator",
    "demo/leave-message",
    "demo/keep-message",
    "demo/you-said",
    "demo/message-kept",
    "demo/goodbye",
    "demo/no-input",
    "demo/no-match",
    "welcome",
    "menu",
    "sorry",
    "leave-message",
    "you-said",
    "goodbye",
];

/// Prompts of 400 ms each, so that a whole call is short and its pauses are long beside them.
fn prompts() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let hum = (0..3_200).map(|n| (f64::from(n) * 0.3).sin() * 4_000.0);
    let wav = Wav {
        rate: 8_000,
        channels: 1,
        samples: hum.map(|sample| sample as i16).collect(),
    };
    for name in PROMPTS {
        wav.write(&directory.path().join(format!("en/{name}.wav")));
    }
    directory
}

/// What times, places and ids are called, and what a component's own costs are.
const OF_ONE_CALL: [&str; 20] = [
    "at_ms",
    "took_ms",
    "duration_ms",
    "ms",
    "talk_ms",
    "started_at",
    "call_id",
    "sip_call_id",
    "source",
    "remote",
    "path",
    "cpu_us",
    "memory_peak",
    "flow",
    "version",
    "route",
    "called",
    "trunk",
    "seq",
    "parameters",
];

/// A value without what is one call's own.
fn plain(value: &Value, call_id: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.filter(|(key, _)| !OF_ONE_CALL.contains(&key.as_str()));
            fields
                .map(|(key, value)| (key.clone(), plain(value, call_id)))
                .collect()
        }
        Value::Array(values) => values.iter().map(|value| plain(value, call_id)).collect(),
        // "message 01m8...-message-2 of 1490 ms", as the flows log it.
        Value::String(text) => {
            let words = text.split(' ').collect::<Vec<_>>();
            let follows = |at: usize| words.get(at + 1) == Some(&"ms");
            let words = words.iter().enumerate().map(|(at, word)| {
                let is_length = follows(at) && word.bytes().all(|byte| byte.is_ascii_digit());
                match is_length {
                    true => "N".to_owned(),
                    false => word.replace(call_id, "CALL"),
                }
            });
            words.collect::<Vec<_>>().join(" ").into()
        }
        other => other.clone(),
    }
}

/// The requests of a flow and their answers.
fn verbs<'v>(entries: impl IntoIterator<Item = &'v Value>, call_id: &str) -> Vec<String> {
    let entries = entries.into_iter();
    let entries = entries.filter(|verb| verb["name"].is_string());
    entries
        .map(|verb| plain(verb, call_id).to_string())
        .collect()
}

impl Call {
    fn id(&self) -> &str {
        self.record["call_id"].as_str().unwrap()
    }

    fn verbs(&self) -> Vec<String> {
        let entries = self.timeline.iter().map(|entry| &entry["kind"]["verb"]);
        verbs(entries, self.id())
    }

    /// What happened on the wire, with keys and ends of prompts.
    fn wire(&self) -> Vec<String> {
        let entries = self.timeline.iter().map(|entry| &entry["kind"]["event"]);
        verbs(entries, self.id())
    }
}

fn difference(left: &[String], right: &[String]) -> Option<String> {
    let longest = left.len().max(right.len());
    let line = |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_default();
    (0..longest)
        .map(|at| (line(left, at), line(right, at)))
        .find(|(left, right)| left != right)
        .map(|(left, right)| format!("\n  {left}\n  {right}"))
}

/// The components of the conformance suite, by language; those that were not built are named.
fn languages() -> Vec<(String, PathBuf)> {
    let directory = root().join("target/conformance");
    let entries = std::fs::read_dir(&directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut built = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        match file.extension().and_then(|suffix| suffix.to_str()) {
            // The first flows that `vireo new` writes lie there too.
            Some("wasm") if !name.starts_with("project-") => built.push((name, file)),
            Some("skipped") => {
                let why = std::fs::read_to_string(&file).unwrap();
                println!("SKIPPED {name}: {}", why.trim());
            }
            _ => {}
        }
    }
    assert!(
        !built.is_empty(),
        "{}: no component; run scripts/build-conformance.sh (make test does)",
        directory.display()
    );
    built
}

#[test]
fn in_every_language() {
    let languages = languages();
    let prompts = prompts();
    // The suite's components hold other flows too, and need grants for those.
    let secret = prompts.path().join("pin");
    std::fs::write(&secret, "4711").unwrap();
    let sections = languages.iter().map(|(name, _)| {
        format!(
            "[flows.{name}]\nsettings = {{ office = \"City Hall\" }}\n\
             grants = {{ kv = true, http = [\"api.example.com\"], secrets = [\"pin\"] }}\n\
             secrets = {{ pin = \"file:{}\" }}\n",
            secret.display()
        )
    });
    let routes = languages.iter().map(|(name, _)| {
        format!(
            "[[routes]]\nname = \"{name}\"\ncalled = \"{name}\"\nflow = \"{name}\"\n\
             parameters = {{ flow = \"demo\" }}\n"
        )
    });
    let server = Server::start(&Setup {
        more: sections.collect(),
        routes: Some(routes.collect()),
        prompts: Some(prompts.path().to_owned()),
        ..Setup::default()
    });
    for (name, component) in &languages {
        server.admin.deploy(name, component);
    }
    std::thread::scope(|scope| {
        for (name, _) in &languages {
            scope.spawn(|| Run::new("information-line", name).succeed(server.udp));
        }
    });
    let records = records(&server, languages.len());
    let call = |language: &str| {
        let record = records.iter().find(|record| record["flow"] == language);
        ended_call(&server, record.unwrap()["call_id"].as_str().unwrap())
    };
    let (reference, _) = &languages[0];
    let expected = call(reference);
    assert_eq!(expected.keys(), "123456#3#23#1");
    assert_eq!(expected.outcome(), "completed");
    for (language, _) in &languages {
        let call = call(language);
        let verbs = difference(&expected.verbs(), &call.verbs());
        assert_eq!(verbs, None, "{reference} and {language}");
        let wire = difference(&expected.wire(), &call.wire());
        assert_eq!(wire, None, "{reference} and {language}, on the wire");
    }
    // So what one of them did can be replayed on any other.
    for (language, component) in &languages {
        let version = format!("{reference}={}", component.display());
        let calls = format!("flow={reference}");
        let report = server.command(&["replay", "--json", "--flow", &version, "--calls", &calls]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["counts"]["same"], 1, "{language}: {report:#}");
    }
}

/// The call of `sipp/silent-message.xml` as a script.
const SILENT_MESSAGE: &str = r#"
[call]
caller = "100"

[[cases]]
name = "a message without a word"
steps = [
    { hears = ["welcome", "menu"] },
    { presses = "9", while-playing = true, after = "200ms" },
    { hears = ["sorry", "menu"] },
    { silent = "5s" },
    { hears = "menu" },
    { presses = "2" },
    { hears = "leave-message" },
    { records = { ended-by = "silence" } },
    { hears = ["you-said", "recording", "goodbye"] },
    { ends = "completed" },
]
"#;

/// The requests and answers of the only case of a script, in simulation.
fn simulated(script: &str, component: &Path, prompts: &Path) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("call.test.toml");
    let head = format!("component = {component:?}\nprompts = {prompts:?}\n");
    std::fs::write(&file, head + script).unwrap();
    let output = Command::new(binary())
        .args(["test", "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let case = &report["cases"][0];
    assert_eq!(case["passed"], true, "{report:#}");
    verbs(case["verbs"].as_array().unwrap(), "simulated")
}

#[test]
fn in_simulation_and_on_the_server() {
    let prompts = prompts();
    let server = Server::start(&Setup {
        prompts: Some(prompts.path().to_owned()),
        ..Setup::with_flows(&["hello"])
    });
    Run::new("silent-message", "hello").succeed(server.udp);
    let call = crate::only_call(&server);
    assert_eq!(call.keys(), "92");
    let simulated = simulated(SILENT_MESSAGE, &vireo_tests::flow("hello"), prompts.path());
    assert!(
        simulated.iter().any(|verb| verb.contains("media.record")),
        "{simulated:?}"
    );
    assert_eq!(difference(&call.verbs(), &simulated), None);
}
