//! From the configuration file to what the server is made of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use vireo_audio::prompt::LibraryConfig;
use vireo_audio::recorder::{Format, RecorderConfig};
use vireo_call::canary::evidence::Rules;
use vireo_call::canary::{AutomaticRollback, CanarySettings};
use vireo_call::route::Routes;
use vireo_call::route::number::Normalizer;
use vireo_call::settings::{
    FlowSettings, InbandDtmf, MediaSettings, RecordingSettings, SecretValue, Settings,
};
use vireo_call::{Runtime, RuntimeConfig};
use vireo_host::{CacheConfig, Compiler, CompilerCommand, Grants, HostConfig, Limits};
use vireo_rtp::{EngineConfig, JitterConfig, RawSocket, Realtime, Silence, Wake};
use vireo_sip::stack::StackConfig;
use vireo_sip::transport::{Listen, Protocol};
use vireo_sip::trunk::{AssertedIdentity, Destination, Peer, Trunk, Trunks, UnknownPeer};
use vireo_speech::asr::Recognizers;
use vireo_speech::tts::Speech;
use vireo_store::SledStore;

use super::ServeError;
use super::capacity::Capacity;
use crate::config::{self, Config};

/// Everything for the runtime but its store, which is opened late.
pub(super) struct Built {
    pub settings: Settings,
    pub time_zone: TimeZone,
    host: HostConfig,
    engine: EngineConfig,
    prompts: LibraryConfig,
    recordings: RecorderConfig,
    data: std::path::PathBuf,
}

pub(super) fn build(config: &Config, capacity: Capacity) -> Result<Built, ServeError> {
    let time_zone = config.server.time_zone.zone();
    let engine = EngineConfig {
        threads: config.media.threads.map_or_else(media_threads, usize::from),
        address: config.media.address,
        ports: config.media.ports.0.clone(),
        realtime: match config.media.realtime {
            config::Realtime::Try => Realtime::Try,
            config::Realtime::Off => Realtime::Off,
        },
        raw_socket: match config.media.raw_socket {
            config::RawSocket::Try => RawSocket::Try,
            config::RawSocket::Off => RawSocket::Off,
        },
        wake: Wake::Together(Handle::current()),
        max_streams: capacity.calls as usize,
    };
    let memory_mib = (config.flows.values())
        .map(|flow| flow.limits.over(&config.limits).memory_mib)
        .fold(config.limits.memory_mib, u32::max);
    Ok(Built {
        settings: settings(config)?,
        time_zone,
        host: HostConfig {
            max_calls: capacity.calls,
            memory_bytes: (memory_mib as usize) << 20,
            compiler: Compiler::Child(CompilerCommand::this_program(super::COMPILER)),
            cache: match config.server.compiled_code_mib {
                0 => None,
                mib => Some(CacheConfig {
                    directory: config.server.data_directory.join("compiled"),
                    max_bytes: u64::from(mib) << 20,
                }),
            },
        },
        engine,
        prompts: LibraryConfig {
            default_language: config.prompts.default_language.clone(),
            ..LibraryConfig::new(&config.prompts.directory)
        },
        recordings: RecorderConfig {
            max_open: capacity.recordings as usize,
            ..RecorderConfig::new(&config.recordings.directory)
        },
        data: config.store_directory(),
    })
}

/// One core is left to signalling and flows, where there is more than one.
fn media_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

/// Opens the store and starts the engines; blocks.
pub(super) fn start(
    built: Built,
    speech: Arc<Speech>,
    recognizers: Option<Recognizers>,
) -> Result<Arc<Runtime>, ServeError> {
    let store = Arc::new(SledStore::open(built.data)?);
    Ok(Runtime::start(RuntimeConfig {
        host: built.host,
        engine: built.engine,
        prompts: built.prompts,
        recordings: built.recordings,
        speech: Some(speech),
        recognizers,
        store,
        settings: built.settings,
    })?)
}

/// What calls need to know; also for a reload.
pub(super) fn settings(config: &Config) -> Result<Settings, ServeError> {
    let mut flows = HashMap::new();
    for (name, flow) in &config.flows {
        flows.insert(name.clone(), Arc::new(flow_settings(config, name, flow)?));
    }
    Ok(Settings {
        node: config.server.name.clone(),
        routes: routes(config)?,
        normalizers: normalizers(config)?,
        flows,
        time_zone: config.server.time_zone.zone(),
        media: MediaSettings {
            address: config.media.address,
            codecs: config
                .media
                .codecs
                .iter()
                .map(|codec| audio_codec(*codec))
                .collect(),
            ptime_ms: config.media.ptime_ms.into(),
            no_media_timeout_ms: match config.media.no_media_timeout_s {
                0 => None,
                seconds => Some(seconds.saturating_mul(1000)),
            },
            silence: match config.media.silence {
                config::Silence::Suppress => Silence::Suppress,
                config::Silence::Send => Silence::Send,
            },
            inband_dtmf: match config.media.inband_dtmf {
                config::InbandDtmf::Fallback => InbandDtmf::Fallback,
                config::InbandDtmf::Off => InbandDtmf::Off,
            },
            jitter: JitterConfig::Adaptive {
                min_ms: config.media.jitter_min_ms,
                max_ms: config.media.jitter_max_ms,
            },
        },
        apology: apology(config),
        recordings: RecordingSettings {
            format: match config.recordings.format {
                config::RecordingFormat::Pcm16 => Format::Pcm16,
                config::RecordingFormat::Mulaw => Format::Mulaw,
            },
        },
        canary: canary(&config.canary),
    })
}

