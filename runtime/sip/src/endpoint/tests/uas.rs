//! Inbound calls.

use super::super::*;
use super::probe::*;
use crate::message::{Message, Reason};
use crate::transport::{ConnectionId, Protocol};
use crate::trunk::{AssertedIdentity, UnknownPeer};

#[test]
fn a_call_from_invite_to_bye() {
    let mut probe = Probe::new();
    probe.send(
        Text::invite()
            .extra("Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n")
            .to_string(),
    );
    let (id, incoming) = probe.incoming();
    assert_eq!(&*incoming.trunk, "carrier");
    assert_eq!(incoming.called.to_string(), "sip:100@192.0.2.1");
    assert_eq!(incoming.caller.uri.user.as_deref(), Some("96170123456"));
    assert_eq!(incoming.sdp.as_deref(), Some(OFFER.as_bytes()));
    assert_eq!(probe.sent(), ["100 INVITE"]);

    probe
        .endpoint
        .provisional(id, 180, None, probe.now)
        .unwrap();
    let ringing = probe.next_response();
    let tag = ringing.headers.to().unwrap().tag().unwrap().to_owned();
    assert!(tag.len() >= 16, "an unguessable tag");
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let ok = probe.next_response();
    assert_eq!(ok.status, 200);
    assert_eq!(ok.headers.to().unwrap().tag(), Some(tag.as_str()));
    assert_eq!(ok.body, ANSWER);
    let routes: Vec<String> = ok
        .headers
        .record_routes()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(routes, ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    assert_eq!(
        ok.headers.contacts().unwrap()[0].to_string(),
        "<sip:192.0.2.1:5060>"
    );

    probe.send(Text::ack(&tag, 1).to_string());
    assert!(matches!(
        probe.next_event(),
        Some(LegEvent::Acknowledged { sdp: None })
    ));
    assert_eq!(probe.endpoint.counters().dialogs, 1);
    probe.send(
        Text::within("BYE", &tag, 2)
            .extra("Reason: Q.850;cause=16;text=\"Normal\"\r\n")
            .to_string(),
    );
    assert_eq!(probe.sent(), ["200 BYE"]);
    let Some(LegEvent::Ended {
        by: EndedBy::Peer,
        reason: Some(reason),
    }) = probe.next_event()
    else {
        panic!()
    };
    assert_eq!(
        (reason.protocol.as_str(), reason.cause),
        ("Q.850", Some(16))
    );
    assert_eq!(
        probe.endpoint.answer(id, Vec::new(), probe.now),
        Err(LegError::Gone)
    );
    probe.assert_nothing_left();
}

#[test]
fn a_retransmitted_invite_is_not_a_second_call() {
    let mut probe = Probe::new();
    let invite = Text::invite().to_string();
    probe.send(&invite);
    let (id, _) = probe.incoming();
    probe.send(&invite);
    assert_eq!(probe.sent(), ["100 INVITE", "100 INVITE"]);
    probe
        .endpoint
        .provisional(id, 183, Some(ANSWER.to_vec()), probe.now)
        .unwrap();
    probe.send(&invite);
    assert_eq!(probe.sent(), ["183 INVITE", "183 INVITE"]);
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.send(&invite);
    assert_eq!(
        probe.sent(),
        ["200 INVITE"],
        "the dialog retransmits the 2xx, not the transaction"
    );
    assert!(probe.events().is_empty());
    assert_eq!(probe.endpoint.counters().legs, 1);
}

#[test]
fn a_merged_invite_is_refused_once_and_not_for_ever() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    let other = Text {
        branch: "z9hG4bKother".into(),
        ..Text::invite()
    };
    probe.send(other.to_string());
    assert_eq!(probe.sent(), ["100 INVITE", "482 INVITE"]);
    assert!(probe.events().is_empty());
    probe
        .endpoint
        .reject(id, Rejection::new(486), probe.now)
        .unwrap();
    probe.assert_nothing_left();
    assert!(probe.sent().contains(&"486 INVITE".to_owned()));
    assert_eq!(probe.events(), ["Ended Local"]);
    probe.send(other.to_string());
    assert_eq!(probe.events(), ["Incoming"]);
}

