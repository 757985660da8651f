//! Recordings: what is in the file is what was on the wire, side by side.

use std::path::Path;
use std::sync::Arc;

use vireo_audio::recorder::{Format, Layout, Mark, Recorder, RecorderConfig, Spec, Track};
use vireo_audio::{Codec, wav};
use vireo_rtp::{
    MediaEvent, Play, RecordEnd, RecordLimits, RecordSlot, RecordStart, Repeat, Segment, Silence,
};

use crate::line::{Line, config};

pub struct Studio {
    directory: tempfile::TempDir,
    recorder: Recorder,
}

impl Studio {
    pub fn new() -> Studio {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
        Studio {
            directory,
            recorder,
        }
    }

    fn track(&self, id: &str, layout: Layout) -> Track {
        let spec = Spec {
            id: id.into(),
            layout,
            format: Format::Pcm16,
            on_finished: None,
        };
        self.recorder.open(spec).unwrap()
    }

    pub fn start(&self, id: &str, slot: RecordSlot, limits: RecordLimits) -> RecordStart {
        let layout = if slot == RecordSlot::Call {
            Layout::Stereo
        } else {
            Layout::Mono
        };
        RecordStart {
            track: self.track(id, layout),
            slot,
            limits,
        }
    }

    /// The channels of a finished recording.
    pub fn channels(self, id: &str) -> (Vec<i16>, Vec<i16>) {
        let path = Path::new(self.directory.path()).join(format!("{id}.wav"));
        self.recorder.shutdown();
        let audio = wav::read(&path).unwrap();
        let stride = usize::from(audio.channels);
        let channel = |n: usize| {
            audio
                .samples
                .iter()
                .skip(n)
                .step_by(stride)
                .copied()
                .collect()
        };
        (channel(0), channel(stride - 1))
    }
}

fn finished(line: &Line) -> Vec<(RecordSlot, String, u32, RecordEnd)> {
    line.seen()
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::RecordFinished {
                slot,
                id,
                duration_ms,
                end,
            } => Some((slot, id, duration_ms, end)),
            _ => None,
        })
        .collect()
}

/// Where the first loud sample is, ms.
fn onset(samples: &[i16]) -> usize {
    samples
        .iter()
        .position(|s| s.abs() > 4000)
        .map_or(usize::MAX, |at| at / 8)
}

fn loud_ms(samples: &[i16]) -> usize {
    samples.iter().filter(|s| s.abs() > 4000).count() / 8
}

#[test]
fn caller_and_prompt_lie_side_by_side_as_on_the_wire() {
    let silences = [Silence::Suppress, Silence::Send];
    for (ptime_ms, silence) in [10, 20, 30, 40]
        .into_iter()
        .flat_map(|ms| silences.map(|s| (ms, s)))
    {
        let studio = Studio::new();
        let mut line = Line::new(vireo_rtp::StreamConfig {
            ptime_ms,
            silence,
            ..config()
        });
        line.speak(500, |_| 0);
        line.state
            .record(studio.start("c", RecordSlot::Call, RecordLimits::default()));
        line.speak(1000, |_| 0);
        // Both begin at this moment, 1 s into the recording.
        let prompt = Segment::Samples(Arc::from(vec![8000i16; 4000]));
        line.state.play(Play {
            id: 1,
            segments: vec![prompt],
            repeat: Repeat::Once,
        });
        line.speak(500, |_| 9000);
        line.speak(500, |_| 0);
        line.state.stop_record(RecordSlot::Call, 0);
        line.turn();
        assert_eq!(
            finished(&line),
            [(RecordSlot::Call, "c".into(), 2000, RecordEnd::Stopped)]
        );
        let (caller, heard) = studio.channels("c");
        assert_eq!(caller.len(), 16_000);
        let (said, played) = (onset(&caller), onset(&heard));
        assert!(
            said.abs_diff(1000) <= 20,
            "ptime {ptime_ms}: the caller at {said}"
        );
        assert!(
            played.abs_diff(1000) <= 40,
            "ptime {ptime_ms}: the prompt at {played}"
        );
        assert!(
            said.abs_diff(played) <= if ptime_ms == 20 { 20 } else { 40 },
            "ptime {ptime_ms}: {said}, {played}"
        );
        assert_eq!(loud_ms(&caller), 500);
        assert!(loud_ms(&heard).abs_diff(500) <= 1, "{}", loud_ms(&heard));
    }
}

