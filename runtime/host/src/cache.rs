//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Compiled code is machine code that runs in this process, so what is read must be what this
//! server wrote: the directory belongs to its user alone, and each file carries a MAC by a key that
//! was made for this directory. A file from elsewhere, a damaged one or one under another name is
//! as good as none.
//!
//! ```text
//! key                                     32 random bytes
//! <digest>-<engine>.code                  the MAC of what follows, 32 bytes; this name, 0; the code
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use wasmtime::Engine;

use crate::sys;

/// What the names of files with code end with.
const SUFFIX: &str = ".code";

/// What those end with that were not finished.
const UNFINISHED: &str = ".new";

const MAC_BYTES: usize = 32;

/// Where compiled code is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Its directory, of nothing else; made when it does not exist.
    pub directory: PathBuf,
    /// Bytes of all files at the most; those that were used longest ago are deleted. A Rust flow
    /// takes 130 KB, a Python flow 35 MB.
    pub max_bytes: u64,
}

/// Why compiled code cannot be kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Others could write there.
    #[error("{path}: {what}; it must belong to the server's user, with no rights for others")]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is not what was written.
    #[error("{0} was not written by this server, or is damaged")]
    Forged(PathBuf),
    /// The system.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Compiled code on disk.
pub(crate) struct Cache {
    config: CacheConfig,
    key: hmac::Key,
    /// Names the engine that the code is for.
    engine: String,
}

impl Cache {
    /// The cache of `engine` in a directory, which is made when it does not exist.
    pub(crate) fn open(config: CacheConfig, engine: &Engine) -> Result<Cache, CacheError> {
        let directory = &config.directory;
        let failed = |error| CacheError::Io {
            path: directory.clone(),
            error,
        };
        (DirBuilder::new().recursive(true).mode(0o700))
            .create(directory)
            .map_err(failed)?;
        let found = fs::symlink_metadata(directory).map_err(failed)?;
        match found.is_dir() {
            true => check_owner(directory, &found)?,
            false => return Err(not_ours(directory, "it is no directory")),
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key(&directory.join("key"))?);
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Cache {
            key,
            engine: format!("{:016x}", hasher.finish()),
            config,
        })
    }

    /// The code of a component; none when it was not kept.
    pub(crate) fn get(&self, digest: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let name = self.name(digest);
        let path = self.config.directory.join(&name);
        let (mut file, found) = match open(&path) {
            Err(CacheError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            opened => opened?,
        };
        let failed = |error| CacheError::Io {
            path: path.clone(),
            error,
        };
        let mut mac = [0; MAC_BYTES];
        let mut code = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        (file.read_exact(&mut mac))
            .and_then(|()| file.read_to_end(&mut code))
            .map_err(failed)?;
        let head = head(&name);
        if hmac::verify(&self.key, &code, &mac).is_err() || !code.starts_with(&head) {
            return Err(CacheError::Forged(path));
        }
        code.drain(..head.len());
        // It is what tells which ones are used; without it, it is deleted early.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(code))
    }

    /// Keeps the code of a component, and makes room for it.
    pub(crate) fn put(&self, digest: &str, code: &[u8]) -> Result<(), CacheError> {
        let name = self.name(digest);
        let head = head(&name);
        let size = (MAC_BYTES + head.len() + code.len()) as u64;
        if size > self.config.max_bytes {
            return Ok(());
        }
        let path = self.config.directory.join(&name);
        self.make_room(size)?;
        let unfinished = path.with_extension(UNFINISHED.trim_start_matches('.'));
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(&head);
        mac.update(code);
        let mac = mac.sign();
        // No flush to disk: a file that a power cut left in pieces does not fit its MAC.
        remove(&unfinished)
            .and_then(|()| create(&unfinished))
            .and_then(|mut file| {
                file.write_all(mac.as_ref())?;
                file.write_all(&head)?;
                file.write_all(code)
            })
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(|error| CacheError::Io { path, error })
    }

    /// Forgets the code of a component.
    pub(crate) fn forget(&self, digest: &str) {
        let path = self.config.directory.join(self.name(digest));
        if let Err(error) = remove(&path) {
            tracing::warn!(path = %path.display(), %error, "compiled code cannot be deleted");
        }
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}{SUFFIX}", self.engine)
    }

    /// Deletes what was used longest ago until there is room for so many bytes, and what was never
    /// finished.
    fn make_room(&self, size: u64) -> Result<(), CacheError> {
        let directory = &self.config.directory;
        let failed = |error| CacheError::Io {
            path: directory.clone(),
            error,
        };
        let mut kept = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(UNFINISHED) {
                remove(&entry.path()).map_err(failed)?;
            } else if name.ends_with(SUFFIX) {
                let found = entry.metadata().map_err(failed)?;
                kept.push((found.modified().map_err(failed)?, found.len(), entry.path()));
            }
        }
        kept.sort();
        let mut total: u64 = kept.iter().map(|(_, size, _)| size).sum();
        for (_, bytes, path) in kept {
            if total + size <= self.config.max_bytes {
                break;
            }
            remove(&path).map_err(failed)?;
            total -= bytes;
        }
        Ok(())
    }
}

