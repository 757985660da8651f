use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

const LOUD: u8 = 0x80;
const SILENT: u8 = 0xFF;

/// An octet that says where it belongs, and is not silence.
fn mark(timestamp: u32) -> u8 {
    (timestamp % 127) as u8
}

fn packet(timestamp: u32, length: u32) -> Vec<u8> {
    (0..length)
        .map(|i| mark(timestamp.wrapping_add(i)))
        .collect()
}

/// Sends 20 ms packets, each late by `late(i)` ms (`None`: lost), reads every 20 ms; the frames.
fn run(config: JitterConfig, packets: u64, late: impl Fn(u64) -> Option<u64>) -> Vec<[i16; FRAME]> {
    let mut buffer = JitterBuffer::new();
    let mut playout = Playout::new(config);
    let mut arrivals: Vec<(u64, u64)> = (0..packets)
        .filter_map(|i| late(i).map(|l| (1000 + i * 20 + l, i)))
        .collect();
    arrivals.sort_unstable();
    let mut frames = Vec::new();
    let mut waiting = arrivals.into_iter().peekable();
    for tick in 0..packets + 10 {
        let now = 1002 + tick * 20;
        while let Some((arrival, i)) = waiting.next_if(|(arrival, _)| *arrival + 2 <= now) {
            let timestamp = (u32::MAX - 3000).wrapping_add(i as u32 * 160);
            buffer.insert(Codec::Pcmu, timestamp, &packet(timestamp, 160), at(arrival));
        }
        let mut out = [0; FRAME];
        playout.pull(&buffer, at(now), Missing::Silence, &mut out);
        frames.push(out);
    }
    frames
}

fn heard(frames: &[[i16; FRAME]]) -> usize {
    frames.iter().flatten().filter(|s| **s != 0).count()
}

#[test]
fn nothing_is_lost_of_steady_packets_over_a_timestamp_wrap() {
    for config in [
        JitterConfig::default(),
        JitterConfig::Fixed { delay_ms: 60 },
    ] {
        let frames = run(config, 100, |_| Some(0));
        let flat: Vec<i16> = frames.iter().flatten().copied().collect();
        let first = flat.iter().position(|s| *s != 0).unwrap();
        for (i, sample) in flat[first..first + 100 * 160].iter().enumerate() {
            let expected = mark((u32::MAX - 3000).wrapping_add(i as u32));
            assert_eq!(
                *sample,
                Codec::Pcmu.decode_all(&[expected])[0],
                "{config:?}, sample {i}"
            );
        }
    }
}

#[test]
fn the_delay_is_small_without_jitter_and_as_told_when_fixed() {
    for (config, frames_later) in [
        (JitterConfig::default(), 1),
        (JitterConfig::Fixed { delay_ms: 100 }, 4),
    ] {
        let frames = run(config, 100, |_| Some(0));
        let first = frames
            .iter()
            .position(|f| f.iter().any(|s| *s != 0))
            .unwrap();
        assert_eq!(first, frames_later, "{config:?}");
    }
}

#[test]
fn reordered_packets_are_put_in_order() {
    // Every fifth packet is overtaken by the next.
    let frames = run(JitterConfig::Fixed { delay_ms: 80 }, 100, |i| {
        Some(if i % 5 == 0 { 25 } else { 0 })
    });
    assert_eq!(heard(&frames), 100 * 160);
}

#[test]
fn an_adaptive_reader_learns_the_jitter() {
    let frames = run(JitterConfig::default(), 500, |i| {
        Some(if i % 7 == 3 { 60 } else { 0 })
    });
    let early = heard(&frames[..50]);
    let late = heard(&frames[400..500]);
    assert!(early < 50 * 160, "the first late packets are missed");
    assert_eq!(late, 100 * 160, "later ones are waited for");
}

#[test]
fn lost_packets_are_concealed_and_do_not_shift_what_follows() {
    let mut buffer = JitterBuffer::new();
    let mut playout = Playout::new(JitterConfig::Fixed { delay_ms: 40 });
    for tick in 0..50u64 {
        let timestamp = tick as u32 * 160;
        if tick != 20 {
            buffer.insert(Codec::Pcmu, timestamp, &[LOUD; 160], at(1000 + tick * 20));
        }
        let mut out = [0; FRAME];
        playout.pull(&buffer, at(1002 + tick * 20), Missing::Conceal, &mut out);
        if tick > 5 {
            assert!(out.iter().all(|s| *s > 2000), "tick {tick}: {out:?}");
        }
    }
}