fn canary(config: &config::Canary) -> CanarySettings {
    CanarySettings {
        automatic_rollback: match config.automatic_rollback {
            true => AutomaticRollback::On,
            false => AutomaticRollback::Off,
        },
        rules: Rules {
            margin: config.margin_points / 100.0,
            hangup_margin: config.early_hangup_margin_points / 100.0,
            confidence: config.confidence_percent / 100.0,
            min_calls: config.min_calls.into(),
        },
        early_hangup: Duration::from_secs(config.early_hangup_s.into()),
    }
}

/// What a flow is granted, in the host's terms.
pub(crate) fn grants(name: &str, flow: &config::Flow) -> Grants {
    Grants {
        kv: flow.grants.namespace(name),
        http: flow.grants.http().to_vec(),
        secrets: flow.grants.secrets().to_vec(),
        withheld: flow.grants.withheld(),
    }
}

/// What callers hear when a flow has failed.
pub(crate) fn apology(config: &Config) -> Option<String> {
    Some(config.prompts.apology.clone()).filter(|name| !name.is_empty())
}

/// What a run of a flow may use, and how long a call of it may last.
pub(crate) fn flow_limits(config: &Config, flow: &config::Flow) -> (Limits, Duration) {
    let limits = flow.limits.over(&config.limits);
    let run = Limits {
        memory_bytes: (limits.memory_mib as usize) << 20,
        cpu_ms_between_calls: limits.cpu_ms,
        host_calls: limits.host_calls.into(),
        log_bytes: limits.log_bytes.into(),
        ..Limits::default()
    };
    (run, Duration::from_secs(limits.call_duration_s.into()))
}

fn flow_settings(
    config: &Config,
    name: &str,
    flow: &config::Flow,
) -> Result<FlowSettings, ServeError> {
    let (limits, longest) = flow_limits(config, flow);
    let secrets = flow.read_secrets().map_err(ServeError::Secrets)?;
    Ok(FlowSettings {
        grants: Arc::new(grants(name, flow)),
        limits,
        longest,
        settings: flow
            .settings
            .iter()
            .map(|(key, value)| (key.clone(), value.to_string()))
            .collect(),
        secrets: secrets
            .into_iter()
            .map(|(name, secret)| (name, SecretValue::new(secret.expose().to_owned())))
            .collect(),
        fallback: flow.fallback.clone(),
    })
}

fn audio_codec(codec: config::Codec) -> vireo_audio::Codec {
    match codec {
        config::Codec::Pcmu => vireo_audio::Codec::Pcmu,
        config::Codec::Pcma => vireo_audio::Codec::Pcma,
    }
}

fn routes(config: &Config) -> Result<Routes, ServeError> {
    Routes::compile(&config.routing()).map_err(|errors| {
        ServeError::Routes(
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })
}

fn normalizers(config: &Config) -> Result<HashMap<String, Normalizer>, ServeError> {
    let mut normalizers = HashMap::new();
    for (name, trunk) in &config.trunks {
        let normalizer = Normalizer::new(&trunk.numbers).map_err(|errors| {
            let lines: Vec<String> = errors
                .iter()
                .map(|error| format!("trunk {name}: {error}"))
                .collect();
            ServeError::Routes(lines.join("\n"))
        })?;
        normalizers.insert(name.clone(), normalizer);
    }
    Ok(normalizers)
}

pub(super) fn trunks(config: &Config) -> Result<Trunks, ServeError> {
    let trunks = config.trunks.iter().map(|(name, trunk)| Trunk {
        peers: trunk.peers.iter().map(|peer| Peer::from(peer.0)).collect(),
        destination: trunk.destination.as_ref().map(|address| Destination {
            protocol: protocol(address.transport),
            address: address.address,
        }),
        max_calls: trunk.max_calls,
        calls_per_second: trunk.calls_per_second,
        asserted_identity: match trunk.identity {
            config::Identity::Trusted => AssertedIdentity::Trusted,
            config::Identity::Untrusted => AssertedIdentity::Ignored,
        },
        ..Trunk::new(name)
    });
    let unknown = match config.sip.unknown_peer {
        config::UnknownPeer::Drop => UnknownPeer::Drop,
        config::UnknownPeer::Forbid => UnknownPeer::Forbid,
    };
    Ok(Trunks::new(trunks.collect(), unknown)?)
}

pub(super) fn stack(config: &Config) -> Result<StackConfig, ServeError> {
    let listen = (config.sip.listen.iter())
        .map(|address| {
            Listen {
                protocol: protocol(address.transport),
                address: address.address,
            }
            .into()
        })
        .collect();
    let mut stack = StackConfig::new(listen, trunks(config)?);
    stack.endpoint.user_agent.clone_from(&config.sip.user_agent);
    stack.endpoint.limits.max_calls = config.sip.max_calls as usize;
    Ok(stack)
}

fn protocol(transport: config::SipTransport) -> Protocol {
    match transport {
        config::SipTransport::Udp => Protocol::Udp,
        config::SipTransport::Tcp => Protocol::Tcp,
    }
}
