//! Single requests of peers: what is accepted, refused, ignored.

use super::super::*;
use super::probe::*;
use crate::trunk::{AssertedIdentity, UnknownPeer};

/// What is sent, the status of the answer, and a header that it must have.
type Refusal<'a> = (&'a str, Text, u16, Option<(&'a str, &'a str)>);

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
    assert_eq!(probe.sent(), ["482 INVITE"]);
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
    let table: Vec<Refusal<'_>> = vec![
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
    assert_eq!(probe.sent(), ["100 INVITE"]);
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let tag = probe.next_tag();
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
