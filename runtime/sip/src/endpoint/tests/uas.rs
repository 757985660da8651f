//! Inbound calls, from INVITE to BYE.

use super::super::*;
use super::probe::*;
use crate::message::Reason;

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
    assert!(probe.sent().is_empty(), "a 180 comes soon enough");

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
fn who_waits_for_long_gets_100_once() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    let start = probe.now;
    probe.pass(10_000);
    assert_eq!(probe.sent_since(start), [(150, "100 INVITE".to_owned())]);
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe.next_tag();
    probe.send(Text::ack(&tag, 1).to_string());
    let start = probe.now;
    probe.send(Text::reinvite(&tag, 2).to_string());
    probe.pass(10_000);
    assert_eq!(probe.sent_since(start), [(150, "100 INVITE".to_owned())]);
}

#[test]
fn a_retransmitted_invite_is_not_a_second_call() {
    let mut probe = Probe::new();
    let invite = Text::invite().to_string();
    probe.send(&invite);
    let (id, _) = probe.incoming();
    assert!(probe.sent().is_empty());
    probe.send(&invite);
    assert_eq!(probe.sent(), ["100 INVITE"], "who asks again is told");
    probe.send(&invite);
    assert_eq!(probe.sent(), ["100 INVITE"]);
    probe.pass(1_000);
    assert!(probe.sent().is_empty());
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
    let tag = probe.next_tag();
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
        let tag = probe.next_tag();
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
    let tag = probe.next_tag();
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
    let tag = probe.next_tag();
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
fn a_call_that_rings_for_minutes_says_so_every_minute() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    let start = probe.now;
    probe
        .endpoint
        .provisional(id, 183, Some(ANSWER.to_vec()), probe.now)
        .unwrap();
    probe.pass(125_000);
    let refreshed = |at: u64| (at, "183 INVITE".to_owned());
    let sent = probe.sent_since(start);
    assert_eq!(sent, [refreshed(0), refreshed(60_000), refreshed(120_000)]);
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.pass(100_000);
    assert!(!probe.sent().contains(&"183 INVITE".to_owned()));
}

#[test]
fn cancel_before_any_response_but_100() {
    let mut probe = Probe::new();
    let invite = Text::invite();
    probe.send(invite.to_string());
    probe.sent();
    probe.send(invite.follow_up("CANCEL", "").to_string());
    let (ok, terminated) = (probe.next_response(), probe.next_response());
    assert_eq!((ok.status, terminated.status), (200, 487));
    assert_eq!(
        ok.headers.to().unwrap().tag(),
        terminated.headers.to().unwrap().tag()
    );
}
