//! The prompts directory, and the prompts of it that are in memory.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::name::{Candidate, candidates, check_language};
use super::{Prompt, PromptError};
use crate::{Codec, wav};

/// Names that are remembered with the file they stand for. Flows choose names, so they are bounded.
const MAX_NAMES: usize = 10_000;

/// What a library needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryConfig {
    /// The prompts directory.
    pub directory: PathBuf,
    /// The language in which is looked for what the caller's language has not.
    pub default_language: String,
    /// Memory for prompts, octets. Prompts that are being played are kept beyond it.
    pub max_cached_bytes: usize,
    /// For so long the disk is not asked again whether a file has changed or appeared.
    pub recheck_after: Duration,
}

impl LibraryConfig {
    /// English, 256 MiB, looks for changes after a second.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        LibraryConfig {
            directory: directory.into(),
            default_language: "en".to_owned(),
            max_cached_bytes: 256 << 20,
            recheck_after: Duration::from_secs(1),
        }
    }
}

/// The prompts of a directory. Thread-safe; share it by `Arc`.
#[derive(Debug)]
pub struct Library {
    config: LibraryConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<(String, String), Known>,
    files: HashMap<PathBuf, Entry>,
    /// Sum of the costs of `files`.
    bytes: usize,
    /// Counts finds; tells which file was used longest ago.
    clock: u64,
}

/// What a language and a name stand for.
#[derive(Debug)]
struct Known {
    path: Result<PathBuf, PromptError>,
    checked: Instant,
}

#[derive(Debug)]
struct Entry {
    slot: Arc<Slot>,
    /// Octets; 0 until it was loaded.
    cost: usize,
    used: u64,
}

/// One version of one file. Whoever comes first loads it; the others wait for that, and for
/// nothing else.
#[derive(Debug)]
struct Slot {
    file: Candidate,
    stamp: Stamp,
    loaded: Mutex<Option<Result<Arc<Prompt>, PromptError>>>,
}

/// Tells whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            modified: metadata.modified().ok(),
            size: metadata.len(),
        }
    }
}

impl Library {
    /// Opens a prompts directory.
    ///
    /// # Errors
    /// [`PromptError::Directory`] when it cannot be read, [`PromptError::Language`] when the
    /// default language is no tag.
    pub fn open(config: LibraryConfig) -> Result<Self, PromptError> {
        check_language(&config.default_language)?;
        if let Err(error) = std::fs::read_dir(&config.directory) {
            return Err(PromptError::Directory {
                path: config.directory,
                problem: format!("{error}; create it, or set another one"),
            });
        }
        Ok(Library {
            config,
            state: Mutex::default(),
        })
    }