#[test]
fn what_is_refused_and_how() {
    let invite = Text::invite;
    let outside = |method| Text::new(method, 1);
    let table: Vec<(&str, Text, u16, Option<(&str, &str)>)> = vec![
        (
            "REGISTER",
            outside("REGISTER"),
            405,
            Some(("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")),
        ),
        (
            "UPDATE",
            outside("UPDATE"),
            405,
            Some(("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")),
        ),
        (
            "PRACK within nothing",
            Text::within("PRACK", "x", 2),
            481,
            None,
        ),
        (
            "an unknown method",
            outside("FETCH"),
            501,
            Some(("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")),
        ),
        (
            "an extension",
            invite().extra("Require: 100rel, foo\r\n"),
            420,
            Some(("Unsupported", "100rel, foo")),
        ),
        (
            "another body",
            Text {
                content_type: "text/plain",
                body: "hello".into(),
                ..invite()
            },
            415,
            Some(("Accept", "application/sdp")),
        ),
        (
            "a packed body",
            invite().extra("Content-Encoding: gzip\r\n"),
            415,
            Some(("Accept-Encoding", "identity")),
        ),
        (
            "another scheme",
            Text {
                uri: "urn:service:sos".into(),
                ..invite()
            },
            416,
            None,
        ),
        ("a loop", invite().extra("Max-Forwards: 0\r\n"), 483, None),
        (
            "no Contact",
            Text {
                extra: String::new(),
                ..invite()
            },
            400,
            None,
        ),
        (
            "BYE within nothing",
            Text::within("BYE", "nothing", 2),
            481,
            None,
        ),
        ("BYE without tag", outside("BYE"), 481, None),
        (
            "INFO within nothing",
            Text::within("INFO", "nothing", 2),
            481,
            None,
        ),
        (
            "re-INVITE within nothing",
            Text::reinvite("nothing", 2),
            481,
            None,
        ),
        ("CANCEL of nothing", outside("CANCEL"), 481, None),
    ];
    for (what, text, status, header) in table {
        let mut probe = Probe::new();
        probe.send(text.to_string());
        let response = probe.next_response();
        assert_eq!(response.status, status, "{what}");
        assert!(
            response.headers.to().unwrap().tag().is_some(),
            "{what}: a tag in To"
        );
        if let Some((name, value)) = header {
            assert_eq!(
                response.headers.get_text(name).as_deref(),
                Some(value),
                "{what}"
            );
        }
        assert!(probe.events().is_empty(), "{what}");
        let again = text.to_string();
        probe.send(&again);
        assert_eq!(
            probe.next_response().headers.to().unwrap(),
            response.headers.to().unwrap(),
            "{what}: the same again"
        );
        probe.assert_nothing_left();
    }
}

#[test]
fn the_last_hop_answers_options_whatever_max_forwards_says() {
    let mut probe = Probe::new();
    probe.send(
        Text::new("OPTIONS", 1)
            .extra("Max-Forwards: 0\r\n")
            .to_string(),
    );
    let response = probe.next_response();
    assert_eq!(response.status, 200);
    assert_eq!(
        response.headers.get_text("Accept").as_deref(),
        Some("application/sdp")
    );
    assert!(response.headers.get("Allow").is_some());
    probe.endpoint.set_admission(Admission::Draining);
    probe.send(Text::new("OPTIONS", 2).to_string());
    let response = probe.next_response();
    assert_eq!(
        (response.status, response.headers.retry_after()),
        (503, Some(5))
    );
    probe.assert_nothing_left();
}

#[test]
fn malformed_requests_are_answered_to_trunks_only() {
    let mut probe = Probe::new();
    let other_version = Text::invite()
        .to_string()
        .replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1);
    probe.send(&other_version);
    assert_eq!(probe.next_response().status, 505);
    assert_eq!(probe.endpoint.counters().malformed, 1);
    probe.source = "198.51.100.1:5060".parse().unwrap();
    probe.send(&other_version);
    probe.send("garbage");
    assert!(probe.sent().is_empty());
    assert_eq!(probe.endpoint.counters().malformed, 3);
}

