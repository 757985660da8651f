//! Whose packets are taken, and what is noticed about them.

use proptest::prelude::*;
use vireo_audio::Codec;
use vireo_rtp::packet::Packet;
use vireo_rtp::{Latch, MediaEvent, Received, StreamConfig};

use crate::line::{Line, PEER, STRANGER, address, config};

const NAT: &str = "198.51.100.7:33000";

fn packet(sequence: u16, ssrc: u32) -> Packet<'static> {
    Packet {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
        payload: &[0xFF; 160],
    }
}

#[test]
fn packets_follow_the_latched_source() {
    let mut line = Line::new(config());
    line.run(100);
    assert_eq!(line.feed(&packet(1, 5), NAT), Received::Taken);
    assert_eq!(
        line.seen(),
        [MediaEvent::Latched {
            source: address(NAT)
        }]
    );
    line.run(100);
    assert!(line.sent[..5].iter().all(|p| p.to == address(PEER)));
    assert!(line.sent[5..].iter().all(|p| p.to == address(NAT)));
    assert_eq!(line.feed(&packet(1, 6), STRANGER), Received::Stray);
    assert_eq!(line.state.stats().inbound.strays, 1);
    line.run(100);
    assert!(line.sent[5..].iter().all(|p| p.to == address(NAT)));
}

#[test]
fn what_is_not_valid_audio_latches_nobody() {
    let mut line = Line::new(config());
    assert_eq!(
        line.state
            .receive(b"GET / HTTP/1.1", address(STRANGER), line.now()),
        Received::Malformed
    );
    let wrong = Packet {
        payload_type: 77,
        ..packet(1, 5)
    };
    assert_eq!(line.feed(&wrong, STRANGER), Received::UnknownPayload);
    assert_eq!(line.seen(), []);
    assert_eq!(line.feed(&packet(1, 5), NAT), Received::Taken);
}

#[test]
fn strict_takes_only_the_address_of_the_sdp() {
    let mut line = Line::new(StreamConfig {
        latch: Latch::Strict,
        ..config()
    });
    assert_eq!(line.feed(&packet(1, 5), NAT), Received::Stray);
    assert_eq!(line.feed(&packet(1, 5), "192.0.2.1:5555"), Received::Taken);
    line.run(40);
    assert!(
        line.sent.iter().all(|p| p.to == address(PEER)),
        "packets go to the port of the SDP"
    );
}

#[test]
fn the_same_offer_again_keeps_the_source_and_another_address_does_not() {
    let mut line = Line::new(config());
    line.feed(&packet(1, 5), NAT);
    line.state.configure(config());
    line.run(20);
    assert_eq!(line.sent.last().map(|p| p.to), Some(address(NAT)));
    let moved = "192.0.2.77:6000";
    line.state.configure(StreamConfig {
        remote: Some(address(moved)),
        ..config()
    });
    line.run(20);
    assert_eq!(line.sent.last().map(|p| p.to), Some(address(moved)));
}

#[test]
fn loss_order_and_changes_of_source_are_counted() {
    let mut line = Line::new(config());
    for sequence in [65_534, 65_535, 1, 0, 0, 4] {
        line.feed(&packet(sequence, 5), PEER);
        line.turn();
    }
    for sequence in [30_000, 30_001, 30_003] {
        line.feed(&packet(sequence, 6), PEER);
        line.turn();
    }
    let inbound = line.state.stats().inbound;
    assert_eq!(inbound.packets, 9);
    assert_eq!(inbound.octets, 9 * 160);
    assert_eq!(inbound.lost, 2 + 1);
    assert_eq!(
        (
            inbound.out_of_order,
            inbound.duplicates,
            inbound.ssrc_changes
        ),
        (1, 1, 1)
    );
    assert!(
        inbound.mos.is_some_and(|mos| (1.0..3.5).contains(&mos)),
        "{inbound:?}"
    );
}

#[test]
fn a_clean_call_has_a_good_score() {
    let mut line = Line::new(config());
    line.speak(5000, |_| 100);
    let inbound = line.state.stats().inbound;
    assert_eq!((inbound.lost, inbound.packets), (0, 250));
    assert_eq!(inbound.jitter_ms, 0.0);
    assert!(inbound.mos.is_some_and(|mos| mos > 4.3), "{inbound:?}");
}

