//! What survives.

use std::time::Duration;

use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::{Server, until};

use crate::records;

#[test]
fn a_kill_in_the_middle_of_two_hundred_calls_loses_no_record() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let offer = sdp(&peer, true);
    let mut calls: Vec<Call> = (0..200)
        .map(|_| {
            let mut call = Call::new(server.udp, "sig");
            call.establish(&offer);
            call
        })
        .collect();
    // A hundred end; the moment their records can be seen they must survive anything.
    for call in calls.iter_mut().take(100) {
        call.bye();
    }
    let before = records(&server, 100);
    until(
        Duration::from_secs(5),
        "the other hundred to be live",
        || (server.admin.get("/v1/calls").as_array().unwrap().len() == 100).then_some(()),
    );
    let server = server.kill_and_restart();
    let after = records(&server, 200);
    assert_eq!(after.len(), 200);
    let count = |outcome: &str| {
        after
            .iter()
            .filter(|record| record["outcome"] == outcome)
            .count()
    };
    assert_eq!(
        (count("hung-up-by-caller"), count("lost-in-crash")),
        (100, 100)
    );
    for record in &before {
        assert!(
            after.contains(record),
            "a record has changed or gone: {record}"
        );
    }
    // The restarted server serves what was deployed.
    let mut call = Call::new(server.udp, "sig");
    call.establish(&offer);
    call.bye();
}

#[test]
fn the_command_line_shows_records_calls_and_routes() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    call.establish(&sdp(&peer, true));
    let run = |args: &[&str]| server.command(args);
    let live = run(&["calls"]);
    assert!(live.contains("sig") && live.contains("100"), "{live}");
    call.bye();
    let id = records(&server, 1)[0]["call_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(run(&["cdr", "list"]).contains("hung-up-by-caller"));
    assert!(run(&["cdr", "show", &id]).contains("INVITE"));
    let json: serde_json::Value = serde_json::from_str(&run(&["cdr", "list", "--json"])).unwrap();
    assert_eq!(json[0]["call_id"], id.as_str());
    let route = run(&[
        "route",
        "test",
        "--to",
        "sig",
        "--from",
        "100",
        "--at",
        "2026-11-22T20:00",
    ]);
    assert!(route.contains("sig"), "{route}");
    assert!(run(&["flow", "list"]).contains("sig"));
    assert!(run(&["status"]).contains("test"));
}
