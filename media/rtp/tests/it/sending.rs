//! What goes out.

use std::sync::Arc;
use std::time::Duration;

use vireo_audio::Codec;
use vireo_audio::prompt::Prompt;
use vireo_rtp::{DigitOut, Direction, MediaEvent, Play, PlayEnd, Repeat, Segment, StreamConfig};

use crate::line::{FIRST_SEQUENCE, FIRST_TIMESTAMP, Line, PEER, SSRC, address, config};

fn tone(ms: usize) -> Segment {
    Segment::Samples(Arc::from(vec![8000i16; ms * 8]))
}

fn play(id: u64, segments: Vec<Segment>) -> Play {
    Play {
        id,
        segments,
        repeat: Repeat::Once,
    }
}

#[test]
fn nothing_goes_out_before_it_is_known_where_to() {
    let mut line = Line::bare();
    line.run(200);
    assert_eq!(line.sent, []);
    line.state.configure(StreamConfig {
        remote: None,
        ..config()
    });
    line.run(200);
    assert_eq!(line.sent, []);
    line.state.configure(config());
    line.run(200);
    assert_eq!(line.sent.len(), 10);
}

#[test]
fn silence_goes_out_when_nothing_plays_and_time_stamps_are_continuous() {
    let mut line = Line::new(config());
    line.run(400);
    line.state.play(play(1, vec![tone(100)]));
    line.run(400);
    assert_eq!(line.sent.len(), 40);
    for (i, packet) in line.sent.iter().enumerate() {
        assert_eq!(packet.to, address(PEER));
        assert_eq!(packet.ssrc, SSRC);
        assert_eq!(packet.sequence, FIRST_SEQUENCE.wrapping_add(i as u16));
        assert_eq!(
            packet.timestamp,
            FIRST_TIMESTAMP.wrapping_add(i as u32 * 160)
        );
        assert_eq!(
            packet.marker,
            i == 0,
            "only a gap in the audio is marked (RFC 3551, 4.1)"
        );
        let playing = (20..25).contains(&i);
        assert_eq!(packet.peak() > 7000, playing, "packet {i}");
    }
    let finished = MediaEvent::PlayFinished {
        id: 1,
        heard_ms: 100,
        gap_ms: 0,
        end: PlayEnd::Finished,
    };
    assert_eq!(line.seen(), [finished]);
}

#[test]
fn every_packet_time_keeps_its_pace() {
    for (ptime, expected) in [(10, 120), (20, 60), (30, 40), (40, 30), (0, 60), (25, 60)] {
        let mut line = Line::new(StreamConfig {
            ptime_ms: ptime,
            ..config()
        });
        line.run(1200);
        assert_eq!(line.sent.len(), expected, "ptime {ptime}");
        let length = 1200 / expected as u64;
        for (i, packet) in line.sent.iter().enumerate() {
            assert_eq!(packet.payload.len() as u64, length * 8);
            assert_eq!(
                packet.timestamp,
                FIRST_TIMESTAMP.wrapping_add(i as u32 * length as u32 * 8)
            );
            let due = 100_000 + i as u64 * length;
            assert!(
                packet.at_ms >= due && packet.at_ms < due + 10,
                "ptime {ptime}, packet {i}: {}",
                packet.at_ms
            );
        }
    }
}

#[test]
fn a_prompt_follows_a_change_of_codec() {
    let samples: Vec<i16> = (0..8000)
        .map(|i| if i % 16 < 8 { 6000 } else { -6000 })
        .collect();
    let prompt = Arc::new(Prompt::from_samples("x", samples));
    let mut line = Line::new(config());
    line.state.play(play(1, vec![Segment::Prompt(prompt)]));
    line.run(500);
    line.state.configure(StreamConfig {
        codec: Codec::Pcma,
        payload_type: 8,
        ..config()
    });
    line.run(700);
    let speech = |codec: Codec, payload: &[u8]| {
        let mut out = vec![0; payload.len()];
        codec.decode(payload, &mut out);
        out.iter().all(|s| (5500..6500).contains(&s.abs()))
    };
    let pcmu = line
        .sent
        .iter()
        .filter(|p| p.payload_type == 0 && speech(Codec::Pcmu, &p.payload))
        .count();
    let pcma = line
        .sent
        .iter()
        .filter(|p| p.payload_type == 8 && speech(Codec::Pcma, &p.payload))
        .count();
    assert_eq!((pcmu, pcma), (25, 25));
    assert!(line.seen().contains(&MediaEvent::PlayFinished {
        id: 1,
        heard_ms: 1000,
        gap_ms: 0,
        end: PlayEnd::Finished
    }));
}