#[test]
fn a_jump_of_the_timestamps_starts_anew() {
    let mut buffer = JitterBuffer::new();
    let mut playout = Playout::new(JitterConfig::default());
    let mut heard = 0;
    for tick in 0..100u64 {
        let jump = if tick < 50 { 0 } else { 3_000_000_000u32 };
        buffer.insert(
            Codec::Pcmu,
            (tick as u32 * 160).wrapping_add(jump),
            &[LOUD; 160],
            at(1000 + tick * 20),
        );
        let mut out = [0; FRAME];
        playout.pull(&buffer, at(1002 + tick * 20), Missing::Silence, &mut out);
        heard += out.iter().filter(|s| **s != 0).count();
    }
    assert!(heard > 95 * 160, "{heard}");
}

#[test]
fn a_drifting_clock_is_followed() {
    // The sender's clock is 1 % slow: 20 ms of its time take 20.2 ms.
    let mut buffer = JitterBuffer::new();
    let mut playout = Playout::new(JitterConfig::Fixed { delay_ms: 60 });
    let (mut silent, mut frames) = (0, 0);
    for tick in 0..3000u64 {
        let now = Time::from_millis(1000 + tick * 20);
        let sent = (tick * 1000) / 1010;
        let timestamp = sent as u32 * 160;
        // Half a second of sound, half a second of silence.
        let level = if sent % 50 < 25 { LOUD } else { SILENT };
        buffer.insert(
            Codec::Pcmu,
            timestamp,
            &[level; 160],
            now - Duration::from_micros(200 * (tick % 2)),
        );
        let mut out = [0; FRAME];
        playout.pull(
            &buffer,
            now + Duration::from_millis(2),
            Missing::Silence,
            &mut out,
        );
        frames += 1;
        silent += usize::from(out.iter().all(|s| *s == 0));
    }
    let share = silent as f64 / f64::from(frames);
    assert!((0.45..0.55).contains(&share), "{share}");
}

#[test]
fn the_ring_forgets_what_it_overwrites() {
    let mut ring = Ring::new();
    ring.insert(Codec::Pcmu, 0, &[LOUD; 160]);
    ring.insert(Codec::Pcmu, RING as u32, &[LOUD; 80]);
    let heard = |ring: &Ring, timestamp| {
        let mut out = [1; 160];
        ring.read(timestamp, &mut out);
        out.map(|s| s != 0)
    };
    let half = |first: bool| std::array::from_fn(|i| (i < 80) == first);
    assert_eq!(heard(&ring, RING as u32), half(true));
    assert_eq!(
        heard(&ring, 0),
        half(false),
        "its first half was written over"
    );
    ring.insert(Codec::Pcmu, 0, &[LOUD; 80]);
    assert_eq!(heard(&ring, 0), half(false), "older than the ring is long");
    ring.insert(Codec::Pcma, 4000, &[LOUD; 80]);
    assert_eq!(heard(&ring, RING as u32), [false; 160], "another codec");
}

proptest! {
    /// The ring against a plain map, over wraps of the ring and of the timestamps.
    #[test]
    fn the_ring_holds_what_a_map_would_hold(
        inserts in proptest::collection::vec((0u32..9000, 1usize..700), 1..40),
        reads in proptest::collection::vec(0u32..10_000, 10),
    ) {
        let base = u32::MAX - 4000;
        let mut ring = Ring::new();
        let mut model = std::collections::HashMap::new();
        let mut end = None;
        for (offset, length) in inserts {
            let before = end.unwrap_or(offset);
            let after = offset + length as u32;
            let new_end = after.max(before);
            if after > before || before - after + length as u32 <= RING as u32 {
                ring.insert(Codec::Pcmu, base.wrapping_add(offset), &vec![(offset % 100) as u8; length]);
                for at in offset..after {
                    model.insert(at, (offset % 100) as u8);
                }
                end = Some(new_end);
                model.retain(|at, _| at + RING as u32 >= new_end);
            }
        }
        for at in reads {
            let mut out = [0; 200];
            ring.read(base.wrapping_add(at), &mut out);
            for (i, sample) in out.into_iter().enumerate() {
                let expected = model.get(&(at + i as u32)).map_or(0, |octet| Codec::Pcmu.decode_all(&[*octet])[0]);
                prop_assert_eq!(sample, expected);
            }
        }
    }
}
