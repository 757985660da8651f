//! What peers can make the endpoint hold, and what they are told past it.

use super::super::*;
use super::probe::*;
use crate::trunk::{Trunk, UnknownPeer};

fn nth(n: usize) -> Text {
    Text {
        branch: format!("z9hG4bKn{n}"),
        call_id: format!("call-{n}@carrier"),
        ..Text::invite()
    }
}

fn with_trunk(trunk: Trunk) -> Probe {
    Probe::with(
        config(),
        Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap(),
    )
}

#[test]
fn a_transaction_is_no_larger_than_the_limits_say() {
    let key = size_of::<crate::endpoint::keys::Key>();
    let entry = key + size_of::<Box<crate::endpoint::layer::Server>>();
    let size = entry + size_of::<crate::endpoint::layer::Server>();
    assert!(
        size <= 256 && entry <= 16,
        "{size}: correct the documentation of Limits::max_transactions"
    );
}

#[test]
fn a_trunk_has_no_more_calls_than_it_may() {
    let mut probe = with_trunk(Trunk {
        max_calls: Some(2),
        ..carrier()
    });
    for n in 0..2 {
        probe.send(nth(n).to_string());
    }
    let ((first, _), (_, _)) = (probe.incoming(), probe.incoming());
    probe.sent();
    probe.send(nth(2).to_string());
    let refusal = probe.next_response();
    assert_eq!(
        (refusal.status, refusal.headers.retry_after()),
        (503, Some(5))
    );
    assert!(probe.events().is_empty(), "no leg hears of it");
    assert_eq!(probe.endpoint.trunk_loads()[0].calls, 2);
    assert_eq!(probe.endpoint.counters().refused_trunk_calls, 1);

    probe
        .endpoint
        .reject(first, Rejection::new(486), probe.now)
        .unwrap();
    probe.send(nth(3).to_string());
    assert_eq!(
        probe.events(),
        ["Ended Local", "Incoming"],
        "a line that was given back"
    );
}

#[test]
fn a_late_server_refuses_a_share_of_new_calls_and_no_other_request() {
    let mut probe = with_trunk(carrier());
    let mut n = 0;
    let mut outcome = |thousandths| {
        probe.endpoint.shed(thousandths);
        let refused = (0..20).map(|_| {
            n += 1;
            probe.send(nth(n).to_string());
            let refused = probe.sent().iter().any(|what| what == "503 INVITE");
            assert_ne!(refused, !probe.events().is_empty(), "one or the other");
            refused
        });
        let refused: Vec<bool> = refused.collect();
        (
            refused[0],
            refused.iter().filter(|refused| **refused).count(),
        )
    };
    assert_eq!(outcome(0), (false, 0));
    assert_eq!(outcome(100), (false, 2), "every tenth");
    assert_eq!(outcome(0), (false, 0));
    assert_eq!(outcome(750), (false, 15));
    assert_eq!(outcome(u16::MAX), (true, 20));
    assert_eq!(probe.endpoint.counters().refused_overload, 37);

    probe.send(nth(1_000).to_string());
    let refusal = probe.next_response();
    assert_eq!(
        (refusal.status, refusal.headers.retry_after()),
        (503, Some(5))
    );
    probe.endpoint.shed(0);
    probe.send(nth(1_000).to_string());
    assert_eq!(probe.sent(), ["503 INVITE"], "a copy of a refused one");
    assert!(probe.events().is_empty());
}

#[test]
fn a_trunk_brings_calls_no_faster_than_it_may() {
    let mut probe = with_trunk(Trunk {
        calls_per_second: Some(10.0),
        ..carrier()
    });
    for n in 0..50 {
        probe.send(nth(n).to_string());
        probe.pass(10);
    }
    let admitted = probe.events().len();
    assert!(
        (14..=15).contains(&admitted),
        "{admitted}: a burst of 10, then 10 a second"
    );
    assert_eq!(
        probe.endpoint.counters().refused_trunk_rate,
        50 - admitted as u64
    );
    let refused = probe
        .sent()
        .iter()
        .filter(|what| *what == "503 INVITE")
        .count();
    assert!(refused >= 50 - admitted, "retransmissions included");
}

#[test]
fn the_endpoint_has_limits_of_its_own() {
    let mut config = config();
    config.limits.max_calls = 3;
    let mut probe = Probe::with(
        config,
        Trunks::new(vec![carrier()], UnknownPeer::Drop).unwrap(),
    );
    for n in 0..5 {
        probe.send(nth(n).to_string());
    }
    assert_eq!(probe.events(), ["Incoming"; 3]);
    assert_eq!(probe.endpoint.counters().refused_calls, 2);
    let to = "sip:200@192.0.2.7".parse().unwrap();
    let destination = crate::trunk::Destination {
        protocol: crate::transport::Protocol::Udp,
        address: CARRIER.parse().unwrap(),
    };
    let invite = Invite {
        via: Next::Address(destination),
        request_uri: to,
        from: "<sip:ivr@192.0.2.1>".parse().unwrap(),
        to: "<sip:200@192.0.2.7>".parse().unwrap(),
        sdp: None,
        headers: Vec::new(),
        max_forwards: 70,
    };
    assert_eq!(
        probe.endpoint.invite(invite, probe.now),
        Err(LegError::LimitReached)
    );
}

