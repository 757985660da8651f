//! `[tts]`: voices that speak the texts of prompts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::SecretSource;

/// Voices that speak the texts of prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tts {
    /// How long one sentence may take to be made, milliseconds.
    #[schemars(range(min = 100, max = 60_000))]
    pub timeout_ms: u32,
    /// Spoken sentences that are kept in memory, MiB: some 30 s of speech each.
    #[schemars(range(min = 1, max = 65_536))]
    pub cache_memory_mib: u32,
    /// Spoken sentences that are kept on the disk, MiB; 0: none.
    #[schemars(range(max = 1_048_576))]
    pub cache_disk_mib: u32,
    /// The directory of these; `speech` in the data directory when absent. It is made at the first
    /// start.
    pub cache_directory: Option<PathBuf>,
    /// Which voice speaks which language. Those of one language are tried in this order.
    pub voices: Vec<TtsVoice>,
    /// What the voices belong to, by name. `espeak` and `flite` are there without standing here.
    pub engines: BTreeMap<String, TtsEngine>,
}

impl Default for Tts {
    fn default() -> Self {
        Tts {
            timeout_ms: 5000,
            cache_memory_mib: 64,
            cache_disk_mib: 512,
            cache_directory: None,
            voices: Vec::new(),
            engines: BTreeMap::new(),
        }
    }
}

/// A voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TtsVoice {
    /// The BCP 47 tag of what it speaks: "en" also stands for "en-US", unless that has a voice of its
    /// own. A flow that is to choose among voices asks for a private tag, as "en-x-anna".
    #[schemars(length(min = 1, max = 35))]
    pub language: String,
    /// The name of its engine.
    pub engine: String,
    /// That engine's name of it.
    #[schemars(length(min = 1, max = 256))]
    pub voice: String,
    /// Percent of its own speed.
    #[serde(default = "usual")]
    #[schemars(range(min = 20, max = 400))]
    pub rate: u16,
}

fn usual() -> u16 {
    100
}

/// An engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum TtsEngine {
    /// espeak-ng: many languages, fast, and sounds like a machine. `espeak-ng --voices` lists its voices.
    Espeak {
        /// Processes that speak at the same time.
        #[serde(default = "few")]
        #[schemars(range(min = 1, max = 64))]
        processes: u16,
    },
    /// flite: English, in the voices that its library has: slt, rms, awb, kal16, kal.
    Flite {
        /// Processes that speak at the same time.
        #[serde(default = "few")]
        #[schemars(range(min = 1, max = 64))]
        processes: u16,
    },
    /// Piper: neural voices. A voice is the name of a file in `directory` without its `.onnx`, with
    /// `#SPEAKER` behind it where the file has several speakers.
    Piper {
        /// The directory of the voices: NAME.onnx and NAME.onnx.json.
        directory: PathBuf,
        /// Processes that speak at the same time; each has the voices in its memory.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 64))]
        processes: u16,
        /// Threads that make one sentence.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 64))]
        threads: u16,
        /// ONNX Runtime's library, 1.24 or later; the one beside the server when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        library: Option<PathBuf>,
        /// The directory that has `espeak-ng-data` in it; found where Debian has it when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        espeak: Option<PathBuf>,
        /// How much the sound varies from one time to the next; each voice's own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0.0, max = 2.0))]
        noise_scale: Option<f32>,
        /// How much the lengths of sounds vary; each voice's own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0.0, max = 2.0))]
        noise_w: Option<f32>,
    },
    /// A server that is posted a sentence and answers with its sound: docs/speech-engines.md.
    Http {
        /// Where sentences are posted to: `http://` or `https://`.
        #[schemars(length(min = 1, max = 2048))]
        url: String,
        /// Where the token is read from that is sent as `Authorization: Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<SecretSource>,
        /// Headers that are sent with each sentence.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Headers whose values are secret, and where these are read from.
        #[serde(default)]
        secret_headers: BTreeMap<String, SecretSource>,
        /// Sentences that it is asked for at the same time.
        #[serde(default = "many")]
        #[schemars(range(min = 1, max = 4096))]
        requests: u16,
        /// How often a sentence is asked for again when the connection breaks or the server answers 502,
        /// 503 or 504, all within `timeout-ms`.
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

fn few() -> u16 {
    2
}

fn one() -> u16 {
    1
}

fn many() -> u16 {
    16
}

pub(super) fn retries() -> u8 {
    2
}

pub(super) fn failures() -> u32 {
    5
}

pub(super) fn rest() -> u32 {
    5_000
}

pub(super) fn longest_rest() -> u32 {
    60_000
}

impl TtsEngine {
    /// An engine that is there without being configured.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        match name {
            "espeak" => Some(TtsEngine::Espeak { processes: few() }),
            "flite" => Some(TtsEngine::Flite { processes: few() }),
            _ => None,
        }
    }

    /// The paths in it.
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            TtsEngine::Espeak { .. } | TtsEngine::Flite { .. } => Vec::new(),
            TtsEngine::Piper {
                directory,
                library,
                espeak,
                ..
            } => {
                let found = [library.as_mut(), espeak.as_mut()];
                found.into_iter().flatten().chain([directory]).collect()
            }
            TtsEngine::Http {
                token,
                secret_headers,
                ..
            } => secret_files(token, secret_headers),
        }
    }
}

/// The files that secrets are read from.
pub(super) fn secret_files<'a>(
    token: &'a mut Option<SecretSource>,
    headers: &'a mut BTreeMap<String, SecretSource>,
) -> Vec<&'a mut PathBuf> {
    let sources = token.iter_mut().chain(headers.values_mut());
    let files = sources.filter_map(|source| match source {
        SecretSource::File(path) => Some(path),
        SecretSource::Environment(_) => None,
    });
    files.collect()
}

impl Tts {
    /// The engine of a name.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<TtsEngine> {
        let own = self.engines.get(name).cloned();
        own.or_else(|| TtsEngine::built_in(name))
    }

    /// The paths in it.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let engines = self.engines.values_mut().flat_map(TtsEngine::paths);
        self.cache_directory.as_mut().into_iter().chain(engines)
    }
}
