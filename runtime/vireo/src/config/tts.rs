//! `[tts]`: voices that speak the texts of prompts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

fn few() -> u16 {
    2
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
}

impl Tts {
    /// The engine of a name.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<TtsEngine> {
        let own = self.engines.get(name).cloned();
        own.or_else(|| TtsEngine::built_in(name))
    }
}
