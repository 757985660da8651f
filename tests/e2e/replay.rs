//! Calls that were made are replayed on other versions.

use std::process::{Command, Stdio};

use serde_json::Value;
use vireo_tests::server::{Setup, binary};
use vireo_tests::sipp::Run;
use vireo_tests::{Server, flow};

use crate::{assert_nothing_left, records};

/// Runs `vireo replay`; the exit code and the report.
fn replay(server: &Server, version: &str, calls: &str) -> (Option<i32>, Value) {
    let output = Command::new(binary())
        .args(["replay", "--json", "--flow", version, "--calls", calls])
        .args(["--admin", &server.admin.address().to_string()])
        .env("VIREO_TOKEN", server.admin.token())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{calls}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code(), report)
}

#[test]
fn real_calls_go_as_they_went_and_other_versions_part_from_them() {
    let server = Server::start(&Setup {
        flows: vec![
            ("demo".into(), "demo-ivr".into()),
            ("swap".into(), "v1".into()),
        ],
        ..Setup::default()
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Run::new("demo-menu", "demo")
                .calls(20, 10.0)
                .succeed(server.udp)
        });
        scope.spawn(|| Run::new("basic", "swap").calls(4, 10.0).succeed(server.udp));
    });
    assert_eq!(records(&server, 24).len(), 24);
    // Calls count as live until their records are on disk.
    assert_nothing_left(&server);

    let demo = format!("demo={}", flow("demo-ivr").display());
    let (code, report) = replay(&server, &demo, "flow=demo,since=today");
    assert_eq!(
        (code, &report["counts"]["same"]),
        (Some(0), &20.into()),
        "{report:#}"
    );
    assert_eq!(
        (&report["compared"], &report["incomplete"]),
        (&20.into(), &0.into())
    );

    // What is served, and what was exported.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("calls.jsonl");
    let exported = file.to_str().unwrap();
    server.command(&["journal", "export", "--calls", "flow=demo", "-o", exported]);
    let (code, report) = replay(&server, "demo", exported);
    assert_eq!(
        (code, &report["counts"]["same"]),
        (Some(0), &20.into()),
        "{report:#}"
    );

    for (version, class) in [
        ("v1", "same"),
        ("v2", "different-prompt"),
        ("hello", "different-branch"),
        ("http", "not-in-journal"),
        ("fails", "ends-otherwise"),
        ("trap", "traps"),
    ] {
        let version = format!("swap={}", flow(version).display());
        let (code, report) = replay(&server, &version, "flow=swap");
        assert_eq!(report["counts"][class], 4, "{version}: {report:#}");
        assert_eq!(code, Some(i32::from(class != "same")), "{version}");
    }
    server.admin.deploy("swap", &flow("v2"));
    let (_, report) = replay(&server, "swap", "flow=swap");
    let group = &report["groups"][0];
    assert_eq!(group["calls"], 4, "{report:#}");
    let prompt = |side: &str| &group["point"][side]["request"]["prompt"][0]["File"];
    assert_eq!(
        (prompt("then"), prompt("now")),
        (&"test/version-one".into(), &"test/version-two".into())
    );
    server.stop();
}
