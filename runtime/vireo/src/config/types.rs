//! The configuration file as types. Their comments are the published reference: they become the
//! descriptions of the JSON Schema and `docs/configuration.md`.
//!
//! Quantities are plain numbers with their unit in the key (`cpu-ms`, `call-duration-s`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vireo_host::Grant;

use super::asr::Asr;
use super::canary::Canary;
use super::routing::{CalendarConfig, NumberConfig, RouteConfig};
use super::text::{
    AdminListen, Peer, PortRange, SecretSource, SipAddress, SipTransport, TimeZoneName,
};
use super::tts::Tts;

/// The configuration of a Vireo server: one TOML file. Unknown keys are errors. Relative paths
/// are relative to the directory of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The server itself.
    pub server: Server,
    /// SIP sockets and their limits.
    pub sip: Sip,
    /// RTP and codecs.
    pub media: Media,
    /// Audio files that flows play.
    pub prompts: Prompts,
    /// Voices that speak the texts of prompts. Without any, espeak-ng speaks Arabic, Chinese, English,
    /// French, German, Korean, Portuguese, Russian and Spanish where its library is installed.
    pub tts: Tts,
    /// Models that understand what callers say.
    pub asr: Asr,
    /// Recordings of calls and messages.
    pub recordings: Recordings,
    /// The admin API and the health and metrics pages.
    pub admin: Admin,
    /// What a call may use; a flow's own `limits` come before these.
    pub limits: Limits,
    /// How versions on trial are watched.
    pub canary: Canary,
    /// The carriers, PBXs and phones that may send calls here, by name. A request from any other
    /// address never starts a flow.
    pub trunks: BTreeMap<String, Trunk>,
    /// The flows that can be deployed and routed to, by name.
    pub flows: BTreeMap<String, Flow>,
    /// Which flow takes a call; the first route that matches decides.
    pub routes: Vec<RouteConfig>,
    /// Holiday calendars that routes refer to, by name.
    pub calendars: BTreeMap<String, CalendarConfig>,
    /// Lists of callers, by name: "@name" in a route's `caller` stands for the whole list.
    pub caller_lists: BTreeMap<String, Vec<String>>,
}

/// The server itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Server {
    /// Names this server in CDRs and in `vireo status`.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// The directory of what the server keeps: the store with CDRs, journals, key-value data and
    /// deployments, compiled code, and the admin token. It is made at the first start.
    pub data_directory: PathBuf,
    /// How much compiled code of flows is kept in the data directory, so that a restart or a
    /// rollback compiles nothing, MiB; 0: none. A Rust flow takes 0.13, a Python flow 35.
    #[schemars(range(max = 65_536))]
    pub compiled_code_mib: u32,
    /// The IANA time zone of `clock.local` and of routes that name none.
    pub time_zone: TimeZoneName,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            name: "vireo".to_owned(),
            data_directory: "data".into(),
            compiled_code_mib: 512,
            time_zone: TimeZoneName::default(),
        }
    }
}

/// SIP sockets and their limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sip {
    /// The sockets. List UDP and TCP both: large requests come by TCP (RFC 3261, 18.1.1).
    #[schemars(length(min = 1, max = 16))]
    pub listen: Vec<SipAddress>,
    /// What a request from an address of no trunk gets.
    pub unknown_peer: UnknownPeer,
    /// Calls at the same time, over all trunks; a call past it gets 503 with Retry-After.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_calls: u32,
    /// Milliseconds. When the server's own work waits longer than this for the CPU, again and again, a
    /// growing share of new calls gets 503 with Retry-After until it keeps up; the same when media
    /// threads are late, or the queue of journal entries is half full. 0: never.
    #[schemars(range(min = 0, max = 10_000))]
    pub max_delay_ms: u32,
    /// The text of the Server and User-Agent headers.
    #[schemars(length(min = 1, max = 128))]
    pub user_agent: String,
}

impl Default for Sip {
    fn default() -> Self {
        let loopback = (Ipv4Addr::LOCALHOST, 5060).into();
        let listen = |transport| SipAddress {
            transport,
            address: loopback,
        };
        Sip {
            listen: vec![listen(SipTransport::Udp), listen(SipTransport::Tcp)],
            unknown_peer: UnknownPeer::Drop,
            max_calls: 1000,
            max_delay_ms: 100,
            user_agent: "Vireo".to_owned(),
        }
    }
}

/// What a request from an address of no trunk gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownPeer {
    /// No answer, so that a scanner does not learn that a server is here.
    Drop,
    /// 403 Forbidden.
    Forbid,
}