#[test]
fn cancel_before_the_final_response() {
    let mut probe = Probe::new();
    let invite = Text::invite();
    probe.send(invite.to_string());
    let (id, _) = probe.incoming();
    probe
        .endpoint
        .provisional(id, 180, None, probe.now)
        .unwrap();
    probe.sent();
    let cancel = invite
        .follow_up("CANCEL", "")
        .extra("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
    probe.send(cancel.to_string());
    let (ok, terminated) = (probe.next_response(), probe.next_response());
    assert_eq!((ok.status, terminated.status), (200, 487));
    assert_eq!(
        ok.headers.to().unwrap().tag(),
        terminated.headers.to().unwrap().tag()
    );
    let Some(LegEvent::Cancelled {
        reason: Some(reason),
    }) = probe.next_event()
    else {
        panic!()
    };
    assert_eq!(reason.text.as_deref(), Some("Call completed elsewhere"));
    assert_eq!(
        probe.endpoint.answer(id, ANSWER.to_vec(), probe.now),
        Err(LegError::Gone)
    );

    probe.send(cancel.to_string());
    assert_eq!(probe.sent(), ["200 CANCEL"], "a retransmitted CANCEL");
    let tag = terminated.headers.to().unwrap().tag().unwrap().to_owned();
    probe.pass(600);
    assert_eq!(probe.sent(), ["487 INVITE"], "timer G");
    probe.send(invite.follow_up("ACK", &tag).to_string());
    probe.pass(10_000);
    assert!(probe.sent().is_empty());
    assert_eq!(probe.endpoint.counters().strays, 0);
    assert!(probe.events().is_empty());
    probe.assert_nothing_left();
}

#[test]
fn cancel_after_the_final_response_has_no_effect() {
    let mut probe = Probe::new();
    let invite = Text::invite();
    probe.send(invite.to_string());
    let (id, _) = probe.incoming();
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.sent();
    probe.send(invite.follow_up("CANCEL", "").to_string());
    assert_eq!(probe.sent(), ["200 CANCEL"]);
    assert!(probe.events().is_empty());
    assert_eq!(probe.endpoint.counters().calls, 1);
}

#[test]
fn a_lost_ack_ends_the_call_with_bye() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    probe.sent();
    let start = probe.now;
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.pass(31_999);
    let sent = probe.sent_since(start);
    assert!(sent.iter().all(|(_, what)| what == "200 INVITE"));
    let times: Vec<u64> = sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(
        times,
        [
            0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    probe.pass(1);
    let bye = probe.next_request();
    assert_eq!(bye.method.as_str(), "BYE");
    assert_eq!(bye.uri.to_string(), "sip:96170123456@192.0.2.7:5060");
    assert_eq!(probe.events(), ["Ended NoAck"]);
    probe.send(reply(&bye, 481, "", &[], b""));
    assert_eq!(probe.endpoint.counters().never_acknowledged, 1);
    assert!(probe.events().is_empty());
    probe.assert_nothing_left();
}

#[test]
fn bye_after_a_lost_ack() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    probe.sent();
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe
        .next_response()
        .headers
        .to()
        .unwrap()
        .tag()
        .unwrap()
        .to_owned();
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert_eq!(probe.events(), ["Ended Peer"]);
    probe.pass(40_000);
    assert_eq!(
        probe.sent(),
        ["200 BYE"],
        "the 2xx is not retransmitted any more"
    );
    probe.assert_nothing_left();
}

#[test]
fn our_bye_waits_for_the_ack() {
    for acknowledged in [true, false] {
        let mut probe = Probe::new();
        probe.send(Text::invite().to_string());
        let (id, _) = probe.incoming();
        probe.sent();
        probe
            .endpoint
            .answer(id, ANSWER.to_vec(), probe.now)
            .unwrap();
        let tag = probe
            .next_response()
            .headers
            .to()
            .unwrap()
            .tag()
            .unwrap()
            .to_owned();
        probe
            .endpoint
            .bye(
                id,
                Some(Reason::q850(16, "Normal call clearing")),
                probe.now,
            )
            .unwrap();
        assert_eq!(probe.events(), ["Ended Local"]);
        assert!(probe.sent().is_empty());
        assert_eq!(probe.endpoint.bye(id, None, probe.now), Err(LegError::Gone));
        if acknowledged {
            probe.send(Text::ack(&tag, 1).to_string());
        } else {
            probe.pass(31_999);
            assert!(probe.sent().iter().all(|what| what == "200 INVITE"));
            probe.pass(1);
        }
        let bye = probe.next_request();
        assert_eq!(bye.method.as_str(), "BYE");
        assert_eq!(bye.headers.reason().unwrap().cause, Some(16));
        probe.send(reply(&bye, 200, "", &[], b""));
        assert!(probe.events().is_empty());
        probe.assert_nothing_left();
    }
}

#[test]
fn crossing_byes_end_both_sides() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe.endpoint.bye(id, None, probe.now).unwrap();
    let ours = probe.next_request();
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert_eq!(probe.sent(), ["200 BYE"]);
    probe.send(reply(&ours, 481, "", &[], b""));
    assert_eq!(probe.events(), ["Ended Local"]);
    probe.assert_nothing_left();
}

