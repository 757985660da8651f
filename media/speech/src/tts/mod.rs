//! Text to speech: plain text or SSML, sentence by sentence, each kept once it was spoken.
//!
//! [`Speech::passages`] cuts a text up, without waiting; [`Speech::speak`] makes the sound of one
//! sentence, so that a caller can hear the first while the second is made.

mod cache;
mod engine;
mod memory;
mod recency;
mod sentences;
mod serve;
mod ssml;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vireo_audio::prompt::{Prompt, PromptError};

pub use cache::{DiskCache, Key};
pub use engine::{Engine, EngineError, Speaking, Utterance, WorkerEngine};
pub use sentences::sentences;
pub use serve::{Answer, serve};
pub use ssml::{Span, SsmlError, Words, is_ssml, parse};

use crate::say;
use memory::Memory;

/// The longest text, characters.
pub const LONGEST_TEXT: usize = 10_000;

/// Which voice speaks a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// A BCP 47 tag; it also stands for its regions, unless these have a voice of their own.
    pub language: String,
    /// The name of an engine.
    pub engine: String,
    /// That engine's name of the voice.
    pub voice: String,
    /// Hundredths of the voice's own speed, 20 to 400.
    pub rate: u16,
}

/// How speech is made.
pub struct SpeechConfig {
    /// The voices; of two for the same language the first counts.
    pub voices: Vec<Voice>,
    /// The engines that they name.
    pub engines: Vec<Arc<dyn Engine>>,
    /// For one sentence.
    pub time: Duration,
    /// What is kept in memory, bytes.
    pub memory_bytes: u64,
    /// Where speech is kept on disk, and how much of it, bytes; none: it is not.
    pub disk: Option<(PathBuf, u64)>,
}

