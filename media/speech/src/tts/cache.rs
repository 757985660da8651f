//! Speech on the disk, found by what was said and how: it survives restarts, and its size is limited.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::recency::Recency;

/// The name of a piece of speech: the SHA-256 of everything that decides how it sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Of these, in this order.
    pub fn of(parts: &[&[u8]]) -> Key {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists are the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Key(hash.finalize().into())
    }

    fn name(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn parse(name: &str) -> Option<Key> {
        let mut key = [0; 32];
        if name.len() != 64 || !name.is_ascii() {
            return None;
        }
        for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(name.get(at..at + 2)?, 16).ok()?;
        }
        Some(Key(key))
    }
}

/// The start of each file; after it the CRC-32 of the samples, then these: 8 kHz, 16 bits, little-endian.
const MAGIC: &[u8; 8] = b"vireo-s2";
const HEAD: usize = MAGIC.len() + 4;

/// A directory of speech. Its methods block.
#[derive(Debug)]
pub struct DiskCache {
    directory: PathBuf,
    limit: u64,
    index: Mutex<Recency>,
}

impl DiskCache {
    /// Opens or makes a directory that holds at most `limit` bytes. Files of other names are left alone.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(directory: &Path, limit: u64) -> io::Result<DiskCache> {
        fs::create_dir_all(directory)?;
        let mut found: Vec<(SystemTime, Key, u64)> = Vec::new();
        for file in fs::read_dir(directory)? {
            let file = file?;
            let name = file.file_name();
            if let Some(key) = name.to_str().and_then(Key::parse) {
                let about = file.metadata()?;
                found.push((about.modified()?, key, about.len()));
            }
        }
        found.sort_unstable_by_key(|(modified, ..)| *modified);
        let mut index = Recency::default();
        for (_, key, bytes) in found {
            index.put(key, bytes);
        }
        let cache = DiskCache {
            directory: directory.to_owned(),
            limit,
            index: Mutex::new(index),
        };
        cache.shrink();
        Ok(cache)
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Recency> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, key: Key) -> PathBuf {
        self.directory.join(key.name())
    }

    /// The samples of a key, if they are there and whole.
    pub fn get(&self, key: Key) -> Option<Vec<i16>> {
        let bytes = self.index().size(key)?;
        let path = self.path(key);
        let samples = fs::read(&path).ok().and_then(|file| decode(&file));
        if samples.is_none() {
            tracing::warn!(file = %path.display(), "speech on the disk is damaged; it is made again");
            self.index().remove(key);
            let _ = fs::remove_file(&path);
            return None;
        }
        self.index().put(key, bytes);
        // The order of use outlives the process by the files' times.
        let touched = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(%error, "the time of a cached file could not be set");
        }
        samples
    }

    /// Keeps samples; what was not used for longest goes when there is no room.
    ///
    /// # Errors
    /// They could not be written; nothing is kept then.
    pub fn put(&self, key: Key, samples: &[i16]) -> io::Result<()> {
        let bytes = encode(samples);
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        io::Write::write_all(&mut file, &bytes)?;
        file.persist(self.path(key))?;
        self.index().put(key, bytes.len() as u64);
        self.shrink();
        Ok(())
    }

    fn shrink(&self) {
        let oldest = self.index().shrink(self.limit);
        for key in oldest {
            let _ = fs::remove_file(self.path(key));
        }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.index().bytes()
    }
}

fn encode(samples: &[i16]) -> Vec<u8> {
    let samples: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let sum = crc32fast::hash(&samples).to_be_bytes();
    [&MAGIC[..], &sum, &samples].concat()
}

fn decode(bytes: &[u8]) -> Option<Vec<i16>> {
    let (head, samples) = bytes.split_at_checked(HEAD)?;
    let sum = crc32fast::hash(samples).to_be_bytes();
    if head != [&MAGIC[..], &sum].concat() {
        return None;
    }
    Some(
        samples
            .as_chunks()
            .0
            .iter()
            .map(|sample| i16::from_le_bytes(*sample))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::of(&[&[n]])
    }

    #[test]
    fn keys_tell_lists_apart() {
        assert_ne!(Key::of(&[b"ab", b"c"]), Key::of(&[b"a", b"bc"]));
        assert_eq!(Key::parse(&key(1).name()), Some(key(1)));
        assert_eq!(Key::parse("speech.wav"), None);
        assert_eq!(Key::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(directory.path(), 1000).unwrap();
        cache.put(key(1), &[1, -2, 3]).unwrap();
        assert_eq!(cache.get(key(2)), None);
        let cache = DiskCache::open(directory.path(), 1000).unwrap();
        assert_eq!(cache.get(key(1)), Some(vec![1, -2, 3]));
        assert_eq!(cache.bytes(), 18);
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(directory.path(), 3 * (HEAD as u64 + 20)).unwrap();
        for n in 1..=3 {
            cache.put(key(n), &[0; 10]).unwrap();
        }
        cache.get(key(1)).unwrap();
        cache.put(key(4), &[0; 10]).unwrap();
        let there: Vec<bool> = (1..=4).map(|n| cache.get(key(n)).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
        let smaller = DiskCache::open(directory.path(), 40).unwrap();
        assert_eq!(smaller.bytes(), 32);
    }

    #[test]
    fn a_damaged_file_is_no_speech() {
        let directory = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(directory.path(), 1000).unwrap();
        for damage in [&b""[..], b"vireo-s1", b"vireo-s2\0\0\0\0ab"] {
            cache.put(key(1), &[1, 2, 3]).unwrap();
            fs::write(directory.path().join(key(1).name()), damage).unwrap();
            assert_eq!(cache.get(key(1)), None);
            assert_eq!(
                (
                    cache.bytes(),
                    fs::read_dir(directory.path()).unwrap().count()
                ),
                (0, 0)
            );
        }
    }
}
