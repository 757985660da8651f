//! The recorder: one writer thread for all recordings, and a [`Track`] for each.
//!
//! A track lives in the media thread. It encodes what it is given into a block of about a second
//! and hands full blocks to the writer; it never blocks and never touches the disk. The tracks'
//! blocks fall due at different moments, so that a thousand calls that began together do not
//! write together.
//!
//! The file is `<directory>/<id>.wav` from the start, with a header that is right after every
//! block: if the process dies, the last second is lost and the rest is playable. A mark in
//! `<directory>/.open/` says that a file is being written; what a crash left there is repaired by
//! the next [`Recorder::start`]. Files are left to the page cache: a power failure can cost more.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

mod file;
mod repair;
mod storage;
mod track;
mod writer;

pub use repair::Repaired;
pub use track::Track;

use storage::{DiskStorage, Storage};
use writer::{Message, Writer};

/// The longest id, octets.
pub const MAX_ID_LENGTH: usize = 128;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Linear, 16 bits: 16 kB a second and channel.
    Pcm16,
    /// G.711 mu-law: 8 kB a second and channel.
    Mulaw,
}

/// Which channels a recording has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// The caller only.
    Mono,
    /// Left the caller, right what the caller heard.
    Stereo,
}

/// Something that happened during a recording. It becomes a labelled cue point of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The other side put the call on hold.
    Hold,
    /// The hold ended.
    Resume,
    /// The recording was paused; silence follows.
    Pause,
    /// The pause ended.
    Continue,
}

impl Mark {
    /// The label of the cue point.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Mark::Hold => "hold",
            Mark::Resume => "resume",
            Mark::Pause => "pause",
            Mark::Continue => "continue",
        }
    }
}

/// A mark and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// What happened.
    pub mark: Mark,
    /// Where, ms from the recording's start.
    pub at_ms: u32,
}

/// Why a recording ended too early. What was written until then is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The writer did not keep up and its queue was full.
    #[error("the recorder's queue is full: the disk does not keep up")]
    QueueFull,
    /// No space, or no quota, is left.
    #[error("the disk with the recordings is full")]
    DiskFull,
    /// A file of this name exists.
    #[error("a recording of this id exists already")]
    Exists,
    /// The file reached the size that WAV allows (4 GiB).
    #[error("the recording has reached the largest size of a WAV file")]
    TooLong,
    /// Any other error of the file system.
    #[error("the recording cannot be written: {0}")]
    Io(String),
    /// The recorder was shut down.
    #[error("the recorder was shut down")]
    ShutDown,
}

impl Failure {
    fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::DiskFull,
            io::ErrorKind::AlreadyExists => Failure::Exists,
            _ => Failure::Io(error.to_string()),
        }
    }
}

/// Why the recorder cannot start, or a recording cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The directory cannot be used.
    #[error("recordings directory {path}: {source}; create it and let this user write to it")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The writer thread cannot be started.
    #[error("cannot start the recorder's thread: {0}")]
    Thread(io::Error),
    /// The id is not usable as a file name.
    #[error(
        "\"{0}\" cannot name a recording: use 1 to 128 of A-Z a-z 0-9 . _ -, not starting with a dot"
    )]
    Id(String),
    /// The queue is full.
    #[error("the recorder's queue is full: the disk does not keep up")]
    Overloaded,
    /// As many recordings are open as are allowed.
    #[error("{0} recordings are open, and no more are allowed")]
    TooMany(usize),
    /// After [`Recorder::shutdown`].
    #[error("the recorder was shut down")]
    ShutDown,
}

/// What a recorder needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderConfig {
    /// Where recordings are kept. It is made when it does not exist.
    pub directory: PathBuf,
    /// Blocks, of about a second of one track each (8 to 32 kB), that may wait for the disk.
    pub queue_blocks: usize,
    /// Recordings at the same time. Each holds a file open.
    pub max_open: usize,
}

impl RecorderConfig {
    /// A configuration with a queue of 2,048 blocks: 64 MB at most, four seconds of stall at 500
    /// recordings. As many recordings as are asked for.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        RecorderConfig {
            directory: directory.into(),
            queue_blocks: 2048,
            max_open: usize::MAX,
        }
    }
}

/// Called on the writer's thread when a recording's file is complete and closed. It must not block.
pub type Completion = Box<dyn FnOnce(Finished) + Send>;

/// What is to be recorded.
pub struct Spec {
    /// Names the file.
    pub id: String,
    /// The channels.
    pub layout: Layout,
    /// The encoding.
    pub format: Format,
    /// Told when the file is complete.
    pub on_finished: Option<Completion>,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("id", &self.id)
            .field("layout", &self.layout)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// A recording that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its id.
    pub id: String,
    /// Its file. It does not exist when the recording failed before it began.
    pub path: PathBuf,
    /// What is in the file, ms.
    pub duration_ms: u32,
    /// Why it ended too early, if it did.
    pub failed: Option<Failure>,
    /// The marks, in order.
    pub marks: Vec<Marked>,
}

/// What a recorder has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Recordings that were opened.
    pub opened: u64,
    /// Recordings that were completed, failed ones included.
    pub finished: u64,
    /// Recordings that failed.
    pub failed: u64,
    /// Blocks that the queue refused.
    pub refused_blocks: u64,
    /// Blocks in the queue now.
    pub queued_blocks: u64,
    /// Octets of sound written.
    pub written_octets: u64,
}

