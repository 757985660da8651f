//! Silence that is not sent.

use vireo_rtp::{DigitOut, Direction, MediaEvent, Play, Segment, StreamConfig};

use crate::line::{
    FIRST_SEQUENCE, FIRST_TIMESTAMP, Line, PEER, STRANGER, Sent, address, play, suppressing,
};

/// Every packet has the next sequence number and the timestamp of its moment, and is marked if and
/// only if it follows a gap.
fn check(sent: &[Sent]) {
    let begin = sent[0].at_ms;
    for (i, packet) in sent.iter().enumerate() {
        assert_eq!(packet.sequence, FIRST_SEQUENCE.wrapping_add(i as u16));
        let elapsed = (packet.at_ms - begin) as u32;
        assert_eq!(
            packet.timestamp,
            sent[0].timestamp.wrapping_add(elapsed * 8),
            "packet {i}"
        );
        let follows_gap = i == 0 || packet.at_ms - sent[i - 1].at_ms > 20;
        assert_eq!(packet.marker, follows_gap, "packet {i}");
    }
}

#[test]
fn a_stream_opens_with_one_packet_and_is_kept_alive() {
    let mut line = Line::new(suppressing());
    line.run(20_000);
    let times: Vec<u64> = line
        .sent
        .iter()
        .map(|packet| packet.at_ms - 100_000)
        .collect();
    assert_eq!(times, [0, 5000, 10_000, 15_000]);
    check(&line.sent);
    assert_eq!(line.sent[0].timestamp, FIRST_TIMESTAMP);
}

#[test]
fn a_prompt_after_silence_is_marked_and_on_time() {
    let mut line = Line::new(suppressing());
    line.run(1000);
    let before = line.sent.len();
    line.state.play(play(1, 100));
    line.run(2000);
    let sent = &line.sent[before..];
    assert_eq!(sent[0].at_ms, 101_000);
    assert_eq!(sent.len(), 5 + 10, "a hang-over of 200 ms follows");
    assert!(sent[..5].iter().all(|packet| packet.peak() > 7000));
    assert!(sent[5..].iter().all(|packet| packet.peak() == 0));
    check(&line.sent);
    assert_eq!(line.seen().len(), 1, "{:?}", line.seen());
}

#[test]
fn prompts_that_follow_soon_are_one_talkspurt() {
    let mut line = Line::new(suppressing());
    line.state.play(play(1, 100));
    line.run(100 + 180);
    line.state.play(play(2, 100));
    line.run(1000);
    assert_eq!(line.sent.iter().filter(|packet| packet.marker).count(), 1);
    assert_eq!(line.sent.len(), 5 + 9 + 5 + 10);
    check(&line.sent);
}

#[test]
fn silence_within_a_prompt_is_sent() {
    let mut line = Line::new(suppressing());
    line.state.play(Play {
        segments: vec![Segment::Silence { ms: 1000 }],
        ..play(1, 0)
    });
    line.run(2000);
    assert_eq!(line.sent.len(), 50 + 10);
    let finished =
        |event: &MediaEvent| matches!(event, MediaEvent::PlayFinished { heard_ms: 1000, .. });
    assert!(line.seen().iter().any(finished));
}

#[test]
fn digits_end_silence() {
    let mut line = Line::new(suppressing());
    line.run(1000);
    let before = line.sent.len();
    let digit = DigitOut {
        digit: '5',
        duration_ms: 100,
        pause_ms: 60,
    };
    line.state.send_digits(9, vec![digit]);
    line.run(1000);
    let sent = &line.sent[before..];
    let events = sent.iter().filter(|packet| packet.payload_type == 101);
    assert_eq!(events.count(), 7);
    assert!(sent[0].marker && sent[0].payload_type == 101);
    assert!(sent.len() < 25, "then it is silent again");
    assert!(line.seen().contains(&MediaEvent::DigitsSent { id: 9 }));
    line.run(1000);
    assert_eq!(
        line.sent.len(),
        before + 7 + 3 + 1 + 10,
        "a pause, the end of the digits, the hang-over"
    );
}

#[test]
fn another_target_hears_the_opening() {
    let mut line = Line::new(suppressing());
    line.run(1000);
    assert_eq!(line.sent.len(), 1);
    let packet = vireo_rtp::packet::Packet {
        marker: false,
        payload_type: 0,
        sequence: 1,
        timestamp: 1,
        ssrc: 5,
        payload: &[0xFF; 160],
    };
    line.feed(&packet, STRANGER);
    line.run(1000);
    assert_eq!(line.sent.len(), 2);
    assert!(
        line.sent[1..]
            .iter()
            .all(|packet| packet.to == address(STRANGER))
    );
    let held = StreamConfig {
        direction: Direction::RecvOnly,
        ..suppressing()
    };
    line.state.configure(held);
    line.run(10_000);
    assert_eq!(line.sent.len(), 2, "nothing goes out on hold");
    line.state.configure(suppressing());
    line.run(1000);
    assert_eq!(line.sent.len(), 3);
    check(&line.sent);
    assert_eq!(address(PEER).port(), 4000);
}

#[test]
fn other_packet_times_go_on_after_silence() {
    for ptime_ms in [10, 30, 40] {
        let mut line = Line::new(StreamConfig {
            ptime_ms,
            ..suppressing()
        });
        line.run(1000);
        let before = line.sent.len();
        line.state.play(play(1, 1200));
        line.run(3000);
        let loud = line.sent.iter().filter(|packet| packet.peak() > 7000);
        assert_eq!(loud.count() as u64, 1200 / u64::from(ptime_ms));
        assert!(line.sent[before].marker);
        for pair in line.sent[before..].windows(2) {
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert_eq!(step, u32::from(ptime_ms) * 8);
        }
    }
}
