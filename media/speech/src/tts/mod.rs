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
use vireo_audio::word;

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
    /// The voices; those of one language are tried in this order.
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
    text: String,
    /// One for each voice that may speak it, in the order in which they are tried; never empty.
    takes: Vec<Take>,
}

impl Sentence {
    /// Its words.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A sentence in one voice.
#[derive(Clone, Debug)]
struct Take {
    key: Key,
    /// The place of its engine.
    engine: usize,
    utterance: Utterance,
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
    /// Not made: every engine that could speak it failed.
    pub failed: u64,
}

/// What an engine was asked since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// Its name.
    pub engine: String,
    /// Sentences that it spoke.
    pub spoken: u64,
    /// Sentences that it did not, so that the next voice of the language was tried.
    pub failed: u64,
}

/// An engine, and its [`EngineCounters`].
struct Counted {
    engine: Arc<dyn Engine>,
    spoken: AtomicU64,
    failed: AtomicU64,
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
    /// With the place of its engine.
    voices: Vec<(Voice, usize)>,
    engines: Vec<Counted>,
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
        let mut voices = Vec::new();
        for voice in config.voices {
            let named = |engine: &Arc<dyn Engine>| engine.name() == voice.engine;
            match config.engines.iter().position(named) {
                Some(engine) => voices.push((voice, engine)),
                None => {
                    return Err(SpeechError::NoEngine {
                        language: voice.language,
                        engine: voice.engine,
                    });
                }
            }
        }
        let counted = |engine| Counted {
            engine,
            spoken: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        let open = |(directory, limit): (PathBuf, u64)| match DiskCache::open(&directory, limit) {
            Ok(cache) => Ok(Arc::new(cache)),
            Err(error) => Err(SpeechError::Disk {
                directory,
                problem: error.to_string(),
            }),
        };
        Ok(Speech {
            voices,
            engines: config.engines.into_iter().map(counted).collect(),
            time: config.time,
            memory: Memory::new(config.memory_bytes),
            disk: config.disk.map(open).transpose()?,
            cells: Cells::default(),
        })
    }

