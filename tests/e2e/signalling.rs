//! SIP as peers really speak it.

use std::time::Duration;

use vireo_tests::Server;
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::sipp::Run;

use crate::{assert_nothing_left, only_call, records};

#[test]
fn early_hang_up_in_each_state() {
    let server = Server::start(&Setup::with_flows(&[
        "ivra",
        "record-message",
        "gather-table",
    ]));
    Run::new("bye-early", "ivra")
        .calls(5, 10.0)
        .succeed(server.udp);
    Run::new("bye-mid", "ivra")
        .calls(5, 10.0)
        .succeed(server.udp);
    Run::new("bye-mid", "gather-table")
        .calls(5, 10.0)
        .succeed(server.udp);
    Run::new("bye-mid", "record-message")
        .calls(5, 10.0)
        .succeed(server.udp);
    let records = records(&server, 20);
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] == "hung-up-by-caller"),
        "{records:?}"
    );
    assert_nothing_left(&server);
}

#[test]
fn cancel_while_it_rings() {
    let server = Server::start(&ringing());
    Run::new("cancel", "early-media")
        .calls(5, 10.0)
        .succeed(server.udp);
    let records = records(&server, 5);
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] == "abandoned-before-answer"),
        "{records:?}"
    );
    assert_nothing_left(&server);
}

fn ringing() -> Setup {
    Setup::with_flows(&["early-media"])
}

#[test]
fn a_bye_without_the_ack_ends_the_call() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    call.request("INVITE", &sdp(&peer, true));
    call.expect_status(200);
    call.bye();
    assert_eq!(only_call(&server).outcome(), "hung-up-by-caller");
    assert_nothing_left(&server);
}

#[test]
fn hold_and_resume() {
    let server = Server::start(&Setup::with_flows(&["events"]));
    Run::new("hold", "events").succeed(server.udp);
    let call = only_call(&server);
    assert_eq!(
        (call.events("held").len(), call.events("resumed").len()),
        (1, 1)
    );
    let waits: Vec<String> = call
        .replies("call.wait")
        .iter()
        .map(|reply| reply["Ok"]["event"].to_string())
        .collect();
    assert!(
        waits.contains(&"\"Held\"".to_owned()) && waits.contains(&"\"Resumed\"".to_owned()),
        "{waits:?}"
    );
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let server = Server::start(&Setup::with_flows(&["ivra"]));
    Run::new("late-offer", "ivra").succeed(server.udp);
    let call = only_call(&server);
    assert_eq!(call.outcome(), "completed");
    assert_eq!(call.events("media")[0]["codec"], "PCMA");
}

#[test]
fn options_is_answered() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    Run::new("options", "sig")
        .calls(3, 10.0)
        .succeed(server.udp);
}

