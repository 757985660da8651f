use std::fmt;
use std::time::Duration;

use crate::host::media as wit;
use crate::prompt::{Prompt, milliseconds};
use crate::{Call, Result};

pub use wit::RecordEnd;

/// Names a recording in [`recording`](crate::recording), [`Call::discard`], the CDR and the CLI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordingId(String);

impl RecordingId {
    pub(crate) fn new(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Self> for RecordingId {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

/// A message that the caller left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// Names the recording.
    pub id: RecordingId,
    /// How long it is.
    pub duration: Duration,
    /// What ended it. After [`RecordEnd::HungUp`] the message is kept, and the next verb returns
    /// [`Error::HungUp`](crate::Error::HungUp).
    pub ended_by: RecordEnd,
}

impl AsRef<RecordingId> for Message {
    fn as_ref(&self) -> &RecordingId {
        &self.id
    }
}

/// A message to record; [`Call::record`] makes one, [`Record::start`] carries it out.
///
/// | option | default |
/// | --- | --- |
/// | `beep` | a short tone before the recording |
/// | `max_duration` | 2 minutes |
/// | `silence` | 4 s of silence end it |
/// | `terminators` | `#` |
#[derive(Clone, Debug)]
#[must_use = "nothing is recorded until `start`"]
pub struct Record<'call> {
    _call: &'call Call,
    options: wit::RecordOptions,
}

impl<'call> Record<'call> {
    pub(crate) fn new(call: &'call Call, prompt: Prompt) -> Self {
        let options = wit::RecordOptions {
            prompt: prompt.into_contract(),
            language: None,
            beep: true,
            max_duration_ms: 120_000,
            silence_ms: 4_000,
            terminators: "#".to_owned(),
        };
        Self {
            _call: call,
            options,
        }
    }

    /// Language of the prompt (BCP 47), instead of the call's own.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.options.language = Some(language.into());
        self
    }

    /// No tone before the recording.
    pub fn without_beep(mut self) -> Self {
        self.options.beep = false;
        self
    }

    /// The longest message, 100 ms to 1 hour.
    pub fn max_duration(mut self, duration: Duration) -> Self {
        self.options.max_duration_ms = milliseconds(duration);
        self
    }

    /// So much silence ends the recording, at most 60 s; [`Duration::ZERO`]: no silence does.
    pub fn silence(mut self, duration: Duration) -> Self {
        self.options.silence_ms = milliseconds(duration);
        self
    }

    /// Keys that end the recording; `""`: none does.
    pub fn terminators(mut self, keys: impl Into<String>) -> Self {
        self.options.terminators = keys.into();
        self
    }

    /// Plays the prompt, without barge-in, and records until the caller has done.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp) when the caller was gone before the recording began;
    /// `Invalid` when an option is out of range; `NotFound` when a prompt is missing.
    pub fn start(self) -> Result<Message> {
        let message = wit::record(&self.options)?;
        Ok(Message {
            id: RecordingId::new(message.id),
            duration: Duration::from_millis(message.duration_ms.into()),
            ended_by: message.ended_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_contract() {
        let call = Call::new();
        let plain = Record::new(&call, "leave-message".into()).options;
        assert!(plain.beep && plain.language.is_none());
        assert_eq!(
            (
                plain.max_duration_ms,
                plain.silence_ms,
                plain.terminators.as_str()
            ),
            (120_000, 4_000, "#")
        );

        let set = Record::new(&call, Prompt::new())
            .language("zh")
            .without_beep()
            .max_duration(Duration::from_secs(30))
            .silence(Duration::ZERO)
            .terminators("0123456789*#")
            .options;
        assert!(!set.beep && set.prompt.is_empty());
        assert_eq!(
            (
                set.max_duration_ms,
                set.silence_ms,
                set.terminators.as_str()
            ),
            (30_000, 0, "0123456789*#")
        );
        assert_eq!(set.language.as_deref(), Some("zh"));
    }
}
