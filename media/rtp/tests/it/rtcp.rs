//! Reports both ways.

use std::time::Duration;

use vireo_rtp::rtcp::{self, Block, MAX_COMPOUND_OUT, Report, SenderInfo};
use vireo_rtp::{MediaEvent, Received, Silence, StreamConfig};

use crate::line::{Line, SSRC, STRANGER, address, config};

const PEER_RTCP: &str = "192.0.2.1:4001";

fn compound(report: Report<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_COMPOUND_OUT];
    let length = report.write(&mut buffer);
    buffer[..length].to_vec()
}

#[test]
fn reports_go_out_about_every_five_seconds() {
    for silence in [Silence::Send, Silence::Suppress] {
        reports_go_out(silence);
    }
}

fn reports_go_out(silence: Silence) {
    let mut line = Line::new(StreamConfig {
        silence,
        ..config()
    });
    line.speak(60_000, |_| 0);
    assert!((9..=20).contains(&line.rtcp.len()), "{}", line.rtcp.len());
    let gaps: Vec<u64> = line.rtcp.windows(2).map(|w| w[1].0 - w[0].0).collect();
    assert!(
        gaps.iter().all(|gap| (2040..=6180).contains(gap)),
        "{gaps:?}"
    );
    assert!(
        gaps.iter().any(|gap| gap.abs_diff(gaps[0]) > 200),
        "they are spread: {gaps:?}"
    );
    for (_, to, bytes) in &line.rtcp {
        assert_eq!(*to, address(PEER_RTCP));
        let report = rtcp::parse(bytes, 99).expect("a sound compound");
        assert_eq!(report.sender.map(|(ssrc, _)| ssrc), Some(SSRC));
        let block = report.report.expect("a block about the peer");
        assert_eq!((block.fraction_lost, block.lost), (0, 0));
    }
    let (at, _, last) = line.rtcp.last().unwrap();
    let info = rtcp::parse(last, 99).unwrap().sender.unwrap().1;
    let packet = line.sent.iter().rev().find(|p| p.at_ms <= *at).unwrap();
    let sent = line.sent.iter().filter(|p| p.at_ms <= *at).count();
    assert_eq!(info.packets as usize, sent);
    assert_eq!(info.octets as usize, sent * 160);
    let ahead = info.timestamp.wrapping_sub(packet.timestamp);
    assert_eq!(
        u64::from(ahead),
        (at - packet.at_ms) * 8,
        "the NTP and RTP times are of one moment"
    );
    assert_eq!(info.ntp >> 32, 3_900_000_000 + at / 1000);
}

#[test]
fn a_receiver_sends_receiver_reports_with_what_was_lost() {
    let mut line = Line::new(StreamConfig {
        direction: vireo_rtp::Direction::RecvOnly,
        ..config()
    });
    for i in 0..500u32 {
        if i % 4 == 3 {
            line.sequence = line.sequence.wrapping_add(1);
            line.timestamp = line.timestamp.wrapping_add(160);
        } else {
            line.audio(&[0xFF; 160]);
        }
        line.turn();
    }
    let report = rtcp::parse(&line.rtcp.last().expect("reports").2, 99).unwrap();
    assert_eq!(report.sender, None);
    let block = report.report.unwrap();
    assert!((60..=68).contains(&block.fraction_lost), "{block:?}");
    assert!(block.lost > 50);
}

#[test]
fn the_peers_reports_give_loss_and_round_trip() {
    let mut line = Line::new(config());
    line.speak(6000, |_| 0);
    let (sent_at, _, bytes) = line.rtcp.last().unwrap().clone();
    let ours = rtcp::parse(&bytes, 0).unwrap().sender.unwrap().1;
    // The peer got our report, kept it for a second, and its own took long: 250 ms in all.
    let block = Block {
        ssrc: SSRC,
        fraction_lost: 26,
        lost: 30,
        highest: 0,
        jitter: 80,
        last_sr: (ours.ntp >> 16) as u32,
        delay_since_last_sr: 65_536,
    };
    let sender = Some(SenderInfo::default());
    let theirs = compound(Report {
        ssrc: 99,
        sender,
        block: Some(block),
        cname: "peer",
        bye: false,
    });
    let arrival = vireo_rtp::Time::from_millis(sent_at) + Duration::from_millis(1250);
    assert_eq!(
        line.state
            .receive_rtcp(&theirs, address(PEER_RTCP), arrival),
        Received::Taken
    );
    let stats = line.state.stats();
    let round_trip = stats.round_trip_ms.expect("a round trip");
    assert!((249.0..251.0).contains(&round_trip), "{round_trip}");
    assert_eq!(
        (stats.outbound.lost, stats.outbound.jitter_ms),
        (Some(30), Some(10.0))
    );
    assert!(
        stats
            .outbound
            .max_fraction_lost
            .is_some_and(|f| (0.10..0.11).contains(&f))
    );
    assert!(stats.outbound.mos.is_some_and(|mos| mos < 3.5), "{stats:?}");
}

#[test]
fn strangers_reports_are_not_believed() {
    let mut line = Line::new(config());
    line.run(100);
    let block = Some(Block {
        ssrc: SSRC,
        fraction_lost: 255,
        ..Block::default()
    });
    let report = compound(Report {
        ssrc: 1,
        sender: None,
        block,
        cname: "x",
        bye: true,
    });
    let now = line.now();
    assert_eq!(
        line.state.receive_rtcp(&report, address(STRANGER), now),
        Received::Stray
    );
    assert_eq!(
        line.state
            .receive_rtcp(&[0x80; 40], address(PEER_RTCP), now),
        Received::Malformed
    );
    assert_eq!(line.state.stats().outbound.lost, None);
}

#[test]
fn a_stream_ends_with_bye_and_its_figures() {
    let mut line = Line::new(config());
    line.speak(1000, |_| 0);
    let bye = line.close().expect("a last report");
    assert!(rtcp::parse(&bye, 0).is_some_and(|compound| compound.bye));
    let Some(MediaEvent::Closed(stats)) = line.seen().pop() else {
        panic!("{:?}", line.seen())
    };
    assert_eq!((stats.outbound.packets, stats.inbound.packets), (50, 50));
    assert_eq!(stats.outbound.octets, 8000);
}

#[test]
fn a_stream_that_never_sent_says_no_bye() {
    assert_eq!(Line::bare().close(), None);
}