#[test]
fn silence_of_the_peer_is_reported_once_and_its_return_too() {
    let mut line = Line::new(StreamConfig {
        no_media_timeout_ms: Some(500),
        ..config()
    });
    line.speak(200, |_| 0);
    line.run(2000);
    line.speak(200, |_| 0);
    line.run(1000);
    let reports: Vec<_> = line
        .events
        .iter()
        .filter(|(_, e)| matches!(e, MediaEvent::NoMedia { .. } | MediaEvent::MediaBack))
        .map(|(ms, e)| (*ms - 100_000, e.clone()))
        .collect();
    let [
        (first, MediaEvent::NoMedia { for_ms }),
        (back, MediaEvent::MediaBack),
        (again, MediaEvent::NoMedia { .. }),
    ] = &reports[..]
    else {
        panic!("{reports:?}");
    };
    assert!((500..=520).contains(for_ms));
    assert!((680..=720).contains(first), "{first}");
    assert_eq!(*back, 2200);
    assert!((2880..=2920).contains(again), "{again}");
}

#[test]
fn a_peer_that_never_sends_is_reported_and_a_held_one_is_not() {
    let mut line = Line::new(StreamConfig {
        no_media_timeout_ms: Some(500),
        ..config()
    });
    line.run(1000);
    assert_eq!(line.seen(), [MediaEvent::NoMedia { for_ms: 500 }]);
    let held = StreamConfig {
        no_media_timeout_ms: Some(500),
        direction: vireo_rtp::Direction::SendOnly,
        ..config()
    };
    let mut line = Line::new(held);
    line.run(1000);
    assert_eq!(line.seen(), []);
}

#[test]
fn time_during_which_nobody_waited_does_not_count() {
    let waiting = |no_media_timeout_ms| StreamConfig {
        no_media_timeout_ms,
        ..config()
    };
    let mut line = Line::new(waiting(None));
    line.run(1000);
    line.state.configure(waiting(Some(500)));
    line.run(400);
    assert_eq!(line.seen(), []);
    line.run(200);
    assert_eq!(line.seen(), [MediaEvent::NoMedia { for_ms: 500 }]);
}

#[test]
fn our_own_packets_coming_back_are_a_source_like_any_other() {
    // Echo servers (SIPp's rtp_echo) send back what they get, our SSRC included.
    let mut line = Line::new(config());
    line.run(200);
    let echoed = line.sent.clone();
    for sent in echoed {
        let packet = Packet {
            marker: sent.marker,
            payload_type: sent.payload_type,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            ssrc: sent.ssrc,
            payload: &sent.payload,
        };
        assert_eq!(line.feed(&packet, PEER), Received::Taken);
    }
    assert_eq!(line.state.stats().inbound.lost, 0);
}

proptest! {
    #[test]
    fn hostile_datagrams_never_panic(
        datagrams in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..400), any::<bool>()), 0..60),
        inband in any::<bool>(),
    ) {
        let mut settings = config();
        if inband {
            settings.inband_dtmf = vireo_rtp::InbandDtmf::On;
        }
        let mut line = Line::new(settings);
        for (mut bytes, valid) in datagrams {
            if valid && bytes.len() > 12 {
                bytes[0] = 0x80;
                bytes[1] = if bytes[1] % 2 == 0 { 0 } else { 101 };
            }
            let now = line.now();
            line.state.receive(&bytes, address(PEER), now);
            line.state.receive_rtcp(&bytes, address(PEER), now);
            line.turn();
        }
        line.close();
        let is_last = matches!(line.seen().last(), Some(MediaEvent::Closed(_)));
        prop_assert!(is_last);
    }

    #[test]
    fn hostile_sequences_and_timestamps_never_panic(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0u8..3, 0usize..1400), 0..200),
    ) {
        let mut line = Line::new(StreamConfig { inband_dtmf: vireo_rtp::InbandDtmf::On, ..config() });
        let payload = Codec::Pcmu.encode_all(&[1000; 1400]);
        for (sequence, timestamp, ssrc, length) in packets {
            let packet = Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: u32::from(ssrc), payload: &payload[..length] };
            line.feed(&packet, PEER);
            line.turn();
        }
    }
}
