//! Streams that leave out turns do what streams do that are ticked in every turn.

use std::time::Duration;

use vireo_rtp::{
    DigitOut, Direction, InbandDtmf, MediaEvent, RecordLimits, RecordSlot, StreamConfig,
};

use vireo_rtp::stream::StreamState;

use crate::line::{Line, STRANGER, config, play, suppressing};
use crate::recording::Studio;

/// Does the same with both kinds of streams, and compares all that came of it; how often the one that
/// rests was ticked.
fn compare(config: &StreamConfig, script: impl Fn(&mut Line, fn(&mut Line, u64))) -> usize {
    let mut always = Line::new(config.clone());
    script(&mut always, Line::run);
    let mut resting = Line::new(config.clone());
    script(&mut resting, Line::run_resting);
    assert_eq!(always.sent, resting.sent);
    assert_eq!(always.events, resting.events);
    assert_eq!(always.rtcp, resting.rtcp);
    assert_eq!(always.close(), resting.close());
    assert_eq!(always.seen(), resting.seen());
    assert!(resting.ticks <= always.ticks);
    resting.ticks
}

#[test]
fn silence_needs_few_ticks() {
    let ticks = compare(&suppressing(), |line, run| run(line, 60_000));
    // The opening, the end of it, each second of rest, each keep-alive and what follows it, each report.
    assert!(ticks <= 2 + 60 + 2 * 12 + 24, "{ticks} of 3,000");
}

#[test]
fn streams_without_an_answer_or_on_hold_need_few_ticks() {
    let held = StreamConfig {
        direction: Direction::Inactive,
        ..suppressing()
    };
    let ticks = compare(&held, |line, run| {
        line.order(|state| state.play(play(1, 500)));
        run(line, 20_000);
        line.order(|state| state.configure(suppressing()));
        run(line, 20_000);
    });
    assert!(ticks < 150, "{ticks} of 2,000");
    let mut line = Line::bare();
    line.run_resting(20_000);
    assert!(line.ticks <= 20, "{}", line.ticks);
}

#[test]
fn prompts_and_digits_begin_on_the_stream_s_own_grid() {
    for ptime_ms in [10, 20, 30, 40] {
        let config = StreamConfig {
            ptime_ms,
            ..suppressing()
        };
        let ticks = compare(&config, |line, run| {
            run(line, 7_340);
            line.order(|state| state.play(play(1, 250)));
            run(line, 9_980);
            let digit = DigitOut {
                digit: '5',
                duration_ms: 100,
                pause_ms: 60,
            };
            line.order(|state| state.send_digits(2, vec![digit]));
            run(line, 100);
            line.order(|state| state.play(play(3, 250)));
            run(line, 6_000);
            line.order(StreamState::stop);
            run(line, 3_000);
        });
        assert!(ticks < 300, "{ticks} of 1,321");
    }
}

#[test]
fn a_prompt_that_plays_at_once_opens_the_stream() {
    let mut line = Line::new(suppressing());
    line.order(|state| state.play(play(1, 100)));
    line.run_resting(2000);
    assert_eq!(line.sent.len(), 5 + 10, "the prompt and its hang-over");
    assert!(line.sent[0].marker && line.sent[0].peak() > 7000);
    assert!(line.sent[1..].iter().all(|packet| !packet.marker));
}

#[test]
fn what_the_peer_does_is_seen_in_time() {
    let config = StreamConfig {
        no_media_timeout_ms: Some(4_250),
        ..suppressing()
    };
    let ticks = compare(&config, |line, run| {
        run(line, 10_000);
        line.audio(&[0x20; 160]);
        run(line, 700);
        // The end of the digit is lost.
        line.event(101, true, 9_000, [5, 10, 0, 160]);
        run(line, 10_000);
        line.audio(&[0x20; 160]);
        run(line, 20);
        let packet = vireo_rtp::packet::Packet {
            marker: false,
            payload_type: 0,
            sequence: 1,
            timestamp: 1,
            ssrc: 5,
            payload: &[0xFF; 160],
        };
        line.feed(&packet, STRANGER);
        run(line, 4_000);
        line.feed(&packet, STRANGER);
        run(line, 9_000);
    });
    assert!(ticks < 150, "{ticks} of 1,686");
    let mut line = Line::new(config);
    line.run_resting(20_000);
    let missed = |event: &&(u64, MediaEvent)| matches!(event.1, MediaEvent::NoMedia { .. });
    let missed: Vec<u64> = line.events.iter().filter(missed).map(|e| e.0).collect();
    assert_eq!(missed, [104_260], "once, in the first turn that it is due");
}

#[test]
fn whoever_listens_keeps_a_stream_awake() {
    let mut line = Line::new(StreamConfig {
        inband_dtmf: InbandDtmf::On,
        ..suppressing()
    });
    line.run_resting(10_000);
    assert_eq!(line.ticks, 500);
    let mut line = Line::new(config());
    line.run_resting(10_000);
    assert_eq!(line.ticks, 500, "silence is sent");
}

#[test]
fn a_recording_begins_when_it_is_told_to_not_when_the_rest_began() {
    let record = |run: fn(&mut Line, u64)| {
        let studio = Studio::new();
        let mut line = Line::new(suppressing());
        run(&mut line, 5_480);
        let start = studio.start("call", RecordSlot::Call, RecordLimits::default());
        line.order(|state| state.record(start));
        run(&mut line, 500);
        line.order(|state| state.play(play(1, 200)));
        run(&mut line, 1_000);
        line.order(|state| state.stop_record(RecordSlot::Call, 0));
        run(&mut line, 5_000);
        line.close();
        (line.ticks, line.events, studio.channels("call"))
    };
    let (every, events, channels) = record(Line::run);
    let (few, events_resting, channels_resting) = record(Line::run_resting);
    assert_eq!(events, events_resting);
    assert_eq!(channels.0.len(), 1_500 * 8);
    assert_eq!(channels, channels_resting);
    assert!(few < every && few >= 75, "{few}");
}

#[test]
fn a_rest_ends_after_the_turn_in_which_it_began() {
    let mut line = Line::new(suppressing());
    line.run_resting(100);
    let now = line.now();
    let end = line.state.rest(now).unwrap();
    assert!(end > now && end <= now + Duration::from_secs(1));
}
