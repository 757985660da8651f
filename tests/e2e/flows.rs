//! Flows that fail, and the calls beside them.

use std::time::Duration;

use vireo_tests::rtp::{self, Peer};
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::{Server, wav};

use crate::{assert_nothing_left, only_call, records};

#[test]
fn a_flow_that_panics_apologises_and_says_where() {
    let server = Server::start(&Setup::with_flows(&["trap"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "trap");
    call.establish(&sdp(&peer, true));
    call.wait_for_bye(Duration::from_secs(20));
    let apology =
        wav::Wav::read(&vireo_tests::root().join("target/prompts/en/vireo/apology.wav")).samples;
    let (_, alike) = wav::find(&apology, &peer.audio());
    assert!(alike > 0.95, "the apology: {alike}");
    let call = only_call(&server);
    assert_eq!(call.outcome(), "failed-flow");
    let failed = call.events("flow-failed")[0].to_string();
    assert!(failed.contains("the menu has no entry"), "{failed}");
    assert!(
        failed.contains("choose_from_an_empty_menu"),
        "the guest's function: {failed}"
    );
    assert_nothing_left(&server);
}

#[test]
fn the_fallback_takes_over() {
    let setup = Setup {
        more: "[flows.trap]\nfallback = \"ivra\"\n[flows.ivra]\n".into(),
        ..Setup::with_flows(&["trap", "ivra"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "trap");
    call.establish(&sdp(&peer, true));
    call.wait_for_bye(Duration::from_secs(40));
    let call = only_call(&server);
    assert_eq!(call.events("fallback")[0]["flow"], "ivra");
    assert!(
        call.replies("media.gather").len() == 1,
        "the fallback's verbs are in the same journal"
    );
}

#[test]
fn a_flow_that_fails_before_it_answers_costs_the_caller_nothing() {
    let server = Server::start(&Setup::with_flows(&["fails"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "fails");
    call.request("INVITE", &sdp(&peer, true));
    let last = call.expect("a final response", |message| message.status() >= 200);
    if last.status() == 200 {
        // This flow answers first: then it ends with BYE.
        call.ack("");
        call.wait_for_bye(Duration::from_secs(20));
    } else {
        assert_eq!(last.status(), 503);
    }
    assert_eq!(only_call(&server).outcome(), "failed-flow");
}

/// One call that listens for a while; returns its packets.
fn listen(server: std::net::SocketAddr, user: &'static str, time: Duration) -> Vec<rtp::Packet> {
    let peer = Peer::new();
    let mut call = Call::new(server, user);
    call.establish(&sdp(&peer, true));
    std::thread::sleep(time);
    let packets = peer.packets();
    call.bye();
    packets
}

#[test]
fn bad_flows_harm_no_call_beside_them() {
    const BAD: [&str; 5] = ["trap", "spin", "memory-hog", "stack-overflow", "log-flood"];
    let mut names = vec!["play-forever"];
    names.extend(BAD);
    let server = Server::start(&Setup::with_flows(&names));
    let udp = server.udp;
    let good: Vec<_> = (0..100)
        .map(|_| std::thread::spawn(move || listen(udp, "play-forever", Duration::from_secs(6))))
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let bad: Vec<_> = BAD
        .iter()
        .map(|name| {
            std::thread::spawn(move || {
                let peer = Peer::new();
                let mut call = Call::new(udp, name);
                call.establish(&sdp(&peer, true));
                call.wait_for_bye(Duration::from_secs(30));
            })
        })
        .collect();
    for call in bad {
        call.join().unwrap();
    }
    for call in good {
        let packets = call.join().unwrap();
        assert!(packets.len() >= 250, "{} packets in 6 s", packets.len());
        assert_eq!(rtp::lost(&packets), 0, "a good call lost packets");
    }
    let records = records(&server, 105);
    let failed = records
        .iter()
        .filter(|record| record["outcome"] == "failed-flow")
        .count();
    let good = records
        .iter()
        .filter(|record| record["outcome"] == "hung-up-by-caller")
        .count();
    assert_eq!((failed, good), (5, 100));
    assert_nothing_left(&server);
}

#[test]
fn what_is_not_granted_is_refused_when_it_is_deployed() {
    let server = Server::start(&Setup {
        more: "[flows.ungranted]\n".into(),
        flows: vec![],
        routes: Some(String::new()),
        ..Setup::default()
    });
    let wasm = std::fs::read(vireo_tests::flow("ungranted")).unwrap();
    let (status, body) = server
        .admin
        .request("POST", "/v1/flows/ungranted/deployments", &wasm);
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("kv"), "{body}");
    let (status, _) = server
        .admin
        .request("POST", "/v1/flows/ungranted/deployments", b"not wasm");
    assert_eq!(status, 422);
    let (status, _) = server
        .admin
        .request("POST", "/v1/flows/nobody/deployments", &wasm);
    assert_eq!(status, 404);
}

#[test]
fn early_media_and_refusals() {
    let setup = Setup {
        routes: Some(
            "[[routes]]\nname = \"early\"\ncalled = \"early-media\"\nflow = \"early-media\"\nparameters = { then = \"reject\" }\n\
             [[routes]]\nname = \"reject\"\ncalled = \"reject\"\nflow = \"reject\"\nparameters = { why = \"decline\" }\n"
                .into(),
        ),
        ..Setup::with_flows(&["early-media", "reject"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "early-media");
    call.request("INVITE", &sdp(&peer, true));
    call.expect_status(180);
    assert!(
        call.expect_status(183).media().is_some(),
        "183 carries the answer"
    );
    call.expect_status(486);
    call.ack_refusal();
    assert!(
        peer.packets().len() > 20,
        "the prompt was heard before the refusal"
    );
    let mut call = Call::new(server.udp, "reject");
    call.request("INVITE", &sdp(&peer, true));
    call.expect_status(603);
    call.ack_refusal();
    let records = records(&server, 2);
    assert!(
        records.iter().all(|record| record["outcome"] == "rejected"),
        "{records:?}"
    );
    assert_nothing_left(&server);
}

#[test]
fn an_answer_that_came_with_early_media_holds_for_the_200() {
    let server = Server::start(&Setup::with_flows(&["early-media"]));
    let heard = tempfile::tempdir().unwrap();
    let target = format!("early-media@{}", server.udp);
    let report = vireo_tests::server::call(&target, heard.path(), &["expect-hangup"]);
    assert_eq!(report["status"], 200, "{report}");
    assert_eq!(only_call(&server).outcome(), "completed");
    assert_nothing_left(&server);
}
