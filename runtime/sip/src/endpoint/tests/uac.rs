//! Outbound calls.

use super::super::*;
use super::probe::*;
use crate::message::{Message, Reason, Request};
use crate::transport::{Failure, Protocol};
use crate::trunk::{Trunk, UnknownPeer};

const CONTACT: (&str, &str) = ("Contact", "<sip:200@192.0.2.7:5060>");

fn invite(sdp: Option<&[u8]>) -> Invite {
    Invite {
        via: Next::Trunk("carrier".into()),
        request_uri: "sip:200@carrier.example".parse().unwrap(),
        from: "\"Vireo\" <sip:ivr@192.0.2.1>".parse().unwrap(),
        to: "<sip:200@carrier.example>".parse().unwrap(),
        sdp: sdp.map(<[u8]>::to_vec),
        headers: vec![("X-Campaign".into(), b"7".to_vec())],
        max_forwards: 70,
    }
}

fn probe() -> Probe {
    let trunk = carrier().with_destination(Protocol::Udp, CARRIER.parse().unwrap());
    Probe::with(
        config(),
        Trunks::new(vec![trunk, Trunk::new("inbound-only")], UnknownPeer::Drop).unwrap(),
    )
}

fn placed(sdp: Option<&[u8]>) -> (Probe, LegId, Request) {
    let mut probe = probe();
    let id = probe.endpoint.invite(invite(sdp), probe.now).unwrap();
    let request = probe.next_request();
    (probe, id, request)
}

