//! The commit log: every write since the last merge into sled, in the order in which it was made.
//!
//! ```text
//! log/<generation, 16 hexadecimal digits>     "VIREOLG2", then frames:
//! frame      length of the writes (u32), CRC-32 of generation and writes (u32), the writes
//! write      0: deletion, 1: put (u8); length of the key (u16), of the value (u32); key; value
//! log/spare  an old log, to be written over
//! ```
//!
//! Numbers are little-endian. One frame is one flush, so a crash loses whole flushes, the last ones,
//! and never a part of a batch. A flush costs one write and one sync. A log whose writes are all in
//! sled is kept for the next one to be written over it: neither its blocks nor its pages in memory
//! have to be found again. What is left in it of before carries another generation in its CRCs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Result, StoreError};

const MAGIC: &[u8; 8] = b"VIREOLG2";
const SPARE: &str = "spare";
const HEADER: usize = 8;
/// The memory that an empty frame keeps at the most, in bytes.
const KEPT: usize = 2 * 1024 * 1024;
const DELETION: u8 = 0;
const PUT: u8 = 1;

/// Writes that are not in the log yet: one frame in the making.
#[derive(Debug)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub fn new() -> Self {
        Self(vec![0; HEADER])
    }

    /// Adds a write; `None` deletes.
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = value.map_or(0, <[u8]>::len);
        self.0.reserve(7 + key.len() + length);
        self.0.push(if value.is_some() { PUT } else { DELETION });
        // Keys have 1 KiB at the most, values 96 KiB.
        self.0.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.0.extend_from_slice(&(length as u32).to_le_bytes());
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value.unwrap_or_default());
    }

    /// The writes of `later`, behind these.
    pub fn append(&mut self, later: &Frame) {
        self.0.extend_from_slice(&later.0[HEADER..]);
    }

    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER
    }

    /// Forgets the writes, and keeps the memory for the next ones if it is not much.
    pub fn clear(&mut self) {
        if self.0.capacity() > KEPT {
            *self = Self::new();
        }
        self.0.truncate(HEADER);
    }

    /// Bytes of writes.
    pub fn len(&self) -> usize {
        self.0.len() - HEADER
    }

    fn sealed(&mut self, generation: u64) -> &[u8] {
        let (header, writes) = self.0.split_at_mut(HEADER);
        header[..4].copy_from_slice(&(writes.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&checksum(generation, writes).to_le_bytes());
        &self.0
    }
}

fn checksum(generation: u64, writes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&generation.to_le_bytes());
    crc.update(writes);
    crc.finalize()
}

/// The file that takes the next frames.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    path: PathBuf,
    generation: u64,
    end: u64,
}

impl LogFile {
    pub fn create(dir: &Path, generation: u64) -> Result<Self> {
        let path = dir.join(format!("{generation:016x}"));
        let create = || -> io::Result<File> {
            let mut file = match fs::rename(dir.join(SPARE), &path) {
                Ok(()) => File::options().write(true).open(&path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => File::create_new(&path)?,
                Err(error) => return Err(error),
            };
            file.write_all(MAGIC)?;
            file.sync_all()?;
            // Before the first frame: it is found under the name of its generation, or not at all.
            File::open(dir)?.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|error| StoreError::io("create", &path, error))?;
        Ok(Self {
            file,
            path,
            generation,
            end: MAGIC.len() as u64,
        })
    }

    /// Deletes the log: nothing in it is needed any more.
    pub fn delete(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|error| StoreError::io("delete", &self.path, error))
    }

    /// Brings a frame to disk. After an error the same frame is to be given again: it is written to
    /// the same place, because nobody knows how much of it is there.
    pub fn commit(&mut self, frame: &mut Frame) -> Result<()> {
        let bytes = frame.sealed(self.generation);
        self.file
            .write_all_at(bytes, self.end)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| StoreError::io("write", &self.path, error))?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// The files of `dir` in the order in which they were written, and the next generation.
pub(super) fn files(dir: &Path) -> Result<(Vec<PathBuf>, u64)> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).map_err(|error| StoreError::io("list", dir, error))?;
    for entry in entries {
        let path = entry
            .map_err(|error| StoreError::io("list", dir, error))?
            .path();
        if let Some(generation) = generation(&path) {
            found.push((generation, path));
        }
    }
    found.sort_unstable();
    let next = found.last().map_or(0, |(last, _)| last.saturating_add(1));
    Ok((found.into_iter().map(|(_, path)| path).collect(), next))
}

fn generation(path: &Path) -> Option<u64> {
    u64::from_str_radix(path.file_name()?.to_str()?, 16).ok()
}

