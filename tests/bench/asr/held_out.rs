//! Speech that no model was trained on, made by media/speech/model/heldout.py.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vireo_audio::wav;

use crate::error::{BenchError, Context as _, Result};

/// In the order of the report.
pub const CONDITIONS: [&str; 3] = ["clean", "15db", "10db"];

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of the grammar.
    Word,
    /// Four digits.
    Digits,
    /// A word that is not in the grammar.
    Outside,
}

/// One utterance, as it arrives.
#[derive(Debug)]
pub struct Utterance {
    pub kind: Kind,
    pub words: String,
    pub condition: String,
    /// 8 kHz.
    pub samples: Vec<i16>,
}

/// All of a language.
#[derive(Debug)]
pub struct HeldOut {
    pub utterances: Vec<Utterance>,
    /// The ten digits first.
    pub grammar: Vec<String>,
}

impl HeldOut {
    /// Reads it, and makes it before that where it is not there yet.
    pub fn make(language: &str, quick: bool) -> Result<Self> {
        let [words, others] = if quick { ["130", "26"] } else { ["520", "130"] };
        let directory = PathBuf::from(format!("target/heldout/{language}-{words}"));
        if !directory.join("grammar.json").exists() {
            // Debian's own: it has the packages that scripts/setup.sh installs.
            let made = Command::new("/usr/bin/python3")
                .arg("media/speech/model/heldout.py")
                .arg(&directory)
                .args([
                    "--language",
                    language,
                    "--count",
                    words,
                    "--digits",
                    others,
                    "--outside",
                    others,
                ])
                .status();
            if !made.context(|| "/usr/bin/python3".into())?.success() {
                return Err(BenchError::Run(
                    "media/speech/model/heldout.py fails".into(),
                ));
            }
        }
        let manifest = read(&directory.join("manifest.jsonl"))?;
        let utterances = manifest.lines().map(|line| utterance(&directory, line));
        let grammar = read(&directory.join("grammar.json"))?;
        let grammar = serde_json::from_str(&grammar)
            .map_err(|error| BenchError::Run(format!("grammar.json: {error}")))?;
        Ok(HeldOut {
            utterances: utterances.collect::<Result<_>>()?,
            grammar,
        })
    }

    /// Words as digits.
    pub fn digits(&self, words: &str) -> Option<String> {
        let digit = |word: &str| {
            let at = self
                .grammar
                .iter()
                .take(10)
                .position(|known| known == word)?;
            char::from_digit(u32::try_from(at).ok()?, 10)
        };
        words.split(' ').map(digit).collect()
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).context(|| format!("{}", file.display()))
}

fn utterance(directory: &Path, line: &str) -> Result<Utterance> {
    let wrong = |what: &str| BenchError::Run(format!("manifest.jsonl: {what} in {line}"));
    let entry: Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
    let text = |key: &str| entry[key].as_str().ok_or_else(|| wrong(key));
    let kind = match text("kind")? {
        "word" => Kind::Word,
        "digits" => Kind::Digits,
        "outside" => Kind::Outside,
        other => return Err(wrong(other)),
    };
    let audio =
        wav::read(&directory.join(text("file")?)).map_err(|error| wrong(&error.to_string()))?;
    Ok(Utterance {
        kind,
        words: text("words")?.to_owned(),
        condition: text("condition")?.to_owned(),
        samples: audio.samples,
    })
}
