//! Where recordings are put: the disk, or a test's idea of one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::path_of;

/// The directory of marks, one empty file for each recording that is being written. A start after
/// a crash needs to look at these only, not at every recording there is.
pub(super) const OPEN_DIRECTORY: &str = ".open";

/// Makes, completes and deletes files of recordings.
pub(super) trait Storage: Send {
    /// A new file; an error of kind `AlreadyExists` when there is one.
    fn create(&mut self, id: &str) -> io::Result<Box<dyn Sink>>;
    /// The file is complete.
    fn complete(&mut self, id: &str) -> io::Result<()>;
    /// Deletes a recording; `Ok` when there is none.
    fn delete(&mut self, id: &str) -> io::Result<()>;
    /// Where a recording is.
    fn path(&self, id: &str) -> PathBuf;
}

/// A file that is being written.
pub(super) trait Sink: Send {
    /// Writes at an offset; returns how much was written.
    fn write_at(&mut self, offset: u64, octets: &[u8]) -> io::Result<usize>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

#[derive(Debug)]
pub(super) struct DiskStorage {
    directory: PathBuf,
}

impl DiskStorage {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory.join(OPEN_DIRECTORY))?;
        Ok(DiskStorage {
            directory: directory.to_owned(),
        })
    }

    fn mark(&self, id: &str) -> PathBuf {
        self.directory.join(OPEN_DIRECTORY).join(id)
    }
}

impl Storage for DiskStorage {
    fn create(&mut self, id: &str) -> io::Result<Box<dyn Sink>> {
        let path = self.path(id);
        // Before the mark: a crash between both must not take somebody else's file for ours.
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        File::create(self.mark(id))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Box::new(DiskSink(file)))
    }

    fn complete(&mut self, id: &str) -> io::Result<()> {
        ignore_missing(std::fs::remove_file(self.mark(id)))
    }

    fn delete(&mut self, id: &str) -> io::Result<()> {
        ignore_missing(std::fs::remove_file(self.path(id)))?;
        self.complete(id)
    }

    fn path(&self, id: &str) -> PathBuf {
        path_of(&self.directory, id)
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[derive(Debug)]
struct DiskSink(File);

impl Sink for DiskSink {
    fn write_at(&mut self, offset: u64, octets: &[u8]) -> io::Result<usize> {
        self.0.write_at(octets, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}