#[test]
fn a_call_that_we_place() {
    let (mut probe, id, request) = placed(Some(ANSWER));
    assert_eq!(request.uri.to_string(), "sip:200@carrier.example");
    assert_eq!(request.headers.get_text("X-Campaign").as_deref(), Some("7"));
    assert_eq!(
        request.headers.contacts().unwrap()[0].to_string(),
        "<sip:192.0.2.1:5060>"
    );
    assert!(request.headers.from().unwrap().display.is_some());
    let via = request.headers.via().unwrap();
    assert!(via.has_magic_cookie() && via.wants_rport());
    probe.send(reply(&request, 100, "", &[], b""));
    probe.send(reply(&request, 183, "callee", &[], OFFER.as_bytes()));
    let Some(LegEvent::Progress {
        status: 183,
        sdp: Some(_),
    }) = probe.next_event()
    else {
        panic!()
    };
    let routes = ("Record-Route", "<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>");
    let ok = reply(
        &request,
        200,
        "callee",
        &[CONTACT, routes],
        OFFER.as_bytes(),
    );
    probe.send(&ok);
    let Some(LegEvent::Answered { sdp: Some(_) }) = probe.next_event() else {
        panic!()
    };
    let (_, transmit) = probe.next_sent();
    assert_eq!(
        transmit.destination,
        "192.0.2.8:5060".parse().unwrap(),
        "the route set is reversed"
    );
    let Ok(Message::Request(ack)) = Message::parse(&transmit.bytes) else {
        panic!()
    };
    assert_eq!(ack.method.as_str(), "ACK");
    assert_eq!(ack.uri.to_string(), "sip:200@192.0.2.7:5060");
    let routes: Vec<String> = ack
        .headers
        .routes()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(routes, ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"]);
    assert_ne!(
        ack.headers.via().unwrap().branch(),
        via.branch(),
        "a transaction of its own"
    );
    probe.send(&ok);
    assert_eq!(probe.sent(), ["ACK"], "each copy of the 2xx");
    probe.endpoint.bye(id, None, probe.now).unwrap();
    let bye = probe.next_request();
    assert_eq!(bye.headers.cseq().unwrap().number, 2);
    probe.send(reply(&bye, 200, "", &[], b""));
    assert_eq!(probe.events(), ["Ended Local"]);
    probe.assert_nothing_left();
}

#[test]
fn a_refused_call() {
    let (mut probe, _, request) = placed(Some(ANSWER));
    let busy = reply(
        &request,
        486,
        "callee",
        &[("Retry-After", "30"), ("Reason", "Q.850;cause=17")],
        b"",
    );
    probe.send(&busy);
    let ack = probe.next_request();
    assert_eq!(
        ack.headers.via().unwrap().branch(),
        request.headers.via().unwrap().branch()
    );
    assert_eq!(ack.headers.to().unwrap().tag(), Some("callee"));
    assert_eq!(ack.uri, request.uri);
    let Some(LegEvent::Failed {
        status: 486,
        retry_after,
        reason: Some(reason),
        ..
    }) = probe.next_event()
    else {
        panic!()
    };
    assert_eq!(
        (retry_after, reason.cause),
        (Some(std::time::Duration::from_secs(30)), Some(17))
    );
    probe.send(&busy);
    assert_eq!(probe.sent(), ["ACK"]);
    assert!(probe.events().is_empty());
    probe.assert_nothing_left();
}

#[test]
fn a_call_without_answer_or_way() {
    let (mut probe, ..) = placed(Some(ANSWER));
    probe.pass(32_000);
    assert_eq!(probe.sent().len(), 6, "timer A");
    assert_eq!(probe.events(), ["Failed 408"]);
    probe.assert_nothing_left();

    let (mut probe, ..) = placed(Some(ANSWER));
    let failure = Failure {
        protocol: Protocol::Udp,
        destination: CARRIER.parse().unwrap(),
        connection: None,
        error: std::io::ErrorKind::ConnectionRefused,
    };
    probe.endpoint.transport_failed(&failure, probe.now);
    assert_eq!(probe.events(), ["Failed 503"]);
    probe.assert_nothing_left();
}

#[test]
fn what_cannot_be_placed() {
    let mut probe = probe();
    let table = [
        (
            Invite {
                via: Next::Trunk("nobody".into()),
                ..invite(None)
            },
            LegError::NoTrunk,
        ),
        (
            Invite {
                via: Next::Trunk("inbound-only".into()),
                ..invite(None)
            },
            LegError::NoTrunk,
        ),
        (
            Invite {
                max_forwards: 0,
                ..invite(None)
            },
            LegError::TooManyHops,
        ),
        (
            Invite {
                headers: vec![("Contact".into(), Vec::new())],
                ..invite(None)
            },
            LegError::BadHeader,
        ),
        (
            Invite {
                via: Next::Address(crate::trunk::Destination {
                    protocol: Protocol::Tcp,
                    address: "[2001:db8::7]:5060".parse().unwrap(),
                }),
                ..invite(None)
            },
            LegError::NoSocket,
        ),
    ];
    for (invite, error) in table {
        assert_eq!(probe.endpoint.invite(invite, probe.now), Err(error));
    }
    assert!(probe.sent().is_empty());
    probe.assert_nothing_left();
}

#[test]
fn cancel_waits_for_the_first_provisional() {
    let (mut probe, id, request) = placed(Some(ANSWER));
    probe
        .endpoint
        .cancel(
            id,
            Some(Reason::sip(200, "Call completed elsewhere")),
            probe.now,
        )
        .unwrap();
    assert!(probe.sent().is_empty());
    assert_eq!(
        probe.endpoint.cancel(id, None, probe.now),
        Err(LegError::WrongState)
    );
    probe.send(reply(&request, 180, "callee", &[], b""));
    let cancel = probe.next_request();
    assert_eq!(cancel.method.as_str(), "CANCEL");
    assert_eq!(
        cancel.headers.via().unwrap().branch(),
        request.headers.via().unwrap().branch()
    );
    assert_eq!(cancel.headers.to().unwrap().tag(), None);
    assert_eq!(cancel.headers.cseq().unwrap().number, 1);
    assert_eq!(
        cancel.headers.reason().unwrap().text.as_deref(),
        Some("Call completed elsewhere")
    );
    probe.send(reply(&cancel, 200, "callee", &[], b""));
    probe.send(reply(&request, 487, "callee", &[], b""));
    assert_eq!(probe.sent(), ["ACK"]);
    assert_eq!(probe.events(), ["Progress 180", "Failed 487"]);
    probe.assert_nothing_left();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended() {
    for early in [true, false] {
        let (mut probe, id, request) = placed(Some(ANSWER));
        if early {
            probe.send(reply(&request, 180, "callee", &[], b""));
        }
        probe.endpoint.bye(id, None, probe.now).unwrap();
        probe.sent();
        let ok = reply(&request, 200, "callee", &[CONTACT], OFFER.as_bytes());
        probe.send(&ok);
        assert_eq!(probe.sent(), ["ACK", "BYE"]);
        probe.send(&ok);
        assert_eq!(probe.sent(), ["ACK"]);
        assert_eq!(
            probe.events().last().map(String::as_str),
            Some("Ended Local")
        );
        probe.assert_nothing_left();
    }
}

#[test]
fn a_cancel_that_nobody_heeds_ends_after_64_t1() {
    let (mut probe, id, request) = placed(Some(ANSWER));
    probe.send(reply(&request, 180, "callee", &[], b""));
    probe.endpoint.cancel(id, None, probe.now).unwrap();
    probe.pass(31_999);
    assert_eq!(probe.events(), ["Progress 180"]);
    probe.pass(1);
    assert_eq!(probe.events(), ["Ended Timeout"]);
    probe.assert_nothing_left();
}

#[test]
fn of_two_phones_that_answer_the_second_is_ended() {
    let (mut probe, id, request) = placed(Some(ANSWER));
    probe.send(reply(&request, 200, "first", &[CONTACT], OFFER.as_bytes()));
    assert_eq!(probe.sent(), ["ACK"]);
    let second = reply(
        &request,
        200,
        "second",
        &[("Contact", "<sip:200@192.0.2.55>")],
        OFFER.as_bytes(),
    );
    probe.send(&second);
    let (ack, bye) = (probe.next_request(), probe.next_request());
    assert_eq!((ack.method.as_str(), bye.method.as_str()), ("ACK", "BYE"));
    for request in [&ack, &bye] {
        assert_eq!(request.uri.to_string(), "sip:200@192.0.2.55");
        assert_eq!(request.headers.to().unwrap().tag(), Some("second"));
    }
    probe.send(&second);
    assert_eq!(probe.sent(), ["ACK"]);
    assert_eq!(probe.events(), ["Answered"]);
    // The first goes on.
    probe.send(reply(&bye, 200, "", &[], b""));
    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(
        probe.next_request().headers.to().unwrap().tag(),
        Some("first")
    );
}

#[test]
fn an_offer_in_the_answer_is_answered_in_the_ack() {
    let (mut probe, id, request) = placed(None);
    assert!(request.body.is_empty());
    let ok = reply(&request, 200, "callee", &[CONTACT], OFFER.as_bytes());
    probe.send(&ok);
    probe.send(&ok);
    assert!(probe.sent().is_empty(), "no ACK without the answer");
    assert_eq!(probe.events(), ["Answered"]);
    probe
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    assert_eq!(probe.next_request().body, ANSWER);
    probe.send(&ok);
    assert_eq!(probe.next_request().body, ANSWER);

    let (mut probe, id, request) = placed(None);
    probe.send(reply(&request, 200, "callee", &[CONTACT], OFFER.as_bytes()));
    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(probe.sent(), ["ACK", "BYE"]);
}

#[test]
fn the_caller_of_a_glare_waits_longer() {
    let (mut probe, id, request) = placed(Some(ANSWER));
    probe.send(reply(&request, 200, "callee", &[CONTACT], OFFER.as_bytes()));
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.next_request();
    let reinvite = probe.next_request();
    let start = probe.now;
    probe.send(reply(&reinvite, 491, "callee", &[], b""));
    probe.sent();
    probe.pass(4_000);
    let again = probe.sent_since(start);
    assert_eq!(again[0].1, "INVITE");
    assert!((2_100..=4_000).contains(&again[0].0), "{again:?}");
}

#[test]
fn a_bye_that_overtakes_the_answer_ends_the_call() {
    let (mut probe, _, request) = placed(Some(ANSWER));
    let tag = request.headers.from().unwrap().tag().unwrap().to_owned();
    let call_id = String::from_utf8(request.headers.call_id().unwrap().to_vec()).unwrap();
    probe.send(
        Text {
            call_id,
            ..Text::within("BYE", &tag, 1)
        }
        .to_string(),
    );
    assert_eq!(probe.sent(), ["200 BYE"]);
    assert_eq!(probe.events(), ["Ended Peer"]);
    probe.send(reply(&request, 200, "caller", &[CONTACT], OFFER.as_bytes()));
    assert_eq!(probe.sent(), ["ACK", "BYE"]);
    assert!(probe.events().is_empty());
    probe.assert_nothing_left();
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_it_called_from() {
    let mut trunk = carrier();
    trunk.dialog_requests = crate::trunk::DialogRequests::FollowSource;
    let mut probe = Probe::with(
        config(),
        Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap(),
    );
    probe.source = "192.0.2.66:31000".parse().unwrap();
    let (id, _) = probe.established();
    probe.endpoint.bye(id, None, probe.now).unwrap();
    assert_eq!(probe.next_sent().1.destination, probe.source);
}
