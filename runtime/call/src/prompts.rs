//! From the parts of a prompt to what the media engine plays.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use vireo_audio::prompt::{Library, Prompt, PromptError};
use vireo_audio::{Codec, tone, wav};
use vireo_host::Request;
use vireo_host::contract::{Error, Part, SayAs, Tone};
use vireo_rtp::Segment;
use vireo_speech::say::{PAUSE_MS, Piece, Word};

use crate::say;
use crate::speech::{self, Speaker};

/// The call's own recordings that a flow has played, by id.
pub type Played = HashMap<String, Arc<Prompt>>;

/// What a request plays: its lists of parts, and the language that they are in.
pub fn parts<'a>(request: &'a Request, language: &'a str) -> (Vec<&'a [Part]>, &'a str) {
    let (lists, own): (Vec<&[Part]>, Option<&str>) = match request {
        Request::Play { prompt, options } => (vec![prompt], options.language.as_deref()),
        Request::Gather(gather) => (
            vec![
                &gather.prompt,
                &gather.no_input_prompt,
                &gather.no_match_prompt,
            ],
            gather.language.as_deref(),
        ),
        Request::Record(record) => (vec![&record.prompt], record.language.as_deref()),
        Request::StartPlaying {
            prompt, language, ..
        } => (vec![prompt], language.as_deref()),
        _ => (Vec::new(), None),
    };
    (lists, own.unwrap_or(language))
}

/// What has to be read from the disk before the parts can be heard.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// Each with its language.
    files: Vec<(String, String)>,
    recordings: Vec<(String, PathBuf)>,
}

impl Missing {
    /// Finds out without touching the disk. `path` tells where a finished recording of this call is.
    pub fn of(
        library: &Library,
        played: &Played,
        lists: &[&[Part]],
        language: &str,
        path: impl Fn(&str) -> Option<PathBuf>,
    ) -> Option<Self> {
        let mut missing = Self::default();
        let mut file = |language: &str, name: String| {
            if library.find_cached(language, &name).is_none() {
                missing.files.push((language.to_owned(), name));
            }
        };
        for part in lists.iter().copied().flatten() {
            match part {
                Part::File(name) => file(language, name.clone()),
                Part::Say(value) => {
                    let said = say::said(value, language, library.default_language());
                    if let Ok((language, said)) = said {
                        let words = said.pieces.iter().filter_map(Piece::word);
                        words.for_each(|word| file(language, word_file(word)));
                    }
                }
                Part::Recording(id) if !played.contains_key(id) => {
                    missing
                        .recordings
                        .extend(path(id).map(|path| (id.clone(), path)));
                }
                _ => {}
            }
        }
        (!missing.files.is_empty() || !missing.recordings.is_empty()).then_some(missing)
    }

    /// Reads it all; blocks. What cannot be read is found out again, and told, by [`resolve`].
    pub fn load(self, library: &Library, codec: Codec) -> Result<Played, Error> {
        for (language, name) in &self.files {
            if let Ok(prompt) = library.find(language, name) {
                let _ = prompt.encoded(codec);
            }
        }
        self.recordings
            .into_iter()
            .map(|(id, path)| {
                let failed = |why: String| Error::Failed(format!("recording {id:?}: {why}"));
                let audio = wav::read(&path).map_err(|error| failed(error.to_string()))?;
                let prompt =
                    Prompt::from_audio(&id, audio).map_err(|error| failed(error.to_string()))?;
                Ok((id.clone(), Arc::new(prompt)))
            })
            .collect()
    }
}

/// Tones are computed for each prompt, at 16 KB a second.
const MOST_TONES_MS: u64 = 60_000;

/// Words of the values of one prompt: some twenty minutes.
const MOST_WORDS: usize = 2_000;

/// Of the texts of one prompt: some half an hour.
const MOST_CHARACTERS: usize = 30_000;

/// The prompts directory's name of a recorded word.
fn word_file(word: Word) -> String {
    format!("say/{}", word.name)
}

