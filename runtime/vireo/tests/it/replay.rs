//! `vireo replay`, `vireo journal export` and `vireo trace --html`, as processes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::cli::{Run, command, finish};
use crate::fake::{Server, TOKEN};
use crate::flowtest::fixtures;

const SCRIPT: &str = r#"
component = "FIXTURES/hello.wasm"
[[cases]]
name = "chosen"
steps = [{ hears = ["welcome", "menu/welcome"] }, { presses = "2" }, { hears = "goodbye" }, { ends = "completed" }]
[[cases]]
name = "gone"
steps = [{ hears = "welcome" }, { hangs-up = true }]
"#;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Directory(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let line = line.replace("FIXTURES", &fixtures());
        let mut command = command(&line.split(' ').collect::<Vec<_>>());
        command.current_dir(&self.0);
        command
    }

    fn vireo(&self, line: &str) -> Run {
        finish(&self.command(line).output().unwrap())
    }

    /// Against a server, away from the thread on which that runs.
    async fn ask(&self, server: &Server, line: &str) -> Run {
        let mut command = self.command(line);
        command
            .env("VIREO_ADMIN", server.address.to_string())
            .env("VIREO_TOKEN", TOKEN);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        finish(&output)
    }

    /// Calls as a server exports them: each case of a script once.
    fn record(&self) -> Vec<Value> {
        let script = SCRIPT.replace("FIXTURES", &fixtures());
        std::fs::write(self.path("calls.test.toml"), script).unwrap();
        let run = self.vireo("test --json calls.test.toml");
        let report: Value = serde_json::from_str(&run.out).unwrap();
        let cases = report["cases"].as_array().unwrap().iter();
        cases.map(exported).collect()
    }

    fn write(&self, name: &str, calls: &[Value]) {
        let lines: Vec<String> = calls.iter().map(Value::to_string).collect();
        std::fs::write(self.path(name), lines.join("\n")).unwrap();
    }
}

/// A case of a test report as a line of an export.
fn exported(case: &Value) -> Value {
    let route = json!({ "route": "r", "flow": "hello", "version": "ab" });
    let mut timeline = vec![json!({ "event": { "name": "route", "detail": route } })];
    let verbs = case["verbs"].as_array().unwrap().iter();
    timeline.extend(verbs.map(|verb| {
        json!({ "verb": { "name": verb["name"], "request": verb["request"], "reply": verb["reply"] } })
    }));
    let outcome = match case["ends"].as_str() {
        Some("completed") => "completed",
        _ => "hung up",
    };
    timeline.push(json!({ "event": { "name": "flow-ended", "detail": { "outcome": outcome } } }));
    let timeline = timeline.into_iter().enumerate();
    let timeline =
        timeline.map(|(seq, kind)| json!({ "seq": seq, "at_ms": 10 * seq, "kind": kind }));
    json!({
        "record": {
            "call_id": case["name"], "node": "", "direction": "inbound", "trunk": "local", "caller": "1000",
            "called": "1", "flow": "hello", "version": "ab", "received_ms": 1_700_000_000_000_u64,
            "ended_ms": 1_700_000_009_000_u64, "setup_ms": 0, "talk_ms": 9_000, "outcome": case["ends"],
            "ended_by": "flow", "digits": 1, "recordings": [],
        },
        "timeline": timeline.collect::<Vec<_>>(),
    })
}

/// Without what a run takes.
fn steady(text: &str) -> String {
    let cut = text
        .lines()
        .map(|line| line.split(" in 0.").next().unwrap());
    cut.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_version_that_does_the_same() {
    let directory = Directory::new();
    directory.write("calls.jsonl", &directory.record());
    let run = directory.vireo("replay --flow FIXTURES/hello.wasm --calls calls.jsonl -v");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let (head, tail) = run.out.split_once("\n\n").unwrap();
    assert_eq!(
        head,
        "chosen  2023-11-14 22:13:20  same\ngone  2023-11-14 22:13:20  same"
    );
    let tail = steady(tail);
    assert!(
        tail.starts_with("hello, version ")
            && tail.ends_with(": 2 recorded calls\n       2  same\n"),
        "{tail}"
    );
    let run =
        directory.vireo("replay --flow FIXTURES/hello.wasm --calls .,outcome=completed --json");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&report["compared"], &report["recorded_with"]),
        (&1.into(), &json!(["ab"]))
    );
}

