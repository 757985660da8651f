//! Re-INVITEs in both directions.

use super::super::*;
use super::probe::*;

#[test]
fn the_peer_changes_the_session_and_its_address() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    let mut reinvite = Text::reinvite(&tag, 2);
    reinvite.extra = "Contact: <sip:new@192.0.2.99:5099>\r\n".into();
    probe.send(reinvite.to_string());
    assert!(probe.sent().is_empty());
    assert!(matches!(
        probe.next_event(),
        Some(LegEvent::Reoffer { sdp: Some(_) })
    ));
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let ok = probe.next_response();
    assert_eq!((ok.status, ok.body.as_slice()), (200, ANSWER));
    probe.pass(500);
    assert_eq!(probe.sent(), ["200 INVITE"], "retransmitted until its ACK");
    probe.send(
        Text {
            branch: "z9hG4bKack2".into(),
            ..Text::ack(&tag, 2)
        }
        .to_string(),
    );
    assert_eq!(probe.events(), ["ReofferDone Acknowledged"]);
    probe.pass(10_000);
    assert!(probe.sent().is_empty());
    probe.endpoint.bye(id, None, probe.now).unwrap();
    let (_, bye) = probe.next_sent();
    assert_eq!(
        bye.destination,
        "192.0.2.99:5099".parse().unwrap(),
        "target refresh"
    );
}

#[test]
fn a_refused_or_cancelled_reinvite_changes_nothing() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    let mut refused = Text::reinvite(&tag, 2);
    refused.extra = "Contact: <sip:new@192.0.2.99:5099>\r\n".into();
    probe.send(refused.to_string());
    probe.sent();
    probe.endpoint.refuse_offer(id, 488, probe.now).unwrap();
    assert_eq!(probe.sent(), ["488 INVITE"]);
    probe.send(refused.follow_up("ACK", &tag).to_string());
    assert_eq!(
        probe.endpoint.refuse_offer(id, 488, probe.now),
        Err(LegError::WrongState)
    );

    let cancelled = Text::reinvite(&tag, 3);
    probe.send(cancelled.to_string());
    probe.sent();
    probe.send(cancelled.follow_up("CANCEL", &tag).to_string());
    assert_eq!(probe.sent(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(
        probe.events(),
        ["Reoffer", "Reoffer", "ReofferDone Cancelled"]
    );
    probe.send(cancelled.follow_up("ACK", &tag).to_string());

    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(
        probe.next_sent().1.destination,
        CARRIER.parse().unwrap(),
        "the old target"
    );
}

#[test]
fn overlapping_reinvites_are_told_to_wait() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe.send(Text::reinvite(&tag, 2).to_string());
    probe.send(Text::reinvite(&tag, 3).to_string());
    let refusal = probe.next_response();
    assert_eq!(refusal.status, 500);
    assert!(refusal.headers.retry_after().is_some_and(|wait| wait <= 10));
    assert_eq!(probe.events(), ["Reoffer"]);
    assert_eq!(
        probe.endpoint.reinvite(id, ANSWER.to_vec(), probe.now),
        Err(LegError::OfferPending)
    );
}

#[test]
fn a_reinvite_without_offer_gets_ours() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe.send(
        Text {
            body: String::new(),
            ..Text::reinvite(&tag, 2)
        }
        .to_string(),
    );
    assert!(matches!(
        probe.next_event(),
        Some(LegEvent::Reoffer { sdp: None })
    ));
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.sent();
    // Our offer is open until the ACK brings the answer: another offer meets it.
    probe.send(Text::reinvite(&tag, 3).to_string());
    assert_eq!(probe.sent(), ["491 INVITE"]);
    probe.send(
        Text {
            body: OFFER.into(),
            branch: "z9hG4bKack2".into(),
            ..Text::ack(&tag, 2)
        }
        .to_string(),
    );
    let Some(LegEvent::ReofferDone {
        outcome: ReofferOutcome::Acknowledged,
        sdp: Some(_),
    }) = probe.next_event()
    else {
        panic!()
    };
}

#[test]
fn a_reinvite_that_overtakes_the_ack_is_served() {
    let mut probe = Probe::new();
    probe.send(Text::invite().to_string());
    let (id, _) = probe.incoming();
    probe.sent();
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe.next_tag();
    probe.send(Text::reinvite(&tag, 2).to_string());
    assert_eq!(probe.events(), ["Reoffer"]);
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.send(
        Text {
            branch: "z9hG4bKack2".into(),
            ..Text::ack(&tag, 2)
        }
        .to_string(),
    );
    probe.send(Text::ack(&tag, 1).to_string());
    assert_eq!(probe.events(), ["ReofferDone Acknowledged", "Acknowledged"]);
    assert_eq!(probe.endpoint.counters().unacknowledged, 0);
}

