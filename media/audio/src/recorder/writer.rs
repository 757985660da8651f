//! The thread that writes.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, mpsc};

use super::file::{GrowingFile, MAX_MARKS};
use super::storage::Storage;
use super::{Completion, Failure, Finished, Format, Layout, Mark, Marked, Shared, frames_to_ms};

/// What tracks and handles tell the writer.
pub(super) enum Message {
    Open {
        track: u64,
        id: String,
        layout: Layout,
        format: Format,
        failure: Arc<OnceLock<Failure>>,
        on_finished: Option<Completion>,
    },
    Block {
        track: u64,
        block: Vec<u8>,
    },
    Mark {
        track: u64,
        mark: Mark,
        frame: u64,
    },
    Truncate {
        track: u64,
        frames: u64,
    },
    Finish {
        track: u64,
    },
    Discard {
        id: String,
    },
    Shutdown,
}

struct Recording {
    id: String,
    /// `None` when it could not be created.
    file: Option<GrowingFile>,
    marks: Vec<(Mark, u64)>,
    failure: Arc<OnceLock<Failure>>,
    on_finished: Option<Completion>,
}

/// Is the disk writable? Kept so that a full disk is reported once, not once a call.
#[derive(PartialEq, Eq)]
enum Disk {
    Good,
    Failing,
}

pub(super) struct Writer {
    storage: Box<dyn Storage>,
    shared: Arc<Shared>,
    recordings: HashMap<u64, Recording>,
    disk: Disk,
}

impl Writer {
    pub(super) fn new(storage: Box<dyn Storage>, shared: Arc<Shared>) -> Self {
        Writer {
            storage,
            shared,
            recordings: HashMap::new(),
            disk: Disk::Good,
        }
    }

    /// Until [`Message::Shutdown`], or until nobody is left who could send one.
    pub(super) fn run(mut self, messages: &mpsc::Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Open {
                    track,
                    id,
                    layout,
                    format,
                    failure,
                    on_finished,
                } => {
                    let mut recording = Recording {
                        id,
                        file: None,
                        marks: Vec::new(),
                        failure,
                        on_finished,
                    };
                    self.create(&mut recording, layout, format);
                    self.recordings.insert(track, recording);
                }
                Message::Block { track, block } => self.append(track, &block),
                Message::Mark { track, mark, frame } => {
                    if let Some(recording) = self.recordings.get_mut(&track)
                        && recording.marks.len() < MAX_MARKS
                    {
                        recording.marks.push((mark, frame));
                    }
                }
                Message::Truncate { track, frames } => self.truncate(track, frames),
                Message::Finish { track } => {
                    if let Some(recording) = self.recordings.remove(&track) {
                        self.finish(recording);
                    }
                }
                Message::Discard { id } => self.discard(&id),
                Message::Shutdown => break,
            }
        }
        let rest: Vec<Recording> = self
            .recordings
            .drain()
            .map(|(_, recording)| recording)
            .collect();
        for recording in rest {
            let _ = recording.failure.set(Failure::ShutDown);
            self.finish(recording);
        }
    }

    fn create(&mut self, recording: &mut Recording, layout: Layout, format: Format) {
        let file = self
            .storage
            .create(&recording.id)
            .and_then(|sink| GrowingFile::begin(sink, layout, format));
        match file {
            Ok(file) => {
                self.disk = Disk::Good;
                recording.file = Some(file);
            }
            Err(error) => self.fail(recording, &error),
        }
    }

    fn append(&mut self, track: u64, block: &[u8]) {
        self.shared.queued_blocks.fetch_sub(1, Relaxed);
        let Some(mut recording) = self.recordings.remove(&track) else {
            return;
        };
        // A failed recording has a gap already: what follows it would be out of its place.
        if let Some(file) = &mut recording.file
            && !stopped_by_disk(&recording.failure)
        {
            if !file.has_room(block.len()) {
                let _ = recording.failure.set(Failure::TooLong);
            } else if let Err(error) = file.append(block) {
                self.fail(&recording, &error);
            } else {
                self.disk = Disk::Good;
                self.shared
                    .written_octets
                    .fetch_add(block.len() as u64, Relaxed);
            }
        }
        self.recordings.insert(track, recording);
    }

    fn truncate(&mut self, track: u64, frames: u64) {
        let Some(mut recording) = self.recordings.remove(&track) else {
            return;
        };
        if let Some(file) = &mut recording.file
            && recording.failure.get().is_none()
            && let Err(error) = file.truncate(frames)
        {
            self.fail(&recording, &error);
        }
        self.recordings.insert(track, recording);
    }

    fn finish(&mut self, mut recording: Recording) {
        let mut frames = 0;
        if let Some(mut file) = recording.file.take() {
            if let Err(error) = file.finish(&recording.marks) {
                self.fail(&recording, &error);
            }
            frames = file.frames();
        }
        if let Err(error) = self.storage.complete(&recording.id) {
            self.report(&recording.id, &error);
        }
        let failed = recording.failure.get().cloned();
        self.shared.finished.fetch_add(1, Relaxed);
        self.shared
            .failed
            .fetch_add(u64::from(failed.is_some()), Relaxed);
        let Some(on_finished) = recording.on_finished else {
            return;
        };
        let mark = |(mark, frame): &(Mark, u64)| Marked {
            mark: *mark,
            at_ms: frames_to_ms((*frame).min(frames)),
        };
        let finished = Finished {
            path: self.storage.path(&recording.id),
            id: recording.id,
            duration_ms: frames_to_ms(frames),
            failed,
            marks: recording.marks.iter().map(mark).collect(),
        };
        // One call's callback must not end everybody's recordings.
        if catch_unwind(AssertUnwindSafe(|| on_finished(finished))).is_err() {
            tracing::error!("a recording's completion panicked");
        }
    }

    fn discard(&mut self, id: &str) {
        let open = self
            .recordings
            .iter()
            .find(|(_, recording)| recording.id == id);
        if let Some(track) = open.map(|(track, _)| *track)
            && let Some(recording) = self.recordings.remove(&track)
        {
            self.finish(recording);
        }
        if let Err(error) = self.storage.delete(id) {
            self.report(id, &error);
        }
    }

    fn fail(&mut self, recording: &Recording, error: &io::Error) {
        let _ = recording.failure.set(Failure::from_io(error));
        self.report(&recording.id, error);
    }

    /// Logs the first error after something worked.
    fn report(&mut self, id: &str, error: &io::Error) {
        if self.disk == Disk::Good {
            tracing::error!(
                recording = id, directory = %self.storage.path(id).display(), %error,
                "recordings cannot be written; calls go on, further failures are only counted"
            );
        }
        self.disk = Disk::Failing;
    }
}

/// Has a failure of the disk left a gap? (When the queue was full, the blocks that were queued
/// before the refused one are still in order.)
fn stopped_by_disk(failure: &OnceLock<Failure>) -> bool {
    !matches!(
        failure.get(),
        None | Some(Failure::QueueFull | Failure::ShutDown)
    )
}
