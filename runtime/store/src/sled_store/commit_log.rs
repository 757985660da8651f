//! The commit log: every write since the last merge into sled, in the order in which it was made.
//!
//! ```text
//! log/<generation, 16 hexadecimal digits>     "VIREOLG1", then frames:
//! frame      length of the writes (u32), their CRC-32 (u32), the writes
//! write      0: deletion, 1: put (u8); length of the key (u16), of the value (u32); key; value
//! ```
//!
//! Numbers are little-endian. One frame is one flush, so a crash loses whole flushes, the last ones,
//! and never a part of a batch. A flush costs one write and one sync of a file that only grows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Result, StoreError};

const MAGIC: &[u8; 8] = b"VIREOLG1";
const HEADER: usize = 8;
/// The memory that an empty frame keeps at the most, in bytes.
const KEPT: usize = 1024 * 1024;
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

    fn sealed(&mut self) -> &[u8] {
        let (header, writes) = self.0.split_at_mut(HEADER);
        header[..4].copy_from_slice(&(writes.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&crc32fast::hash(writes).to_le_bytes());
        &self.0
    }
}

/// The file that takes the next frames.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    path: PathBuf,
    end: u64,
}

impl LogFile {
    pub fn create(dir: &Path, generation: u64) -> Result<Self> {
        let path = dir.join(format!("{generation:016x}"));
        let create = || -> io::Result<File> {
            let mut file = File::create_new(&path)?;
            file.write_all(MAGIC)?;
            file.sync_all()?;
            File::open(dir)?.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|error| StoreError::io("create", &path, error))?;
        Ok(Self {
            file,
            path,
            end: MAGIC.len() as u64,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings a frame to disk. After an error the same frame is to be given again: it is written to
    /// the same place, because nobody knows how much of it is there.
    pub fn commit(&mut self, frame: &mut Frame) -> Result<()> {
        let bytes = frame.sealed();
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
        let generation = path
            .file_name()
            .and_then(|name| u64::from_str_radix(name.to_str()?, 16).ok());
        if let Some(generation) = generation {
            found.push((generation, path));
        }
    }
    found.sort_unstable();
    let next = found.last().map_or(0, |(last, _)| last.saturating_add(1));
    Ok((found.into_iter().map(|(_, path)| path).collect(), next))
}

/// Shows every write of a file to `visit`. A last frame that was cut short was never promised to
/// anybody and is left out.
pub(super) fn replay(path: &Path, mut visit: impl FnMut(&[u8], Option<&[u8]>)) -> Result<()> {
    let bytes = fs::read(path).map_err(|error| StoreError::io("read", path, error))?;
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        // Its creation was cut short, before anything was written.
        return Ok(());
    };
    while let Some((writes, after)) = next_frame(rest) {
        let mut left = writes;
        while let Some((key, value, after)) = next_write(left) {
            visit(key, value);
            left = after;
        }
        rest = after;
    }
    if !rest.is_empty() {
        tracing::warn!(
            path = %path.display(), bytes = rest.len(),
            "the commit log ends in a write that the last process could not finish"
        );
    }
    Ok(())
}

/// The writes of the first whole frame, and what comes after it.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (writes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(writes) == u32::from_le_bytes(*crc)).then_some((writes, rest))
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
        assert_eq!(read(log.path()), all);
        let whole = fs::read(log.path()).unwrap();
        let first_end = whole.len() - second.sealed().len();
        for cut in 0..whole.len() {
            fs::write(log.path(), &whole[..cut]).unwrap();
            let expected = if cut < first_end { &[][..] } else { &all[..2] };
            assert_eq!(read(log.path()), expected, "cut at {cut}");
        }
        for flipped in first_end..whole.len() {
            let mut bytes = whole.clone();
            bytes[flipped] ^= 0x40;
            fs::write(log.path(), &bytes).unwrap();
            assert_eq!(read(log.path()), all[..2], "flipped at {flipped}");
        }
        let (found, next) = files(dir.path()).unwrap();
        assert_eq!((found, next), (vec![log.path().to_owned()], 8));
    }
}
