//! What the server tells when it starts this.
#![allow(unsafe_code)]

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where espeak-rs looks for espeak-ng's data.
const DATA_VARIABLE: &str = "PIPER_ESPEAKNG_DATA_DIRECTORY";
const DATA: &str = "espeak-ng-data";
/// Where distributions have it.
const USUAL: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/share",
    "/usr/lib",
    "/usr/local/share",
];

/// How voices speak.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where the voices are: NAME.onnx and NAME.onnx.json.
    pub directory: PathBuf,
    /// ONNX Runtime's library, 1.24 or later; usually found.
    pub library: Option<PathBuf>,
    /// The directory that has espeak-ng-data in it; usually found.
    pub espeak: Option<PathBuf>,
    /// Instead of each voice's own: how much it varies from one time to the next.
    pub noise_scale: Option<f32>,
    /// Instead of each voice's own: how much the lengths of its sounds vary.
    pub noise_w: Option<f32>,
    /// Threads that make one sentence.
    #[serde(default = "one")]
    pub threads: usize,
}

fn one() -> usize {
    1
}

/// Why it cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("vireo-piper is started by a Vireo server, which gives its settings as one argument")]
    Missing,
    #[error("the settings of vireo-piper are not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(
        "{DATA} is in none of {0}; install espeak-ng-data, or name the directory that has it (espeak)"
    )]
    NoPhonemes(String),
}

impl Settings {
    /// The settings in the only argument.
    pub fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, SettingsError> {
        match (arguments.next(), arguments.next()) {
            (Some(settings), None) => Ok(serde_json::from_str(&settings)?),
            _ => Err(SettingsError::Missing),
        }
    }

    /// Where ONNX Runtime's library is: as told, beside this program, where an installed server has its
    /// libraries, or where the loader looks.
    pub fn library(&self) -> PathBuf {
        const NAME: &str = "libonnxruntime.so";
        let here = std::env::current_exe().unwrap_or_default();
        let here = here.parent().unwrap_or(Path::new("/"));
        let near = [here.join(NAME), here.join("../lib/vireo").join(NAME)];
        let near = || near.into_iter().find(|path| path.is_file());
        self.library.clone().or_else(near).unwrap_or(NAME.into())
    }

    /// Tells the library where the data is that makes phonemes of text. To be called before there is a
    /// second thread.
    pub fn point_to_phonemes(&self) -> Result<(), SettingsError> {
        let candidates: Vec<&Path> = match &self.espeak {
            Some(directory) => vec![directory],
            None => USUAL.iter().map(Path::new).collect(),
        };
        let Some(found) = candidates.iter().find(|path| path.join(DATA).is_dir()) else {
            let names: Vec<String> = (candidates.iter())
                .map(|path| path.display().to_string())
                .collect();
            return Err(SettingsError::NoPhonemes(names.join(", ")));
        };
        // SAFETY: this is the only thread, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(DATA_VARIABLE, found) };
        Ok(())
    }
}
