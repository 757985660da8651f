//! Checking recorded words: is each there, and does it sound like the others?

use std::fmt;
use std::path::{Path, PathBuf};

use vireo_audio::word::{self, LEVEL_DBM0, LEVEL_TOLERANCE_DB, MOST_SILENCE_MS};
use vireo_audio::{Codec, SAMPLE_RATE, wav};
use vireo_speech::say::{Language, Word};

/// What is wrong with a recorded word.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no file of it.
    Missing,
    /// It is no sound file.
    Unreadable(String),
    /// It has another rate than 8 kHz, or two channels: it is converted each time it is loaded.
    Format {
        /// Samples a second.
        rate: u32,
        /// Channels.
        channels: u16,
    },
    /// There is nothing to hear.
    Silent,
    /// Rows of samples stand at full scale.
    Clipped,
    /// It is fainter or louder than speech should be; dBm0.
    Level(f32),
    /// It begins with so much silence, ms.
    SilenceBefore(usize),
    /// It ends in so much silence, ms.
    SilenceAfter(usize),
}

impl Fault {
    /// For programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Missing => "missing",
            Fault::Unreadable(_) => "unreadable",
            Fault::Format { .. } => "format",
            Fault::Silent => "silent",
            Fault::Clipped => "clipped",
            Fault::Level(_) => "level",
            Fault::SilenceBefore(_) => "silence-before",
            Fault::SilenceAfter(_) => "silence-after",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("missing"),
            Fault::Unreadable(problem) => f.write_str(problem),
            Fault::Format { rate, channels } => {
                write!(
                    f,
                    "{rate} Hz, {channels} channels; it should be 8000 Hz, mono"
                )
            }
            Fault::Silent => f.write_str("silent"),
            Fault::Clipped => f.write_str("clipped"),
            Fault::Level(level) => write!(
                f,
                "{level:.0} dBm0; it should be {:.0} to {:.0}",
                LEVEL_DBM0 - LEVEL_TOLERANCE_DB,
                LEVEL_DBM0 + LEVEL_TOLERANCE_DB
            ),
            Fault::SilenceBefore(ms) => write!(f, "begins with {ms} ms of silence"),
            Fault::SilenceAfter(ms) => write!(f, "ends in {ms} ms of silence"),
        }
    }
}

/// A word with something wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The word.
    pub word: Word,
    /// Its file, or where it should be.
    pub file: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

/// Checks every word of a language below `<prompts>/<language>/say`.
#[must_use]
pub fn check(language: Language, prompts: &Path) -> Vec<Finding> {
    let directory = super::directory(prompts, language);
    let mut findings = Vec::new();
    for word in language.lexicon().words() {
        let file = super::existing(&directory, word);
        let faults = match &file {
            Some(file) => faults(file),
            None => vec![Fault::Missing],
        };
        let file = file.unwrap_or_else(|| super::file(&directory, word, "wav"));
        findings.extend(faults.into_iter().map(|fault| Finding {
            word,
            file: file.clone(),
            fault,
        }));
    }
    findings
}

fn faults(file: &Path) -> Vec<Fault> {
    let (samples, mut faults) = match load(file) {
        Ok(loaded) => loaded,
        Err(problem) => return vec![Fault::Unreadable(problem)],
    };
    let Some(measured) = word::measure(&samples) else {
        faults.push(Fault::Silent);
        return faults;
    };
    if measured.is_clipped {
        faults.push(Fault::Clipped);
    }
    if (measured.level_dbm0 - LEVEL_DBM0).abs() > LEVEL_TOLERANCE_DB {
        faults.push(Fault::Level(measured.level_dbm0));
    }
    if measured.silence_before_ms > MOST_SILENCE_MS {
        faults.push(Fault::SilenceBefore(measured.silence_before_ms));
    }
    if measured.silence_after_ms > MOST_SILENCE_MS {
        faults.push(Fault::SilenceAfter(measured.silence_after_ms));
    }
    faults
}

/// Its samples as they are played, and what is wrong with their format.
fn load(file: &Path) -> Result<(Vec<i16>, Vec<Fault>), String> {
    let raw = |codec: Codec| {
        let octets = std::fs::read(file).map_err(|error| error.to_string())?;
        Ok((codec.decode_all(&octets), Vec::new()))
    };
    match file.extension().and_then(|suffix| suffix.to_str()) {
        Some("ulaw") => return raw(Codec::Pcmu),
        Some("alaw") => return raw(Codec::Pcma),
        _ => {}
    }
    let audio = wav::read(file).map_err(|error| error.to_string())?;
    let fault = Fault::Format {
        rate: audio.rate,
        channels: audio.channels,
    };
    if (audio.rate, audio.channels) == (SAMPLE_RATE, 1) {
        return Ok((audio.samples, Vec::new()));
    }
    // Clipping is seen before the resampler smooths it away; the rest is measured as it is played.
    let mut faults = vec![fault];
    if word::measure(&audio.samples).is_some_and(|measured| measured.is_clipped) {
        faults.push(Fault::Clipped);
    }
    let prompt =
        vireo_audio::prompt::Prompt::from_audio("", audio).map_err(|error| error.to_string())?;
    Ok((prompt.samples(), faults))
}