/// Puts a log aside whose writes are all in sled: the next one is written over it. One that is gone
/// already is no error.
pub(super) fn retire(path: &Path) -> Result<()> {
    match fs::rename(path, path.with_file_name(SPARE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("rename", path, error))
        }
        _ => Ok(()),
    }
}

/// Deletes the log that was put aside. Generations begin anew when there is no log, and what a spare one
/// holds must not be of a generation to come.
pub(super) fn discard_spare(dir: &Path) -> Result<()> {
    let spare = dir.join(SPARE);
    match fs::remove_file(&spare) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("delete", spare, error))
        }
        _ => Ok(()),
    }
}

/// Shows every write of a file to `visit`. A last frame that was cut short was never promised to
/// anybody and is left out, as is what an older log has left behind it.
pub(super) fn replay(path: &Path, mut visit: impl FnMut(&[u8], Option<&[u8]>)) -> Result<()> {
    let bytes = fs::read(path).map_err(|error| StoreError::io("read", path, error))?;
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        // Its creation was cut short, before anything was written.
        return Ok(());
    };
    let generation = generation(path).unwrap_or_default();
    while let Some((writes, after)) = next_frame(rest, generation) {
        let mut left = writes;
        while let Some((key, value, after)) = next_write(left) {
            visit(key, value);
            left = after;
        }
        rest = after;
    }
    Ok(())
}

/// The writes of the first whole frame, and what comes after it.
fn next_frame(bytes: &[u8], generation: u64) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (writes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (checksum(generation, writes) == u32::from_le_bytes(*crc)).then_some((writes, rest))
}

/// A write: its key, its value (`None`: deletion), and what comes after it.
type Change<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn next_write(bytes: &[u8]) -> Option<Change<'_>> {
    let ([tag], rest) = bytes.split_first_chunk::<1>()?;
    let (key_length, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key_length).into())?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((key, (*tag == PUT).then_some(value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut writes = Vec::new();
        replay(path, |key, value| {
            writes.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        })
        .unwrap();
        writes
    }

    #[test]
    fn frames_come_back_whole_or_not_at_all() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut log = LogFile::create(dir.path(), 7).unwrap();
        let mut first = Frame::new();
        first.push(b"a", Some(b"1"));
        first.push(b"b", Some(b""));
        log.commit(&mut first).unwrap();
        let mut second = Frame::new();
        second.push(b"a", None);
        log.commit(&mut second).unwrap();
        let all = [
            (b"a".to_vec(), Some(b"1".to_vec())),
            (b"b".to_vec(), Some(vec![])),
            (b"a".to_vec(), None),
        ];
        assert_eq!(read(&log.path), all);
        let whole = fs::read(&log.path).unwrap();
        let first_end = whole.len() - second.sealed(7).len();
        for cut in 0..whole.len() {
            fs::write(&log.path, &whole[..cut]).unwrap();
            let expected = if cut < first_end { &[][..] } else { &all[..2] };
            assert_eq!(read(&log.path), expected, "cut at {cut}");
        }
        for flipped in first_end..whole.len() {
            let mut bytes = whole.clone();
            bytes[flipped] ^= 0x40;
            fs::write(&log.path, &bytes).unwrap();
            assert_eq!(read(&log.path), all[..2], "flipped at {flipped}");
        }
        let (found, next) = files(dir.path()).unwrap();
        assert_eq!((found, next), (vec![log.path.clone()], 8));
    }

    #[test]
    fn a_log_that_is_written_over_shows_nothing_of_before() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut old = LogFile::create(dir.path(), 1).unwrap();
        let mut frame = Frame::new();
        for key in [b"a", b"b", b"c"] {
            frame.clear();
            frame.push(key, Some(b"old"));
            old.commit(&mut frame).unwrap();
        }
        retire(&old.path).unwrap();
        assert_eq!(files(dir.path()).unwrap(), (vec![], 0), "no log any more");

        let mut log = LogFile::create(dir.path(), 2).unwrap();
        assert_eq!(read(&log.path), [], "before its first frame");
        frame.clear();
        // As long as the old ones, so that the next old frame begins where this one ends.
        frame.push(b"a", Some(b"new"));
        log.commit(&mut frame).unwrap();
        assert_eq!(read(&log.path), [(b"a".to_vec(), Some(b"new".to_vec()))]);
        assert!(fs::read(&log.path).unwrap().ends_with(b"cold"));
        retire(&log.path).unwrap();
        discard_spare(dir.path()).unwrap();
        discard_spare(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
