use std::cell::OnceCell;
use std::time::{Duration, SystemTime};

use crate::Result;
use crate::gather::Gather;
use crate::host::{call as wit, media};
use crate::prompt::{Prompt, milliseconds};
use crate::record::{Record, RecordingId};

pub use wit::{Event, Refusal};

/// What is known of the call. It does not change during the call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The server's identifier of this call, as in the CDR, the journal and the log.
    pub call_id: String,
    /// The name of this flow.
    pub flow: String,
    /// The SHA-256 digest of the running version, 64 lower-case hex digits.
    pub version: String,
    /// The trunk that the call came in on.
    pub trunk: String,
    /// The route that chose this flow.
    pub route: String,
    /// Calling number or SIP user; empty when withheld.
    pub caller: String,
    /// The caller's display name, where one was sent.
    pub caller_name: Option<String>,
    /// Called number or SIP user.
    pub called: String,
    /// The numbers that diverted the call here, nearest first.
    pub diverted_by: Vec<String>,
    /// Prompt language of the route, as a BCP 47 tag.
    pub language: String,
    /// Parameters that the route hands to the flow.
    pub parameters: Vec<(String, String)>,
    /// When the INVITE arrived.
    pub started_at: SystemTime,
}

impl From<wit::Info> for Info {
    fn from(info: wit::Info) -> Self {
        Self {
            call_id: info.call_id,
            flow: info.flow,
            version: info.version,
            trunk: info.trunk,
            route: info.route,
            caller: info.caller,
            caller_name: info.caller_name,
            called: info.called,
            diverted_by: info.diverted_by,
            language: info.language,
            parameters: info.parameters,
            started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(info.started_at),
        }
    }
}

/// How a prompt with interrupt keys ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayEnd {
    /// It was heard to its end.
    Finished,
    /// This key cut it short. The key stays in the type-ahead buffer: the next gather takes it.
    Interrupted(char),
}

/// The call that this flow controls.
///
/// Every verb that needs the caller returns [`Error::HungUp`](crate::Error::HungUp) once the call is over.
#[derive(Clone, Debug)]
pub struct Call {
    info: OnceCell<Info>,
}

impl Call {
    pub(crate) fn new() -> Self {
        Self {
            info: OnceCell::new(),
        }
    }

    /// What is known of the call: who calls whom, by which trunk and route.
    pub fn info(&self) -> &Info {
        self.info.get_or_init(|| wit::get_info().into())
    }

    /// Calling number or SIP user; empty when withheld.
    pub fn caller(&self) -> &str {
        &self.info().caller
    }

    /// Called number or SIP user.
    pub fn called(&self) -> &str {
        &self.info().called
    }

    /// A parameter of the route that chose this flow.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let parameters = &self.info().parameters;
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a header of the INVITE, in order, as sent. Names are compared without case.
    pub fn header(&self, name: &str) -> Vec<String> {
        wit::header(name)
    }

