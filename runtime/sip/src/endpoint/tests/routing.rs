//! Which way messages go.

use super::super::*;
use super::probe::*;
use crate::message::Message;
use crate::transport::{ConnectionId, Protocol};
use crate::trunk::UnknownPeer;

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
        let tag = probe.next_tag();
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
