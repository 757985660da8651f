//! Real sockets on loopback, ports given by the system.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;
use vireo_sip::message::{Message, Method, Response};
use vireo_sip::transport::{
    DirectionOfTravel, Fate, Limits, Listen, Packet, Protocol, Transmit, TransportError, Transports,
};

const SOON: Duration = Duration::from_secs(10);

fn request(call: usize, padding: usize) -> Vec<u8> {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call}\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
         Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: {padding}\r\n\r\n{}",
        "x".repeat(padding)
    )
    .into_bytes()
}

async fn bind(listens: &[(Protocol, &str)], limits: Limits) -> Transports {
    let listens: Vec<_> = listens
        .iter()
        .map(|(protocol, address)| Listen {
            protocol: *protocol,
            address: address.parse().unwrap(),
        })
        .collect();
    Transports::bind(&listens, limits).await.unwrap()
}

/// Receives until `count` packets are there.
async fn receive(transports: &mut Transports, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    timeout(SOON, async {
        while packets.len() < count {
            transports.receive(&mut packets).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} of {count} packets", packets.len()));
    packets
}

fn call_ids(packets: &[Packet]) -> Vec<usize> {
    let mut ids: Vec<usize> = packets
        .iter()
        .map(|packet| {
            let headers = packet.message.as_ref().unwrap().headers();
            std::str::from_utf8(headers.call_id().unwrap())
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    ids.sort_unstable();
    ids
}

fn to(protocol: Protocol, destination: SocketAddr, bytes: Vec<u8>) -> Transmit {
    Transmit {
        protocol,
        local: None,
        destination,
        connection: None,
        bytes,
    }
}

#[tokio::test]
async fn datagrams_go_in_batches_both_ways_and_both_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let mut one = bind(&[(Protocol::Udp, address)], Limits::default()).await;
        let mut two = bind(&[(Protocol::Udp, address)], Limits::default()).await;
        let destination = two.local_addresses()[0].address;
        one.send((0..100).map(|call| to(Protocol::Udp, destination, request(call, call))));
        let packets = receive(&mut two, 100).await;
        assert_eq!(call_ids(&packets), (0..100).collect::<Vec<_>>());
        assert_eq!(packets[0].source, one.local_addresses()[0].address);
        assert_eq!(packets[0].local, destination);
        assert_eq!(packets[0].connection, None);
        let sent = one.counters();
        assert_eq!((sent.sent, sent.dropped, sent.failed), (100, 0, 0));
        assert!(
            sent.send_calls <= 7,
            "{} calls for 100 datagrams",
            sent.send_calls
        );
        assert_eq!(two.counters().received, 100);
    }
}

#[tokio::test]
async fn datagrams_of_any_size_arrive_whole() {
    let mut transports = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let destination = transports.local_addresses()[0].address;
    for padding in [0, 8_000, 20_000, 65_000] {
        transports.send([to(Protocol::Udp, destination, request(padding, padding))].into_iter());
        let packets = receive(&mut transports, 1).await;
        let Ok(Message::Request(request)) = &packets[0].message else {
            panic!("{:?}", packets[0])
        };
        assert_eq!(request.body.len(), padding);
    }
    // Longer than a datagram can be: counted, and harmless for what follows.
    let too_long = to(Protocol::Udp, destination, request(1, 66_000));
    transports.send([too_long, to(Protocol::Udp, destination, request(2, 0))].into_iter());
    assert_eq!(call_ids(&receive(&mut transports, 1).await), [2]);
    assert_eq!(transports.counters().failed, 1);
}

#[tokio::test]
async fn malformed_datagrams_carry_their_answer_and_keep_alives_are_silent() {
    let mut transports = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let destination = transports.local_addresses()[0].address;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for keep_alive in [&b""[..], b"\r\n\r\n", b"\0\0\0\0\0\0\0\0", b"jaK"] {
        client.send_to(keep_alive, destination).await.unwrap();
    }
    client
        .send_to(b"REGISTER nonsense", destination)
        .await
        .unwrap();
    let bad = String::from_utf8(request(1, 0))
        .unwrap()
        .replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia");
    client.send_to(bad.as_bytes(), destination).await.unwrap();
    let packets = receive(&mut transports, 2).await;
    assert!(packets[0].message.as_ref().unwrap_err().reply().is_none());
    let reply = packets[1].message.as_ref().unwrap_err().reply().unwrap();
    assert_eq!(reply.status, 505);
    let counters = transports.counters();
    assert_eq!((counters.keep_alives, counters.malformed), (4, 2));
}

#[tokio::test]
async fn without_a_socket_of_that_kind_nothing_is_sent() {
    let mut transports = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let other = Transmit {
        local: "127.0.0.1:1".parse().ok(),
        ..to(Protocol::Udp, "127.0.0.1:9".parse().unwrap(), request(1, 0))
    };
    transports.send(
        [
            to(Protocol::Udp, "[::1]:5060".parse().unwrap(), request(1, 0)),
            other,
        ]
        .into_iter(),
    );
    assert_eq!(transports.counters().failed, 2);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let first = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let error = Transports::bind(first.local_addresses(), Limits::default())
        .await
        .err()
        .unwrap();
    let TransportError::Bind { address, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(address, first.local_addresses()[0].address);
}

#[tokio::test]
async fn impairment_loses_doubles_and_delays() {
    let mut one = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let mut two = bind(&[(Protocol::Udp, "127.0.0.1:0")], Limits::default()).await;
    let destination = two.local_addresses()[0].address;
    let mut count = 0;
    one.set_impairment(Box::new(move |_, direction| {
        assert_eq!(direction, DirectionOfTravel::Out);
        count += 1;
        match count {
            1 => Fate::Delay(Duration::from_millis(50)),
            2 => Fate::Drop,
            3 => Fate::Duplicate,
            _ => Fate::Deliver,
        }
    }));
    two.set_impairment(Box::new(|datagram, direction| {
        assert_eq!(direction, DirectionOfTravel::In);
        if datagram.windows(10).any(|window| window == b"Call-ID: 4") {
            Fate::Duplicate
        } else {
            Fate::Deliver
        }
    }));
    one.send((1..=4).map(|call| to(Protocol::Udp, destination, request(call, 0))));
    let packets = receive(&mut two, 5).await;
    assert_eq!(call_ids(&packets), [1, 3, 3, 4, 4]);
    assert_eq!(call_ids(&packets[4..]), [1], "the delayed one comes last");
}

#[tokio::test]
async fn a_connection_carries_requests_responses_and_keep_alives() {
    let mut server = bind(&[(Protocol::Tcp, "127.0.0.1:0")], Limits::default()).await;
    let mut client = bind(&[(Protocol::Tcp, "127.0.0.1:0")], Limits::default()).await;
    let destination = server.local_addresses()[0].address;
    client.send((0..50).map(|call| to(Protocol::Tcp, destination, request(call, 3_000))));
    let packets = receive(&mut server, 50).await;
    assert_eq!(call_ids(&packets), (0..50).collect::<Vec<_>>());
    let connection = packets[0].connection;
    assert!(
        packets.iter().all(|packet| packet.connection == connection),
        "one connection for all"
    );
    assert_eq!(packets[0].local, destination);
    let answers = packets.iter().map(|packet| {
        let Ok(Message::Request(request)) = &packet.message else {
            panic!("a request")
        };
        let mut bytes = Vec::new();
        Response::to(request, 200).encode(&mut bytes);
        Transmit {
            connection: packet.connection,
            ..to(Protocol::Tcp, packet.source, bytes)
        }
    });
    let answers: Vec<_> = answers.collect();
    server.send(answers.into_iter());
    let packets = receive(&mut client, 50).await;
    assert!(packets.iter().all(|packet| matches!(&packet.message, Ok(Message::Response(response)) if response.status == 200)));
    assert_eq!(
        packets[0].local,
        client.local_addresses()[0].address,
        "the listening address, not the ephemeral one"
    );
    assert_eq!(
        (server.counters().connections, client.counters().connections),
        (1, 1)
    );

    let mut raw = TcpStream::connect(destination).await.unwrap();
    raw.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(SOON, raw.read_exact(&mut pong))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&pong, b"\r\n");
    raw.write_all(&request(7, 10)).await.unwrap();
    assert_eq!(call_ids(&receive(&mut server, 1).await), [7]);
}

#[tokio::test]
async fn a_refused_connection_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut transports = bind(&[], Limits::default()).await;
    transports.send([to(Protocol::Tcp, free, request(1, 0))].into_iter());
    let mut packets = Vec::new();
    timeout(SOON, transports.receive(&mut packets))
        .await
        .unwrap();
    let failures = transports.take_failures();
    assert_eq!((failures.len(), failures[0].destination), (1, free));
    assert_eq!(failures[0].error, std::io::ErrorKind::ConnectionRefused);
    assert!(packets.is_empty());
}

/// Reads until the peer closes; panics when it does not.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes))
        .await
        .expect("the connection is closed")
        .unwrap();
    bytes
}