#[test]
fn an_early_bye_ends_the_ringing() {
    let mut probe = Probe::new();
    let invite = Text::invite();
    probe.send(invite.to_string());
    let (id, _) = probe.incoming();
    probe.sent();
    probe
        .endpoint
        .provisional(id, 180, None, probe.now)
        .unwrap();
    let tag = probe
        .next_response()
        .headers
        .to()
        .unwrap()
        .tag()
        .unwrap()
        .to_owned();
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert_eq!(probe.sent(), ["200 BYE", "487 INVITE"]);
    assert_eq!(probe.events(), ["Cancelled"]);
    probe.send(invite.follow_up("ACK", &tag).to_string());
    probe.assert_nothing_left();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut probe = Probe::new();
    probe.send(
        Text {
            body: String::new(),
            ..Text::invite()
        }
        .to_string(),
    );
    let (id, incoming) = probe.incoming();
    assert_eq!(incoming.sdp, None);
    probe.sent();
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe
        .next_response()
        .headers
        .to()
        .unwrap()
        .tag()
        .unwrap()
        .to_owned();
    probe.send(
        Text {
            body: OFFER.into(),
            ..Text::ack(&tag, 1)
        }
        .to_string(),
    );
    let Some(LegEvent::Acknowledged { sdp: Some(sdp) }) = probe.next_event() else {
        panic!()
    };
    assert_eq!(sdp, OFFER.as_bytes());
}

#[test]
fn gaps_in_cseq_are_legal_and_steps_back_are_not() {
    let mut probe = Probe::new();
    let (_, tag) = probe.established();
    probe.send(Text::within("INFO", &tag, 10).to_string());
    assert_eq!(probe.sent(), ["200 INFO"]);
    probe.send(Text::within("INFO", &tag, 5).to_string());
    let late = probe.next_response();
    assert_eq!(late.status, 500);
    assert!(late.headers.retry_after().is_some_and(|wait| wait <= 10));
    assert_eq!(probe.events(), ["Info"]);
    probe.send(Text::within("BYE", &tag, 4_000_000_000).to_string());
    assert_eq!(probe.sent(), ["200 BYE"]);
}

#[test]
fn requests_within_a_dialog() {
    let mut probe = Probe::new();
    let (_, tag) = probe.established();
    let info = Text {
        content_type: "application/dtmf-relay",
        body: "Signal=5\r\n".into(),
        ..Text::within("INFO", &tag, 2)
    };
    probe.send(info.to_string());
    assert_eq!(probe.sent(), ["200 INFO"]);
    let Some(LegEvent::Info { content_type, body }) = probe.next_event() else {
        panic!()
    };
    assert_eq!(
        (content_type.as_str(), body.as_slice()),
        ("application/dtmf-relay", &b"Signal=5\r\n"[..])
    );
    for (sequence, (method, answer)) in (3..).zip([
        ("OPTIONS", 200),
        ("UPDATE", 405),
        ("PRACK", 405),
        ("NOTIFY", 405),
        ("FETCH", 501),
    ]) {
        probe.send(
            Text {
                branch: format!("z9hG4bK-{method}"),
                ..Text::within(method, &tag, sequence)
            }
            .to_string(),
        );
        assert_eq!(probe.sent(), [format!("{answer} {method}")]);
    }
    probe.send(
        Text::within("INFO", &tag, 900)
            .extra("Require: x\r\n")
            .to_string(),
    );
    assert_eq!(probe.sent(), ["420 INFO"]);
    assert!(probe.events().is_empty());
}

