//! Prompts: found by language and name, encoded once for each codec, and shared.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::wav::{Audio, WavError};
use crate::{Codec, SAMPLES_PER_MS, resample};

mod library;
mod name;

pub use library::{Library, LibraryConfig};

/// A prompt, encoded once for each codec.
#[derive(Debug)]
pub struct Prompt {
    name: String,
    /// Where it was found; empty for one without a language.
    language: String,
    sound: Sound,
    encoded: [OnceLock<Arc<[u8]>>; Codec::ALL.len()],
}

/// The prompt as it was loaded.
#[derive(Debug)]
enum Sound {
    /// 8 kHz, mono.
    Linear(Box<[i16]>),
    /// A raw file, kept octet by octet; it is in `encoded` of this codec.
    Encoded { codec: Codec, octets: Arc<[u8]> },
}

impl Prompt {
    /// A prompt that is not in the library, such as a caller's message: resampled to 8 kHz, two
    /// channels mixed.
    ///
    /// # Errors
    /// [`PromptError::Resample`], which would be a defect.
    pub fn from_audio(name: &str, audio: Audio) -> Result<Self, PromptError> {
        let rate = audio.rate;
        let samples =
            resample::to_8k(audio.into_mono(), rate).map_err(|error| PromptError::Resample {
                name: name.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(Self::from_samples(name, samples))
    }

    /// A prompt of samples at 8 kHz.
    #[must_use]
    pub fn from_samples(name: &str, samples: Vec<i16>) -> Self {
        Prompt {
            name: name.to_owned(),
            language: String::new(),
            sound: Sound::Linear(samples.into()),
            encoded: Default::default(),
        }
    }

    /// A prompt of a codec's octets.
    #[must_use]
    pub fn from_encoded(name: &str, codec: Codec, octets: Vec<u8>) -> Self {
        Prompt {
            name: name.to_owned(),
            language: String::new(),
            sound: Sound::Encoded {
                codec,
                octets: octets.into(),
            },
            encoded: Default::default(),
        }
    }

    fn with_language(mut self, language: &str) -> Self {
        language.clone_into(&mut self.language);
        self
    }

    /// The name it was asked for by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The language directory in which it was found; empty when it was found without a language.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Its samples, 8 kHz.
    #[must_use]
    pub fn samples(&self) -> Vec<i16> {
        match &self.sound {
            Sound::Linear(samples) => samples.to_vec(),
            Sound::Encoded { codec, octets } => codec.decode_all(octets),
        }
    }

    /// Length in samples, which is its length in octets of either codec.
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.sound {
            Sound::Linear(samples) => samples.len(),
            Sound::Encoded { octets, .. } => octets.len(),
        }
    }

    /// Length, ms.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        u32::try_from(self.length() / SAMPLES_PER_MS).unwrap_or(u32::MAX)
    }

    /// Its octets in a codec. Encoded at the first call, shared from then on; the first call for a
    /// long prompt takes a while (0.3 ms a minute of sound), so make it off the media thread.
    #[must_use]
    pub fn encoded(&self, codec: Codec) -> Arc<[u8]> {
        let slot = match codec {
            Codec::Pcmu => &self.encoded[0],
            Codec::Pcma => &self.encoded[1],
        };
        Arc::clone(slot.get_or_init(|| match &self.sound {
            Sound::Encoded { codec: own, octets } if *own == codec => Arc::clone(octets),
            Sound::Encoded { .. } => codec.encode_all(&self.samples()).into(),
            Sound::Linear(samples) => codec.encode_all(samples).into(),
        }))
    }

    /// Memory it takes once it was encoded for every codec, octets.
    fn cost(&self) -> usize {
        let own = match &self.sound {
            Sound::Linear(samples) => samples.len() * 2,
            Sound::Encoded { .. } => 0,
        };
        own + self.length() * Codec::ALL.len() + 512
    }
}

/// Why a prompt cannot be heard.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The name is not possible.
    #[error("\"{name}\" cannot name a prompt: {problem}")]
    Name {
        /// As it was given.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The language is not possible.
    #[error("\"{0}\" cannot name a language; use a tag such as \"en\" or \"zh-CN\"")]
    Language(String),
    /// No file of this name.
    #[error("there is no prompt \"{name}\"; looked for {}", list(.tried))]
    NotFound {
        /// As it was given.
        name: String,
        /// The files that were looked for, in order.
        tried: Vec<PathBuf>,
    },
    /// The file is not usable.
    #[error("prompt \"{name}\": {problem}")]
    File {
        /// As it was given.
        name: String,
        /// What is wrong with which file, and what to do.
        problem: Arc<WavError>,
    },
    /// The resampler failed.
    #[error("prompt \"{name}\": {problem}")]
    Resample {
        /// As it was given.
        name: String,
        /// What it said.
        problem: String,
    },
    /// The prompts directory is not usable.
    #[error("prompts directory {path}: {problem}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