/// Finds the sound of prompts.
pub trait Resolve {
    /// The sound of an audio file, or of a recording that this call made.
    ///
    /// # Errors
    /// It cannot be played: `not-found`, `invalid` or `failed`.
    fn sound(&self, part: Named<'_>) -> Result<Arc<Prompt>, Error>;

    /// The sound of a value.
    ///
    /// # Errors
    /// It cannot be said: `not-found`, `invalid` or `failed`.
    fn say(&self, value: &SayAs) -> Result<Vec<Segment>, Error>;

    /// The sound of a text.
    ///
    /// # Errors
    /// It cannot be spoken: `not-found`, `invalid` or `failed`.
    fn text(&self, text: &str) -> Result<Vec<Segment>, Error>;

    /// Looks every part up.
    ///
    /// # Errors
    /// The first part that cannot be played: `not-found`, `invalid` or `failed`.
    fn resolve(&self, parts: &[Part]) -> Result<Vec<Segment>, Error> {
        let tones = parts.iter().map(|part| match part {
            Part::Tone(tone) => u64::from(tone.duration_ms),
            _ => 0,
        });
        if tones.sum::<u64>() > MOST_TONES_MS {
            return Err(Error::Invalid(format!(
                "the tones of a prompt are longer than {MOST_TONES_MS} ms together"
            )));
        }
        let (mut words, mut characters) = (0, 0);
        let mut segments = Vec::with_capacity(parts.len());
        for part in parts {
            segments.push(match part {
                Part::File(name) => Segment::Prompt(self.sound(Named::File(name))?),
                Part::Recording(id) => Segment::Prompt(self.sound(Named::Recording(id))?),
                Part::Silence(ms) => Segment::Silence { ms: *ms },
                Part::Tone(tone) => Segment::Samples(render(tone)),
                Part::Say(value) => {
                    let said = self.say(value)?;
                    words += said.len();
                    if words > MOST_WORDS {
                        return Err(Error::Invalid(format!(
                            "the values of a prompt have more than {MOST_WORDS} words together"
                        )));
                    }
                    segments.extend(said);
                    continue;
                }
                Part::Text(text) => {
                    characters += text.chars().count();
                    if characters > MOST_CHARACTERS {
                        return Err(Error::Invalid(format!(
                            "the texts of a prompt have more than {MOST_CHARACTERS} characters together"
                        )));
                    }
                    segments.extend(self.text(text)?);
                    continue;
                }
            });
        }
        Ok(segments)
    }
}

/// A part of a prompt that is found by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// A file of the prompts directory.
    File(&'a str),
    /// A recording that this call made, by its id.
    Recording(&'a str),
}

/// Where prompts are looked up.
pub struct Lookup<'a> {
    /// The prompts directory.
    pub library: &'a Library,
    /// The call's own recordings that are in memory.
    pub played: &'a Played,
    /// The language of the files.
    pub language: &'a str,
    /// What the call speaks: prompts are encoded for it.
    pub codec: Codec,
    /// What speaks texts, if anything does.
    pub speaker: Option<&'a Speaker<'a>>,
}

impl Resolve for Lookup<'_> {
    fn sound(&self, part: Named<'_>) -> Result<Arc<Prompt>, Error> {
        match part {
            Named::File(name) => {
                let prompt = self
                    .library
                    .find(self.language, name)
                    .map_err(prompt_error)?;
                // Once per prompt and codec, and not in the media thread.
                let _ = prompt.encoded(self.codec);
                Ok(prompt)
            }
            Named::Recording(id) => match self.played.get(id) {
                Some(prompt) => Ok(Arc::clone(prompt)),
                None => Err(Error::NotFound(format!(
                    "recording {id:?}: this call made none of that name"
                ))),
            },
        }
    }

    /// From recorded words; when one is missing, the whole value is spoken: half of it in another
    /// voice would be worse.
    fn say(&self, value: &SayAs) -> Result<Vec<Segment>, Error> {
        let default = self.library.default_language();
        let (language, said) = say::said(value, self.language, default)?;
        let segments = said.pieces.into_iter().map(|piece| match piece {
            Piece::Word(word) => self.word(language, word).map(Segment::Prompt),
            Piece::Pause => Ok(Segment::Silence { ms: PAUSE_MS }),
        });
        match (segments.collect(), self.speaker) {
            (Err(Error::NotFound(missing)), Some(speaker)) => speaker
                .text(&said.text, language, self.codec)
                .map_err(|_| Error::NotFound(missing)),
            (segments, _) => segments,
        }
    }

    fn text(&self, text: &str) -> Result<Vec<Segment>, Error> {
        match self.speaker {
            Some(speaker) => speaker.text(text, self.language, self.codec),
            None => Err(speech::silent()),
        }
    }
}

impl Lookup<'_> {
    /// A recorded word, in the very language that is spoken: half a number in another one is none.
    fn word(&self, language: &str, word: Word) -> Result<Arc<Prompt>, Error> {
        let name = word_file(word);
        let primary = |tag: &str| {
            tag.split('-')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        };
        match self.library.find(language, &name) {
            Ok(prompt) if primary(prompt.language()) == primary(language) => {
                // Once per prompt and codec, and not in the media thread.
                let _ = prompt.encoded(self.codec);
                Ok(prompt)
            }
            Ok(_) | Err(PromptError::NotFound { .. }) => Err(Error::NotFound(format!(
                "there is no recorded word {:?} of {language:?}: record {}/{name}.wav, or make the \
                 words with `vireo prompts build --language {}`",
                word.text,
                primary(language),
                primary(language),
            ))),
            Err(error) => Err(prompt_error(error)),
        }
    }
}

fn render(tone: &Tone) -> Arc<[i16]> {
    tone::render(&tone::Tone {
        frequency: tone.frequency,
        second_frequency: tone.second_frequency,
        duration_ms: tone.duration_ms,
        level_dbm0: tone.level_dbm0,
    })
    .into()
}

fn prompt_error(error: PromptError) -> Error {
    let text = error.to_string();
    match error {
        PromptError::NotFound { .. } => Error::NotFound(text),
        PromptError::Name { .. } | PromptError::Language(_) => Error::Invalid(text),
        _ => Error::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use vireo_audio::prompt::LibraryConfig;

    use super::*;

    #[test]
    fn tones_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let library = Library::open(LibraryConfig::new(directory.path())).unwrap();
        let lookup = Lookup {
            library: &library,
            played: &Played::new(),
            language: "en",
            codec: Codec::Pcmu,
            speaker: None,
        };
        let tones = |count| {
            let tone = Tone {
                frequency: 425,
                second_frequency: None,
                duration_ms: 30_000,
                level_dbm0: -10,
            };
            lookup.resolve(&vec![Part::Tone(tone); count])
        };
        assert_eq!(tones(2).map(|segments| segments.len()).ok(), Some(2));
        assert!(matches!(tones(3), Err(Error::Invalid(_))));
    }
}
