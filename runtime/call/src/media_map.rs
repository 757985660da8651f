//! Between what SIP negotiates and what the media engine does: neither knows of the other.

use vireo_audio::Codec;
use vireo_rtp::{DigitSource, Direction, InbandDtmf, Latch, StreamConfig, TelephoneEvent};
use vireo_sip::offer_answer;

use crate::settings::{self, MediaSettings};

/// Our codecs in SDP's terms.
pub(crate) fn sdp_codec(codec: Codec) -> offer_answer::Codec {
    match codec {
        Codec::Pcmu => offer_answer::Codec::Pcmu,
        Codec::Pcma => offer_answer::Codec::Pcma,
    }
}

/// SDP's codecs in the media engine's terms.
pub(crate) fn audio_codec(codec: offer_answer::Codec) -> Codec {
    match codec {
        offer_answer::Codec::Pcma => Codec::Pcma,
        _ => Codec::Pcmu,
    }
}

/// What a negotiated stream is configured with.
pub(crate) fn stream_config(audio: &offer_answer::Audio, media: &MediaSettings) -> StreamConfig {
    let telephone_event = audio.telephone_event.map(|event| TelephoneEvent {
        send_pt: event.send_payload_type,
        receive_pt: event.receive_payload_type,
        clock_rate: event.clock_rate,
    });
    StreamConfig {
        // An old way of hold is the unspecified address (RFC 3264, 8.4).
        remote: Some(audio.remote)
            .filter(|remote| !remote.ip().is_unspecified() && remote.port() != 0),
        remote_rtcp: Some(audio.remote_rtcp),
        codec: audio_codec(audio.codec),
        payload_type: audio.payload_type,
        inband_dtmf: match (telephone_event, media.inband_dtmf) {
            (None, settings::InbandDtmf::Fallback) => InbandDtmf::On,
            _ => InbandDtmf::Off,
        },
        telephone_event,
        ptime_ms: audio.ptime_ms,
        direction: match audio.direction {
            offer_answer::Direction::SendRecv => Direction::SendRecv,
            offer_answer::Direction::SendOnly => Direction::SendOnly,
            offer_answer::Direction::RecvOnly => Direction::RecvOnly,
            offer_answer::Direction::Inactive => Direction::Inactive,
        },
        silence: media.silence,
        latch: Latch::Symmetric,
        no_media_timeout_ms: media.no_media_timeout_ms,
        jitter: media.jitter,
    }
}

/// How a digit came, as the timeline says it.
pub(crate) fn digit_source(source: DigitSource) -> &'static str {
    match source {
        DigitSource::Rfc4733 => "rfc4733",
        DigitSource::Inband => "inband",
    }
}

/// The digit of an INFO request, and its duration in ms: `application/dtmf-relay` (lines `Signal=`
/// and `Duration=`) or `application/dtmf` (the digit alone).
pub(crate) fn info_digit(content_type: &str, body: &[u8]) -> Option<(char, u32)> {
    const DEFAULT_MS: u32 = 160;
    let text = std::str::from_utf8(body).ok()?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let (signal, duration) = if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        let value = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        (
            value("signal")?,
            value("duration").and_then(|ms| ms.parse().ok()),
        )
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        (text.trim(), None)
    } else {
        return None;
    };
    let key = match signal {
        "10" => '*',
        "11" => '#',
        one => {
            let mut keys = one.chars();
            let key = keys.next()?.to_ascii_uppercase();
            if keys.next().is_some() || !"0123456789*#ABCD".contains(key) {
                return None;
            }
            key
        }
    };
    Some((key, duration.unwrap_or(DEFAULT_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_by_info() {
        type Row = (&'static str, &'static [u8], Option<(char, u32)>);
        let table: &[Row] = &[
            (
                "application/dtmf-relay",
                b"Signal=5\r\nDuration=160\r\n",
                Some(('5', 160)),
            ),
            ("application/dtmf-relay", b"Signal= *\r\n", Some(('*', 160))),
            (
                "Application/DTMF-Relay; x=y",
                b"duration=250\nsignal=11\n",
                Some(('#', 250)),
            ),
            ("application/dtmf", b"a", Some(('A', 160))),
            ("application/dtmf", b"12", None),
            ("application/dtmf-relay", b"Duration=1\r\n", None),
            ("application/dtmf", b"\xff", None),
            ("text/plain", b"5", None),
        ];
        for (content_type, body, expected) in table {
            assert_eq!(
                info_digit(content_type, body),
                *expected,
                "{content_type} {body:?}"
            );
        }
    }
}