    /// Lets the caller hear ringing (180 Ringing).
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) after [`Call::answer`].
    pub fn ring(&self) -> Result<()> {
        Ok(wit::ring()?)
    }

    /// Opens the media path before the call is answered (183 Session Progress), so that prompts
    /// are heard without charge. Keys pressed then reach the flow on most networks, not on all.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) after [`Call::answer`].
    pub fn early_media(&self) -> Result<()> {
        Ok(wit::early_media()?)
    }

    /// Answers the call (200 OK). Answering twice is no error. Playing, gathering and recording
    /// answer by themselves when the call is neither answered nor in early media.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp) when the caller gave up.
    pub fn answer(&self) -> Result<()> {
        Ok(wit::answer()?)
    }

    /// Refuses the call with the final SIP response of that reason. The call is then over.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) after [`Call::answer`].
    pub fn reject(&self, why: Refusal) -> Result<()> {
        Ok(wit::reject(why)?)
    }

    /// Ends the call (BYE, or 480 when it was never answered). Every later verb returns
    /// [`Error::HungUp`](crate::Error::HungUp). Returning from the flow does the same.
    pub fn hangup(&self) {
        wit::hangup();
    }

    /// Waits for the next event, at the most so long (up to 24 hours); [`Event::Timeout`] when
    /// nothing happened. Keys pressed earlier and not yet collected come first.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp) when the caller hangs up meanwhile.
    pub fn wait(&self, at_most: Duration) -> Result<Event> {
        Ok(wit::wait(milliseconds(at_most))?)
    }

    /// Plays a prompt to its end. Keys pressed meanwhile stay in the type-ahead buffer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when a file is missing.
    pub fn play(&self, prompt: impl Into<Prompt>) -> Result<()> {
        self.prompt(prompt).play().map(|_| ())
    }

    /// A prompt with options: `call.prompt("notice").interrupt_keys("0").play()?`.
    pub fn prompt(&self, prompt: impl Into<Prompt>) -> Play<'_> {
        Play {
            _call: self,
            prompt: prompt.into(),
            language: None,
            interrupt_keys: String::new(),
        }
    }

    /// A prompt with digits to collect: `call.gather("menu").accept(["1", "2"]).collect()?`.
    ///
    /// The prompt is heard again for each further attempt. An empty prompt, [`Prompt::new`], only
    /// collects.
    pub fn gather(&self, prompt: impl Into<Prompt>) -> Gather<'_> {
        Gather::new(self, prompt.into())
    }

    /// A message to record: `call.record("speak-after-the-beep").start()?`.
    pub fn record(&self, prompt: impl Into<Prompt>) -> Record<'_> {
        Record::new(self, prompt.into())
    }

    /// Starts a prompt and returns at once; [`Call::wait`] tells when it ends. A prompt that is
    /// playing is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when a file is missing.
    pub fn start_playing(&self, prompt: impl Into<Prompt>) -> Result<()> {
        Ok(media::start_playing(
            &prompt.into().into_contract(),
            None,
            false,
        )?)
    }

    /// Plays a prompt again and again, until [`Call::stop_playing`], and returns at once.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when a file is missing.
    pub fn repeat_playing(&self, prompt: impl Into<Prompt>) -> Result<()> {
        Ok(media::start_playing(
            &prompt.into().into_contract(),
            None,
            true,
        )?)
    }

    /// Stops what [`Call::start_playing`] or [`Call::repeat_playing`] started.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp).
    pub fn stop_playing(&self) -> Result<()> {
        Ok(media::stop_playing()?)
    }

    /// Throws away the keys that were pressed and not yet collected.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`](crate::Error::HungUp).
    pub fn flush_digits(&self) -> Result<()> {
        Ok(media::flush_digits()?)
    }

    /// Sends digits to the other side, 100 ms each with 100 ms between: `0123456789*#ABCD`, and
    /// `,` for a pause of 500 ms.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when there is another character.
    pub fn send_digits(&self, digits: &str) -> Result<()> {
        Ok(media::send_digits(digits)?)
    }

    /// Starts recording the call in stereo: left what the caller says, right what the caller hears.
    /// It ends with the call.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) when the call is already recorded.
    pub fn start_recording(&self) -> Result<RecordingId> {
        Ok(RecordingId::new(media::start_recording()?))
    }

    /// Pauses the recording of the call, for example while a card number is said.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) when the call is not recorded.
    pub fn pause_recording(&self) -> Result<()> {
        Ok(media::pause_recording()?)
    }

    /// Goes on with the recording of the call.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) when the call is not recorded.
    pub fn resume_recording(&self) -> Result<()> {
        Ok(media::resume_recording()?)
    }

    /// Ends the recording of the call before the call ends.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`](crate::Error::WrongState) when the call is not recorded.
    pub fn stop_recording(&self) -> Result<()> {
        Ok(media::stop_recording()?)
    }

    /// Deletes a recording that this call made: a [`Message`](crate::Message), or a
    /// [`RecordingId`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when it is not there.
    pub fn discard(&self, recording: impl AsRef<RecordingId>) -> Result<()> {
        Ok(media::discard_recording(recording.as_ref().as_str())?)
    }
}

/// A prompt with options; [`Call::prompt`] makes one, [`Play::play`] carries it out.
#[derive(Clone, Debug)]
#[must_use = "nothing is heard until `play` or `start`"]
pub struct Play<'call> {
    _call: &'call Call,
    prompt: Prompt,
    language: Option<String>,
    interrupt_keys: String,
}

impl Play<'_> {
    /// Language of the files (BCP 47), instead of the call's own.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Keys that cut the prompt short.
    pub fn interrupt_keys(mut self, keys: impl Into<String>) -> Self {
        self.interrupt_keys = keys.into();
        self
    }

    /// Any key cuts the prompt short.
    pub fn interruptible(self) -> Self {
        self.interrupt_keys("0123456789*#ABCD")
    }

    /// Plays the prompt and returns when it ends.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when a file is missing; [`Error::HungUp`](crate::Error::HungUp).
    pub fn play(self) -> Result<PlayEnd> {
        let options = media::PlayOptions {
            language: self.language,
            interrupt_keys: self.interrupt_keys,
        };
        let end = media::play(&self.prompt.into_contract(), &options)?;
        Ok(match end {
            media::PlayEnd::Finished => PlayEnd::Finished,
            media::PlayEnd::Interrupted(key) => PlayEnd::Interrupted(key),
        })
    }
}