    /// The prompts directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.config.directory
    }

    /// The language in which is looked for what another one has not.
    #[must_use]
    pub fn default_language(&self) -> &str {
        &self.config.default_language
    }

    /// The prompt of this name: as `<language>/name.wav`, `.ulaw` or `.alaw`, then in the language
    /// without region, then in the default language, then without a language. An empty language
    /// means the default one.
    ///
    /// Blocks on the disk when the prompt is not in memory, or was not looked at for
    /// [`LibraryConfig::recheck_after`]; [`Library::find_cached`] never does.
    ///
    /// # Errors
    /// [`PromptError`]; its text says what was looked for, or what is wrong with the file.
    pub fn find(&self, language: &str, name: &str) -> Result<Arc<Prompt>, PromptError> {
        let key = (language.to_owned(), name.to_owned());
        let known = self.known(&key);
        let slot = match known {
            Some(known) => known?,
            None => self.resolve(key)?,
        };
        let mut loaded = lock(&slot.loaded);
        if let Some(result) = &*loaded {
            return result.clone();
        }
        let result = load(&slot.file, name).map(Arc::new);
        *loaded = Some(result.clone());
        drop(loaded);
        if let Ok(prompt) = &result {
            self.account(&slot, prompt.cost());
        }
        result
    }

    /// What [`Library::find`] would return, if that needs no disk and no waiting.
    #[must_use]
    pub fn find_cached(
        &self,
        language: &str,
        name: &str,
    ) -> Option<Result<Arc<Prompt>, PromptError>> {
        match self.known(&(language.to_owned(), name.to_owned()))? {
            Ok(slot) => slot.loaded.try_lock().ok()?.clone(),
            Err(error) => Some(Err(error)),
        }
    }

    /// Prompts in memory, and what they take, octets.
    #[must_use]
    pub fn cached(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.files.len(), state.bytes)
    }

    /// What a name stands for, when that is known and fresh.
    fn known(&self, key: &(String, String)) -> Option<Result<Arc<Slot>, PromptError>> {
        let state = &mut *lock(&self.state);
        let known = state.names.get(key)?;
        if known.checked.elapsed() >= self.config.recheck_after {
            return None;
        }
        match &known.path {
            Ok(path) => {
                let entry = state.files.get_mut(path)?;
                state.clock += 1;
                entry.used = state.clock;
                Some(Ok(Arc::clone(&entry.slot)))
            }
            Err(error) => Some(Err(error.clone())),
        }
    }

    /// Asks the disk which file a name stands for. The lock is not held meanwhile.
    fn resolve(&self, key: (String, String)) -> Result<Arc<Slot>, PromptError> {
        let LibraryConfig {
            directory,
            default_language,
            ..
        } = &self.config;
        let candidates = candidates(directory, default_language, &key.0, &key.1)?;
        let checked = Instant::now();
        let found = candidates.iter().find_map(|candidate| {
            let metadata = std::fs::metadata(&candidate.path).ok()?;
            metadata
                .is_file()
                .then(|| (candidate.clone(), Stamp::of(&metadata)))
        });

        let state = &mut *lock(&self.state);
        if state.names.len() >= MAX_NAMES {
            state.names.clear();
        }
        let Some((file, stamp)) = found else {
            let tried = candidates
                .into_iter()
                .map(|candidate| candidate.path)
                .collect();
            let error = PromptError::NotFound {
                name: key.1.clone(),
                tried,
            };
            state.names.insert(
                key,
                Known {
                    path: Err(error.clone()),
                    checked,
                },
            );
            return Err(error);
        };
        state.names.insert(
            key,
            Known {
                path: Ok(file.path.clone()),
                checked,
            },
        );
        state.clock += 1;
        let used = state.clock;
        if let Some(entry) = state.files.get_mut(&file.path)
            && entry.slot.stamp == stamp
        {
            entry.used = used;
            return Ok(Arc::clone(&entry.slot));
        }
        let path = file.path.clone();
        let slot = Arc::new(Slot {
            file,
            stamp,
            loaded: Mutex::new(None),
        });
        let entry = Entry {
            slot: Arc::clone(&slot),
            cost: 0,
            used,
        };
        if let Some(old) = state.files.insert(path, entry) {
            state.bytes -= old.cost;
        }
        Ok(slot)
    }

    /// Notes what a loaded file costs, and makes room.
    fn account(&self, slot: &Arc<Slot>, cost: usize) {
        let state = &mut *lock(&self.state);
        match state.files.get_mut(&slot.file.path) {
            Some(entry) if Arc::ptr_eq(&entry.slot, slot) => entry.cost = cost,
            // It was replaced by a newer version meanwhile.
            _ => return,
        }
        state.bytes += cost;
        while state.bytes > self.config.max_cached_bytes {
            let oldest = state.files.iter().filter(|(_, entry)| entry.cost > 0);
            let Some((path, _)) = oldest.min_by_key(|(_, entry)| entry.used) else {
                return;
            };
            let path = path.clone();
            if let Some(entry) = state.files.remove(&path) {
                state.bytes -= entry.cost;
            }
        }
    }
}

fn load(file: &Candidate, name: &str) -> Result<Prompt, PromptError> {
    let problem = |problem| PromptError::File {
        name: name.to_owned(),
        problem: Arc::new(problem),
    };
    let raw = |codec| -> Result<Prompt, PromptError> {
        let octets = wav::read_limited(&file.path).map_err(problem)?;
        Ok(Prompt::from_encoded(name, codec, octets))
    };
    let prompt = match file.path.extension().and_then(|suffix| suffix.to_str()) {
        Some("ulaw") => raw(Codec::Pcmu)?,
        Some("alaw") => raw(Codec::Pcma)?,
        _ => {
            let audio = wav::read(&file.path).map_err(problem)?;
            Prompt::from_audio(name, audio)?
        }
    };
    Ok(prompt.with_language(&file.language))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-done by a panic under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
