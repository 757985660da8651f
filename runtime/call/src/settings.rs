//! What calls need to know of the configuration. Replaced as a whole on a reload; a call keeps the
//! one it began with.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vireo_audio::Codec;
use vireo_audio::recorder::Format;
use vireo_host::{Grants, Limits};
use vireo_rtp::{JitterConfig, Silence};

use crate::canary::CanarySettings;
use crate::route::Routes;
use crate::route::number::Normalizer;

/// The settings of one server.
#[derive(Debug)]
pub struct Settings {
    /// Name of this server, as it stands in CDRs.
    pub node: String,
    /// Which flow takes which call.
    pub routes: Routes,
    /// How each trunk writes numbers.
    pub normalizers: HashMap<String, Normalizer>,
    /// The flows by name.
    pub flows: HashMap<String, Arc<FlowSettings>>,
    /// Time zone of `clock.local` when a flow names none.
    pub time_zone: jiff::tz::TimeZone,
    /// Codecs and the like.
    pub media: MediaSettings,
    /// The prompt heard when a flow fails; none: the call just ends.
    pub apology: Option<String>,
    /// Recordings.
    pub recordings: RecordingSettings,
    /// How canaries are watched.
    pub canary: CanarySettings,
}

/// How media is offered and answered.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// The address in our SDP; the one the packets are received at when it is unspecified.
    pub address: IpAddr,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Packet time we ask for: 10, 20, 30 or 40 ms.
    pub ptime_ms: u16,
    /// What is sent while nothing plays.
    pub silence: Silence,
    /// A call without a single RTP packet for so long is ended; none: never.
    pub no_media_timeout_ms: Option<u32>,
    /// Are keys looked for in the audio?
    pub inband_dtmf: InbandDtmf,
    /// How received audio is put in order.
    pub jitter: JitterConfig,
}

/// Are keys looked for in the audio?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InbandDtmf {
    /// When telephone-event (RFC 4733) was not negotiated.
    Fallback,
    /// Never.
    Off,
}

/// How recordings are kept.
#[derive(Debug, Clone)]
pub struct RecordingSettings {
    /// How samples are written.
    pub format: Format,
}

/// What the operator gives to one flow.
#[derive(Debug, Clone)]
pub struct FlowSettings {
    /// What it may use beside its call.
    pub grants: Arc<Grants>,
    /// What one run may use.
    pub limits: Limits,
    /// What `settings.get` returns.
    pub settings: BTreeMap<String, String>,
    /// What `settings.secret` hands out.
    pub secrets: BTreeMap<String, SecretValue>,
    /// The flow that takes over when this one fails.
    pub fallback: Option<String>,
    /// A call is ended so long after its INVITE, whatever the flow wants.
    pub longest: Duration,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            grants: Arc::default(),
            limits: Limits::default(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            fallback: None,
            longest: Duration::from_secs(2 * 3600),
        }
    }
}

/// A secret. It is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Wraps a secret.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