#[tokio::test]
async fn connections_are_bounded_in_number_and_time() {
    let short = Duration::from_millis(60);
    let limits = Limits {
        connections: 2,
        idle_timeout: short,
        partial_timeout: short,
        ..Limits::default()
    };
    let server = bind(&[(Protocol::Tcp, "127.0.0.1:0")], limits).await;
    let destination = server.local_addresses()[0].address;
    let mut idle = TcpStream::connect(destination).await.unwrap();
    let mut partial = TcpStream::connect(destination).await.unwrap();
    partial
        .write_all(b"OPTIONS sip:a@b SIP/2.0\r\n")
        .await
        .unwrap();
    let mut third = TcpStream::connect(destination).await.unwrap();
    assert_eq!(until_closed(&mut third).await, b"");
    assert_eq!(until_closed(&mut idle).await, b"");
    assert_eq!(until_closed(&mut partial).await, b"");
    let counters = server.counters();
    assert_eq!(
        (
            counters.connections_refused,
            counters.connections_timed_out,
            counters.connections
        ),
        (1, 2, 0)
    );
}

#[tokio::test]
async fn a_stream_that_cannot_be_followed_is_answered_and_closed() {
    let limits = Limits {
        linger: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut server = bind(&[(Protocol::Tcp, "127.0.0.1:0")], limits).await;
    let mut client = TcpStream::connect(server.local_addresses()[0].address)
        .await
        .unwrap();
    let unframed = String::from_utf8(request(1, 0))
        .unwrap()
        .replace("Content-Length: 0\r\n", "");
    client.write_all(unframed.as_bytes()).await.unwrap();
    let packets = receive(&mut server, 1).await;
    let error = packets[0].message.as_ref().unwrap_err();
    let mut bytes = Vec::new();
    error.reply().unwrap().encode(&mut bytes);
    let packet = &packets[0];
    server.send(
        [Transmit {
            connection: packet.connection,
            ..to(Protocol::Tcp, packet.source, bytes)
        }]
        .into_iter(),
    );
    let answer = until_closed(&mut client).await;
    let Ok(Message::Response(answer)) = Message::parse(&answer) else {
        panic!("a response")
    };
    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (400, "Missing Content-Length")
    );
    assert_eq!(answer.headers.cseq().unwrap().method, Method::Options);
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_only_its_own_connection() {
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut transports = bind(
        &[(Protocol::Udp, "127.0.0.1:0")],
        Limits {
            write_queue: 4,
            ..Limits::default()
        },
    )
    .await;
    let destination = peer.local_addr().unwrap();
    let (stuck, _) = {
        transports.send([to(Protocol::Tcp, destination, request(0, 0))].into_iter());
        timeout(SOON, peer.accept()).await.unwrap().unwrap()
    };
    timeout(SOON, async {
        while transports.take_failures().is_empty() {
            transports
                .send((0..8).map(|call| to(Protocol::Tcp, destination, request(call, 60_000))));
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the full queue is reported");
    assert!(transports.counters().dropped > 0);
    let own = transports.local_addresses()[0].address;
    transports.send([to(Protocol::Udp, own, request(5, 0))].into_iter());
    let packets = receive(&mut transports, 1).await;
    assert_eq!(call_ids(&packets), [5]);
    drop(stuck);
}