/// What stands before the code; a name holds no zero.
fn head(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

/// The key in a file, which is made when it does not exist.
fn key(path: &Path) -> Result<[u8; 32], CacheError> {
    let failed = |error| CacheError::Io {
        path: path.to_owned(),
        error,
    };
    let mut key = [0; 32];
    match create(path) {
        Ok(mut file) => {
            SystemRandom::new()
                .fill(&mut key)
                .map_err(|_| failed(io::Error::other("the system has no random numbers")))?;
            file.write_all(&key).map_err(failed)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let (mut file, _) = open(path)?;
            file.read_exact(&mut key).map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(key)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file of ours. What the path leads to is looked at after it is open, so that it cannot be
/// exchanged in between.
fn open(path: &Path) -> Result<(File, fs::Metadata), CacheError> {
    let failed = |error| CacheError::Io {
        path: path.to_owned(),
        error,
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(not_ours(path, "it is no plain file"));
    }
    check_owner(path, &found)?;
    Ok((file, found))
}

fn check_owner(path: &Path, found: &fs::Metadata) -> Result<(), CacheError> {
    if found.uid() != sys::user() {
        return Err(not_ours(
            path,
            &format!("it belongs to user {}", found.uid()),
        ));
    }
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => {
            let mode = found.mode() & 0o777;
            Err(not_ours(path, &format!("its mode is {mode:o}")))
        }
    }
}

fn not_ours(path: &Path, what: &str) -> CacheError {
    CacheError::NotOurs {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::engine;

    fn cache(directory: &Path, max_bytes: u64) -> Result<Cache, CacheError> {
        let config = CacheConfig {
            directory: directory.join("compiled"),
            max_bytes,
        };
        Cache::open(config, &engine::of_compiler(1 << 20).unwrap())
    }

    fn digest(letter: char) -> String {
        letter.to_string().repeat(64)
    }

    fn path(cache: &Cache, letter: char) -> PathBuf {
        cache.config.directory.join(cache.name(&digest(letter)))
    }

    #[test]
    fn what_was_put_in_comes_out_again_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let first = cache(directory.path(), 1_000).unwrap();
        assert_eq!(first.get(&digest('a')).unwrap(), None);
        first.put(&digest('a'), b"code").unwrap();
        let second = cache(directory.path(), 1_000).unwrap();
        assert_eq!(second.get(&digest('a')).unwrap().unwrap(), b"code");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&second.config.directory), 0o700);
        assert_eq!(mode(&path(&second, 'a')), 0o600);
        assert_eq!(mode(&second.config.directory.join("key")), 0o600);
        second.forget(&digest('a'));
        assert_eq!(second.get(&digest('a')).unwrap(), None);
    }

    #[test]
    fn nothing_is_taken_that_this_directory_did_not_get() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (own, other) = (
            cache(own.path(), 1_000).unwrap(),
            cache(other.path(), 1_000).unwrap(),
        );
        let forged = |letter| matches!(own.get(&digest(letter)), Err(CacheError::Forged(_)));
        other.put(&digest('a'), b"code").unwrap();
        fs::copy(path(&other, 'a'), path(&own, 'a')).unwrap();
        assert!(forged('a'), "of another server");

        own.put(&digest('b'), b"code").unwrap();
        fs::copy(path(&own, 'b'), path(&own, 'c')).unwrap();
        assert!(forged('c'), "of another component");

        let mut bytes = fs::read(path(&own, 'b')).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path(&own, 'b'), &bytes).unwrap();
        assert!(forged('b'), "damaged");
        fs::write(path(&own, 'b'), &bytes[..7]).unwrap();
        assert!(matches!(own.get(&digest('b')), Err(CacheError::Io { .. })));
    }

    #[test]
    fn what_others_can_write_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let own = cache(directory.path(), 1_000).unwrap();
        own.put(&digest('a'), b"code").unwrap();
        let refused = |letter| matches!(own.get(&digest(letter)), Err(CacheError::NotOurs { .. }));
        std::os::unix::fs::symlink(path(&own, 'a'), path(&own, 'b')).unwrap();
        assert!(own.get(&digest('b')).is_err(), "a symbolic link");
        fs::set_permissions(path(&own, 'a'), PermissionsExt::from_mode(0o620)).unwrap();
        assert!(refused('a'));
        fs::create_dir(path(&own, 'c')).unwrap();
        assert!(refused('c'));
        let compiled = directory.path().join("compiled");
        fs::set_permissions(&compiled, PermissionsExt::from_mode(0o770)).unwrap();
        assert!(cache(directory.path(), 1_000).is_err());
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let directory = tempfile::tempdir().unwrap();
        let own = cache(directory.path(), 500).unwrap();
        let now = SystemTime::now();
        for (letter, age) in [('a', 30), ('b', 20), ('c', 10)] {
            own.put(&digest(letter), &[0; 20]).unwrap();
            let file = File::open(path(&own, letter)).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
        }
        assert!(own.get(&digest('a')).unwrap().is_some());
        fs::write(own.config.directory.join("x.new"), [0; 999]).unwrap();
        own.put(&digest('d'), &[0; 60]).unwrap();
        let there: Vec<char> = ['a', 'b', 'c', 'd', 'x']
            .into_iter()
            .filter(|letter| path(&own, *letter).exists())
            .collect();
        assert_eq!(there, ['a', 'c', 'd']);
        assert!(!own.config.directory.join("x.new").exists());
        own.put(&digest('e'), &[0; 600]).unwrap();
        assert_eq!(
            own.get(&digest('e')).unwrap(),
            None,
            "larger than all of it"
        );
    }
}