#[test]
fn strangers_start_nothing_and_leave_nothing_behind() {
    for (policy, answers) in [
        (UnknownPeer::Drop, vec![]),
        (UnknownPeer::Forbid, vec!["403"]),
    ] {
        for text in [
            Text::invite(),
            Text::new("OPTIONS", 1),
            Text::new("CANCEL", 1),
            Text::within("BYE", "x", 2),
        ] {
            let mut probe = Probe::with(config(), Trunks::new(vec![carrier()], policy).unwrap());
            probe.source = "198.51.100.1:5060".parse().unwrap();
            probe.send(text.to_string());
            let sent: Vec<String> = probe
                .sent()
                .iter()
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect();
            assert_eq!(sent, answers);
            assert!(probe.events().is_empty());
            let counters = probe.endpoint.counters();
            assert_eq!(
                (
                    counters.unknown_peer,
                    counters.server_transactions,
                    counters.legs
                ),
                (1, 0, 0)
            );
            assert_eq!(probe.endpoint.poll_timeout(), None);
        }
    }
}

#[test]
fn a_stranger_cannot_speak_in_a_dialog_even_with_its_tags() {
    let mut probe = Probe::new();
    let (_, tag) = probe.established();
    probe.source = "198.51.100.1:5060".parse().unwrap();
    probe.send(Text::within("BYE", &tag, 2).to_string());
    assert!(probe.sent().is_empty());
    assert!(probe.events().is_empty());
    assert_eq!(probe.endpoint.counters().unknown_peer, 1);
    // Nor can a trunk with the wrong tag.
    probe.source = CARRIER.parse().unwrap();
    let wrong = Text::within("BYE", &tag, 2)
        .to_string()
        .replace("tag=caller", "tag=other");
    probe.send(wrong);
    assert_eq!(probe.sent(), ["481 BYE"]);
    assert_eq!(probe.endpoint.counters().calls, 1);
}

#[test]
fn responses_go_back_where_the_request_came_from() {
    let table = [
        ("192.0.2.7:5062", "192.0.2.7:40000", "192.0.2.7:5062"),
        ("192.0.2.7", "192.0.2.7:40000", "192.0.2.7:5060"),
        ("10.0.0.1:5062", "192.0.2.7:40000", "192.0.2.7:5062"),
        ("10.0.0.1:5062;rport", "192.0.2.7:40000", "192.0.2.7:40000"),
        (
            "192.0.2.7:5062;maddr=203.0.113.9",
            "192.0.2.7:40000",
            "192.0.2.7:5062",
        ),
    ];
    for (via, source, expected) in table {
        let mut probe = Probe::new();
        probe.source = source.parse().unwrap();
        probe.send(
            Text {
                via: via.into(),
                ..Text::new("OPTIONS", 1)
            }
            .to_string(),
        );
        let (_, transmit) = probe.next_sent();
        assert_eq!(transmit.destination, expected.parse().unwrap(), "{via}");
        assert_eq!(transmit.local, Some(probe.local));
        let Ok(Message::Response(response)) = Message::parse(&transmit.bytes) else {
            panic!()
        };
        let top = response.headers.via().unwrap();
        assert_eq!(top.rport(), via.contains("rport").then_some(40_000));
        assert_eq!(
            top.received().is_some(),
            via.contains("rport") || via.starts_with("10.")
        );
    }
}

