//! What people's files hold, and what nobody should.

use proptest::prelude::*;

use super::*;

/// A RIFF file of these chunks.
fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (id, content) in chunks {
        body.extend(*id);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [
        b"RIFF".to_vec(),
        (body.len() as u32).to_le_bytes().to_vec(),
        body,
    ]
    .concat()
}

fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut out = Vec::new();
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(frame)).to_le_bytes());
    out.extend(frame.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out
}

fn extensible(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let mut out = format(EXTENSIBLE, channels, rate, bits);
    out.extend(22_u16.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out.extend(3_u32.to_le_bytes());
    out.extend(tag.to_le_bytes());
    out.extend(b"\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71");
    out
}

fn audio(rate: u32, channels: u16, samples: &[i16]) -> Audio {
    Audio {
        rate,
        channels,
        samples: samples.to_vec(),
    }
}

#[test]
fn every_encoding_is_read() {
    let table = [
        (
            format(PCM, 1, 8000, 8),
            vec![0, 128, 255],
            audio(8000, 1, &[-32768, 0, 32512]),
        ),
        (
            format(PCM, 1, 16_000, 16),
            vec![1, 0, 0xFF, 0x7F],
            audio(16_000, 1, &[1, 32767]),
        ),
        (
            format(PCM, 2, 48_000, 24),
            vec![9, 1, 0, 9, 0, 0x80],
            audio(48_000, 2, &[1, -32768]),
        ),
        (
            format(MULAW, 1, 8000, 8),
            vec![0xFF, 0x80],
            audio(8000, 1, &[0, 32124]),
        ),
        (
            format(ALAW, 2, 8000, 8),
            vec![0xD5, 0x55],
            audio(8000, 2, &[8, -8]),
        ),
        (
            extensible(PCM, 2, 44_100, 16),
            vec![1, 0, 2, 0],
            audio(44_100, 2, &[1, 2]),
        ),
        (
            extensible(MULAW, 1, 8000, 8),
            vec![0xFF],
            audio(8000, 1, &[0]),
        ),
    ];
    for (format, data, expected) in table {
        let octets = riff(&[(b"fmt ", format), (b"data", data)]);
        assert_eq!(parse(&octets).unwrap(), expected);
    }
}

#[test]
fn odd_chunks_are_skipped() {
    let octets = riff(&[
        (b"JUNK", vec![1; 27]),
        (b"fmt ", format(PCM, 1, 8000, 16)),
        (b"LIST", vec![2; 3]),
        (b"fact", vec![0; 4]),
        (b"data", vec![7, 0]),
        (b"cue ", vec![3; 5]),
    ]);
    assert_eq!(parse(&octets).unwrap(), audio(8000, 1, &[7]));
}

#[test]
fn sizes_that_are_not_known_or_too_large_reach_to_the_end() {
    for size in [0xFFFF_FFFF_u32, 0x7FFF_FFFF, 9, 0] {
        let mut octets = riff(&[
            (b"fmt ", format(PCM, 1, 8000, 16)),
            (b"data", vec![1, 0, 2, 0]),
        ]);
        octets[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        octets[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(parse(&octets).unwrap().samples, [1, 2], "{size:#x}");
    }
}

#[test]
fn a_file_that_was_cut_gives_whole_frames() {
    let octets = riff(&[(b"fmt ", format(PCM, 2, 8000, 16)), (b"data", vec![1; 11])]);
    assert_eq!(parse(&octets).unwrap().samples.len(), 4);
    assert_eq!(parse(&octets[..octets.len() - 8]).unwrap().samples.len(), 2);
}

#[test]
fn an_empty_recording_followed_by_chunks_is_empty() {
    let octets = riff(&[
        (b"fmt ", format(PCM, 1, 8000, 16)),
        (b"data", vec![]),
        (b"cue ", vec![1; 8]),
    ]);
    assert_eq!(parse(&octets).unwrap().samples, []);
}

#[test]
fn every_error_says_what_is_wrong_and_where() {
    let sound = || (b"data", vec![0; 4]);
    let table: [(Vec<u8>, &str); 10] = [
        (b"ID3\x03 an MP3 file".to_vec(), "not a WAV file"),
        (b"RIFF".to_vec(), "not a WAV file"),
        (riff(&[sound()]), "`fmt ` chunk is missing before offset 12"),
        (riff(&[]), "`fmt ` chunk is missing"),
        (
            riff(&[(b"fmt ", vec![1; 14]), sound()]),
            "at offset 20 has 14 bytes",
        ),
        (
            riff(&[(b"fmt ", format(PCM, 1, 8000, 16))]),
            "no `data` chunk",
        ),
        (
            riff(&[(b"fmt ", format(3, 1, 8000, 32)), sound()]),
            "floating point (format 0x0003, 32 bits)",
        ),
        (
            riff(&[(b"fmt ", format(0x55, 1, 8000, 0)), sound()]),
            "MPEG audio",
        ),
        (
            riff(&[(b"fmt ", format(PCM, 6, 8000, 16)), sound()]),
            "6 channels",
        ),
        (riff(&[(b"fmt ", format(PCM, 1, 0, 16)), sound()]), "0 Hz"),
    ];
    for (octets, expected) in table {
        let error = parse(&octets).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    }
}

#[test]
fn errors_of_files_name_the_file_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("welcome.wav");
    let missing = read(&path).unwrap_err().to_string();
    assert!(
        missing.contains("welcome.wav") && missing.contains("No such file"),
        "{missing}"
    );
    std::fs::write(&path, b"RIFF....nonsense").unwrap();
    let malformed = read(&path).unwrap_err().to_string();
    assert!(
        malformed.contains("welcome.wav: it is not a WAV file"),
        "{malformed}"
    );
    assert!(
        malformed.contains("sox \"") && malformed.contains("-r 8000 -c 1"),
        "{malformed}"
    );
}

#[test]
fn what_is_written_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.wav");
    for expected in [
        audio(8000, 1, &[1, -2, 3]),
        audio(48_000, 2, &[1, -2, 3, i16::MIN]),
        audio(8000, 1, &[]),
    ] {
        write(&path, &expected).unwrap();
        assert_eq!(read(&path).unwrap(), expected);
    }
}

#[test]
fn channels_can_be_taken_apart_and_mixed() {
    let stereo = audio(8000, 2, &[10, 20, 32767, 32767, -32768, -32768]);
    assert_eq!(stereo.channel(0), [10, 32767, -32768]);
    assert_eq!(stereo.channel(1), [20, 32767, -32768]);
    assert_eq!(audio(8000, 2, &[0; 1600]).duration_ms(), 100);
    assert_eq!(stereo.into_mono(), [15, 32767, -32768]);
}

#[test]
fn our_headers_read_back() {
    for encoding in [Encoding::Pcm16, Encoding::Mulaw] {
        let header = Header {
            encoding,
            channels: 2,
            rate: 8000,
            data: 12_345,
            after_data: 67,
        };
        let octets = header.to_octets();
        assert_eq!(octets.len(), encoding.header_size());
        assert_eq!(Header::parse(&octets), Some(header));
        assert_eq!(Header::parse(&octets[..octets.len() - 1]), None);
    }
}

proptest! {
    #[test]
    fn hostile_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&octets);
        let _ = Header::parse(&octets);
    }

    #[test]
    fn a_damaged_file_never_panics_and_never_grows(
        at in 0_usize..80, value in any::<u8>(), cut in 0_usize..80, tag in 0_u16..10, bits in 0_u16..40,
    ) {
        let mut octets = riff(&[(b"JUNK", vec![0; 3]), (b"fmt ", format(tag, 1, 8000, bits)), (b"data", vec![0x55; 24])]);
        let at = at.min(octets.len() - 1);
        octets[at] = value;
        octets.truncate(octets.len().saturating_sub(cut));
        if let Ok(audio) = parse(&octets) {
            prop_assert!(audio.samples.len() <= octets.len());
        }
    }
}
