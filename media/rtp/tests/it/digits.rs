//! Digits, as peers really send them.

use vireo_audio::dtmf::generate;
use vireo_rtp::{DigitSource, InbandDtmf, MediaEvent, Received, StreamConfig};

use crate::line::{Line, config};

fn payload(event: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, if end { 0x8A } else { 0x0A }, high, low]
}

/// A press of `n` updates and three end packets, one a turn.
fn press(line: &mut Line, payload_type: u8, event: u8, timestamp: u32, n: u16) {
    for i in 1..=n {
        line.event(
            payload_type,
            i == 1,
            timestamp,
            payload(event, false, i * 160),
        );
        line.turn();
    }
    for _ in 0..3 {
        line.event(
            payload_type,
            false,
            timestamp,
            payload(event, true, (n + 1) * 160),
        );
        line.turn();
    }
}

fn digits(line: &Line) -> Vec<(char, u32, DigitSource)> {
    line.seen()
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::Digit {
                digit,
                duration_ms,
                source,
            } => Some((digit, duration_ms, source)),
            _ => None,
        })
        .collect()
}

fn starts(line: &Line) -> usize {
    line.seen()
        .iter()
        .filter(|e| matches!(e, MediaEvent::DigitStarted { .. }))
        .count()
}

#[test]
fn a_press_is_reported_as_it_starts_and_as_it_ends() {
    let mut line = Line::new(config());
    line.run(100);
    press(&mut line, 101, 1, 9000, 4);
    line.run(500);
    assert_eq!(digits(&line), [('1', 100, DigitSource::Rfc4733)]);
    let times: Vec<u64> = line
        .events
        .iter()
        .filter(|(_, e)| {
            matches!(
                e,
                MediaEvent::DigitStarted { .. } | MediaEvent::Digit { .. }
            )
        })
        .map(|(ms, _)| *ms)
        .collect();
    assert_eq!(
        times,
        [100_100, 100_180],
        "with its first packet, and with its first end packet"
    );
}

#[test]
fn a_press_whose_end_was_lost_is_reported_after_a_time() {
    let mut line = Line::new(config());
    for i in 1..=4 {
        line.event(101, i == 1, 9000, payload(1, false, i * 160));
        line.turn();
    }
    let last = line.ms - 20;
    line.run(500);
    assert_eq!(digits(&line), [('1', 80, DigitSource::Rfc4733)]);
    let (at, _) = line
        .events
        .iter()
        .find(|(_, e)| matches!(e, MediaEvent::Digit { .. }))
        .unwrap();
    assert!((120..=180).contains(&(at - last)), "{}", at - last);
}

#[test]
fn end_packets_may_repeat_their_sequence_number() {
    // As in the captures that SIPp ships.
    let mut line = Line::new(config());
    for i in 1..=4 {
        line.event(101, i == 1, 9000, payload(1, false, i * 160));
        line.turn();
    }
    for _ in 0..3 {
        line.event(101, false, 9000, payload(1, true, 800));
        line.sequence = line.sequence.wrapping_sub(1);
        line.turn();
    }
    line.run(500);
    assert_eq!(digits(&line), [('1', 100, DigitSource::Rfc4733)]);
    assert_eq!(line.state.stats().inbound.duplicates, 2);
}

#[test]
fn sipp_play_dtmf_is_understood() {
    // Payload type 96 though 101 was negotiated, another SSRC for each action, jumping sequence
    // numbers, and timestamps 400 apart that do not follow the time.
    let mut line = Line::new(config());
    line.speak(100, |_| 0);
    for (i, event) in [1u8, 1, 2, 11].into_iter().enumerate() {
        line.ssrc = 1000 + i as u32;
        line.sequence = line.sequence.wrapping_add(20_000);
        press(&mut line, 96, event, 400 * i as u32, 4);
        line.run(60);
    }
    line.run(500);
    let heard: String = digits(&line).into_iter().map(|(digit, ..)| digit).collect();
    assert_eq!(heard, "112#");
    assert_eq!(
        line.state.stats().inbound.ssrc_changes,
        0,
        "the audio's source did not change"
    );
    assert_eq!(line.state.stats().inbound.lost, 0);
}

