//! The voices of a directory, each loaded when it is first wanted.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ort::session::Session;
use piper_rs::{ModelConfig, Piper};
use serde::Deserialize;
use vireo_speech::tts::Utterance;

use crate::settings::Settings;

/// Why a voice does not speak.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    #[error(
        "{0:?} is no name of a voice: NAME or NAME#SPEAKER, of letters, digits, '-', '_' and '.'"
    )]
    Name(String),
    #[error("there is no voice {voice:?}: {file} cannot be read: {problem}")]
    Missing {
        voice: String,
        file: String,
        problem: std::io::Error,
    },
    #[error("the voice {voice:?} cannot be used: {problem}")]
    Broken { voice: String, problem: String },
    #[error("the voice {voice:?} has no speaker {speaker:?}; it has {known}")]
    Speaker {
        voice: String,
        speaker: String,
        known: String,
    },
    #[error("the voice {voice:?} did not speak: {problem}")]
    Speak { voice: String, problem: String },
}

/// A voice, and what its settings say of it.
struct Voice {
    piper: Piper,
    /// The length of its sounds at its usual speed.
    length_scale: f32,
    /// Names of its speakers, if they have any.
    names: HashMap<String, i64>,
    speakers: i64,
}

/// What piper-rs does not read of a voice's settings.
#[derive(Deserialize)]
struct Kind {
    #[serde(default = "espeak")]
    phoneme_type: String,
}

fn espeak() -> String {
    "espeak".to_owned()
}

/// Those that were wanted.
pub struct Voices {
    settings: Settings,
    loaded: HashMap<String, Voice>,
}

impl Voices {
    /// The voices of the directory that the settings name.
    pub fn new(settings: Settings) -> Self {
        Voices {
            settings,
            loaded: HashMap::new(),
        }
    }

    /// Speaks: the rate, and samples.
    pub fn speak(&mut self, utterance: &Utterance) -> Result<(u32, Vec<i16>), VoiceError> {
        let (name, speaker) = match utterance.voice.split_once('#') {
            Some((name, speaker)) => (name, Some(speaker)),
            None => (utterance.voice.as_str(), None),
        };
        let settings = &self.settings;
        if !self.loaded.contains_key(name) {
            self.loaded.insert(name.to_owned(), load(name, settings)?);
        }
        let Some(voice) = self.loaded.get_mut(name) else {
            return Err(VoiceError::Name(name.to_owned()));
        };
        let speaker = speaker
            .map(|wanted| voice.speaker(name, wanted))
            .transpose()?;
        let length = voice.length_scale * 100.0 / f32::from(utterance.rate.clamp(20, 400));
        let (words, are_phonemes) = match &utterance.phonemes {
            Some(phonemes) => (phonemes, true),
            None => (&utterance.text, false),
        };
        let (sound, rate) = voice
            .piper
            .create(
                words,
                are_phonemes,
                speaker,
                Some(length),
                settings.noise_scale,
                settings.noise_w,
            )
            .map_err(|error| VoiceError::Speak {
                voice: name.to_owned(),
                problem: error.to_string(),
            })?;
        let sample = |sample: f32| (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
        Ok((rate, sound.into_iter().map(sample).collect()))
    }
}

impl Voice {
    fn speaker(&self, voice: &str, wanted: &str) -> Result<i64, VoiceError> {
        let number = || wanted.parse().ok();
        let known = |number: &i64| (0..self.speakers).contains(number);
        let found = self.names.get(wanted).copied().or_else(number);
        found.filter(known).ok_or_else(|| {
            let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
            names.sort_unstable();
            VoiceError::Speaker {
                voice: voice.to_owned(),
                speaker: wanted.to_owned(),
                known: match names[..] {
                    [] => format!("0 to {}", self.speakers - 1),
                    _ => names.join(", "),
                },
            }
        })
    }
}

fn load(name: &str, settings: &Settings) -> Result<Voice, VoiceError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(VoiceError::Name(name.to_owned()));
    }
    let broken = |problem: String| VoiceError::Broken {
        voice: name.to_owned(),
        problem,
    };
    let model = settings.directory.join(format!("{name}.onnx"));
    let about = settings.directory.join(format!("{name}.onnx.json"));
    let missing = |file: &Path, problem| VoiceError::Missing {
        voice: name.to_owned(),
        file: file.display().to_string(),
        problem,
    };
    let text = fs::read(&about).map_err(|problem| missing(&about, problem))?;
    fs::metadata(&model).map_err(|problem| missing(&model, problem))?;
    let wrong = |error: serde_json::Error| broken(format!("{}: {error}", about.display()));
    let Kind { phoneme_type } = serde_json::from_slice(&text).map_err(wrong)?;
    if phoneme_type != "espeak" {
        return Err(broken(format!(
            "its phonemes are {phoneme_type:?}; only those of espeak are known"
        )));
    }
    let config: ModelConfig = serde_json::from_slice(&text).map_err(wrong)?;
    let (length_scale, speakers) = (config.inference.length_scale, config.num_speakers);
    if !(4_000..=192_000).contains(&config.audio.sample_rate) {
        return Err(broken(format!(
            "its rate is {} Hz",
            config.audio.sample_rate
        )));
    }
    if !(length_scale > 0.0 && length_scale < 100.0) {
        return Err(broken(format!("its length scale is {length_scale}")));
    }
    let names = config.speaker_id_map.clone();
    let session = session(&model, settings.threads)
        .map_err(|problem| broken(format!("{}: {problem}", model.display())))?;
    Ok(Voice {
        piper: Piper::from_session(session, config),
        length_scale,
        names,
        speakers: i64::from(speakers.max(1)),
    })
}

fn session(model: &Path, threads: usize) -> Result<Session, String> {
    let mut builder = Session::builder()
        .map_err(|error| error.to_string())?
        .with_intra_threads(threads.max(1))
        .map_err(|error| error.to_string())?;
    builder
        .commit_from_file(model)
        .map_err(|error| error.to_string())
}
