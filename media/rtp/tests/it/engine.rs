//! The engine over loopback: counts and order, never times.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use vireo_audio::Codec;
use vireo_audio::recorder::{Recorder, RecorderConfig};
use vireo_rtp::packet::Packet;
use vireo_rtp::{
    Counters, Engine, EngineConfig, EngineError, MediaEvent, OpenError, Play, PlayEnd, RawSocket,
    Realtime, Repeat, Segment, StreamConfig, StreamStats, TelephoneEvent, Wake,
};

/// Everything that is waited for comes within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

fn engine(threads: usize, max_streams: usize, first_port: u16) -> (Engine, tempfile::TempDir) {
    engine_that_sends(RawSocket::Off, threads, max_streams, first_port)
}

fn engine_that_sends(
    raw_socket: RawSocket,
    threads: usize,
    max_streams: usize,
    first_port: u16,
) -> (Engine, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
    let config = EngineConfig {
        threads,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: first_port..=first_port + 999,
        realtime: Realtime::Off,
        raw_socket,
        wake: Wake::AtOnce,
        max_streams,
    };
    (Engine::start(config, recorder).unwrap(), directory)
}

fn config(peer: &UdpSocket) -> StreamConfig {
    StreamConfig {
        telephone_event: Some(TelephoneEvent {
            send_pt: 101,
            receive_pt: 101,
            clock_rate: 8000,
        }),
        ..StreamConfig::new(Some(peer.local_addr().unwrap()), Codec::Pcmu, 0)
    }
}

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn wait_for(events: &mut Receiver<MediaEvent>, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
    let start = Instant::now();
    loop {
        match events.try_recv() {
            Ok(event) if wanted(&event) => return event,
            Ok(_) => {}
            Err(TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(2)),
            Err(TryRecvError::Disconnected) => panic!("the events ended"),
        }
        assert!(start.elapsed() < PATIENCE, "nothing of the kind happened");
    }
}

