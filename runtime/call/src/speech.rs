//! Texts of prompts: what was spoken before is heard at once, the rest while it is being made.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::task::JoinHandle;
use vireo_audio::Codec;
use vireo_host::contract::Error;
use vireo_rtp::{Come, Late, Promise, Segment};
use vireo_speech::tts::{self, Passage, Sentence, Speech, SpeechError};

/// An engine did not speak.
pub const ENGINE: &str = "VR0155";
/// Nobody speaks the language.
pub const NO_VOICE: &str = "VR0156";

/// Finds the sound of texts, and gathers what has to be made.
pub struct Speaker<'a> {
    speech: &'a Arc<Speech>,
    due: RefCell<Vec<Due>>,
}

/// A sentence that has to be made, and where it is to be heard.
#[derive(Debug)]
struct Due {
    sentence: Sentence,
    late: Late,
    promise: Promise,
}

impl<'a> Speaker<'a> {
    pub(crate) fn new(speech: &'a Arc<Speech>) -> Self {
        Self {
            speech,
            due: RefCell::default(),
        }
    }

    /// The segments of a text; those that have to be made come late.
    pub(crate) fn text(
        &self,
        text: &str,
        language: &str,
        codec: Codec,
    ) -> Result<Vec<Segment>, Error> {
        let passages = self.speech.passages(text, language);
        let segments = passages
            .map_err(error)?
            .into_iter()
            .map(|passage| match passage {
                Passage::Pause(ms) => Segment::Silence { ms },
                Passage::Sentence(sentence) => match self.speech.cached(&sentence) {
                    Some(prompt) => {
                        // Once per sentence and codec, and not in the media thread.
                        let _ = prompt.encoded(codec);
                        Segment::Prompt(prompt)
                    }
                    None => Segment::Late(self.owe(sentence)),
                },
            });
        Ok(segments.collect())
    }

    fn owe(&self, sentence: Sentence) -> Late {
        let (late, promise) = Late::promised();
        let due = Due {
            sentence,
            late: late.clone(),
            promise,
        };
        self.due.borrow_mut().push(due);
        late
    }

    /// Begins to make what has to be made, in the order in which it was asked for; none: nothing has.
    pub(crate) fn begin(self, codec: Codec, needed: Needed) -> Option<Speaking> {
        let due = self.due.into_inner();
        if due.is_empty() {
            return None;
        }
        let lates = due.iter().map(|due| due.late.clone()).collect();
        let task = tokio::spawn(speak(Arc::clone(self.speech), due, codec));
        Some(Speaking {
            needed,
            lates,
            task,
        })
    }
}

/// One after the other, so that no call takes more than one place in an engine's queue.
async fn speak(speech: Arc<Speech>, due: Vec<Due>, codec: Codec) {
    for Due {
        sentence, promise, ..
    } in due
    {
        match speech.speak(&sentence).await {
            Ok(prompt) => {
                let _ = prompt.encoded(codec);
                promise.keep(prompt);
            }
            Err(error) => {
                tracing::warn!(%error, text = sentence.text(), "a text could not be spoken");
                promise.fail(&error.to_string());
            }
        }
    }
}

/// How long what is being made is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// Until the flow has its answer.
    ForVerb,
    /// Until something else plays.
    ForBackground,
}

/// Sentences that are being made. Dropping it stops the work.
#[derive(Debug)]
pub(crate) struct Speaking {
    pub needed: Needed,
    lates: Vec<Late>,
    task: JoinHandle<()>,
}

impl Speaking {
    /// Why the first sentence that could not be made was not.
    pub fn failure(&self) -> Option<&str> {
        self.lates.iter().find_map(|late| match late.come() {
            Come::Failed(why) => Some(&**why),
            Come::Awaited | Come::Sound(_) => None,
        })
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// About how long a text is heard, where no voice is asked.
///
/// # Errors
/// `invalid`: its SSML is not understood.
pub fn spoken_ms(text: &str, language: &str) -> Result<u32, Error> {
    let spans = tts::spans(text, language).map_err(error)?;
    Ok(tts::estimated_ms(&spans))
}

/// What a flow is told.
fn error(error: SpeechError) -> Error {
    match error {
        SpeechError::NoVoice { .. } => Error::NotFound(format!("text: {error} ({NO_VOICE})")),
        SpeechError::TooLong { .. } | SpeechError::Ssml(_) => {
            Error::Invalid(format!("text: {error}"))
        }
        _ => Error::Failed(failed(&error.to_string())),
    }
}

/// What a flow is told when an engine did not speak.
pub(crate) fn failed(why: &str) -> String {
    format!("tts: {why} ({ENGINE})")
}

/// There is no speech at all.
pub(crate) fn silent() -> Error {
    Error::NotFound(format!(
        "text: the server has no voice: add [[tts.voices]] to its configuration ({NO_VOICE})"
    ))
}