#[test]
fn the_next_prompt_follows_without_a_gap() {
    let mut line = Line::new(config());
    line.state.play(play(1, vec![tone(200)]));
    while !line
        .seen()
        .iter()
        .any(|e| matches!(e, MediaEvent::PlayFinished { .. }))
    {
        line.turn();
    }
    line.state.play(play(2, vec![tone(200)]));
    line.run(300);
    let loud: Vec<bool> = line.sent.iter().map(|p| p.peak() > 7000).collect();
    assert!(loud[..20].iter().all(|l| *l), "{loud:?}");
    assert!(loud[20..].iter().all(|l| !*l), "{loud:?}");
}

#[test]
fn hold_stops_packets_and_the_clock_goes_on() {
    let mut line = Line::new(config());
    line.state.play(play(1, vec![tone(1000)]));
    line.run(200);
    line.state.configure(StreamConfig {
        direction: Direction::RecvOnly,
        ..config()
    });
    line.run(400);
    line.state.configure(config());
    line.run(200);
    assert_eq!(line.sent.len(), 20);
    let resumed = &line.sent[10];
    assert!(resumed.marker);
    assert_eq!(resumed.sequence, FIRST_SEQUENCE.wrapping_add(10));
    assert_eq!(
        resumed.timestamp,
        FIRST_TIMESTAMP.wrapping_add((200 + 400) * 8)
    );
    assert!(resumed.peak() > 7000, "the prompt waited");
}

#[test]
fn inactive_sends_nothing_and_send_only_takes_nothing() {
    let mut line = Line::new(StreamConfig {
        direction: Direction::Inactive,
        ..config()
    });
    line.run(200);
    assert_eq!(line.sent, []);
    let mut line = Line::new(StreamConfig {
        direction: Direction::SendOnly,
        ..config()
    });
    line.speak(200, |_| 1000);
    assert_eq!(line.sent.len(), 10);
    assert_eq!(line.state.stats().inbound.packets, 0);
}