/// RTP and codecs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Media {
    /// The IP address that RTP is sent from and that callers are told in SDP; one address, not
    /// 0.0.0.0.
    pub address: IpAddr,
    /// The UDP ports of RTP and RTCP. A call takes two.
    pub ports: PortRange,
    /// Threads that pace the packets; when absent, as many as CPU cores less one, at least one.
    #[schemars(range(min = 1, max = 256))]
    pub threads: Option<u16>,
    /// Codecs offered and accepted, the preferred first.
    #[schemars(length(min = 1))]
    pub codecs: Vec<Codec>,
    /// Milliseconds of audio in a packet we send when the other side asks for nothing else.
    pub ptime_ms: Ptime,
    /// Least delay of the jitter buffer, milliseconds.
    #[schemars(range(min = 20, max = 200))]
    pub jitter_min_ms: u16,
    /// Largest delay of the jitter buffer, milliseconds.
    #[schemars(range(min = 20, max = 500))]
    pub jitter_max_ms: u16,
    /// What is sent while nothing plays.
    pub silence: Silence,
    /// Ends a call after so many seconds without a single RTP packet, except on hold; 0: never.
    #[schemars(range(max = 86_400))]
    pub no_media_timeout_s: u32,
    /// May the media threads run with real-time priority?
    pub realtime: Realtime,
    /// May RTP to callers who are silent leave many packets at a time, whoever they are for?
    pub raw_socket: RawSocket,
    /// Are keys looked for in the audio?
    pub inband_dtmf: InbandDtmf,
}

impl Default for Media {
    fn default() -> Self {
        Media {
            address: Ipv4Addr::LOCALHOST.into(),
            ports: PortRange(20_000..=29_999),
            threads: None,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            ptime_ms: Ptime::Ms20,
            jitter_min_ms: 40,
            jitter_max_ms: 200,
            silence: Silence::Suppress,
            no_media_timeout_s: 60,
            realtime: Realtime::Try,
            raw_socket: RawSocket::Try,
            inband_dtmf: InbandDtmf::Fallback,
        }
    }
}

/// An audio codec, by its RTP name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Codec {
    /// G.711 µ-law (RFC 3551, 4.5.14).
    #[serde(rename = "PCMU")]
    Pcmu,
    /// G.711 A-law (RFC 3551, 4.5.14).
    #[serde(rename = "PCMA")]
    Pcma,
}

impl Codec {
    /// The encoding name of SDP (RFC 3551).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }
}

/// Milliseconds of audio in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum Ptime {
    /// 10 ms
    Ms10,
    /// 20 ms
    Ms20,
    /// 30 ms
    Ms30,
    /// 40 ms
    Ms40,
}

impl From<Ptime> for u16 {
    fn from(ptime: Ptime) -> u16 {
        match ptime {
            Ptime::Ms10 => 10,
            Ptime::Ms20 => 20,
            Ptime::Ms30 => 30,
            Ptime::Ms40 => 40,
        }
    }
}

impl TryFrom<u16> for Ptime {
    type Error = String;

    fn try_from(ms: u16) -> Result<Self, String> {
        match ms {
            10 => Ok(Ptime::Ms10),
            20 => Ok(Ptime::Ms20),
            30 => Ok(Ptime::Ms30),
            40 => Ok(Ptime::Ms40),
            other => Err(format!("{other} is not 10, 20, 30 or 40")),
        }
    }
}

impl JsonSchema for Ptime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ptime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "enum": [10, 20, 30, 40],
            "description": "Milliseconds of audio in a packet.",
        })
    }
}

/// What is sent while nothing plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// Nothing but a packet every 5 seconds, which keeps NATs open; the first packet of speech is
    /// marked (RFC 3551, 4.1).
    Suppress,
    /// A packet of silence at every packet time, for the other side that takes a gap for a failure.
    Send,
}

/// May the media threads run with real-time priority?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Realtime {
    /// SCHED_FIFO where the system allows it; a warning where it does not.
    Try,
    /// Ordinary priority.
    Off,
}

/// May RTP to callers who are silent leave many packets at a time, whoever they are for?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawSocket {
    /// Through a raw socket where the system allows it (`CAP_NET_RAW`) and `address` is an IPv4 address:
    /// a third less CPU for such a packet. On the wire there is no difference.
    Try,
    /// Each packet through the socket of its call. For hosts where rules on local sockets (policy routing by
    /// port, IPsec by port, eBPF on `sendmsg`) must see RTP.
    Off,
}