#[test]
fn our_reinvite_is_answered_and_its_ack_repeated() {
    let mut probe = Probe::new();
    let (id, _) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let request = probe.next_request();
    assert_eq!(
        (request.method.as_str(), request.body.as_slice()),
        ("INVITE", ANSWER)
    );
    assert_eq!(
        probe.endpoint.reinvite(id, ANSWER.to_vec(), probe.now),
        Err(LegError::OfferPending)
    );
    let ok = reply(
        &request,
        200,
        "caller",
        &[("Contact", "<sip:moved@192.0.2.98>")],
        OFFER.as_bytes(),
    );
    probe.send(&ok);
    let ack = probe.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.headers.cseq().unwrap().number),
        ("ACK", 1)
    );
    assert_eq!(ack.uri.to_string(), "sip:moved@192.0.2.98");
    let Some(LegEvent::ReinviteAnswered { sdp: Some(_) }) = probe.next_event() else {
        panic!()
    };
    probe.send(&ok);
    assert_eq!(probe.sent(), ["ACK"]);
    assert!(probe.events().is_empty());
    // Long after timer M the dialog still knows its ACK.
    probe.pass(40_000);
    probe.send(&ok);
    assert_eq!(probe.sent(), ["ACK"]);
}

#[test]
fn glare_is_refused_and_tried_again() {
    // The leg was called, so the peer owns the Call-ID: 0 to 2 s.
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let first = probe.next_request();
    probe.send(Text::reinvite(&tag, 2).to_string());
    assert_eq!(probe.sent(), ["491 INVITE"]);
    assert!(probe.events().is_empty());
    probe.send(Text::reinvite(&tag, 2).follow_up("ACK", &tag).to_string());
    probe.send(reply(&first, 491, "caller", &[], b""));
    assert_eq!(probe.sent(), ["ACK"]);
    probe.pass(2_000);
    let second = probe.next_request();
    assert_eq!(
        (
            second.method.as_str(),
            second.headers.cseq().unwrap().number
        ),
        ("INVITE", 2)
    );
    assert_eq!(second.body, ANSWER);
    probe.send(reply(&second, 200, "caller", &[], OFFER.as_bytes()));
    assert_eq!(probe.events(), ["ReinviteAnswered"]);
}

#[test]
fn a_postponed_reinvite_gives_way_to_the_peers() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let first = probe.next_request();
    probe.send(reply(&first, 491, "caller", &[], b""));
    probe.send(Text::reinvite(&tag, 2).to_string());
    assert_eq!(probe.events(), ["ReinviteFailed 491", "Reoffer"]);
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.send(
        Text {
            branch: "z9hG4bKack2".into(),
            ..Text::ack(&tag, 2)
        }
        .to_string(),
    );
    probe.sent();
    probe.pass(10_000);
    assert!(probe.sent().is_empty(), "not sent again");
}

#[test]
fn a_refused_reinvite_leaves_the_session_and_a_lost_dialog_ends_it() {
    for (status, events) in [
        (488, vec!["ReinviteFailed 488"]),
        (500, vec!["ReinviteFailed 500"]),
        (481, vec!["Ended Timeout"]),
        (408, vec!["Ended Timeout"]),
    ] {
        let mut probe = Probe::new();
        let (id, _) = probe.established();
        probe
            .endpoint
            .reinvite(id, ANSWER.to_vec(), probe.now)
            .unwrap();
        let request = probe.next_request();
        probe.send(reply(&request, status, "caller", &[], b""));
        assert_eq!(probe.events(), events);
        let sent = probe.sent();
        assert_eq!(sent.first().map(String::as_str), Some("ACK"));
        assert_eq!(
            sent.contains(&"BYE".to_owned()),
            status == 481 || status == 408
        );
    }
    let mut probe = Probe::new();
    let (id, _) = probe.established();
    probe
        .endpoint
        .info(id, "text/plain", b"x".to_vec(), probe.now)
        .unwrap();
    probe.pass(32_000);
    assert_eq!(probe.events(), ["Ended Timeout"]);
    probe.assert_nothing_left();
}

#[test]
fn a_postponed_reinvite_dies_with_its_leg() {
    let mut probe = Probe::new();
    let (id, tag) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let first = probe.next_request();
    probe.send(reply(&first, 491, "caller", &[], b""));
    probe.send(Text::reinvite(&tag, 2).to_string());
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    // The leg hangs up while its 2xx waits for the ACK and nothing else may happen any more.
    probe.endpoint.bye(id, None, probe.now).unwrap();
    probe.sent();
    probe.pass(5_000);
    assert!(!probe.sent().contains(&"INVITE".to_owned()));

    let mut probe = Probe::new();
    let (id, _) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let first = probe.next_request();
    probe.send(reply(&first, 491, "caller", &[], b""));
    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(probe.sent(), ["ACK", "BYE"]);
    probe.pass(5_000);
    assert!(!probe.sent().contains(&"INVITE".to_owned()));
    probe.assert_nothing_left();
}
