//! `[asr]`: models that understand what callers say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::SecretSource;
use super::tts::{failures, longest_rest, rest, retries, secret_files};

/// The engine that is there without standing in `engines`.
pub const BUILT_IN: &str = "vosk";

/// Models that understand what callers say. Without any, a gather that listens hears keys alone, and
/// the flow is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asr {
    /// The directory in which recognitions are kept for tuning: what the caller said, as sound, and what
    /// was understood. Absent: none is kept. It is made at the first start.
    pub keep_directory: Option<PathBuf>,
    /// How much is kept there, MiB; the oldest goes first. A minute of speech takes one.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub keep_mib: u32,
    /// Which model understands which language. Those of one language are tried in this order.
    pub models: Vec<AsrModel>,
    /// What the models belong to, by name. `vosk` is there without standing here.
    pub engines: BTreeMap<String, AsrEngine>,
}

impl Default for Asr {
    fn default() -> Self {
        Asr {
            keep_directory: None,
            keep_mib: 1024,
            models: Vec::new(),
            engines: BTreeMap::new(),
        }
    }
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AsrModel {
    /// The BCP 47 tag of what it understands: "en" also stands for "en-US", unless that has a model of
    /// its own.
    #[schemars(length(min = 1, max = 35))]
    pub language: String,
    /// The name of its engine.
    #[serde(default = "built_in")]
    pub engine: String,
    /// The directory of its files, for `vosk`: a model for 8 or 16 kHz.
    pub directory: Option<PathBuf>,
}

fn built_in() -> String {
    BUILT_IN.to_owned()
}

/// An engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum AsrEngine {
    /// libvosk, in processes of its own.
    Vosk {
        /// Another `libvosk.so` than the one beside the server.
        library: Option<PathBuf>,
        /// Processes of each model.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 64))]
        workers: u16,
        /// Threads of each process that decode speech; absent: as many as CPU cores less one, at least
        /// one.
        #[schemars(range(min = 1, max = 256))]
        threads: Option<u16>,
        /// Callers who are listened to at the same time; one more is told `busy`.
        #[serde(default = "usual_streams")]
        #[schemars(range(min = 1, max = 10_000))]
        streams: u32,
    },
    /// A server that listens, one connection for each caller: docs/speech-engines.md. Its models need no
    /// `directory`.
    Websocket {
        /// Where it is: `ws://` or `wss://`.
        #[schemars(length(min = 1, max = 2048))]
        url: String,
        /// Where the token is read from that is sent as `Authorization: Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<SecretSource>,
        /// Headers that are sent with each connection.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Headers whose values are secret, and where these are read from.
        #[serde(default)]
        secret_headers: BTreeMap<String, SecretSource>,
        /// Callers who are listened to at the same time; one more is told `busy`.
        #[serde(default = "usual_streams")]
        #[schemars(range(min = 1, max = 10_000))]
        streams: u32,
        /// How long a connection may take to be made, with its retries, milliseconds.
        #[serde(default = "connect")]
        #[schemars(range(min = 50, max = 60_000))]
        connect_ms: u32,
        /// How often it is tried again when it breaks or the server answers 502, 503 or 504.
        #[serde(default = "retries")]
        #[schemars(range(max = 10))]
        retries: u8,
        /// Failures one after the other until the server is left alone.
        #[serde(default = "failures")]
        #[schemars(range(min = 1, max = 1000))]
        failures: u32,
        /// For how long, milliseconds; doubled with each failure that follows.
        #[serde(default = "rest")]
        #[schemars(range(min = 100, max = 3_600_000))]
        rest_ms: u32,
        /// For how long at most, milliseconds.
        #[serde(default = "longest_rest")]
        #[schemars(range(min = 100, max = 3_600_000))]
        longest_rest_ms: u32,
    },
}

fn connect() -> u32 {
    2_000
}

fn one() -> u16 {
    1
}

fn usual_streams() -> u32 {
    50
}

impl AsrEngine {
    /// An engine that is there without being configured.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        (name == BUILT_IN).then(|| AsrEngine::Vosk {
            library: None,
            workers: one(),
            threads: None,
            streams: usual_streams(),
        })
    }
}

impl Asr {
    /// The engine of a name.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<AsrEngine> {
        let own = self.engines.get(name).cloned();
        own.or_else(|| AsrEngine::built_in(name))
    }

    /// The paths in it.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let engines = (self.engines.values_mut()).flat_map(|engine| match engine {
            AsrEngine::Vosk { library, .. } => library.iter_mut().collect(),
            AsrEngine::Websocket {
                token,
                secret_headers,
                ..
            } => secret_files(token, secret_headers),
        });
        let models = self.models.iter_mut();
        models
            .filter_map(|model| model.directory.as_mut())
            .chain(engines)
            .chain(self.keep_directory.as_mut())
    }
}
