//! The sound of an HTTP answer.

use vireo_audio::wav::{self, Audio};

/// The sound of a body, by its Content-Type: a WAV file, `audio/L16` (RFC 2586: big-endian) or `audio/pcm`
/// (little-endian), both of 16 bits, one channel, and with a `rate` parameter. The error is what came
/// instead.
pub(crate) fn parse(content_type: &str, body: &[u8]) -> Result<Audio, String> {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let parameter = |wanted: &str| {
        let mut found = parts.clone().filter_map(|part| part.split_once('='));
        let found = found.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().trim_matches('"'))
    };
    let sound = match kind.as_str() {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => {
            let sound = wav::parse(body).map_err(|problem| format!("a WAV file: {problem}"))?;
            Audio {
                rate: sound.rate,
                channels: 1,
                samples: sound.into_mono(),
            }
        }
        "audio/l16" => pcm(
            parameter("rate"),
            parameter("channels"),
            body,
            i16::from_be_bytes,
        )?,
        "audio/pcm" => pcm(
            parameter("rate"),
            parameter("channels"),
            body,
            i16::from_le_bytes,
        )?,
        "" => return Err("a body without Content-Type".to_owned()),
        _ => {
            return Err(format!(
                "{kind:?}; readable are audio/wav, audio/L16 and audio/pcm"
            ));
        }
    };
    if !(4_000..=192_000).contains(&sound.rate) {
        return Err(format!("sound of {} Hz", sound.rate));
    }
    if sound.samples.is_empty() {
        return Err("no sound".to_owned());
    }
    Ok(sound)
}

fn pcm(
    rate: Option<&str>,
    channels: Option<&str>,
    body: &[u8],
    sample: fn([u8; 2]) -> i16,
) -> Result<Audio, String> {
    let Some(rate) = rate.and_then(|rate| rate.parse().ok()) else {
        return Err("samples without the parameter rate in their Content-Type".to_owned());
    };
    if let Some(channels) = channels.filter(|channels| *channels != "1") {
        return Err(format!("samples of {channels} channels"));
    }
    Ok(Audio {
        rate,
        channels: 1,
        samples: body
            .as_chunks()
            .0
            .iter()
            .map(|pair| sample(*pair))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_what_it_is() {
        for content_type in [
            "audio/L16;rate=16000",
            "audio/l16; channels=1; rate=\"16000\"",
            "Audio/L16 ; Rate = 16000",
        ] {
            let sound = parse(content_type, &[1, 2, 0xff, 0xfe]).unwrap();
            assert_eq!((sound.rate, sound.channels), (16_000, 1));
            assert_eq!(sound.samples, [0x0102, -2]);
        }
        let sound = parse("audio/pcm;rate=8000", &[1, 2, 3]).unwrap();
        assert_eq!(sound.samples, [0x0201]);
        let stereo = [
            &b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\x08\0\0\0"[..],
            &[2, 0, 4, 0, 6, 0, 8, 0],
        ]
        .concat();
        let sound = parse("audio/wav", &stereo).unwrap();
        assert_eq!((sound.rate, sound.channels), (8_000, 1));
        assert_eq!(sound.samples, [3, 7]);
    }

    #[test]
    fn what_is_no_sound_is_told() {
        for (content_type, body, problem) in [
            ("", &b"ab"[..], "a body without Content-Type"),
            (
                "text/html; charset=utf-8",
                b"<html>",
                "\"text/html\"; readable are audio/wav, audio/L16 and audio/pcm",
            ),
            (
                "audio/L16",
                b"ab",
                "samples without the parameter rate in their Content-Type",
            ),
            (
                "audio/L16;rate=8000;channels=2",
                b"ab",
                "samples of 2 channels",
            ),
            ("audio/pcm;rate=800", b"ab", "sound of 800 Hz"),
            ("audio/pcm;rate=8000", b"a", "no sound"),
        ] {
            assert_eq!(parse(content_type, body).unwrap_err(), problem);
        }
        assert!(
            parse("audio/wav", b"RIFX")
                .unwrap_err()
                .starts_with("a WAV file: ")
        );
    }
}
