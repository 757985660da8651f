//! Legs that another process carries on.

use super::super::*;
use super::probe::*;
use crate::transport::Protocol;
use crate::trunk::UnknownPeer;

fn trunks() -> Trunks {
    let trunk = carrier().with_destination(Protocol::Udp, CARRIER.parse().unwrap());
    Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap()
}

/// Writes the leg down as JSON, and goes on in an endpoint that knows nothing else.
fn moved(probe: &Probe, id: LegId) -> (Probe, LegId) {
    let json = serde_json::to_string(&probe.endpoint.snapshot(id).unwrap()).unwrap();
    let mut endpoint = Endpoint::new(config(), trunks(), [99; 32]);
    let id = endpoint
        .restore(serde_json::from_str(&json).unwrap())
        .unwrap();
    let again = endpoint.restore(serde_json::from_str(&json).unwrap());
    assert_eq!(again, Err(RestoreError::Duplicate));
    assert_eq!(endpoint.trunk_loads()[0].calls, 1);
    (Probe::around(endpoint, probe.now), id)
}

fn ringing() -> (Probe, LegId, Text) {
    let mut probe = Probe::with(config(), trunks());
    let invite = Text::invite();
    probe.send(invite.to_string());
    let (id, _) = probe.incoming();
    probe
        .endpoint
        .provisional(id, 180, None, probe.now)
        .unwrap();
    (probe, id, invite)
}

fn calling() -> (Probe, LegId, crate::message::Request) {
    let mut probe = Probe::with(config(), trunks());
    let invite = Invite {
        via: Next::Trunk("carrier".into()),
        request_uri: "sip:200@carrier.example".parse().unwrap(),
        from: "<sip:ivr@192.0.2.1>".parse().unwrap(),
        to: "<sip:200@carrier.example>".parse().unwrap(),
        sdp: Some(ANSWER.to_vec()),
        headers: Vec::new(),
        max_forwards: 70,
    };
    let id = probe.endpoint.invite(invite, probe.now).unwrap();
    let request = probe.next_request();
    (probe, id, request)
}

#[test]
fn a_session_goes_on() {
    let mut probe = Probe::with(config(), trunks());
    let (id, tag) = probe.established();
    let (mut after, id) = moved(&probe, id);
    assert_eq!(after.endpoint.counters().dialogs, 1);
    after.send(Text::reinvite(&tag, 2).to_string());
    assert_eq!(after.events(), ["Reoffer"]);
    after
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), after.now)
        .unwrap();
    after.send(
        Text {
            branch: "z9hG4bKack2".into(),
            ..Text::ack(&tag, 2)
        }
        .to_string(),
    );
    assert_eq!(after.events(), ["ReofferDone Acknowledged"]);
    after.sent();
    after.endpoint.bye(id, None, after.now).unwrap();
    let bye = after.next_request();
    assert_eq!(bye.headers.from().unwrap().tag(), Some(tag.as_str()));
    after.send(reply(&bye, 200, "", &[], b""));
    assert_eq!(after.events(), ["Ended Local"]);
    after.assert_nothing_left();
}

#[test]
fn an_unacknowledged_answer_is_retransmitted_on_schedule() {
    let (mut probe, id, invite) = ringing();
    let start = probe.now;
    probe
        .endpoint
        .answer(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    probe.sent();
    probe.pass(4_000);
    let (mut after, _) = moved(&probe, id);
    after.send(invite.to_string());
    assert!(after.events().is_empty(), "the INVITE again is no new call");
    after.pass(4_000);
    assert_eq!(after.sent_since(start), [(7_500, "200 INVITE".to_owned())]);
    let mut lost = moved(&after, LegId(1)).0;
    after.send({
        let tag = after.endpoint.legs[&LegId(1)].dialog.local_tag().to_owned();
        Text::ack(&tag, 1).to_string()
    });
    assert_eq!(after.events(), ["Acknowledged"]);
    lost.pass(24_000);
    assert_eq!(lost.events(), ["Ended NoAck"]);
    assert_eq!(
        lost.sent_since(start).last(),
        Some(&(32_000, "BYE".to_owned()))
    );
}

#[test]
fn a_ringing_call_is_answered_or_cancelled() {
    let (probe, id, invite) = ringing();
    let (mut after, id) = moved(&probe, id);
    after.send(invite.to_string());
    assert_eq!(
        after.sent(),
        ["180 INVITE"],
        "its retransmission gets the same answer"
    );
    after
        .endpoint
        .answer(id, ANSWER.to_vec(), after.now)
        .unwrap();
    assert_eq!(after.sent(), ["200 INVITE"]);

    let mut after = moved(&probe, LegId(1)).0;
    after.send(invite.follow_up("CANCEL", "").to_string());
    assert_eq!(after.sent(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(after.events(), ["Cancelled"]);
    after.assert_nothing_left();
}

#[test]
fn a_call_that_we_placed_is_answered_or_cancelled() {
    let (mut probe, id, request) = calling();
    probe.send(reply(&request, 180, "callee", &[], b""));
    let (mut after, id) = moved(&probe, id);
    after.endpoint.cancel(id, None, after.now).unwrap();
    let cancel = after.next_request();
    assert_eq!(
        cancel.headers.via().unwrap().branch(),
        request.headers.via().unwrap().branch()
    );
    after.send(reply(&request, 487, "callee", &[], b""));
    assert_eq!(after.events(), ["Failed 487"]);

    let mut after = moved(&probe, LegId(1)).0;
    let ok = reply(
        &request,
        200,
        "callee",
        &[("Contact", "<sip:200@192.0.2.7>")],
        OFFER.as_bytes(),
    );
    after.send(&ok);
    assert_eq!(after.sent(), ["ACK"]);
    assert_eq!(after.events(), ["Answered"]);

    // And once more, between the ACK and the next copy of the 2xx.
    let mut third = moved(&after, LegId(1)).0;
    third.send(&ok);
    assert_eq!(third.sent(), ["ACK"]);
}

#[test]
fn an_invite_that_was_not_answered_is_sent_again_on_schedule() {
    let (mut probe, id, _) = calling();
    let start = probe.now;
    probe.pass(600);
    let (mut after, _) = moved(&probe, id);
    after.pass(40_000);
    let times: Vec<u64> = after.sent_since(start).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(after.events(), ["Failed 408"]);
}

#[test]
fn an_open_reinvite_is_answered() {
    let mut probe = Probe::with(config(), trunks());
    let (id, tag) = probe.established();
    probe
        .endpoint
        .reinvite(id, ANSWER.to_vec(), probe.now)
        .unwrap();
    let request = probe.next_request();
    let mut after = moved(&probe, id).0;
    after.send(reply(&request, 200, "caller", &[], OFFER.as_bytes()));
    assert_eq!(after.sent(), ["ACK"]);
    assert_eq!(after.events(), ["ReinviteAnswered"]);

    after.send(Text::reinvite(&tag, 2).to_string());
    after.sent();
    let (mut third, id) = moved(&after, LegId(1));
    third
        .endpoint
        .accept_offer(id, ANSWER.to_vec(), third.now)
        .unwrap();
    assert_eq!(third.sent(), ["200 INVITE"]);
}