#[test]
fn other_payload_types_are_events_only_within_reason() {
    let event = payload(1, true, 800);
    let mut line = Line::new(config());
    assert_eq!(
        line.event(34, true, 1, event),
        Received::UnknownPayload,
        "a static type"
    );
    assert_eq!(
        line.event(96, true, 1, payload(16, true, 800)),
        Received::UnknownPayload,
        "not a digit"
    );
    assert_eq!(line.event(101, true, 1, event), Received::Taken);
    assert_eq!(
        line.event(96, true, 9000, event),
        Received::UnknownPayload,
        "the right type is known"
    );
    assert_eq!(digits(&line).len(), 1);

    let mut line = Line::new(StreamConfig {
        telephone_event: None,
        ..config()
    });
    assert_eq!(
        line.event(96, true, 1, event),
        Received::UnknownPayload,
        "events were not negotiated"
    );
    assert_eq!(line.state.stats().inbound.unknown_payload, 1);
    assert_eq!(digits(&line), []);
}

fn inband() -> StreamConfig {
    StreamConfig {
        inband_dtmf: InbandDtmf::On,
        ..config()
    }
}

fn tones(line: &mut Line, digit: char, ms: u32) {
    let samples = generate(digit, ms, -10.0).unwrap();
    line.speak(u64::from(ms), |i| samples.get(i).copied().unwrap_or(0));
}

#[test]
fn tones_are_digits_where_events_were_not_negotiated() {
    let mut line = Line::new(StreamConfig {
        telephone_event: None,
        ..inband()
    });
    line.speak(200, |_| 0);
    for digit in ['1', '1', '#'] {
        tones(&mut line, digit, 100);
        line.speak(100, |_| 0);
    }
    line.speak(400, |_| 0);
    let heard = digits(&line);
    assert_eq!(heard.iter().map(|d| d.0).collect::<String>(), "11#");
    assert!(
        heard
            .iter()
            .all(|(_, ms, source)| *source == DigitSource::Inband && (70..130).contains(ms)),
        "{heard:?}"
    );
    assert_eq!(starts(&line), 3);
}

#[test]
fn tones_are_not_looked_for_unless_asked() {
    let mut line = Line::new(config());
    tones(&mut line, '1', 200);
    line.speak(300, |_| 0);
    assert_eq!(digits(&line), []);
}

#[test]
fn leftover_tones_beside_events_are_not_a_second_digit() {
    // A gateway that lets the tone through, wholly or its beginning, before or while it sends events.
    for leftover_ms in [20, 40, 60, 100, 160] {
        for lead_ms in [0, 40, 160] {
            let mut line = Line::new(inband());
            line.speak(200, |_| 0);
            let samples = generate('5', leftover_ms, -10.0).unwrap();
            let lead_turns = lead_ms / 20;
            let start = line.timestamp + lead_ms * 8;
            for turn in 0..30u32 {
                let audio: Vec<i16> = (0..160)
                    .map(|n| samples.get(turn as usize * 160 + n).copied().unwrap_or(0))
                    .collect();
                line.audio(&vireo_audio::Codec::Pcmu.encode_all(&audio));
                if let Some(step) = turn.checked_sub(lead_turns).filter(|step| *step < 8) {
                    let duration = ((step + 1) * 160).min(960) as u16;
                    line.event(101, step == 0, start, payload(5, step >= 5, duration));
                }
                line.turn();
            }
            line.speak(500, |_| 0);
            let heard: String = digits(&line).into_iter().map(|(digit, ..)| digit).collect();
            assert_eq!(
                heard, "5",
                "{leftover_ms} ms of tone, events {lead_ms} ms later"
            );
            assert_eq!(
                starts(&line),
                1,
                "{leftover_ms} ms of tone, events {lead_ms} ms later"
            );
        }
    }
}
