//! Recognitions on the disk, to listen to and to tune by: what the engine heard, what was allowed, what was
//! understood. The directory has a size; the oldest go first.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use vireo_audio::wav::{self, Audio};

use super::{Event, Grammar, Recognition};

/// Of a call, Hz.
const RATE: u32 = 8000;

/// What is written beside the sound.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct About {
    pub language: String,
    pub engine: String,
    pub grammars: Vec<Grammar>,
    pub min_confidence: f32,
}

/// The file beside the sound.
#[derive(Serialize)]
struct File<'a> {
    time: Timestamp,
    #[serde(flatten)]
    about: &'a About,
    #[serde(flatten)]
    result: Kept<'a>,
}

#[derive(Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum Kept<'a> {
    Match(&'a super::Answer),
    NoMatch(&'a super::Answer),
    Failed { error: String },
}

/// A directory of recognitions. Its methods block.
#[derive(Debug)]
pub struct Keeper {
    directory: PathBuf,
    limit: u64,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    /// Name without its ending, and bytes; the oldest first.
    kept: VecDeque<(String, u64)>,
    bytes: u64,
    /// Tells those of the same moment apart.
    count: u64,
}

impl Keeper {
    /// Opens or makes a directory that holds at most `limit` bytes. Files of other names are left alone.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(directory: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut kept: Vec<(String, u64)> = Vec::new();
        for file in fs::read_dir(directory)? {
            let name = file?.file_name();
            if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".json"))
                && is_ours(stem)
            {
                kept.push((stem.to_owned(), size(directory, stem)));
            }
        }
        // Names begin with the time.
        kept.sort_unstable();
        let keeper = Keeper {
            directory: directory.to_owned(),
            limit,
            files: Mutex::new(Files {
                bytes: kept.iter().map(|(_, bytes)| bytes).sum(),
                kept: kept.into(),
                count: 0,
            }),
        };
        keeper.shrink();
        Ok(keeper)
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a recognition that has ended like this; other events are none.
    pub(super) fn keep(&self, about: &About, samples: Vec<i16>, end: &Event) -> io::Result<()> {
        let result = match end {
            Event::Done(Recognition::Match(answer)) => Kept::Match(answer),
            Event::Done(Recognition::NoMatch(answer)) => Kept::NoMatch(answer),
            Event::Failed(error) => Kept::Failed {
                error: error.to_string(),
            },
            Event::Speech | Event::Partial(_) => return Ok(()),
        };
        let time = Timestamp::now();
        let count = {
            let mut files = self.files();
            files.count += 1;
            files.count
        };
        let stem = format!("{}-{count:06}", time.strftime("%Y%m%dT%H%M%S%.6fZ"));
        let audio = Audio {
            rate: RATE,
            channels: 1,
            samples,
        };
        wav::write(&self.path(&stem, "wav"), &audio).map_err(io::Error::other)?;
        let file = File {
            time,
            about,
            result,
        };
        let text = serde_json::to_vec_pretty(&file).map_err(io::Error::other)?;
        fs::write(self.path(&stem, "json"), text)?;
        let bytes = size(&self.directory, &stem);
        let mut files = self.files();
        files.bytes += bytes;
        files.kept.push_back((stem, bytes));
        drop(files);
        self.shrink();
        Ok(())
    }

    fn path(&self, stem: &str, ending: &str) -> PathBuf {
        self.directory.join(format!("{stem}.{ending}"))
    }

    fn shrink(&self) {
        let mut files = self.files();
        let mut gone = Vec::new();
        while files.bytes > self.limit
            && let Some((stem, bytes)) = files.kept.pop_front()
        {
            files.bytes -= bytes;
            gone.push(stem);
        }
        drop(files);
        for (stem, ending) in gone.iter().flat_map(|stem| [(stem, "wav"), (stem, "json")]) {
            if let Err(error) = fs::remove_file(self.path(stem, ending)) {
                tracing::warn!(%error, stem, "a kept recognition could not be removed");
            }
        }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.files().bytes
    }
}

/// `20261122T230015.123456Z-000001`.
fn is_ours(stem: &str) -> bool {
    let shape = |c: char| match c {
        '0'..='9' => '0',
        c => c,
    };
    let (time, count) = stem.split_once('-').unwrap_or_default();
    time.chars()
        .map(shape)
        .eq("00000000T000000.000000Z".chars())
        && count.len() >= 6
        && count.chars().all(|c| c.is_ascii_digit())
}

/// Bytes of a recognition's files.
fn size(directory: &Path, stem: &str) -> u64 {
    let bytes = |ending: &str| {
        let about = fs::metadata(directory.join(format!("{stem}.{ending}")));
        about.map_or(0, |about| about.len())
    };
    bytes("wav") + bytes("json")
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, AsrError};
    use super::*;

    fn about() -> About {
        About {
            language: "en".to_owned(),
            engine: "vosk".to_owned(),
            grammars: vec![Grammar::YesNo, Grammar::Digits { min: 1, max: 4 }],
            min_confidence: 0.5,
        }
    }

    fn matched() -> Event {
        Event::Done(Recognition::Match(Answer {
            value: "yes".to_owned(),
            text: "yeah".to_owned(),
            confidence: 0.75,
            ..Answer::default()
        }))
    }

    /// Of this ending, the oldest first.
    fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
        let all = fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut files: Vec<_> = all
            .filter(|path| path.extension().unwrap() == ending)
            .collect();
        files.sort();
        files
    }

    #[test]
    fn sound_and_result_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(directory.path(), 1 << 20).unwrap();
        keeper.keep(&about(), vec![1, -2, 3], &matched()).unwrap();
        let failed = Event::Failed(AsrError::Stopped);
        keeper.keep(&about(), vec![4], &failed).unwrap();
        let [first, second] = &files(directory.path(), "json")[..] else {
            panic!("two");
        };
        let sound = wav::read(&first.with_extension("wav")).unwrap();
        assert_eq!((sound.rate, sound.samples), (8000, vec![1, -2, 3]));
        let told: serde_json::Value = serde_json::from_slice(&fs::read(first).unwrap()).unwrap();
        let expected = serde_json::json!({
            "time": told["time"], "language": "en", "engine": "vosk", "min-confidence": 0.5,
            "grammars": ["yes-no", { "digits": { "min": 1, "max": 4 } }],
            "result": "match", "value": "yes", "text": "yeah", "confidence": 0.75, "grammar": 0,
            "alternatives": [],
        });
        assert_eq!(told, expected);
        let told: serde_json::Value = serde_json::from_slice(&fs::read(second).unwrap()).unwrap();
        assert_eq!(told["error"], "the recognizer has been stopped");
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("notes.json");
        fs::write(&other, "mine").unwrap();
        let keeper = Keeper::open(directory.path(), 1 << 20).unwrap();
        for n in 1..=4 {
            keeper.keep(&about(), vec![n; 100], &matched()).unwrap();
        }
        let each = keeper.bytes() / 4;
        // A moment is written in more or fewer digits.
        let keeper = Keeper::open(directory.path(), 3 * each + each / 2).unwrap();
        keeper.keep(&about(), vec![5; 100], &matched()).unwrap();
        let first = |path: &PathBuf| wav::read(path).unwrap().samples[0];
        let kept: Vec<i16> = files(directory.path(), "wav").iter().map(first).collect();
        assert_eq!(kept, [3, 4, 5]);
        assert_eq!(files(directory.path(), "json").len(), 4);
        assert!(other.exists());
    }
}