#[test]
fn digits_go_out_as_events_and_the_prompt_waits() {
    let mut line = Line::new(config());
    line.state.play(play(1, vec![tone(400)]));
    line.run(100);
    let digit = |digit| DigitOut {
        digit,
        duration_ms: 100,
        pause_ms: 60,
    };
    line.state
        .send_digits(9, vec![digit('5'), digit('?'), digit('#')]);
    line.run(1000);
    let events: Vec<_> = line.sent.iter().filter(|p| p.payload_type == 101).collect();
    assert_eq!(
        events.len(),
        14,
        "two digits, each of 4 updates and 3 end packets"
    );
    for (press, code) in [(&events[..7], 5), (&events[7..], 11)] {
        assert!(
            press
                .iter()
                .all(|p| p.timestamp == press[0].timestamp && p.payload[0] == code)
        );
        let marks: Vec<bool> = press.iter().map(|p| p.marker).collect();
        assert_eq!(marks, [true, false, false, false, false, false, false]);
        let ends: Vec<bool> = press.iter().map(|p| p.payload[1] & 0x80 != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert_eq!(press[6].payload[2..], 800u16.to_be_bytes());
        assert_eq!(press[6].payload[1] & 0x3F, 10);
    }
    // One packet at a time: sequence numbers run on, and the clock of the audio was never stopped.
    for (i, packet) in line.sent.iter().enumerate() {
        assert_eq!(packet.sequence, FIRST_SEQUENCE.wrapping_add(i as u16));
        if packet.payload_type == 0 {
            assert_eq!(
                packet.timestamp,
                FIRST_TIMESTAMP.wrapping_add(i as u32 * 160)
            );
        }
    }
    let loud = line
        .sent
        .iter()
        .filter(|p| p.payload_type == 0 && p.peak() > 7000)
        .count();
    assert_eq!(loud, 20, "nothing of the prompt is lost");
    assert!(line.seen().contains(&MediaEvent::DigitsSent { id: 9 }));
}

#[test]
fn digits_go_out_as_tones_where_events_were_not_negotiated() {
    let mut line = Line::new(StreamConfig {
        telephone_event: None,
        ..config()
    });
    line.state.send_digits(
        9,
        vec![
            DigitOut {
                digit: '7',
                duration_ms: 90,
                pause_ms: 50,
            },
            DigitOut {
                digit: ',',
                duration_ms: 100,
                pause_ms: 0,
            },
            DigitOut {
                digit: 'd',
                duration_ms: 90,
                pause_ms: 50,
            },
        ],
    );
    line.run(800);
    let mut detector = vireo_audio::dtmf::Detector::new();
    let mut found = String::new();
    for packet in &line.sent {
        detector.feed(&Codec::Pcmu.decode_all(&packet.payload), |event| {
            if let vireo_audio::dtmf::Event::End { digit, .. } = event {
                found.push(digit);
            }
        });
    }
    assert_eq!(found, "7D");
    assert!(line.seen().contains(&MediaEvent::DigitsSent { id: 9 }));
}

#[test]
fn a_late_engine_catches_up_without_doubled_packets() {
    let mut line = Line::new(config());
    line.run(200);
    // The thread is stopped for 70 ms: three turns are missed, then each is visited once a turn.
    line.ms += 60;
    line.turn_late(Duration::from_millis(10));
    line.run(400);
    let gaps: Vec<u64> = line
        .sent
        .windows(2)
        .map(|w| w[1].at_ms - w[0].at_ms)
        .collect();
    assert!(gaps.iter().all(|gap| *gap >= 10), "{gaps:?}");
    assert_eq!(
        line.sent.len() as u64,
        (line.ms - 100_000) / 20,
        "all of them went out"
    );
    for (i, packet) in line.sent.iter().enumerate() {
        assert_eq!(
            packet.timestamp,
            FIRST_TIMESTAMP.wrapping_add(i as u32 * 160)
        );
    }
    assert_eq!(line.state.skipped(), 0);
}

#[test]
fn an_engine_that_is_too_late_leaves_packets_out_and_timestamps_tell() {
    let mut line = Line::new(config());
    line.state.play(play(1, vec![tone(400)]));
    line.run(200);
    line.ms += 1000;
    line.run(200);
    assert_eq!(line.sent.len(), 20);
    assert_eq!(line.state.skipped(), 50);
    let after = &line.sent[10];
    assert!(after.marker);
    assert_eq!(
        after.sequence,
        FIRST_SEQUENCE.wrapping_add(10),
        "nothing looks lost"
    );
    assert_eq!(after.timestamp, FIRST_TIMESTAMP.wrapping_add(1200 * 8));
    assert!(after.peak() > 7000, "the prompt is not cut");
}

#[test]
fn leaving_packets_out_while_catching_up_keeps_the_slot() {
    let mut line = Line::new(config());
    line.run(200);
    // Four packets behind, and the first of them so late that the next visit is too early for
    // another one: half a turn later they are more than may be caught up with.
    line.ms += 80;
    line.turn_late(Duration::from_millis(20));
    line.run(1000);
    for pair in line.sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) % 160, 0);
    }
    assert!(line.state.skipped() > 0);
    let late = &line.sent[line.sent.len() - 10..];
    assert!(late.iter().all(|packet| packet.at_ms % 20 == 0), "{late:?}");
}
