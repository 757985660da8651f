//! What a stream is told to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use vireo_audio::Codec;
use vireo_audio::prompt::Prompt;
use vireo_audio::recorder::Track;

use crate::late::Late;

/// What offer and answer agreed on (RFC 3264), and how to treat the peer's packets.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// Where the peer's SDP says that it listens for RTP; `None` while it is not known or is the
    /// unspecified address (RFC 3264, 8.4, the old way of hold): nothing is sent then.
    pub remote: Option<SocketAddr>,
    /// Where the peer listens for RTCP (RFC 3605); one port above RTP when absent.
    pub remote_rtcp: Option<SocketAddr>,
    /// Of audio, in both directions.
    pub codec: Codec,
    /// RTP payload type of `codec`, in both directions.
    pub payload_type: u8,
    /// When `telephone-event` was negotiated.
    pub telephone_event: Option<TelephoneEvent>,
    /// Length of the packets that are sent, ms: 10, 20, 30 or 40; anything else counts as 20.
    pub ptime_ms: u16,
    /// From this side's point of view.
    pub direction: Direction,
    /// What is sent while nothing plays.
    pub silence: Silence,
    /// Whose packets are taken, and where packets go.
    pub latch: Latch,
    /// Look for DTMF tones in the audio.
    pub inband_dtmf: InbandDtmf,
    /// Report [`crate::MediaEvent::NoMedia`] after so long without a packet from the peer.
    pub no_media_timeout_ms: Option<u32>,
    /// How received audio is put in order.
    pub jitter: JitterConfig,
}

impl StreamConfig {
    /// Plain audio to and from `remote`: 20 ms packets, both directions, no packets while nothing
    /// plays, symmetric RTP, no telephone-event.
    #[must_use]
    pub fn new(remote: Option<SocketAddr>, codec: Codec, payload_type: u8) -> StreamConfig {
        StreamConfig {
            remote,
            remote_rtcp: None,
            codec,
            payload_type,
            telephone_event: None,
            ptime_ms: 20,
            direction: Direction::SendRecv,
            silence: Silence::Suppress,
            latch: Latch::Symmetric,
            inband_dtmf: InbandDtmf::Off,
            no_media_timeout_ms: None,
            jitter: JitterConfig::default(),
        }
    }
}

/// Payload types of `telephone-event` (RFC 4733).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// What the peer expects.
    pub send_pt: u8,
    /// What we announced.
    pub receive_pt: u8,
    /// Hz; the clock rate of the audio codec beside it (RFC 4733, 2.1). 8,000 for G.711.
    pub clock_rate: u32,
}

/// Direction attributes of RFC 4566, from this side's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// The peer holds us, or plays nothing to us: its packets are ignored.
    SendOnly,
    /// Nothing is sent but RTCP.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Do packets go out?
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Are packets taken?
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// What is sent while nothing plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Next to nothing (RFC 3551, 4.1): after [`HANG_OVER`] of silence ([`CUT`] behind what was stopped)
    /// no more packets, then one each
    /// [`KEEP_ALIVE`], so that NATs and the peer's timeouts see that the stream lives. Timestamps go
    /// on with the time, and the first packet after a gap is marked.
    Suppress,
    /// A packet of silence at every packet time.
    Send,
}

/// Silence that is sent after a prompt, so that one that follows soon is heard without a gap.
pub const HANG_OVER: Duration = Duration::from_millis(200);

/// Silence that is sent after a prompt that was cut short: two packets, so that the peer does not go on
/// with the sound when one is lost. What answers the key that cut it starts a talkspurt of its own, and so
/// need not wait for its turn.
pub const CUT: Duration = Duration::from_millis(40);

/// Silence that opens a stream with nothing to play: one packet, so that NATs let the peer's packets in
/// and the peer learns where ours come from. The keep-alive makes up for its loss.
pub const OPENING: Duration = Duration::from_millis(20);

/// The time between packets while silence is suppressed (RFC 6263, 4 and 6: at most 15 s; peers
/// that end a call without media wait longer than this).
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Whose packets are taken, and where packets go.
///
/// In both modes the first source is kept ("latched") and later strangers are refused; another
/// source is considered only after the latched one was silent for
/// [`crate::latch::RELATCH_AFTER`], or after a new [`StreamConfig`] with another remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latch {
    /// Symmetric RTP (RFC 4961): the first source that sends a valid packet is latched, and packets
    /// go there. For peers behind NAT.
    Symmetric,
    /// Only the IP address of the peer's SDP is listened to (from any port), and packets go to the
    /// address and port of its SDP.
    Strict,
}

/// Detection of DTMF tones in received audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InbandDtmf {
    /// Off: telephone-event was negotiated.
    Off,
    /// On: it was not. Should the peer send telephone-events all the same, detection ends with the
    /// first of them.
    On,
}

/// How long received audio waits for late packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterConfig {
    /// The delay follows the jitter that is seen; it changes while the caller is silent.
    Adaptive {
        /// At least, ms (20).
        min_ms: u16,
        /// At most, ms (200).
        max_ms: u16,
    },
    /// The delay never changes but to follow the sender's clock (fax, modems).
    Fixed {
        /// ms, 20 to 200.
        delay_ms: u16,
    },
}

impl Default for JitterConfig {
    fn default() -> Self {
        JitterConfig::Adaptive {
            min_ms: 20,
            max_ms: 200,
        }
    }
}

/// What to play; replaces what is playing.
#[derive(Debug, Clone)]
pub struct Play {
    /// Names the play in events.
    pub id: u64,
    /// Heard one after another without a gap.
    pub segments: Vec<Segment>,
    /// How often.
    pub repeat: Repeat,
}

/// A piece of what is played.
#[derive(Debug, Clone)]
pub enum Segment {
    /// A prompt, in the encoding of the current codec, also when the codec changes meanwhile.
    Prompt(Arc<Prompt>),
    /// 8 kHz linear samples, encoded as they go out.
    Samples(Arc<[i16]>),
    /// So many ms of silence.
    Silence {
        /// Length.
        ms: u32,
    },
    /// A prompt that comes later.
    Late(Late),
}

/// How often a play is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// From its start again until it is stopped or replaced.
    Forever,
}

/// A digit to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitOut {
    /// `0`-`9`, `*`, `#`, `A`-`D`; `,` is a pause of `duration_ms` and nothing else; others are
    /// left out.
    pub digit: char,
    /// 40 to 8,000 ms; clamped.
    pub duration_ms: u16,
    /// Silence after it.
    pub pause_ms: u16,
}

/// Which of a stream's two recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordSlot {
    /// The whole call: goes on over holds and prompts.
    Call,
    /// A message that the caller leaves.
    Message,
}

/// Starts a recording; one that runs in the same slot is ended first.
pub struct RecordStart {
    /// Where the audio goes; its id names the recording in events.
    pub track: Track,
    /// Which recording it is.
    pub slot: RecordSlot,
    /// When it ends by itself.
    pub limits: RecordLimits,
}

/// When a recording ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordLimits {
    /// Length, ms.
    pub max_duration_ms: Option<u32>,
    /// After so much silence of the caller, ms, which is cut off; also when the caller never says
    /// anything.
    pub silence_ms: Option<u32>,
}
