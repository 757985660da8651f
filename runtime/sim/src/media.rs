//! The media side of a simulated call: how long things last.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use vireo_audio::Codec;
use vireo_audio::prompt::{Library, Prompt};
use vireo_call::simulation::{
    Lookup, Named, Played, RecordSlot, Resolve, said, spoken_ms, written,
};
use vireo_host::contract::{Error, SayAs};
use vireo_rtp::{DigitOut, Segment};

use crate::log::{Heard, HeardKind};

/// What a recording of the call is called in scripts.
const RECORDING: &str = "recording";

/// Begins the name of a value that is said. No file is named so.
const SAID: char = '/';

/// Begins the name of a text that is spoken. No value is written so.
const SPOKEN: &str = "//";

/// The default language where no prompts directory names one.
const ASSUMED_LANGUAGE: &str = "en";

/// Octets of G.711 in a millisecond.
const OCTETS_PER_MS: usize = 8;

/// µ-law silence.
const SILENCE: u8 = 0xff;

/// How long a prompt lasts where no directory is known.
const ASSUMED_MS: u32 = 3_000;

/// Where prompts come from.
#[derive(Clone, Debug)]
pub enum Prompts {
    /// A prompts directory: what is not there is missing.
    Directory(Arc<Library>),
    /// Every prompt exists, and lasts three seconds.
    Assumed,
}

/// Finds the sound of prompts, and remembers what was missing.
pub(crate) struct Finder<'a> {
    pub prompts: &'a Prompts,
    pub language: &'a str,
    pub recorded: &'a HashMap<String, u32>,
    pub missing: RefCell<Vec<String>>,
}

impl Resolve for Finder<'_> {
    fn sound(&self, part: Named<'_>) -> Result<Arc<Prompt>, Error> {
        let found = match (part, self.prompts) {
            (Named::Recording(id), _) => match self.recorded.get(id) {
                Some(ms) => return Ok(silence(RECORDING, *ms)),
                None => Err(Error::NotFound(format!(
                    "recording {id:?}: this call made none of that name"
                ))),
            },
            (Named::File(name), Prompts::Assumed) => Ok(silence(name, ASSUMED_MS)),
            (file, Prompts::Directory(library)) => {
                let played = Played::new();
                self.lookup(library, &played).sound(file)
            }
        };
        self.note(found)
    }

    /// One sound of the length of the words, so that it is heard as the value and not word by word.
    fn say(&self, value: &SayAs) -> Result<Vec<Segment>, Error> {
        let ms = match self.prompts {
            Prompts::Directory(library) => {
                let played = Played::new();
                let segments = self.lookup(library, &played).say(value);
                segments.map(|segments| length(&segments).as_millis())
            }
            Prompts::Assumed => {
                said(value, self.language, ASSUMED_LANGUAGE).map(|_| u128::from(ASSUMED_MS))
            }
        };
        let ms = u32::try_from(self.note(ms)?).unwrap_or(u32::MAX);
        let name = format!("{SAID}{}", written(value));
        Ok(vec![Segment::Prompt(silence(&name, ms))])
    }

    /// As long as a voice takes, roughly: there is none here.
    fn text(&self, text: &str) -> Result<Vec<Segment>, Error> {
        let ms = self.note(spoken_ms(text, self.language))?;
        Ok(vec![Segment::Prompt(silence(
            &format!("{SPOKEN}{text}"),
            ms,
        ))])
    }
}

impl<'a> Finder<'a> {
    fn lookup(&'a self, library: &'a Library, played: &'a Played) -> Lookup<'a> {
        Lookup {
            library,
            played,
            language: self.language,
            codec: Codec::Pcmu,
            speaker: None,
        }
    }

    fn note<T>(&self, found: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &found {
            self.missing.borrow_mut().push(vireo_host::describe(error));
        }
        found
    }
}

fn silence(name: &str, ms: u32) -> Arc<Prompt> {
    let octets = vec![SILENCE; ms as usize * OCTETS_PER_MS];
    Arc::new(Prompt::from_encoded(name, Codec::Pcmu, octets))
}

/// How long a prompt lasts.
pub(crate) fn length(prompt: &[Segment]) -> Duration {
    let ms = prompt.iter().map(|segment| match segment {
        Segment::Prompt(prompt) => u64::from(prompt.duration_ms()),
        Segment::Samples(samples) => (samples.len() / OCTETS_PER_MS) as u64,
        Segment::Silence { ms } => u64::from(*ms),
        // Nothing comes late here.
        Segment::Late(_) => 0,
    });
    Duration::from_millis(ms.sum())
}

/// What is heard, as scripts name it.
pub(crate) fn heard(prompt: &[Segment]) -> Vec<Heard> {
    let parts = prompt.iter().map(|segment| match segment {
        Segment::Prompt(prompt) if prompt.name() == RECORDING => (RECORDING, HeardKind::Recording),
        Segment::Prompt(prompt) => named(prompt.name()),
        Segment::Samples(_) => ("tone", HeardKind::Tone),
        Segment::Silence { .. } | Segment::Late(_) => ("silence", HeardKind::Silence),
    });
    parts
        .map(|(text, kind)| Heard {
            text: text.to_owned(),
            kind,
        })
        .collect()
}

fn named(name: &str) -> (&str, HeardKind) {
    if let Some(text) = name.strip_prefix(SPOKEN) {
        return (text, HeardKind::Spoken);
    }
    match name.strip_prefix(SAID) {
        Some(value) => (value, HeardKind::Said),
        None => (name, HeardKind::File),
    }
}

/// How long digits take on the wire.
pub(crate) fn sending(digits: &[DigitOut]) -> Duration {
    let ms = digits
        .iter()
        .map(|digit| u64::from(digit.duration_ms) + u64::from(digit.pause_ms));
    Duration::from_millis(ms.sum())
}

/// What plays.
#[derive(Debug)]
pub(crate) struct Playing {
    pub id: u64,
    pub started: Duration,
    /// How long it has stood still, as the call was on hold.
    pub stood: Duration,
    /// None: when it is stopped.
    pub ends: Option<Duration>,
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recording {
    pub slot: RecordSlot,
    pub id: String,
    pub opened: Duration,
    pub longest: Option<Duration>,
    pub silence: Option<Duration>,
}

/// Why a recording ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Length,
    /// So much of its end is cut off.
    Silence(Duration),
}

impl Recording {
    /// When it ends by itself. `spoken` is until when the caller has spoken, or is going to.
    pub fn deadline(&self, spoken: Duration) -> Option<(Duration, Full)> {
        let longest = self
            .longest
            .map(|longest| (self.opened + longest, Full::Length));
        let silent = self
            .silence
            .map(|silence| (spoken.max(self.opened) + silence, Full::Silence(silence)));
        match (longest, silent) {
            (Some(longest), Some(silent)) if silent.0 < longest.0 => Some(silent),
            (longest, silent) => longest.or(silent),
        }
    }
}