fn closed(events: &mut Receiver<MediaEvent>) -> Box<StreamStats> {
    match wait_for(events, |event| matches!(event, MediaEvent::Closed(_))) {
        MediaEvent::Closed(stats) => stats,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fifty_streams_send_everything_in_order() {
    let counters = fifty_streams(RawSocket::Off, 41_000);
    assert_eq!(counters.packets_together, 0);
}

#[test]
fn fifty_streams_that_send_together_send_the_same() {
    let allowed = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::RAW,
        Some(socket2::Protocol::from(255)),
    )
    .is_ok();
    let counters = fifty_streams(RawSocket::Try, 46_000);
    // Whoever brings a packet, a stranger too, is sent to alone for a while.
    let most = counters.packets_together * 10 >= counters.packets_out * 9;
    assert_eq!(most, allowed, "{counters:?}");
}

#[test]
fn a_packet_that_cannot_be_sent_harms_no_other() {
    let (engine, _directory) = engine_that_sends(RawSocket::Try, 1, 10, 51_000);
    // Broadcasts are refused to a raw socket and to the stream's own alike.
    let nowhere = SocketAddr::from(([255, 255, 255, 255], 9));
    let peers: Vec<UdpSocket> = (0..3).map(|_| peer()).collect();
    let mut calls = Vec::new();
    for (i, peer) in peers.iter().enumerate() {
        let (stream, events) = engine.open().unwrap();
        let mut config = config(peer);
        if i == 1 {
            config.remote = Some(nowhere);
        }
        stream.configure(config);
        stream.play(Play {
            id: 1,
            segments: vec![Segment::Samples(Arc::from(vec![5000i16; 1600]))],
            repeat: Repeat::Once,
        });
        calls.push((stream, events));
    }
    for (_, events) in &mut calls {
        wait_for(events, |event| {
            matches!(event, MediaEvent::PlayFinished { .. })
        });
    }
    let mut failed = Vec::new();
    for (stream, mut events) in calls {
        stream.close();
        let outbound = closed(&mut events).outbound;
        failed.push((outbound.packets >= 10, outbound.failed >= 10));
    }
    assert_eq!(failed, [(true, false), (false, true), (true, false)]);
    engine.shutdown();
}

/// Fifty streams play, and every packet is looked at.
fn fifty_streams(raw_socket: RawSocket, first_port: u16) -> Counters {
    let (engine, _directory) = engine_that_sends(raw_socket, 2, 100, first_port);
    let prompt = Segment::Samples(Arc::from(vec![5000i16; 8000]));
    let mut calls = Vec::new();
    for _ in 0..50 {
        let (stream, events) = engine.open().unwrap();
        let peer = peer();
        stream.configure(config(&peer));
        stream.play(Play {
            id: 1,
            segments: vec![prompt.clone()],
            repeat: Repeat::Once,
        });
        calls.push((stream, events, peer));
    }
    let streams = engine.counters().streams;
    assert_eq!(streams, [25, 25], "streams are spread over the threads");
    for (stream, events, peer) in &mut calls {
        let end = wait_for(events, |event| {
            matches!(event, MediaEvent::PlayFinished { .. })
        });
        assert_eq!(
            end,
            MediaEvent::PlayFinished {
                id: 1,
                heard_ms: 1000,
                gap_ms: 0,
                end: PlayEnd::Finished
            }
        );
        let local = stream.local();
        let mut buffer = [0; 500];
        let (mut loud, mut next) = (0, None);
        while loud < 50 {
            let (length, source) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(source, local);
            let packet = Packet::parse(&buffer[..length]).unwrap();
            assert_eq!(packet.payload.len(), 160);
            if let Some((sequence, timestamp)) = next {
                assert_eq!(packet.sequence, sequence, "nothing is lost or out of order");
                let jump: u32 = packet.timestamp.wrapping_sub(timestamp);
                assert_eq!(jump % 160, 0);
            }
            next = Some((
                packet.sequence.wrapping_add(1),
                packet.timestamp.wrapping_add(160),
            ));
            loud += u32::from(packet.payload[0] != Codec::Pcmu.silence());
        }
    }
    for (stream, mut events, _peer) in calls {
        stream.close();
        let stats = closed(&mut events);
        assert_eq!(stats.outbound.failed, 0);
        assert!(stats.outbound.packets >= 50);
        assert_eq!(
            events.try_recv(),
            Err(TryRecvError::Disconnected),
            "it was the last event"
        );
    }
    let counters = engine.counters();
    assert_eq!(counters.streams, [0, 0]);
    assert_eq!((counters.send_failures, counters.events_dropped), (0, 0));
    engine.shutdown();
    counters
}

#[test]
fn packets_are_heard_and_strangers_are_not() {
    let (engine, _directory) = engine(1, 10, 43_000);
    let (stream, mut events) = engine.open().unwrap();
    let (friend, stranger) = (peer(), peer());
    stream.configure(config(&friend));
    let send = |socket: &UdpSocket, payload_type, sequence, timestamp, payload: &[u8]| {
        let packet = Packet {
            marker: false,
            payload_type,
            sequence,
            timestamp,
            ssrc: 3,
            payload,
        };
        let mut buffer = [0; 300];
        let length = packet.write(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], stream.local()).unwrap();
    };
    send(&friend, 0, 1, 160, &[0xFF; 160]);
    let source = friend.local_addr().unwrap();
    wait_for(&mut events, |event| {
        *event == MediaEvent::Latched { source }
    });
    for i in 0..20u16 {
        send(&stranger, 101, i, 9000, &[9, 0x8A, 3, 0x20]);
        send(&friend, 0, 2 + i, 320 + u32::from(i) * 160, &[0xFF; 160]);
    }
    send(&friend, 101, 22, 3520, &[1, 0x8A, 3, 0x20]);
    let digit = wait_for(&mut events, |event| {
        matches!(event, MediaEvent::Digit { .. })
    });
    assert!(
        matches!(
            digit,
            MediaEvent::Digit {
                digit: '1',
                duration_ms: 100,
                ..
            }
        ),
        "{digit:?}"
    );
    stream.close();
    let stats = closed(&mut events);
    assert_eq!(
        (
            stats.inbound.packets,
            stats.inbound.lost,
            stats.inbound.digits
        ),
        (22, 0, 1)
    );
    assert_eq!(engine.counters().packets_in, 22);
}

#[test]
fn a_caller_who_only_presses_keys_is_heard_after_any_silence() {
    let (engine, _directory) = engine(1, 10, 53_000);
    let (stream, mut events) = engine.open().unwrap();
    let peer = peer();
    stream.configure(config(&peer));
    let mut sequence = 0;
    // The second silence is long enough for the socket to be left to epoll.
    for (press, silence_ms) in [(0u8, 0), (1, 500), (2, 0)] {
        std::thread::sleep(Duration::from_millis(silence_ms));
        let digit = char::from(b'0' + press);
        for (end, duration) in [(0, 160u16), (0, 320), (0x80, 480), (0x80, 480)] {
            let [high, low] = duration.to_be_bytes();
            let packet = Packet {
                marker: duration == 160,
                payload_type: 101,
                sequence,
                timestamp: 1600 * u32::from(press),
                ssrc: 3,
                payload: &[press, end | 10, high, low],
            };
            sequence += 1;
            let mut buffer = [0; 300];
            let length = packet.write(&mut buffer).unwrap();
            peer.send_to(&buffer[..length], stream.local()).unwrap();
            if duration == 160 {
                wait_for(&mut events, |event| {
                    *event == MediaEvent::DigitStarted { digit }
                });
            }
        }
        let heard = wait_for(&mut events, |event| {
            matches!(event, MediaEvent::Digit { .. })
        });
        assert!(
            matches!(heard, MediaEvent::Digit { digit: d, duration_ms: 60, .. } if d == digit),
            "{heard:?}"
        );
    }
    stream.close();
    let stats = closed(&mut events);
    assert_eq!((stats.inbound.packets, stats.inbound.lost), (12, 0));
}

