//! Repairs recordings that a crash left unfinished: sizes are taken from the file's length.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::storage::OPEN_DIRECTORY;
use super::{frames_to_ms, is_id, path_of};
use crate::wav::Header;

/// A recording that was left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Its id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// The sound that is in it, ms.
    pub duration_ms: u32,
    /// Why it could not be repaired, if so; the file is left as it was.
    pub problem: Option<String>,
}

/// Repairs every recording that is marked as open.
pub(super) fn repair(directory: &Path) -> io::Result<Vec<Repaired>> {
    let mut repaired = Vec::new();
    for entry in std::fs::read_dir(directory.join(OPEN_DIRECTORY))? {
        let entry = entry?;
        let Some(id) = entry
            .file_name()
            .to_str()
            .filter(|id| is_id(id))
            .map(str::to_owned)
        else {
            continue;
        };
        let path = path_of(directory, &id);
        match repair_file(&path) {
            Ok(duration_ms) => repaired.push(Repaired {
                id,
                path,
                duration_ms,
                problem: None,
            }),
            // Discarded, or never begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let problem = Some(error.to_string());
                repaired.push(Repaired {
                    id,
                    path,
                    duration_ms: 0,
                    problem,
                });
            }
        }
        std::fs::remove_file(entry.path())?;
    }
    repaired.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(repaired)
}

/// Gives a file's header the sizes of what is in it; returns its length, ms.
fn repair_file(path: &Path) -> io::Result<u32> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut start = Vec::new();
    (&file)
        .take(Header::MAX_SIZE as u64)
        .read_to_end(&mut start)?;
    let mut header = Header::parse(&start)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no header of ours"))?;
    let begin = header.encoding.header_size() as u64;
    let frame_size = u64::from(header.channels) * header.encoding.sample_size() as u64;

    if header.file_size() != length {
        let end = match marks_begin(&file, begin + u64::from(header.data))? {
            Some(end) => end,
            None => length,
        };
        let data = end.saturating_sub(begin) / frame_size * frame_size;
        header.data = u32::try_from(data).unwrap_or(u32::MAX);
        header.after_data = 0;
        file.set_len(begin + data)?;
        file.write_all_at(&header.to_octets(), 0)?;
    }
    Ok(frames_to_ms(u64::from(header.data) / frame_size))
}

/// Where the sound ends, if marks were just being written behind it.
fn marks_begin(file: &File, sound_end: u64) -> io::Result<Option<u64>> {
    let mut chunk = [0; 4];
    let read = file.read_at(&mut chunk, sound_end + sound_end % 2)?;
    Ok((read == 4 && &chunk == b"cue ").then_some(sound_end))
}
