//! Making the words of a language, with espeak-ng or a configured voice.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vireo_audio::prompt::{Prompt, PromptError};
use vireo_audio::wav::{self, Audio, WavError, WavProblem};
use vireo_audio::{SAMPLE_RATE, word};
use vireo_speech::say::{Language, Word};

use crate::speech::Voices;

/// Why the words cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The synthesizer cannot be run.
    #[error("{program} cannot be run: {error}; Debian has it as espeak-ng")]
    Program {
        /// Its name.
        program: String,
        /// What the system says.
        error: io::Error,
    },
    /// It ran, and refused.
    #[error("{program} did not speak {text:?} with the voice {voice:?}: {said}")]
    Refused {
        /// Its name.
        program: String,
        /// The voice.
        voice: String,
        /// What it was to say.
        text: String,
        /// What it said instead.
        said: String,
    },
    /// The configured voice did not speak.
    #[error("the configured voice did not speak {text:?}: {problem}")]
    Voice {
        /// What it was to say.
        text: String,
        /// Why not.
        problem: String,
    },
    /// What it wrote is no sound.
    #[error("the sound of {text:?} cannot be used: {problem}")]
    Sound {
        /// What it was to say.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] WavError),
    /// A directory cannot be made.
    #[error("{path}: {error}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What happens to words that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They stay: a person may have spoken them.
    Existing,
    /// They are made again.
    Nothing,
}

/// How many words there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Made.
    pub made: usize,
    /// Left as they were.
    pub kept: usize,
}

/// What speaks the words.
pub(crate) enum Synthesizer {
    /// espeak-ng, as a program.
    Program {
        /// `espeak-ng`, or where it is.
        program: String,
        /// Its voice.
        voice: String,
        /// Words a minute.
        speed: u16,
    },
    /// The voices of a configuration, and what they run on.
    Voices(Voices, tokio::runtime::Runtime),
}

/// Makes the words of a language.
pub(crate) struct Builder {
    /// What speaks them.
    pub synthesizer: Synthesizer,
    /// What happens to words that are there.
    pub keep: Keep,
}

impl Builder {
    /// Makes every word of the language below `<prompts>/<language>/say`.
    ///
    /// # Errors
    /// [`BuildError`]; the words that were made until then stay.
    pub fn build(&self, language: Language, prompts: &Path) -> Result<Built, BuildError> {
        let directory = super::directory(prompts, language);
        let mut built = Built::default();
        for word in language.lexicon().words() {
            if self.keep == Keep::Existing && super::existing(&directory, word).is_some() {
                built.kept += 1;
                continue;
            }
            let unusable = |problem: &str| BuildError::Sound {
                text: word.text.to_owned(),
                problem: problem.to_owned(),
            };
            let spoken = self.synthesizer.speak(word, language)?;
            let samples = word::shape(&spoken).ok_or_else(|| unusable("it is silence"))?;
            write(&super::file(&directory, word, "wav"), samples)?;
            built.made += 1;
        }
        Ok(built)
    }
}

impl Synthesizer {
    fn speak(&self, word: Word, language: Language) -> Result<Vec<i16>, BuildError> {
        match self {
            Synthesizer::Program {
                program,
                voice,
                speed,
            } => run(program, voice, *speed, word),
            Synthesizer::Voices(voices, runtime) => runtime
                .block_on(voices.whole(word.text, language.tag()))
                .map_err(|error| BuildError::Voice {
                    text: word.text.to_owned(),
                    problem: error.to_string(),
                }),
        }
    }
}

fn run(program: &str, voice: &str, speed: u16, word: Word) -> Result<Vec<i16>, BuildError> {
    let speed = speed.to_string();
    let spoken = Command::new(program)
        .args(["-v", voice, "-s", &speed, "--stdout", "--", word.text])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| BuildError::Program {
            program: program.to_owned(),
            error,
        })?;
    if !spoken.status.success() || spoken.stdout.is_empty() {
        return Err(BuildError::Refused {
            program: program.to_owned(),
            voice: voice.to_owned(),
            text: word.text.to_owned(),
            said: String::from_utf8_lossy(&spoken.stderr).trim().to_owned(),
        });
    }
    let unusable = |problem: String| BuildError::Sound {
        text: word.text.to_owned(),
        problem,
    };
    let audio =
        wav::parse(&spoken.stdout).map_err(|problem: WavProblem| unusable(problem.to_string()))?;
    let prompt = Prompt::from_audio(word.name, audio)
        .map_err(|error: PromptError| unusable(error.to_string()))?;
    Ok(prompt.samples().to_vec())
}

fn write(path: &Path, samples: Vec<i16>) -> Result<(), BuildError> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| BuildError::Directory {
            path: directory.to_owned(),
            error,
        })?;
    }
    let audio = Audio {
        rate: SAMPLE_RATE,
        channels: 1,
        samples,
    };
    Ok(wav::write(path, &audio)?)
}
