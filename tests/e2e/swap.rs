//! Flows are swapped under live traffic.

use std::time::{Duration, Instant};

use vireo_tests::server::Setup;
use vireo_tests::sipp::Run;
use vireo_tests::{Server, flow, until};

use crate::records;

fn swapped() -> Setup {
    Setup {
        flows: vec![("swap".into(), "v1".into())],
        ..Setup::default()
    }
}

#[test]
fn a_deploy_in_the_middle_of_a_hundred_calls_touches_none() {
    let server = Server::start(&swapped());
    let udp = server.udp;
    let first = server.admin.get("/v1/flows")[0]["serving"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let load = std::thread::spawn(move || {
        Run::new("long", "swap")
            .calls(150, 15.0)
            .limit(Duration::from_secs(60))
            .succeed(udp);
    });
    until(Duration::from_secs(30), "100 calls", || {
        (server.admin.get("/v1/calls").as_array().unwrap().len() >= 100).then_some(())
    });
    let began = Instant::now();
    let report = server.admin.deploy("swap", &flow("v2"));
    let second = report["digest"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    until(Duration::from_secs(10), "a call on the new version", || {
        let calls = server.admin.get("/v1/calls");
        calls
            .as_array()
            .unwrap()
            .iter()
            .any(|call| call["version"] == second.as_str())
            .then_some(())
    });
    println!(
        "from the command to the first call on the new version: {} ms (deploy {} ms)",
        began.elapsed().as_millis(),
        report["took_ms"]
    );
    load.join().unwrap();
    let records = records(&server, 150);
    assert_eq!(records.len(), 150);
    let deployed = records
        .iter()
        .filter(|record| record["version"] == second.as_str())
        .count();
    let before = records
        .iter()
        .filter(|record| record["version"] == first.as_str())
        .count();
    assert_eq!(deployed + before, 150);
    assert!(
        before >= 100 && deployed >= 1,
        "{before} calls on the old version, {deployed} on the new"
    );
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] != "failed-flow")
    );
}

#[test]
fn rollback_history_and_a_restart() {
    let server = Server::start(&swapped());
    let digest = |server: &Server| {
        server.admin.get("/v1/flows")[0]["serving"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = digest(&server);
    server.admin.deploy("swap", &flow("v2"));
    let second = digest(&server);
    assert_ne!(first, second);
    let (status, body) = server.admin.request(
        "POST",
        "/v1/flows/swap/deployments",
        b"\0asm not a component",
    );
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&body));
    assert_eq!(digest(&server), second, "a bad component changes nothing");
    let server = server.kill_and_restart();
    assert_eq!(digest(&server), second, "deployments survive");
    server.admin.post("/v1/flows/swap/rollback", b"");
    assert_eq!(digest(&server), first);
    let history = server.admin.get("/v1/flows/swap/history");
    let actions: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|change| change["action"].as_str())
        .collect();
    assert_eq!(actions, ["rollback", "deploy", "deploy"]);
}