#[test]
fn ports_and_places_come_back() {
    let (engine, _directory) = engine(2, 8, 45_000);
    assert_eq!(engine.capacity(), 8);
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let opened: Vec<_> = (0..8).map(|_| engine.open().unwrap()).collect();
        assert!(matches!(engine.open(), Err(OpenError::Limit(8))));
        let counters = engine.counters();
        assert_eq!((counters.sockets, counters.idle_pairs), (16, 0));
        let ports: BTreeSet<u16> = opened.iter().map(|(s, _)| s.local().port()).collect();
        assert_eq!(ports.len(), 8);
        assert!(ports.iter().all(|port| port % 2 == 0));
        assert!(ports.iter().all(|port| (45_000..46_000).contains(port)));
        rounds.push(ports);
        for (stream, mut events) in opened {
            drop(stream);
            closed(&mut events);
        }
        let counters = engine.counters();
        assert_eq!(
            counters.streams,
            [0, 0],
            "the last event says that the place is free"
        );
        assert_eq!((counters.sockets, counters.idle_pairs), (16, 8));
    }
    assert!(
        rounds.windows(2).all(|pair| pair[0] == pair[1]),
        "no more sockets are made than streams may be open"
    );
}

#[test]
fn shutdown_closes_every_stream() {
    let (engine, _directory) = engine(2, 20, 47_000);
    let opened: Vec<_> = (0..10).map(|_| engine.open().unwrap()).collect();
    engine.shutdown();
    for (stream, mut events) in opened {
        closed(&mut events);
        // A handle that outlives the engine does nothing.
        stream.stop();
    }
}

#[test]
fn nobody_reading_events_stops_nothing() {
    let (engine, _directory) = engine(1, 2, 49_000);
    let (stream, mut events) = engine.open().unwrap();
    let peer = peer();
    stream.configure(config(&peer));
    for id in 0..300 {
        stream.play(Play {
            id,
            segments: vec![Segment::Silence { ms: 10_000 }],
            repeat: Repeat::Once,
        });
    }
    let mut buffer = [0; 500];
    for _ in 0..10 {
        peer.recv_from(&mut buffer).unwrap();
    }
    let dropped = engine.counters().events_dropped;
    assert!(dropped > 100, "{dropped}");
    let first = wait_for(&mut events, |event| {
        matches!(event, MediaEvent::PlayFinished { .. })
    });
    assert!(matches!(
        first,
        MediaEvent::PlayFinished {
            id: 0,
            end: PlayEnd::Replaced,
            ..
        }
    ));
}

#[test]
fn too_few_ports_are_an_error_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
    let config = EngineConfig {
        threads: 3,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: 50_000..=50_003,
        realtime: Realtime::Off,
        raw_socket: RawSocket::Off,
        wake: Wake::AtOnce,
        max_streams: 10,
    };
    let error = Engine::start(config, recorder)
        .err()
        .expect("two pairs are not enough for three threads");
    assert!(matches!(error, EngineError::TooFewPorts { threads: 3, .. }));
    assert!(error.to_string().contains("50000-50003"));
}

#[test]
fn ipv6_works_where_there_is_any() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
    let Ok(peer) = UdpSocket::bind("[::1]:0") else {
        return;
    };
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = EngineConfig {
        threads: 1,
        address: "::1".parse().unwrap(),
        ports: 51_000..=51_999,
        realtime: Realtime::Off,
        raw_socket: RawSocket::Off,
        wake: Wake::AtOnce,
        max_streams: 10,
    };
    let engine = Engine::start(config, recorder).unwrap();
    let (stream, mut events) = engine.open().unwrap();
    let remote: SocketAddr = peer.local_addr().unwrap();
    stream.configure(StreamConfig::new(Some(remote), Codec::Pcma, 8));
    let mut buffer = [0; 500];
    let (length, source) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(source, stream.local());
    peer.send_to(&buffer[..length], source).unwrap();
    wait_for(&mut events, |event| {
        *event == MediaEvent::Latched { source: remote }
    });
}