/// Why a text is not spoken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// No voice speaks this language.
    #[error("no voice is configured for the language {language:?}; there are {}", .known.join(", "))]
    NoVoice {
        /// The language.
        language: String,
        /// Those that have one.
        known: Vec<String>,
    },
    /// A voice names an engine that there is not.
    #[error("the voice for {language:?} names the engine {engine:?}, which there is not")]
    NoEngine {
        /// The voice's language.
        language: String,
        /// The engine.
        engine: String,
    },
    /// The text is too long.
    #[error("a text of {characters} characters; at most {LONGEST_TEXT} are spoken")]
    TooLong {
        /// Its length.
        characters: usize,
    },
    /// The SSML is not understood.
    #[error(transparent)]
    Ssml(#[from] SsmlError),
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The sound cannot be used.
    #[error(transparent)]
    Sound(#[from] PromptError),
    /// The cache on disk cannot be used.
    #[error("the directory of spoken text {}: {problem}", .directory.display())]
    Disk {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The work was stopped.
    #[error("speaking was stopped")]
    Stopped,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum Passage {
    /// It is spoken.
    Sentence(Sentence),
    /// Nothing is, for so long, ms.
    Pause(u32),
}

/// What is spoken at once.
#[derive(Clone, Debug)]
pub struct Sentence {
    key: Key,
    engine: Arc<str>,
    utterance: Utterance,
}

impl Sentence {
    /// Its words.
    pub fn text(&self) -> &str {
        &self.utterance.text
    }
}

/// Where sounds came from since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Found in memory, or made by somebody else meanwhile.
    pub from_memory: u64,
    /// Found on disk.
    pub from_disk: u64,
    /// Made by an engine.
    pub spoken: u64,
    /// Not made: the engine failed.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Cells {
    asked: AtomicU64,
    from_disk: AtomicU64,
    spoken: AtomicU64,
    failed: AtomicU64,
}

/// All speech of a server.
pub struct Speech {
    voices: Vec<Voice>,
    engines: Vec<Arc<dyn Engine>>,
    time: Duration,
    memory: Memory,
    disk: Option<Arc<DiskCache>>,
    cells: Cells,
}

impl Speech {
    /// Speech by these engines; reads the directory that it keeps.
    ///
    /// # Errors
    /// The directory cannot be used, or a voice has no engine.
    pub fn new(config: SpeechConfig) -> Result<Self, SpeechError> {
        for voice in &config.voices {
            if !config
                .engines
                .iter()
                .any(|engine| engine.name() == voice.engine)
            {
                return Err(SpeechError::NoEngine {
                    language: voice.language.clone(),
                    engine: voice.engine.clone(),
                });
            }
        }
        let open = |(directory, limit): (PathBuf, u64)| match DiskCache::open(&directory, limit) {
            Ok(cache) => Ok(Arc::new(cache)),
            Err(error) => Err(SpeechError::Disk {
                directory,
                problem: error.to_string(),
            }),
        };
        Ok(Speech {
            voices: config.voices,
            engines: config.engines,
            time: config.time,
            memory: Memory::new(config.memory_bytes),
            disk: config.disk.map(open).transpose()?,
            cells: Cells::default(),
        })
    }

    /// The voice of a language: of the tag itself, or of the longest part of it from its start.
    fn voice(&self, language: &str) -> Result<&Voice, SpeechError> {
        let mut tag = language;
        loop {
            let speaks = |voice: &&Voice| voice.language.eq_ignore_ascii_case(tag);
            if let Some(voice) = self.voices.iter().find(speaks) {
                return Ok(voice);
            }
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None => {
                    return Err(SpeechError::NoVoice {
                        language: language.to_owned(),
                        known: self
                            .voices
                            .iter()
                            .map(|voice| voice.language.clone())
                            .collect(),
                    });
                }
            }
        }
    }

    /// What is to be heard of a text, in order; it is SSML when it begins with `<speak`.
    ///
    /// # Errors
    /// There is no voice, or the text is too long or no valid SSML.
    pub fn passages(&self, text: &str, language: &str) -> Result<Vec<Passage>, SpeechError> {
        let spans = spans(text, language)?;
        let voice = self.voice(language)?;
        let mut passages = Vec::new();
        for span in spans {
            match span {
                Span::Words(words) => passages.extend(
                    (sentences(&words.text).into_iter())
                        .map(|text| Passage::Sentence(sentence(voice, &words, text))),
                ),
                Span::Pause(ms) => passages.push(Passage::Pause(ms)),
                Span::End => {}
            }
        }
        Ok(passages)
    }

    /// The sound of a sentence, if it is in memory.
    pub fn cached(&self, sentence: &Sentence) -> Option<Arc<Prompt>> {
        let found = self.memory.get(sentence.key);
        if found.is_some() {
            self.cells.asked.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// The sound of a sentence. Many who ask for the same at the same time wait for one.
    ///
    /// # Errors
    /// See [`SpeechError`].
    pub async fn speak(&self, sentence: &Sentence) -> Result<Arc<Prompt>, SpeechError> {
        self.cells.asked.fetch_add(1, Ordering::Relaxed);
        let make = async {
            let made = self.make(sentence).await;
            if made.is_err() {
                self.cells.failed.fetch_add(1, Ordering::Relaxed);
            }
            made.map(Arc::new)
        };
        self.memory.get_or_make(sentence.key, make).await
    }

    async fn make(&self, sentence: &Sentence) -> Result<Prompt, SpeechError> {
        let (key, name) = (sentence.key, sentence.utterance.text.clone());
        if let Some(disk) = self.disk.clone() {
            let found = tokio::task::spawn_blocking(move || disk.get(key)).await;
            if let Some(samples) = found.map_err(|_| SpeechError::Stopped)? {
                self.cells.from_disk.fetch_add(1, Ordering::Relaxed);
                return Ok(Prompt::from_samples(&name, samples));
            }
        }
        let engine = self
            .engines
            .iter()
            .find(|engine| engine.name() == &*sentence.engine);
        let engine = engine.ok_or(SpeechError::Stopped)?;
        let sound = engine.speak(sentence.utterance.clone(), self.time).await?;
        self.cells.spoken.fetch_add(1, Ordering::Relaxed);
        let disk = self.disk.clone();
        // Resampling is work, and the disk may be slow.
        let prompt = tokio::task::spawn_blocking(move || {
            let prompt = Prompt::from_audio(&name, sound)?;
            if let Some(disk) = disk
                && let Err(error) = disk.put(key, &prompt.samples())
            {
                tracing::warn!(%error, "speech could not be kept on the disk");
            }
            Ok::<_, SpeechError>(prompt)
        });
        prompt.await.map_err(|_| SpeechError::Stopped)?
    }

    /// Where sounds came from.
    pub fn counters(&self) -> Counters {
        let Cells {
            asked,
            from_disk,
            spoken,
            failed,
        } = &self.cells;
        let (from_disk, spoken, failed) = (
            from_disk.load(Ordering::Relaxed),
            spoken.load(Ordering::Relaxed),
            failed.load(Ordering::Relaxed),
        );
        let made = from_disk + spoken + failed;
        Counters {
            from_memory: asked.load(Ordering::Relaxed).saturating_sub(made),
            from_disk,
            spoken,
            failed,
        }
    }
}

/// The spans of a text, which is SSML when it begins with `<speak`.
///
/// # Errors
/// The text is too long or no valid SSML.
pub fn spans(text: &str, language: &str) -> Result<Vec<Span>, SpeechError> {
    let characters = text.chars().count();
    if characters > LONGEST_TEXT {
        return Err(SpeechError::TooLong { characters });
    }
    if is_ssml(text) {
        return Ok(parse(text, say::Language::of(language))?);
    }
    Ok(vec![Span::Words(Words {
        text: text.to_owned(),
        rate: 100,
        phonemes: None,
    })])
}

/// About how long spans are heard, ms, where no engine is asked: some 15 letters a second, or 4
/// characters of those scripts that write a syllable with each.
pub fn estimated_ms(spans: &[Span]) -> u32 {
    const LETTER_MS: u64 = 65;
    const SYLLABLE_MS: u64 = 250;
    let character = |c: char| match c {
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => SYLLABLE_MS,
        _ => LETTER_MS,
    };
    let ms = spans.iter().map(|span| match span {
        Span::Words(words) => {
            words.text.chars().map(character).sum::<u64>() * 100 / u64::from(words.rate.max(1))
        }
        Span::Pause(ms) => u64::from(*ms),
        Span::End => 0,
    });
    u32::try_from(ms.sum::<u64>()).unwrap_or(u32::MAX)
}

fn sentence(voice: &Voice, words: &Words, text: &str) -> Sentence {
    let rate = u32::from(voice.rate) * u32::from(words.rate) / 100;
    let rate = u16::try_from(rate).unwrap_or(u16::MAX);
    let phonemes = words.phonemes.clone();
    let key = Key::of(&[
        voice.engine.as_bytes(),
        voice.voice.as_bytes(),
        &rate.to_be_bytes(),
        text.as_bytes(),
        phonemes.as_deref().unwrap_or_default().as_bytes(),
    ]);
    Sentence {
        key,
        engine: voice.engine.as_str().into(),
        utterance: Utterance {
            text: text.to_owned(),
            phonemes,
            voice: voice.voice.clone(),
            rate,
        },
    }
}

#[cfg(test)]
mod tests;