#[derive(Debug, Default)]
struct Shared {
    opened: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
    refused_blocks: AtomicU64,
    queued_blocks: AtomicU64,
    written_octets: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    repaired: Vec<Repaired>,
    queue: Queue,
    max_open: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The way to the writer. Blocks of sound are bounded in number; what opens, ends or marks a
/// recording is bounded by the recordings, and always gets through.
#[derive(Debug, Clone)]
struct Queue {
    sender: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    limit: u64,
}

impl Queue {
    /// Hands over a block unless the queue is full.
    fn send_block(&self, track: u64, block: Vec<u8>) -> Result<(), Failure> {
        if self.is_full() {
            self.shared.refused_blocks.fetch_add(1, Relaxed);
            return Err(Failure::QueueFull);
        }
        self.shared.queued_blocks.fetch_add(1, Relaxed);
        self.send(Message::Block { track, block })
    }

    fn send(&self, message: Message) -> Result<(), Failure> {
        self.sender.send(message).map_err(|_| Failure::ShutDown)
    }

    fn is_full(&self) -> bool {
        self.shared.queued_blocks.load(Relaxed) >= self.limit
    }
}

/// Owns the writer thread. Clones are handles to the same recorder.
#[derive(Debug, Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

impl Recorder {
    /// Makes the directory if need be, repairs what a crash left unfinished, starts the writer.
    ///
    /// # Errors
    /// [`RecordError::Directory`] when the directory cannot be used, [`RecordError::Thread`].
    pub fn start(config: RecorderConfig) -> Result<Self, RecordError> {
        let failed = |source| RecordError::Directory {
            path: config.directory.clone(),
            source,
        };
        let storage = DiskStorage::open(&config.directory).map_err(failed)?;
        let repaired = repair::repair(&config.directory).map_err(failed)?;
        for file in &repaired {
            tracing::warn!(path = %file.path.display(), duration_ms = file.duration_ms,
                problem = file.problem.as_deref(), "a recording was left unfinished; repaired");
        }
        Self::with_storage(config, repaired, Box::new(storage))
    }

    fn with_storage(
        config: RecorderConfig,
        repaired: Vec<Repaired>,
        storage: Box<dyn Storage>,
    ) -> Result<Self, RecordError> {
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let limit = config.queue_blocks.max(1) as u64;
        let writer = Writer::new(storage, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("vireo-recorder".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(RecordError::Thread)?;
        Ok(Recorder {
            inner: Arc::new(Inner {
                directory: config.directory,
                max_open: config.max_open,
                repaired,
                queue: Queue {
                    sender,
                    shared,
                    limit,
                },
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// What [`Recorder::start`] had to repair.
    #[must_use]
    pub fn repaired(&self) -> &[Repaired] {
        &self.inner.repaired
    }

    /// The file of a recording, whether it exists or not; `None` for an impossible id.
    #[must_use]
    pub fn path(&self, id: &str) -> Option<PathBuf> {
        is_id(id).then(|| path_of(&self.inner.directory, id))
    }

    /// Opens a recording. Returns at once; the writer creates the file, and if it cannot, the
    /// track fails.
    ///
    /// # Errors
    /// [`RecordError::Id`], [`RecordError::Overloaded`], [`RecordError::TooMany`],
    /// [`RecordError::ShutDown`].
    pub fn open(&self, spec: Spec) -> Result<Track, RecordError> {
        if !is_id(&spec.id) {
            return Err(RecordError::Id(spec.id));
        }
        let queue = &self.inner.queue;
        if queue.is_full() {
            return Err(RecordError::Overloaded);
        }
        let number = self.reserve()?;
        Track::open(number, spec, queue.clone()).map_err(|_| RecordError::ShutDown)
    }

    /// A number for one more recording, if one more may be open.
    fn reserve(&self) -> Result<u64, RecordError> {
        let (shared, most) = (&self.inner.queue.shared, self.inner.max_open);
        let one_more = |opened: u64| {
            // What is finished meanwhile only makes room.
            let open = opened.saturating_sub(shared.finished.load(Relaxed));
            (open < most as u64).then_some(opened + 1)
        };
        (shared.opened.fetch_update(Relaxed, Relaxed, one_more))
            .map_err(|_| RecordError::TooMany(most))
    }

    /// Deletes a recording, after everything that was handed over before. One that is still open
    /// is ended. Nothing happens when it does not exist.
    ///
    /// # Errors
    /// [`RecordError::Id`], [`RecordError::ShutDown`]. Errors of the disk are logged.
    pub fn discard(&self, id: &str) -> Result<(), RecordError> {
        if !is_id(id) {
            return Err(RecordError::Id(id.to_owned()));
        }
        let message = Message::Discard { id: id.to_owned() };
        self.inner
            .queue
            .send(message)
            .map_err(|_| RecordError::ShutDown)
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let shared = &self.inner.queue.shared;
        Counters {
            opened: shared.opened.load(Relaxed),
            finished: shared.finished.load(Relaxed),
            failed: shared.failed.load(Relaxed),
            refused_blocks: shared.refused_blocks.load(Relaxed),
            queued_blocks: shared.queued_blocks.load(Relaxed),
            written_octets: shared.written_octets.load(Relaxed),
        }
    }

    /// Writes what was handed over, completes every file, ends the thread and waits for it.
    /// Tracks that still live fail with [`Failure::ShutDown`].
    pub fn shutdown(self) {
        // Fails only when the writer has ended already.
        let _ = self.inner.queue.send(Message::Shutdown);
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the recorder's thread panicked");
        }
    }
}

/// Ids become file names.
fn is_id(id: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    (1..=MAX_ID_LENGTH).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(allowed)
}

fn path_of(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}.wav"))
}

/// Milliseconds of so many frames (samples of each channel).
fn frames_to_ms(frames: u64) -> u32 {
    u32::try_from(frames / crate::SAMPLES_PER_MS as u64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