#[test]
fn an_invite_flood_without_ack_is_bounded() {
    let mut config = config();
    config.limits.max_calls = 10_000;
    config.limits.max_unacknowledged = 50;
    config.limits.max_transactions = 500;
    let mut probe = Probe::with(
        config,
        Trunks::new(vec![carrier()], UnknownPeer::Drop).unwrap(),
    );
    for n in 0..5_000 {
        probe.send(nth(n).to_string());
        while let Some(event) = probe.next_event() {
            if let LegEvent::Incoming(_) = event {
                let id = LegId(probe.endpoint.next_leg - 1);
                probe
                    .endpoint
                    .answer(id, ANSWER.to_vec(), probe.now)
                    .unwrap();
            }
        }
        probe.pass(1);
    }
    let counters = probe.endpoint.counters();
    assert_eq!(counters.inbound_calls, 50);
    assert_eq!(counters.unacknowledged, 50);
    assert_eq!(counters.server_transactions, 50);
    assert_eq!(counters.remembered_refusals, 250);
    assert_eq!(counters.refused_unacknowledged, 4_950);
    assert_eq!(counters.refused_transactions, 0);
    probe.sent();
    probe.assert_nothing_left();
    assert_eq!(probe.events(), ["Ended NoAck"; 50]);
    probe.sent();
    probe.send(nth(9_999).to_string());
    assert_eq!(probe.events(), ["Incoming"], "and calls are taken again");
}

#[test]
fn a_flood_of_refused_calls_leaves_room_for_those_in_progress() {
    let mut config = config();
    config.limits.max_calls = 1;
    config.limits.max_transactions = 100;
    let mut probe = Probe::with(
        config,
        Trunks::new(vec![carrier()], UnknownPeer::Drop).unwrap(),
    );
    let (_, tag) = probe.established();
    for n in 1_000..2_000 {
        probe.send(nth(n).to_string());
        let refusal = probe.next_response();
        assert_eq!(
            (refusal.status, refusal.headers.retry_after()),
            (503, Some(5))
        );
        assert!(refusal.headers.to().unwrap().tag().is_some());
    }
    let counters = probe.endpoint.counters();
    assert_eq!(counters.refused_calls, 1_000);
    assert_eq!(counters.server_transactions, 1);
    assert_eq!(counters.remembered_refusals, 50);
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert_eq!(probe.sent(), ["200 BYE"]);
    assert_eq!(probe.events(), ["Ended Peer"]);
    probe.pass(1_000);
    assert!(
        probe.sent().is_empty(),
        "the 503s are not sent again by themselves"
    );
    probe.assert_nothing_left();
    assert_eq!(probe.endpoint.counters().remembered_refusals, 0);
}

#[test]
fn a_copy_of_a_refused_invite_is_refused_though_a_line_is_free() {
    let mut probe = with_trunk(Trunk {
        max_calls: Some(1),
        ..carrier()
    });
    let (_, tag) = probe.established();
    probe.send(nth(1_000).to_string());
    let refusal = probe.next_response();
    assert_eq!(
        (refusal.status, refusal.headers.retry_after()),
        (503, Some(5))
    );
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert_eq!(probe.sent(), ["200 BYE"]);
    assert_eq!(probe.events(), ["Ended Peer"]);
    probe.send(nth(1_000).to_string());
    assert_eq!(probe.next_response(), refusal, "tag and all");
    assert_eq!(probe.endpoint.counters().retransmissions_received, 1);
    let to = refusal.headers.to().unwrap();
    let ack = Text {
        branch: nth(1_000).branch,
        call_id: nth(1_000).call_id,
        ..Text::ack(to.tag().unwrap(), 1)
    };
    probe.send(ack.to_string());
    assert!(probe.sent().is_empty());
    assert_eq!(probe.endpoint.counters().strays, 0);
    probe.send(nth(1_001).to_string());
    assert_eq!(probe.events(), ["Incoming"], "a new call gets the line");
}

#[test]
fn calls_that_nobody_could_take_over_are_refused() {
    let mut probe = Probe::new();
    probe.endpoint.set_room(2);
    for n in 1_000..1_003 {
        probe.send(nth(n).to_string());
    }
    assert_eq!(probe.sent(), ["503 INVITE"], "exactly");
    assert_eq!(probe.events(), ["Incoming"; 2]);
    assert_eq!(probe.endpoint.counters().refused_queue, 1);
    probe.endpoint.set_room(1);
    probe.send(nth(1_003).to_string());
    assert_eq!(probe.events(), ["Incoming"]);
}

#[test]
fn draining_refuses_new_calls_and_spares_the_others() {
    let mut probe = Probe::new();
    let (_, tag) = probe.established();
    probe.endpoint.set_admission(Admission::Draining);
    probe.send(nth(2).to_string());
    let refusal = probe.next_response();
    assert_eq!(
        (refusal.status, refusal.headers.retry_after()),
        (503, Some(5))
    );
    probe.send(Text::reinvite(&tag, 2).to_string());
    assert!(probe.sent().is_empty());
    assert_eq!(probe.events(), ["Reoffer"]);
    probe.endpoint.set_admission(Admission::Open);
    probe.send(nth(3).to_string());
    assert_eq!(probe.events(), ["Incoming"]);
}

#[test]
fn a_reload_of_trunks_spares_the_calls() {
    let mut probe = Probe::new();
    let (id, _) = probe.established();
    probe
        .endpoint
        .set_trunks(Trunks::new(vec![Trunk::new("other")], UnknownPeer::Drop).unwrap());
    probe.send(nth(2).to_string());
    assert!(probe.sent().is_empty(), "now a stranger");
    probe.endpoint.bye(id, None, probe.now).unwrap();
    let bye = probe.next_request();
    probe.send(reply(&bye, 200, "", &[], b""));
    assert_eq!(probe.events(), ["Ended Local"]);
    probe.assert_nothing_left();
}
