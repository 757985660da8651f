//! What each piece costs for 20 ms of one stream, and what finding a prompt in a recording costs:
//! `cargo run --release -p vireo-audio --example costs`

use std::hint::black_box;
use std::time::Instant;

use vireo_audio::recorder::{Format, Layout, Recorder, RecorderConfig, Spec};
use vireo_audio::tone::{BEEP, Tone, render};
use vireo_audio::wav::Audio;
use vireo_audio::{Codec, compare, dtmf, plc, prompt, vad};

const FRAME: usize = 160;
const ROUNDS: usize = 7;
const FRAMES: usize = 100_000;

/// Processor time of this thread, ns, as exact as the scheduler's tick.
fn thread_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0)
}

/// The median over rounds of the mean processor time of a call.
fn measure(name: &str, mut call: impl FnMut(usize)) {
    let mut rounds: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let start = thread_time();
            for n in 0..FRAMES {
                call(n);
            }
            (thread_time() - start) / FRAMES as u64
        })
        .collect();
    rounds.sort_unstable();
    println!("{name:44} {:>8} ns", rounds[ROUNDS / 2]);
}

fn once<T>(name: &str, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    println!("{name:44} {:>8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signal = render(&Tone {
        second_frequency: Some(310),
        duration_ms: 1000,
        ..BEEP
    });
    let frame = |n: usize| &signal[n % 50 * FRAME..][..FRAME];
    for codec in Codec::ALL {
        let mut octets = [0; FRAME];
        let mut samples = [0; FRAME];
        measure(&format!("{} encode", codec.name()), |n| {
            black_box(codec.encode(black_box(frame(n)), &mut octets));
        });
        measure(&format!("{} decode", codec.name()), |_| {
            black_box(codec.decode(black_box(&octets), &mut samples));
        });
    }
    let mut detector = dtmf::Detector::new();
    measure("in-band DTMF", |n| {
        detector.feed(frame(n), |event| {
            black_box(event);
        })
    });
    let mut activity = vad::Detector::new();
    measure("voice activity", |n| {
        black_box(activity.feed(frame(n)));
    });
    let mut concealer = plc::Concealer::new();
    let mut copy = [0; FRAME];
    measure("concealment, no loss (with the copy)", |n| {
        copy.copy_from_slice(frame(n));
        concealer.good(&mut copy);
    });
    measure("concealment, each second frame lost", |n| {
        copy.copy_from_slice(frame(n));
        if n % 2 == 0 {
            concealer.good(&mut copy)
        } else {
            concealer.conceal(&mut copy)
        }
    });
    recorder(&signal)?;

    let minute: Vec<i16> = signal.iter().cycle().take(480_000).copied().collect();
    let audio = Audio {
        rate: 48_000,
        channels: 2,
        samples: minute.repeat(12),
    };
    let prompt = once("a minute of 48 kHz stereo into a prompt", || {
        prompt::Prompt::from_audio("a", audio)
    })?;
    once("a minute encoded", || prompt.encoded(Codec::Pcmu));
    once("10 s found in 60 s", || {
        compare::correlate(&minute[..80_000], &minute)
    });
    Ok(())
}

/// Time in the media thread only; the writer has its own.
fn recorder(signal: &[i16]) -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let config = RecorderConfig {
        queue_blocks: 1 << 20,
        ..RecorderConfig::new(directory.path())
    };
    let recorder = Recorder::start(config)?;
    for (name, format) in [("mu-law", Format::Mulaw), ("PCM", Format::Pcm16)] {
        let mut track = recorder.open(Spec {
            id: name.to_owned(),
            layout: Layout::Stereo,
            format,
            on_finished: None,
        })?;
        measure(
            &format!("recorder, stereo {name}, hand-off included"),
            |n| {
                let frame = &signal[n % 50 * FRAME..][..FRAME];
                track.push(black_box(frame), black_box(frame));
            },
        );
        if let Some(failure) = track.failed() {
            println!("(failed: {failure})");
        }
    }
    recorder.shutdown();
    Ok(())
}