/// Are keys looked for in the audio?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InbandDtmf {
    /// When telephone-event (RFC 4733) was not negotiated.
    Fallback,
    /// Never.
    Off,
}

/// Audio files that flows play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prompts {
    /// The directory of the audio files, with a sub-directory for each language.
    pub directory: PathBuf,
    /// The BCP 47 tag of the language that a prompt is looked for in when the call's own has no
    /// such file.
    pub default_language: String,
    /// The prompt that callers hear when a flow fails.
    pub apology: String,
}

impl Default for Prompts {
    fn default() -> Self {
        Prompts {
            directory: "prompts".into(),
            default_language: "en".to_owned(),
            apology: "vireo/apology".to_owned(),
        }
    }
}

/// Recordings of calls and messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recordings {
    /// The directory of the recordings. It is made at the first start.
    pub directory: PathBuf,
    /// How the samples are written.
    pub format: RecordingFormat,
    /// Recordings at the same time; one more fails. Each takes an open file, set aside at the
    /// start. Absent: two for each of `max-calls`, the call and a message.
    #[schemars(range(max = 1_000_000))]
    pub max_open: Option<u32>,
}

impl Recordings {
    /// Recordings at the same time, where so many calls are allowed.
    #[must_use]
    pub fn at_once(&self, max_calls: u32) -> u32 {
        self.max_open.unwrap_or(max_calls.saturating_mul(2))
    }
}

impl Default for Recordings {
    fn default() -> Self {
        Recordings {
            directory: "recordings".into(),
            format: RecordingFormat::Pcm16,
            max_open: None,
        }
    }
}

/// How the samples of a recording are written; each is a WAV file at 8 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingFormat {
    /// 16-bit linear: 32 kB a second of a call in stereo.
    Pcm16,
    /// G.711 µ-law: half of that.
    Mulaw,
}

/// The admin API and the health and metrics pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Admin {
    /// Where it listens: an address and port, or "unix:" and a path.
    pub listen: AdminListen,
    /// The file of the bearer token. It is made with a fresh token and mode 0600 when it does not
    /// exist; `admin-token` in the data directory when absent here.
    pub token_file: Option<PathBuf>,
    /// Must be true for `listen` to be an address that other machines reach. The API speaks plain
    /// HTTP: put a proxy with TLS in front instead.
    pub allow_remote: bool,
}

impl Default for Admin {
    fn default() -> Self {
        Admin {
            listen: AdminListen::Tcp((Ipv4Addr::LOCALHOST, 8089).into()),
            token_file: None,
            allow_remote: false,
        }
    }
}

/// What a call may use. Past any of them the flow of that call ends: its caller hears the
/// apology.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Memory of the flow, MiB.
    #[schemars(range(min = 1, max = 1024))]
    pub memory_mib: u32,
    /// CPU time between two host calls, milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub cpu_ms: u32,
    /// Host calls in a call.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub host_calls: u32,
    /// What the flow may write to the log in a call, bytes.
    #[schemars(range(max = 16_777_216))]
    pub log_bytes: u32,
    /// Length of a call from the INVITE, seconds.
    #[schemars(range(min = 1, max = 604_800))]
    pub call_duration_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_mib: 16,
            cpu_ms: 500,
            host_calls: 100_000,
            log_bytes: 262_144,
            call_duration_s: 7200,
        }
    }
}

/// The limits of one flow; what is absent is as in `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct FlowLimits {
    /// Memory of the flow, MiB.
    #[schemars(range(min = 1, max = 1024))]
    pub memory_mib: Option<u32>,
    /// CPU time between two host calls, milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub cpu_ms: Option<u32>,
    /// Host calls in a call.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub host_calls: Option<u32>,
    /// What the flow may write to the log in a call, bytes.
    #[schemars(range(max = 16_777_216))]
    pub log_bytes: Option<u32>,
    /// Length of a call from the INVITE, seconds.
    #[schemars(range(min = 1, max = 604_800))]
    pub call_duration_s: Option<u32>,
}

impl FlowLimits {
    /// These limits, with the server's own where there is none.
    #[must_use]
    pub fn over(&self, server: &Limits) -> Limits {
        Limits {
            memory_mib: self.memory_mib.unwrap_or(server.memory_mib),
            cpu_ms: self.cpu_ms.unwrap_or(server.cpu_ms),
            host_calls: self.host_calls.unwrap_or(server.host_calls),
            log_bytes: self.log_bytes.unwrap_or(server.log_bytes),
            call_duration_s: self.call_duration_s.unwrap_or(server.call_duration_s),
        }
    }
}