#[test]
fn a_version_that_does_not() {
    let directory = Directory::new();
    let mut calls = directory.record();
    let mut other = calls[0].clone();
    other["record"]["call_id"] = "older".into();
    other["timeline"][2]["kind"]["verb"]["request"]["prompt"][0] = json!({ "File": "hello" });
    calls.insert(0, other);
    directory.write("calls.jsonl", &calls);
    let run = directory.vireo("replay --flow FIXTURES/hello.wasm --calls calls.jsonl");
    assert_eq!(
        (run.code, run.err.as_str()),
        (1, "error[VR0171]: 1 of 3 calls part from what happened\n")
    );
    let told = run.out.split_once('\n').unwrap().1;
    assert_eq!(
        told,
        "       2  same\n       1  different prompt\n\n\
         1 call: different prompt in media.play, entry 2\n\
         \x20         THEN   NOW\n  prompt  hello  welcome\n  as in older\n"
    );

    let run = directory.vireo("replay --flow hello=FIXTURES/probe.wasm --calls calls.jsonl");
    for part in [
        "       3  asks for what the journal does not hold\n",
        "3 calls: asks for what the journal does not hold in call.answer, entry 1\n",
        "    THEN    NOW\n    answer  setting do\n",
        "as in older, chosen, gone\n",
    ] {
        assert!(run.out.contains(part), "{part:?} in\n{}", run.out);
    }
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let directory = Directory::new();
    let calls = directory.record();
    directory.write("good.jsonl", &calls);
    let mut gap = calls.clone();
    gap[0]["timeline"].as_array_mut().unwrap().remove(2);
    directory.write("gap.jsonl", &gap);
    let whole = std::fs::read_to_string(directory.path("good.jsonl")).unwrap();
    std::fs::write(directory.path("cut.jsonl"), &whole[..whole.len() - 9]).unwrap();
    let mut survey = calls.clone();
    survey[1]["record"]["flow"] = "survey".into();
    directory.write("two.jsonl", &survey);
    std::fs::write(directory.path("s.toml"), "pin = \"4711\"\npan = hunter2\n").unwrap();

    for (line, code, part) in [
        (
            "hello.wasm --calls gap.jsonl",
            1,
            "1 journals cannot be replayed",
        ),
        (
            "hello.wasm --calls cut.jsonl",
            2,
            "error[VR0172]: cut.jsonl:2: EOF",
        ),
        (
            "hello.wasm --calls none.jsonl",
            6,
            "error[VR0013]: none.jsonl: ",
        ),
        (
            "hello.wasm --calls good.jsonl,caller=7",
            6,
            "error[VR0121]: no recorded call matches",
        ),
        (
            "hello.wasm --calls two.jsonl",
            2,
            "calls of several flows: hello, survey",
        ),
        ("none.wasm --calls good.jsonl", 6, "error[VR0013]: "),
        (
            "hello.wasm --calls good.jsonl --secrets s.toml",
            3,
            "error[VR0007]: s.toml:2: ",
        ),
        ("hello.wasm --calls flwo=x", 2, "there is no \"flwo\""),
    ] {
        let run = directory.vireo(&format!("replay --flow FIXTURES/{line}"));
        assert_eq!(run.code, code, "{line}: {}{}", run.out, run.err);
        assert!(run.err.contains(part), "{line}: {}", run.err);
        assert!(!run.err.contains("hunter2"), "{}", run.err);
    }
    let run = directory.vireo("replay --flow demo=FIXTURES/hello.wasm --calls good.jsonl");
    assert!(
        run.code == 6 && run.out.contains("2 without a journal of this flow"),
        "{}{}",
        run.out,
        run.err
    );
    let gap = directory
        .vireo("replay --flow FIXTURES/hello.wasm --calls gap.jsonl")
        .out;
    assert!(
        gap.contains("chosen: entry 2 is missing in the journal"),
        "{gap}"
    );
}

#[tokio::test]
async fn a_servers_calls_are_exported_page_by_page() {
    let server = Server::tcp().await;
    let directory = Directory::new();
    let line = "journal export --calls flow=demo,version=aa,limit=3 -o out.jsonl";
    let run = directory.ask(&server, line).await;
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "2 calls in out.jsonl\n"),
        "{}",
        run.err
    );
    {
        let queries = server.fake.queries.lock().unwrap();
        let [first, second] = &queries[..] else {
            panic!("{queries:?}")
        };
        assert_eq!(first.version.as_deref(), Some("aa"));
        assert_eq!((first.limit, &first.before), (3, &None));
        let after = Some((1_700_000_000_000, "done-1".to_owned()));
        assert_eq!((second.limit, &second.before), (2, &after));
    }
    let lines = std::fs::read_to_string(directory.path("out.jsonl")).unwrap();
    let calls: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(calls[1]["record"]["call_id"], "done-2");
    assert_eq!(
        calls[1]["timeline"][1]["kind"]["verb"]["name"],
        "media.play"
    );

    let run = directory
        .ask(&server, "journal export --calls done-1")
        .await;
    assert_eq!(run.out.lines().count(), 1);
    let run = directory.ask(&server, "journal export --calls nope").await;
    assert!(run.code == 6 && run.err.contains("VR0121"), "{}", run.err);
    let run = directory
        .ask(&server, "replay --flow nope --calls all")
        .await;
    assert!(run.code == 6 && run.err.contains("VR0110"), "{}", run.err);
    let run = directory
        .ask(&server, "replay --flow demo --calls all")
        .await;
    assert!(
        run.err.contains("VR0111"),
        "the fake's component is none: {}",
        run.err
    );
    server.stop().await;
}

#[tokio::test]
async fn a_call_becomes_a_page() {
    let server = Server::tcp().await;
    let directory = Directory::new();
    let run = directory
        .ask(&server, "trace done-1 --html call.html")
        .await;
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "call.html is written\n"),
        "{}",
        run.err
    );
    let page = std::fs::read_to_string(directory.path("call.html")).unwrap();
    for part in [
        "<h1>Call done-1</h1>",
        "play demo/welcome: finished",
        "<svg",
        "3.250",
    ] {
        assert!(page.contains(part), "{part}");
    }
    server.stop().await;
}