#[test]
fn a_message_is_exactly_what_lies_between_start_and_stop() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.speak(1000, |_| 9000);
    line.state
        .record(studio.start("m", RecordSlot::Message, RecordLimits::default()));
    line.speak(300, |_| 0);
    line.speak(400, |_| 9000);
    line.speak(300, |_| 0);
    line.state.stop_record(RecordSlot::Message, 100);
    line.speak(500, |_| 9000);
    assert_eq!(
        finished(&line),
        [(RecordSlot::Message, "m".into(), 900, RecordEnd::Stopped)]
    );
    let (caller, _) = studio.channels("m");
    assert_eq!(caller.len(), 900 * 8);
    assert!(onset(&caller).abs_diff(300) <= 20, "{}", onset(&caller));
    assert_eq!(
        loud_ms(&caller),
        400,
        "neither what came before nor what came after"
    );
}

#[test]
fn a_message_ends_after_its_greatest_length() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    let limits = RecordLimits {
        max_duration_ms: Some(600),
        silence_ms: None,
    };
    line.state
        .record(studio.start("m", RecordSlot::Message, limits));
    line.speak(2000, |_| 9000);
    assert_eq!(
        finished(&line),
        [(RecordSlot::Message, "m".into(), 600, RecordEnd::MaxDuration)]
    );
}

#[test]
fn a_message_ends_after_silence_which_is_cut_off() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.speak(100, |_| 0);
    let limits = RecordLimits {
        max_duration_ms: Some(60_000),
        silence_ms: Some(1000),
    };
    line.state
        .record(studio.start("m", RecordSlot::Message, limits));
    // Speech-like: bursts with pauses shorter than the limit.
    let speech = |i: usize| {
        if i % 4000 < 2000 {
            ((i * 7919) % 12_000) as i16 - 6000
        } else {
            0
        }
    };
    line.speak(2000, speech);
    line.speak(3000, |_| 0);
    let ended = finished(&line);
    let [(RecordSlot::Message, _, duration_ms, RecordEnd::Silence)] = ended[..] else {
        panic!("{ended:?}")
    };
    assert!((1700..=2050).contains(&duration_ms), "{duration_ms}");
}

#[test]
fn a_caller_who_says_nothing_ends_by_silence_too() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    let limits = RecordLimits {
        max_duration_ms: None,
        silence_ms: Some(1000),
    };
    line.state
        .record(studio.start("m", RecordSlot::Message, limits));
    line.run(3000);
    let ended = finished(&line);
    assert!(
        matches!(ended[..], [(_, _, 0..=20, RecordEnd::Silence)]),
        "{ended:?}"
    );
}

#[test]
fn a_pause_hides_exactly_what_was_said_in_it() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.speak(200, |_| 0);
    line.state
        .record(studio.start("c", RecordSlot::Call, RecordLimits::default()));
    line.speak(400, |_| 5000);
    line.state.pause_record(RecordSlot::Call);
    line.speak(600, |_| 20_000);
    line.state.resume_record(RecordSlot::Call);
    line.speak(400, |_| 5000);
    line.state.stop_record(RecordSlot::Call, 0);
    let (caller, _) = studio.channels("c");
    assert_eq!(caller.len(), 1400 * 8);
    // Packets are not cut at the moment of the command: one packet at each end.
    let secret = caller.iter().filter(|s| **s > 15_000).count() / 8;
    assert!(secret <= 20, "{secret} ms of the secret");
    assert!(caller[420 * 8..980 * 8].iter().all(|s| *s == 0));
}