/// A carrier, PBX or phone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Trunk {
    /// The addresses that its requests come from. Two trunks cannot share an address.
    #[schemars(length(min = 1))]
    pub peers: Vec<Peer>,
    /// Where calls to it are sent; absent: none are.
    #[serde(default)]
    pub destination: Option<SipAddress>,
    /// Calls at the same time; a call past it gets 503 with Retry-After. Absent: as many as
    /// `[sip]` allows.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_calls: Option<u32>,
    /// New calls a second; a call past it gets 503 with Retry-After. Absent: no limit.
    #[serde(default)]
    #[schemars(range(min = 0.01, max = 10_000.0))]
    pub calls_per_second: Option<f64>,
    /// Is its P-Asserted-Identity (RFC 3325) believed?
    #[serde(default)]
    pub identity: Identity,
    /// How it writes numbers.
    #[serde(default)]
    pub numbers: NumberConfig,
}

/// Is P-Asserted-Identity (RFC 3325) believed?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Yes: the caller is who the trunk asserts.
    Trusted,
    /// No: the caller is who From says.
    #[default]
    Untrusted,
}

/// A flow: what it is granted and told. Its component is deployed with `vireo flow deploy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flow {
    /// What the flow may use beside its own call.
    pub grants: Grants,
    /// What `settings.get` returns, by key.
    pub settings: BTreeMap<String, Setting>,
    /// Where the secrets are read from, by the name under which the flow asks for them.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The flow that takes the call when this one fails.
    pub fallback: Option<String>,
    /// Limits of this flow's calls.
    pub limits: FlowLimits,
    /// Texts that are spoken ahead, by language: when the server starts, and when its configuration is
    /// read again. No caller waits for them then.
    pub prefetch: BTreeMap<String, Vec<String>>,
    /// What callers may say, by language: phrases whose words are looked for in the models of `[asr]` when
    /// a component is deployed, when the server starts, and when its configuration is read again.
    pub phrases: BTreeMap<String, Vec<String>>,
}

/// What a flow may use beside its own call. Nothing is granted that does not stand here. A component
/// that imports what is neither granted nor refused (`kv = false`, `http = []`, `secrets = []`) is
/// not deployed; what is refused it may import, and is denied when it calls it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grants {
    /// The key-value store: true for the flow's own keys, a name for a namespace that several
    /// flows share.
    pub kv: Option<KvGrant>,
    /// Hosts that it may send HTTP requests to: "api.example.com", "api.example.com:8443",
    /// "*.example.com".
    pub http: Option<Vec<String>>,
    /// Names of `secrets` that it may read.
    pub secrets: Option<Vec<String>>,
}

impl Grants {
    /// The namespace whose keys `flow` may use; none when the store is not granted.
    #[must_use]
    pub fn namespace(&self, flow: &str) -> Option<String> {
        self.kv.as_ref().and_then(|kv| kv.namespace(flow))
    }

    /// Hosts that it may send HTTP requests to.
    #[must_use]
    pub fn http(&self) -> &[String] {
        self.http.as_deref().unwrap_or_default()
    }

    /// Names of the secrets that it may read.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        self.secrets.as_deref().unwrap_or_default()
    }

    /// What stands here as refused.
    #[must_use]
    pub fn withheld(&self) -> Vec<Grant> {
        let none = |names: &Option<Vec<String>>| names.as_ref().is_some_and(Vec::is_empty);
        [
            (Grant::Kv, self.kv == Some(KvGrant::Own(false))),
            (Grant::Http, none(&self.http)),
            (Grant::Secrets, none(&self.secrets)),
        ]
        .into_iter()
        .filter_map(|(grant, withheld)| withheld.then_some(grant))
        .collect()
    }
}

/// The key-value store: not granted, granted with the flow's own keys, or with those of a
/// namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KvGrant {
    /// The flow's own keys, or none at all.
    Own(bool),
    /// The keys of this namespace.
    Namespace(String),
}

impl KvGrant {
    fn namespace(&self, flow: &str) -> Option<String> {
        match self {
            KvGrant::Own(false) => None,
            KvGrant::Own(true) => Some(flow.to_owned()),
            KvGrant::Namespace(name) => Some(name.clone()),
        }
    }
}

/// A setting of a flow: text, a number or true/false; the flow gets it as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Setting {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Flag(value) => value.fmt(f),
            Setting::Whole(value) => value.fmt(f),
            Setting::Number(value) => value.fmt(f),
            Setting::Text(value) => value.fmt(f),
        }
    }
}
