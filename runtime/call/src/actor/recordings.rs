//! The two halves of a recording's end: the media thread says why it ended, the recorder that its
//! file is complete. Whichever comes first waits for the other, and not for ever.

use std::path::PathBuf;
use std::time::Duration;

use vireo_audio::recorder::Finished;
use vireo_rtp::{RecordEnd, RecordSlot};

/// A recording whose file is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordingFile {
    pub slot: RecordSlot,
    pub id: String,
    pub path: PathBuf,
    pub duration_ms: u32,
    pub failed: Option<String>,
}

/// A recording that is over in every respect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub file: RecordingFile,
    pub end: RecordEnd,
}

#[derive(Debug)]
struct Open {
    slot: RecordSlot,
    id: String,
    /// What the media thread said, and until when the file is waited for.
    ended: Option<(RecordEnd, Duration)>,
    file: Option<Finished>,
}

/// A disk that stalls for longer must not stall a caller.
const FILE_PATIENCE: Duration = Duration::from_secs(10);

/// The recordings of a call.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    open: Vec<Open>,
    files: Vec<RecordingFile>,
}

impl Recordings {
    /// A recording begins.
    pub fn opened(&mut self, slot: RecordSlot, id: String) {
        self.open.push(Open {
            slot,
            id,
            ended: None,
            file: None,
        });
    }

    /// The media thread has ended a recording.
    pub fn ended(&mut self, id: &str, end: RecordEnd, now: Duration) -> Option<Done> {
        let at = self.open.iter().position(|open| open.id == id)?;
        self.open[at].ended = Some((end, now + FILE_PATIENCE));
        self.settle(at)
    }

    /// The recorder has completed a file.
    pub fn complete(&mut self, file: Finished) -> Option<Done> {
        let at = self.open.iter().position(|open| open.id == file.id)?;
        self.open[at].file = Some(file);
        self.settle(at)
    }

    /// The media side is gone: what it did not end, it never will.
    pub fn media_gone(&mut self, now: Duration) -> Vec<Done> {
        let running: Vec<String> = (self.open.iter())
            .filter(|open| open.ended.is_none())
            .map(|open| open.id.clone())
            .collect();
        (running.iter())
            .filter_map(|id| self.ended(id, RecordEnd::Failed, now))
            .collect()
    }

    /// When the next file is given up.
    pub fn deadline(&self) -> Option<Duration> {
        self.open
            .iter()
            .filter_map(|open| open.ended.map(|(_, deadline)| deadline))
            .min()
    }

    /// Gives up a file that is overdue. `path` is where it would be.
    pub fn give_up(
        &mut self,
        now: Duration,
        path: impl Fn(&str) -> Option<PathBuf>,
    ) -> Option<Done> {
        let at = self
            .open
            .iter()
            .position(|open| open.ended.is_some_and(|(_, deadline)| deadline <= now))?;
        let Open { slot, id, .. } = self.open.remove(at);
        let file = RecordingFile {
            slot,
            path: path(&id).unwrap_or_default(),
            id,
            duration_ms: 0,
            failed: Some(format!(
                "its file was not complete after {} s",
                FILE_PATIENCE.as_secs()
            )),
        };
        self.files.push(file.clone());
        Some(Done {
            file,
            end: RecordEnd::Failed,
        })
    }

    fn settle(&mut self, at: usize) -> Option<Done> {
        if self.open[at].ended.is_none() || self.open[at].file.is_none() {
            return None;
        }
        let open = self.open.remove(at);
        let ((end, _), file) = (open.ended?, open.file?);
        let failed = file.failed.map(|why| why.to_string());
        let end = match failed {
            Some(_) => RecordEnd::Failed,
            None => end,
        };
        let file = RecordingFile {
            slot: open.slot,
            id: open.id,
            path: file.path,
            duration_ms: file.duration_ms,
            failed,
        };
        self.files.push(file.clone());
        Some(Done { file, end })
    }

    /// A recording that could not be begun, or is thrown away.
    pub fn forget(&mut self, id: &str) {
        self.open.retain(|open| open.id != id);
        self.files.retain(|file| file.id != id);
    }

    /// Is nothing waited for any more?
    pub fn are_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Where a recording of this call is.
    pub fn path(&self, id: &str) -> Option<PathBuf> {
        let file = self.files.iter().find(|file| file.id == id)?;
        Some(file.path.clone())
    }

    /// All that was kept.
    pub fn into_files(self) -> Vec<RecordingFile> {
        self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str) -> Finished {
        Finished {
            id: id.into(),
            path: format!("/r/{id}.wav").into(),
            duration_ms: 700,
            failed: None,
            marks: Vec::new(),
        }
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn both_halves_are_needed_in_either_order() {
        let mut all = Recordings::default();
        all.opened(RecordSlot::Call, "a".into());
        all.opened(RecordSlot::Message, "b".into());
        assert_eq!(all.ended("a", RecordEnd::Stopped, at(0)), None);
        assert_eq!(all.complete(file("b")), None);
        let a = all.complete(file("a")).unwrap();
        assert_eq!((a.end, a.file.slot), (RecordEnd::Stopped, RecordSlot::Call));
        assert!(!all.are_settled());
        let b = all.ended("b", RecordEnd::Silence, at(5)).unwrap();
        assert_eq!(
            (b.end, b.file.slot, b.file.duration_ms),
            (RecordEnd::Silence, RecordSlot::Message, 700)
        );
        assert!(all.are_settled());
        all.forget("a");
        assert_eq!(all.into_files(), [b.file]);
    }

    #[test]
    fn a_stalled_disk_is_not_waited_for_for_ever() {
        let mut all = Recordings::default();
        all.opened(RecordSlot::Message, "a".into());
        assert_eq!(all.deadline(), None, "it may run as long as it likes");
        all.ended("a", RecordEnd::Stopped, at(1_000));
        assert_eq!(all.deadline(), Some(at(11_000)));
        assert_eq!(all.give_up(at(10_999), |_| None), None);
        let given_up = all
            .give_up(at(11_000), |_| Some("/r/a.wav".into()))
            .unwrap();
        assert_eq!(given_up.end, RecordEnd::Failed);
        assert!(given_up.file.failed.is_some());
        assert!(all.are_settled());
        assert_eq!(all.complete(file("a")), None, "too late");
    }

    #[test]
    fn recordings_fail_with_the_media_side() {
        let mut all = Recordings::default();
        all.opened(RecordSlot::Call, "a".into());
        all.opened(RecordSlot::Message, "b".into());
        all.complete(file("b"));
        let lost = all.media_gone(at(0));
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!((lost[0].end, &*lost[0].file.id), (RecordEnd::Failed, "b"));
        let a = all.complete(file("a")).unwrap();
        assert_eq!(a.end, RecordEnd::Failed);
        assert!(all.are_settled());
    }
}
