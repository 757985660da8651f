//! The recorded words of a language: made with a synthesizer, and checked.

mod build;
mod check;

pub(crate) use build::{BuildError, Builder, Keep, Synthesizer};
pub use check::{Finding, check};

use std::path::{Path, PathBuf};

use vireo_speech::say::{Language, Word};

/// The suffixes of a prompt file, in the order in which they are looked for.
const SUFFIXES: [&str; 3] = ["wav", "ulaw", "alaw"];

/// Where the words of a language are, below the prompts directory.
fn directory(prompts: &Path, language: Language) -> PathBuf {
    prompts.join(language.tag()).join("say")
}

/// The file of a word with this suffix.
fn file(directory: &Path, word: Word, suffix: &str) -> PathBuf {
    directory.join(format!("{}.{suffix}", word.name))
}

/// The file of a word that is there.
fn existing(directory: &Path, word: Word) -> Option<PathBuf> {
    let mut files = SUFFIXES
        .map(|suffix| file(directory, word, suffix))
        .into_iter();
    files.find(|path| path.is_file())
}
