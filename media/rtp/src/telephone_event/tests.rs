use super::*;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn event(digit: char, duration: u16, end: bool) -> Payload {
    Payload {
        event: code_of(digit).unwrap(),
        end,
        volume: 10,
        duration,
    }
}

/// One packet of a script: time ms, ssrc, timestamp, marker, digit, duration, end.
type Line = (u64, u32, u32, bool, char, u16, bool);

/// A script and the digits that it means.
type Case = (&'static str, Vec<Line>, Vec<(char, u32)>);

/// Runs a script and a second of silence after it; the digits with their durations in units.
fn run(script: &[Line]) -> Vec<(char, u32)> {
    let mut receiver = Receiver::new();
    let (mut digits, mut starts) = (Vec::new(), 0);
    let mut note = |heard: Option<Heard>| match heard {
        Some(Heard::Started(_)) => starts += 1,
        Some(Heard::Ended(digit, duration)) => digits.push((digit, duration)),
        None => {}
    };
    let mut clock = 0;
    for &(ms, ssrc, timestamp, marker, digit, duration, end) in script {
        while clock < ms {
            note(receiver.tick(at(clock)));
            clock += 1;
        }
        for heard in receiver.receive(ssrc, timestamp, marker, event(digit, duration, end), at(ms))
        {
            note(heard);
        }
    }
    for ms in clock..clock + 1000 {
        note(receiver.tick(at(ms)));
    }
    assert_eq!(starts, digits.len(), "every start has its end");
    digits
}

/// A well-behaved press of `n` packets from `ms` on, with three end packets.
fn press(ms: u64, ssrc: u32, timestamp: u32, digit: char, n: u16) -> Vec<Line> {
    let mut lines: Vec<Line> = (1..=n)
        .map(|i| {
            (
                ms + u64::from(i) * 20,
                ssrc,
                timestamp,
                i == 1,
                digit,
                i * 160,
                false,
            )
        })
        .collect();
    for i in 1..=3 {
        lines.push((
            ms + u64::from(n + i) * 20,
            ssrc,
            timestamp,
            false,
            digit,
            (n + 1) * 160,
            true,
        ));
    }
    lines
}

#[test]
fn each_press_is_reported_once() {
    let p = |ms, ts, digit| press(ms, 1, ts, digit, 4);
    let without = |lines: Vec<Line>, drop: &[usize]| -> Vec<Line> {
        lines
            .into_iter()
            .enumerate()
            .filter(|(i, _)| !drop.contains(i))
            .map(|(_, l)| l)
            .collect()
    };
    let cases: Vec<Case> = vec![
        ("plain", p(0, 1000, '5'), vec![('5', 800)]),
        (
            "two presses of one key",
            [p(0, 1000, '5'), p(300, 3400, '5')].concat(),
            vec![('5', 800), ('5', 800)],
        ),
        (
            "first packet lost",
            without(p(0, 1000, '#'), &[0]),
            vec![('#', 800)],
        ),
        (
            "all but the last end packet lost",
            without(p(0, 1000, '*'), &[0, 1, 2, 3, 4, 5]),
            vec![('*', 800)],
        ),
        (
            "all end packets lost",
            without(p(0, 1000, '5'), &[4, 5, 6]),
            vec![('5', 640)],
        ),
        (
            "all end packets lost, the same key again soon",
            [without(p(0, 1000, '5'), &[4, 5, 6]), p(130, 2040, '5')].concat(),
            vec![('5', 640), ('5', 800)],
        ),
        (
            "all end packets and the next first packet lost",
            [
                without(p(0, 1000, '5'), &[4, 5, 6]),
                without(p(130, 2040, '5'), &[0]),
            ]
            .concat(),
            vec![('5', 640), ('5', 800)],
        ),
        (
            "another SSRC for each digit, timestamps 400 apart",
            (0..4)
                .flat_map(|i| press(u64::from(i) * 200, 100 + i, 400 * i, '1', 4))
                .collect(),
            vec![('1', 800); 4],
        ),
        (
            "one SSRC, timestamps 400 apart though 200 ms passed",
            (0..4)
                .flat_map(|i| press(u64::from(i) * 200, 7, 400 * i, '1', 4))
                .collect(),
            vec![('1', 800); 4],
        ),
        (
            "timestamp moves with every packet, end packets too",
            (1..=8)
                .map(|i| {
                    (
                        i * 20,
                        1,
                        1000 + i as u32 * 160,
                        i == 1,
                        '3',
                        (i.min(6) * 160) as u16,
                        i >= 6,
                    )
                })
                .collect(),
            vec![('3', 960)],
        ),
        (
            "timestamp moves, then a real second press",
            {
                let drifting = |ms: u64, ts: u32| -> Vec<Line> {
                    (1..=8)
                        .map(|i| {
                            (
                                ms + i * 20,
                                1,
                                ts + i as u32 * 160,
                                i == 1,
                                '3',
                                (i.min(6) * 160) as u16,
                                i >= 6,
                            )
                        })
                        .collect()
                };
                [drifting(0, 1000), drifting(260, 4000)].concat()
            },
            vec![('3', 960), ('3', 960)],
        ),
        (
            "end packets overtaken by the next digit",
            {
                let mut lines = [without(p(0, 1000, '1'), &[5, 6]), p(120, 1960, '2')].concat();
                lines.insert(6, (141, 1, 1000, false, '1', 800, true));
                lines
            },
            vec![('1', 800), ('2', 800)],
        ),
        (
            "reordered updates",
            {
                let mut lines = p(0, 1000, '9');
                lines.swap(1, 2);
                for (i, line) in lines.iter_mut().enumerate() {
                    line.0 = i as u64 * 20;
                }
                lines
            },
            vec![('9', 800)],
        ),
        (
            "a capture played again: the same timestamps, seconds later",
            [p(0, 1000, '6'), p(2_000, 1000, '6')].concat(),
            vec![('6', 800), ('6', 800)],
        ),
        (
            "an end packet that is repeated very late",
            [p(0, 1000, '6'), p(2_000, 1000, '6').split_off(6)].concat(),
            vec![('6', 800)],
        ),
        (
            "timestamps wrap between packets of two presses",
            [p(0, u32::MAX - 100, '4'), p(300, 2300, '4')].concat(),
            vec![('4', 800), ('4', 800)],
        ),
    ];
    for (name, script, expected) in cases {
        assert_eq!(run(&script), expected, "{name}");
    }
}

#[test]
fn a_long_press_is_one_digit() {
    // 20 s: segments of 65,535 units, each with its own timestamp (RFC 4733, 2.5.1.3).
    let mut script = Vec::new();
    let (mut start, mut total) = (0u32, 0u32);
    for i in 1..=1000u32 {
        let mut duration = i * 160 - total;
        if duration > 0xFFFF {
            script.push((u64::from(i) * 20, 1, start, false, '0', 0xFFFF, false));
            total += 0xFFFF;
            start += 0xFFFF;
            duration = i * 160 - total;
        }
        script.push((
            u64::from(i) * 20,
            1,
            start,
            i == 1,
            '0',
            duration as u16,
            i == 1000,
        ));
    }
    assert_eq!(run(&script), vec![('0', 160_000)]);
}

#[test]
fn events_that_are_not_digits_are_ignored() {
    let mut receiver = Receiver::new();
    let flash = Payload {
        event: 16,
        end: true,
        volume: 0,
        duration: 800,
    };
    assert_eq!(receiver.receive(1, 1, true, flash, at(0)), [None; 3]);
}

#[test]
fn payload_layout() {
    let payload = Payload {
        event: 11,
        end: true,
        volume: 10,
        duration: 800,
    };
    assert_eq!(payload.to_bytes(), [11, 0x8A, 0x03, 0x20]);
    assert_eq!(Payload::parse(&payload.to_bytes()), Some(payload));
    assert_eq!(Payload::parse(&[1, 2, 3]), None);
    assert!(Payload::looks_like_a_digit(&[1, 0x0A, 0, 160]));
    assert!(!Payload::looks_like_a_digit(&[16, 0x0A, 0, 160]));
    assert!(!Payload::looks_like_a_digit(&[0, 0, 0, 0]));
    assert!(!Payload::looks_like_a_digit(&[1, 0x4A, 0, 160]));
    assert!(!Payload::looks_like_a_digit(&[1, 0x0A, 0, 160, 0]));
}

#[test]
fn sent_events_have_one_timestamp_and_three_ends() {
    let mut sending = Sending::new(5, 4000, 800);
    let mut packets = Vec::new();
    loop {
        let packet = sending.next(160);
        packets.push(packet);
        if packet.last {
            break;
        }
    }
    let durations: Vec<_> = packets
        .iter()
        .map(|p| (p.marker, p.payload.end, p.payload.duration))
        .collect();
    assert_eq!(
        durations,
        [
            (true, false, 160),
            (false, false, 320),
            (false, false, 480),
            (false, false, 640),
            (false, true, 800),
            (false, true, 800),
            (false, true, 800)
        ]
    );
    assert!(packets.iter().all(|p| p.timestamp == 4000));
}