#[test]
fn a_hold_is_marked_whether_or_not_the_peer_plays_music() {
    use vireo_rtp::Direction::{Inactive, RecvOnly, SendRecv};
    // The directions are ours: a peer that holds with music offers sendonly, so we receive.
    for hold in [Inactive, RecvOnly] {
        let studio = Studio::new();
        let mut line = Line::new(config());
        let (done, finished) = std::sync::mpsc::channel();
        let track = studio.recorder.open(Spec {
            id: "c".into(),
            layout: Layout::Stereo,
            format: Format::Pcm16,
            on_finished: Some(Box::new(move |file| drop(done.send(file)))),
        });
        line.state.record(RecordStart {
            track: track.unwrap(),
            slot: RecordSlot::Call,
            limits: RecordLimits::default(),
        });
        line.speak(400, |_| 5000);
        for direction in [hold, SendRecv] {
            line.state.configure(vireo_rtp::StreamConfig {
                direction,
                ..config()
            });
            line.speak(400, |_| 5000);
        }
        line.state.stop_record(RecordSlot::Call, 0);
        studio.recorder.shutdown();
        let marks = finished.recv().unwrap().marks;
        let marks: Vec<_> = marks.iter().map(|mark| (mark.mark, mark.at_ms)).collect();
        assert!(
            matches!(
                marks[..],
                [(Mark::Hold, 380..=420), (Mark::Resume, 780..=820)]
            ),
            "{hold:?}: {marks:?}"
        );
    }
}

#[test]
fn both_recordings_run_side_by_side() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.state
        .record(studio.start("c", RecordSlot::Call, RecordLimits::default()));
    line.speak(500, |_| 9000);
    line.state
        .record(studio.start("m", RecordSlot::Message, RecordLimits::default()));
    line.speak(500, |_| 9000);
    line.state.stop_record(RecordSlot::Message, 0);
    line.speak(500, |_| 9000);
    line.close();
    let lengths: Vec<_> = finished(&line)
        .into_iter()
        .map(|(slot, _, ms, end)| (slot, ms, end))
        .collect();
    assert_eq!(
        lengths,
        [
            (RecordSlot::Message, 500, RecordEnd::Stopped),
            (RecordSlot::Call, 1500, RecordEnd::Closed)
        ]
    );
    assert!(matches!(line.seen().last(), Some(MediaEvent::Closed(_))));
    let (caller, _) = studio.channels("c");
    assert!(loud_ms(&caller) >= 1480, "{}", loud_ms(&caller));
}

#[test]
fn a_recording_over_a_hold_and_an_engine_stall_keeps_its_length() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.speak(200, |_| 0);
    line.state
        .record(studio.start("c", RecordSlot::Call, RecordLimits::default()));
    line.speak(400, |_| 9000);
    line.state.configure(vireo_rtp::StreamConfig {
        direction: vireo_rtp::Direction::SendOnly,
        ..config()
    });
    line.run(1000);
    line.state.configure(config());
    line.ms += 200;
    line.speak(400, |_| 9000);
    line.close();
    let ended = finished(&line);
    assert!(
        matches!(
            ended[..],
            [(RecordSlot::Call, _, 1980..=2020, RecordEnd::Closed)]
        ),
        "{ended:?}"
    );
}

#[test]
fn lost_and_reordered_packets_leave_everything_in_its_place() {
    let studio = Studio::new();
    let mut line = Line::new(config());
    line.speak(200, |_| 0);
    line.state
        .record(studio.start("c", RecordSlot::Call, RecordLimits::default()));
    let payload = Codec::Pcmu.encode_all(&[0; 160]);
    for i in 0..50 {
        match i % 10 {
            // Lost.
            3 => {
                line.sequence = line.sequence.wrapping_add(1);
                line.timestamp = line.timestamp.wrapping_add(160);
            }
            // Held up, and then two at once.
            5 => {}
            6 => {
                line.audio(&payload);
                line.audio(&payload);
            }
            _ => {
                line.audio(&payload);
            }
        }
        line.turn();
    }
    line.speak(200, |_| 9000);
    line.speak(300, |_| 0);
    line.close();
    let (caller, _) = studio.channels("c");
    assert!(onset(&caller).abs_diff(1000) <= 20, "{}", onset(&caller));
    assert_eq!(loud_ms(&caller), 200);
    assert_eq!(line.state.stats().inbound.discarded, 0);
}