#[test]
fn a_stranger_gets_nothing_and_starts_nothing() {
    let setup = Setup {
        trunk: "peers = [\"192.0.2.0/24\"]\n".into(),
        ..Setup::with_flows(&["sig"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    call.request("INVITE", &sdp(&peer, true));
    assert!(
        call.receive(Duration::from_millis(700)).is_none(),
        "silence"
    );
    assert!(server.admin.metric("vireo_sip_unknown_peer_total") >= 1.0);
    assert_eq!(server.admin.metric("vireo_sip_server_transactions"), 0.0);
    let forbid = Setup {
        sip: "unknown-peer = \"forbid\"\n".into(),
        ..setup
    };
    let server = Server::start(&forbid);
    let mut call = Call::new(server.udp, "sig");
    call.request("INVITE", &sdp(&peer, true));
    call.expect_status(403);
    assert!(server.admin.get("/v1/cdrs").as_array().unwrap().is_empty());
}

#[test]
fn past_the_limit_calls_are_refused_and_those_that_are_up_go_on() {
    let setup = Setup {
        trunk: "peers = [\"127.0.0.0/8\"]\nmax-calls = 3\n".into(),
        ..Setup::with_flows(&["sig"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let mut up: Vec<Call> = (0..3)
        .map(|_| {
            let mut call = Call::new(server.udp, "sig");
            call.establish(&sdp(&peer, true));
            call
        })
        .collect();
    Run::new("refused", "sig")
        .calls(10, 20.0)
        .succeed(server.udp);
    for call in &mut up {
        call.bye();
    }
    let mut again = Call::new(server.udp, "sig");
    again.establish(&sdp(&peer, true));
    again.bye();
    assert_eq!(
        records(&server, 4).len(),
        4,
        "a call refused by a limit is counted, it has no record"
    );
    assert_eq!(
        server
            .admin
            .metric("vireo_sip_refused_total{reason=\"trunk-calls\"}"),
        10.0
    );
}

#[test]
fn calls_per_second_are_limited() {
    let setup = Setup {
        trunk: "peers = [\"127.0.0.0/8\"]\ncalls-per-second = 2.0\n".into(),
        ..Setup::with_flows(&["sig"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let statuses: Vec<u16> = (0..6)
        .map(|_| {
            let mut call = Call::new(server.udp, "sig");
            call.request("INVITE", &sdp(&peer, true));
            let last = call.expect("a final response", |message| message.status() >= 200);
            if last.status() == 503 {
                assert!(last.header("Retry-After").is_some());
            }
            last.status()
        })
        .collect();
    assert!(
        statuses.iter().filter(|status| **status == 200).count() >= 2,
        "{statuses:?}"
    );
    assert!(statuses.contains(&503), "{statuses:?}");
}

#[test]
fn a_retransmitted_invite_is_one_call() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    let invite = call.request("INVITE", &sdp(&peer, true));
    for _ in 0..3 {
        call.send(&invite);
    }
    call.expect_status(200);
    call.ack("");
    call.bye();
    assert_eq!(records(&server, 1).len(), 1);
}

#[test]
fn the_200_is_repeated_until_the_ack_comes() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    call.request("INVITE", &sdp(&peer, true));
    call.expect_status(200);
    call.expect_status(200);
    call.ack("");
    call.bye();
    assert_eq!(only_call(&server).outcome(), "hung-up-by-caller");
}

#[test]
fn no_codec_in_common() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let offer = sdp(&peer, true).replace("RTP/AVP 0 8 101", "RTP/AVP 18");
    let mut call = Call::new(server.udp, "sig");
    call.request("INVITE", &offer);
    let refused = call.expect_status(488);
    assert!(refused.header("Warning").is_some(), "{}", refused.0);
    call.ack_refusal();
    let record = records(&server, 1).remove(0);
    assert_eq!(
        (record["outcome"].as_str(), record["sip_status"].as_u64()),
        (Some("rejected"), Some(488))
    );
}

#[test]
fn garbage_changes_nothing() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    let to = call.establish(&sdp(&peer, true)).media().unwrap();
    // Bytes that mean nothing, to the SIP and the media ports, RTCP's too.
    let mut noise = 0x2545_f491_u32;
    for round in 0..500_usize {
        let bytes: Vec<u8> = (0..round % 200)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                (noise >> 8) as u8
            })
            .collect();
        call.send(&String::from_utf8_lossy(&bytes));
        peer.send(to, &bytes);
        peer.send(std::net::SocketAddr::new(to.ip(), to.port() + 1), &bytes);
    }
    let invite = call.text("INVITE", "z9hG4bK-x", 9, &sdp(&peer, true));
    for end in (1..invite.len()).step_by(7) {
        call.send(&invite[..end]);
    }
    let mut again = Call::new(server.udp, "sig");
    again.establish(&sdp(&peer, true));
    again.bye();
    call.bye();
    records(&server, 2);
    assert_nothing_left(&server);
    server.stop();
}

#[test]
fn a_network_that_loses_and_swaps_datagrams() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let lossy = vireo_tests::lossy::Proxy::start(server.udp);
    let report = Run::new("basic", "sig")
        .calls(20, 5.0)
        .limit(Duration::from_secs(90))
        .succeed(lossy.address());
    assert!(
        lossy.dropped() > 5 && lossy.swapped() > 1,
        "{} dropped, {} swapped",
        lossy.dropped(),
        lossy.swapped()
    );
    assert!(report.retransmissions > 0);
    assert_eq!(records(&server, 20).len(), 20, "no call was begun twice");
    assert_nothing_left(&server);
}