#[test]
fn tcp_requests_are_answered_on_their_connection() {
    let mut probe = Probe::new();
    (probe.protocol, probe.connection) = (Protocol::Tcp, Some(ConnectionId(42)));
    probe.source = "192.0.2.7:50123".parse().unwrap();
    let invite = Text {
        via: "192.0.2.7;alias".into(),
        ..Text::invite()
    };
    probe.send(invite.to_string().replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
    let (id, _) = probe.incoming();
    probe.sent();
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let (_, transmit) = probe.next_sent();
    assert_eq!(
        (transmit.protocol, transmit.connection),
        (Protocol::Tcp, Some(ConnectionId(42)))
    );
    assert_eq!(transmit.destination, probe.source);
    let Ok(Message::Response(ok)) = Message::parse(&transmit.bytes) else {
        panic!()
    };
    assert_eq!(
        ok.headers.contacts().unwrap()[0].to_string(),
        "<sip:192.0.2.1:5060;transport=tcp>"
    );
    let tag = ok.headers.to().unwrap().tag().unwrap().to_owned();
    probe.pass(500);
    assert_eq!(
        probe.sent(),
        ["200 INVITE"],
        "the 2xx is retransmitted over TCP too"
    );
    probe.send(
        Text::ack(&tag, 1)
            .to_string()
            .replace("SIP/2.0/UDP", "SIP/2.0/TCP"),
    );
    probe.endpoint.bye(id, None, probe.now).unwrap();
    let (_, bye) = probe.next_sent();
    assert_eq!(
        (bye.protocol, bye.connection),
        (Protocol::Tcp, Some(ConnectionId(42)))
    );
}

#[test]
fn the_contact_is_that_of_the_socket() {
    let trunk = carrier().with_peer("2001:db8::/32".parse::<ipnet::IpNet>().unwrap());
    let mut probe = Probe::with(
        config(),
        Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap(),
    );
    probe.source = "[2001:db8::7]:5060".parse().unwrap();
    probe.local = "[2001:db8::1]:5070".parse().unwrap();
    probe.send(
        Text {
            via: "[2001:db8::7]".into(),
            ..Text::invite()
        }
        .to_string(),
    );
    let (id, _) = probe.incoming();
    probe.sent();
    probe
        .endpoint
        .provisional(id, 180, None, probe.now)
        .unwrap();
    assert_eq!(
        probe.next_response().headers.contacts().unwrap()[0].to_string(),
        "<sip:[2001:db8::1]:5070>"
    );
}

#[test]
fn requests_follow_the_route_set() {
    let table = [
        // Loose routing: the Contact is the Request-URI, the routes are all there.
        (
            "Record-Route: <sip:192.0.2.8;lr>\r\nRecord-Route: <sip:192.0.2.9:5090;lr>\r\n",
            "sip:96170123456@192.0.2.7:5060",
            vec!["<sip:192.0.2.8;lr>", "<sip:192.0.2.9:5090;lr>"],
            "192.0.2.8:5060",
        ),
        // A strict router takes the Request-URI, and the Contact goes to the end.
        (
            "Record-Route: <sip:192.0.2.8:5088>, <sip:192.0.2.9;lr>\r\n",
            "sip:192.0.2.8:5088",
            vec!["<sip:192.0.2.9;lr>", "<sip:96170123456@192.0.2.7:5060>"],
            "192.0.2.8:5088",
        ),
        (
            "",
            "sip:96170123456@192.0.2.7:5060",
            vec![],
            "192.0.2.7:5060",
        ),
        // A name is not looked up: the address that the last request came from stands for it.
        (
            "Record-Route: <sip:edge.example;lr>\r\n",
            "sip:96170123456@192.0.2.7:5060",
            vec!["<sip:edge.example;lr>"],
            "192.0.2.7:5060",
        ),
    ];
    for (record_routes, uri, routes, destination) in table {
        let mut probe = Probe::new();
        probe.send(Text::invite().extra(record_routes).to_string());
        let (id, _) = probe.incoming();
        probe.sent();
        probe
            .endpoint
            .answer(id, ANSWER.to_vec(), probe.now)
            .unwrap();
        let tag = probe
            .next_response()
            .headers
            .to()
            .unwrap()
            .tag()
            .unwrap()
            .to_owned();
        probe.send(Text::ack(&tag, 1).to_string());
        probe.endpoint.bye(id, None, probe.now).unwrap();
        let (_, transmit) = probe.next_sent();
        assert_eq!(transmit.destination, destination.parse().unwrap());
        let Ok(Message::Request(bye)) = Message::parse(&transmit.bytes) else {
            panic!()
        };
        assert_eq!(bye.uri.to_string(), uri);
        let sent: Vec<String> = bye
            .headers
            .routes()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(sent, routes);
        assert_eq!(bye.headers.from().unwrap().tag(), Some(tag.as_str()));
        assert_eq!(bye.headers.to().unwrap().tag(), Some("caller"));
        assert_eq!(bye.headers.cseq().unwrap().number, 1);
    }
}

#[test]
fn a_refusal_says_why() {
    let mut probe = Probe::new();
    let invite = Text::invite();
    probe.send(invite.to_string());
    let (id, _) = probe.incoming();
    probe.sent();
    let refusal = |status| Rejection {
        status,
        phrase: Some("Come back later".into()),
        retry_after: Some(std::time::Duration::from_millis(1_500)),
        reason: Some(Reason::q850(17, "User busy")),
        headers: vec![("X-Why".into(), b"because".to_vec())],
    };
    assert_eq!(
        probe.endpoint.reject(id, refusal(200), probe.now),
        Err(LegError::BadStatus(200))
    );
    for bad in [
        ("Via", "x"),
        ("v", "x"),
        ("Content-Length", "1"),
        ("X-A", "x\r\nVia: y"),
        ("X A", "x"),
        ("", "x"),
    ] {
        let headers = vec![(bad.0.to_owned(), bad.1.as_bytes().to_vec())];
        let rejection = Rejection {
            headers,
            ..Rejection::new(486)
        };
        assert_eq!(
            probe.endpoint.reject(id, rejection, probe.now),
            Err(LegError::BadHeader),
            "{bad:?}"
        );
    }
    probe.endpoint.reject(id, refusal(486), probe.now).unwrap();
    let response = probe.next_response();
    assert_eq!(
        (response.status, response.reason.as_str()),
        (486, "Come back later")
    );
    assert_eq!(response.headers.retry_after(), Some(2));
    assert_eq!(response.headers.reason().unwrap().cause, Some(17));
    assert_eq!(response.headers.get("X-Why"), Some(&b"because"[..]));
    assert_eq!(probe.events(), ["Ended Local"]);
    let tag = response.headers.to().unwrap().tag().unwrap().to_owned();
    probe.send(invite.follow_up("ACK", &tag).to_string());
    probe.assert_nothing_left();
}

#[test]
fn an_asserted_identity_is_believed_only_from_who_may_assert_it() {
    let lines = "P-Asserted-Identity: <tel:+9611000000>\r\nDiversion: <sip:200@carrier.example>;reason=no-answer\r\n";
    for (trust, believed) in [
        (AssertedIdentity::Ignored, 0),
        (AssertedIdentity::Trusted, 1),
    ] {
        let mut trunk = carrier();
        trunk.asserted_identity = trust;
        let mut probe = Probe::with(
            config(),
            Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap(),
        );
        probe.send(Text::invite().extra(lines).to_string());
        let (_, incoming) = probe.incoming();
        assert_eq!(incoming.asserted_identity.len(), believed);
        assert_eq!(incoming.diversion.len(), 1);
    }
}

#[test]
fn strays_are_counted_and_get_no_answer() {
    let mut probe = Probe::new();
    probe.send(Text::ack("nothing", 1).to_string());
    let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                    To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    probe.send(response);
    probe.send(response.replace("INVITE", "BYE"));
    assert!(probe.sent().is_empty());
    assert!(probe.events().is_empty());
    assert_eq!(probe.endpoint.counters().strays, 3);
    probe.assert_nothing_left();
}

#[test]
fn a_peer_of_rfc_2543_has_neither_branch_nor_tag() {
    let mut probe = Probe::new();
    let old = |text: &str| {
        text.replace(";branch=z9hG4bKINVITE1", "")
            .replace(";tag=caller", "")
    };
    let invite = old(&Text::invite().to_string());
    probe.send(&invite);
    let (id, _) = probe.incoming();
    probe.send(&invite);
    assert_eq!(probe.sent(), ["100 INVITE", "100 INVITE"]);
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe
        .next_response()
        .headers
        .to()
        .unwrap()
        .tag()
        .unwrap()
        .to_owned();
    let ack = Text {
        branch: "z9hG4bKINVITE1".into(),
        ..Text::ack(&tag, 1)
    };
    probe.send(old(&ack.to_string()));
    assert_eq!(probe.events(), ["Acknowledged"]);
    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(probe.next_request().headers.to().unwrap().tag(), None);
}

#[test]
fn eight_kilobytes_and_more_pass() {
    let mut probe = Probe::new();
    let padding = format!("X-Padding: {}\r\n", "x".repeat(900)).repeat(12);
    probe.send(Text::invite().extra(&padding).to_string());
    let (_, incoming) = probe.incoming();
    assert_eq!(incoming.request.headers.all("X-Padding").count(), 12);
}