    /// The voices of a language, in the order in which they are tried: those of the tag itself, then
    /// those of shorter and shorter parts of it from its start.
    fn voices(&self, language: &str) -> Result<Vec<&(Voice, usize)>, SpeechError> {
        let mut found = Vec::new();
        let mut tag = language;
        loop {
            let speaks = |(voice, _): &&(Voice, usize)| voice.language.eq_ignore_ascii_case(tag);
            found.extend(self.voices.iter().filter(speaks));
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None => break,
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let mut known: Vec<String> = Vec::new();
        for (voice, _) in &self.voices {
            if !known.contains(&voice.language) {
                known.push(voice.language.clone());
            }
        }
        Err(SpeechError::NoVoice {
            language: language.to_owned(),
            known,
        })
    }

    /// What is to be heard of a text, in order; it is SSML when it begins with `<speak`.
    ///
    /// # Errors
    /// There is no voice, or the text is too long or no valid SSML.
    pub fn passages(&self, text: &str, language: &str) -> Result<Vec<Passage>, SpeechError> {
        let spans = spans(text, language)?;
        let voices = self.voices(language)?;
        let mut passages = Vec::new();
        for span in spans {
            match span {
                Span::Words(words) => passages.extend(
                    (sentences(&words.text).into_iter())
                        .map(|text| Passage::Sentence(sentence(&voices, &words, text))),
                ),
                Span::Pause(ms) => passages.push(Passage::Pause(ms)),
                Span::End => {}
            }
        }
        Ok(passages)
    }

    /// The sound of a sentence in its first voice, if it is in memory.
    pub fn cached(&self, sentence: &Sentence) -> Option<Arc<Prompt>> {
        let found = self.memory.get(sentence.takes.first()?.key);
        if found.is_some() {
            self.cells.asked.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// The sound of a sentence, in the first of its voices that can. Many who ask for the same at the
    /// same time wait for one.
    ///
    /// # Errors
    /// See [`SpeechError`]; it is that of the first voice.
    pub async fn speak(&self, sentence: &Sentence) -> Result<Arc<Prompt>, SpeechError> {
        self.cells.asked.fetch_add(1, Ordering::Relaxed);
        let mut first = None;
        for take in &sentence.takes {
            let make = async { self.make(take).await.map(Arc::new) };
            match self.memory.get_or_make(take.key, make).await {
                Ok(prompt) => return Ok(prompt),
                Err(error) => {
                    tracing::debug!(%error, language = take.utterance.language, "a voice did not speak");
                    first.get_or_insert(error);
                }
            }
        }
        self.cells.failed.fetch_add(1, Ordering::Relaxed);
        Err(first.unwrap_or(SpeechError::Stopped))
    }

    async fn make(&self, take: &Take) -> Result<Prompt, SpeechError> {
        let (key, name) = (take.key, take.utterance.text.clone());
        if let Some(disk) = self.disk.clone() {
            let found = tokio::task::spawn_blocking(move || disk.get(key)).await;
            if let Some(samples) = found.map_err(|_| SpeechError::Stopped)? {
                self.cells.from_disk.fetch_add(1, Ordering::Relaxed);
                return Ok(Prompt::from_samples(&name, samples));
            }
        }
        let counted = self.engines.get(take.engine).ok_or(SpeechError::Stopped)?;
        let made = self.ask(take, &counted.engine).await;
        let (of_engine, of_all) = match made {
            Ok(_) => (&counted.spoken, Some(&self.cells.spoken)),
            Err(_) => (&counted.failed, None),
        };
        for cell in [Some(of_engine), of_all].into_iter().flatten() {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        made
    }

    async fn ask(&self, take: &Take, engine: &Arc<dyn Engine>) -> Result<Prompt, SpeechError> {
        let sound = engine.speak(take.utterance.clone(), self.time).await?;
        let (key, name) = (take.key, take.utterance.text.clone());
        let disk = self.disk.clone();
        // Resampling is work, and the disk may be slow.
        let prompt = tokio::task::spawn_blocking(move || {
            let samples = Prompt::from_audio(&name, sound)?.samples();
            // Some voices have a quarter of a second of silence before each sentence.
            let prompt = Prompt::from_samples(&name, word::sound_first(samples));
            if let Some(disk) = disk
                && let Err(error) = disk.put(key, &prompt.samples())
            {
                tracing::warn!(%error, "speech could not be kept on the disk");
            }
            Ok::<_, SpeechError>(prompt)
        });
        prompt.await.map_err(|_| SpeechError::Stopped)?
    }

    /// What each engine was asked.
    pub fn engines(&self) -> Vec<EngineCounters> {
        let counters = |counted: &Counted| EngineCounters {
            engine: counted.engine.name().to_owned(),
            spoken: counted.spoken.load(Ordering::Relaxed),
            failed: counted.failed.load(Ordering::Relaxed),
        };
        self.engines.iter().map(counters).collect()
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

fn sentence(voices: &[&(Voice, usize)], words: &Words, text: &str) -> Sentence {
    let takes = voices.iter();
    let takes = takes.map(|(voice, engine)| take(voice, *engine, words, text));
    Sentence {
        text: text.to_owned(),
        takes: takes.collect(),
    }
}

fn take(voice: &Voice, engine: usize, words: &Words, text: &str) -> Take {
    let rate = u32::from(voice.rate) * u32::from(words.rate) / 100;
    let rate = u16::try_from(rate).unwrap_or(u16::MAX);
    let phonemes = words.phonemes.clone();
    let key = Key::of(&[
        voice.engine.as_bytes(),
        voice.voice.as_bytes(),
        voice.language.as_bytes(),
        &rate.to_be_bytes(),
        text.as_bytes(),
        phonemes.as_deref().unwrap_or_default().as_bytes(),
    ]);
    Take {
        key,
        engine,
        utterance: Utterance {
            text: text.to_owned(),
            phonemes,
            language: voice.language.clone(),
            voice: voice.voice.clone(),
            rate,
        },
    }
}

#[cfg(test)]
mod tests;
