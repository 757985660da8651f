//! A caller, and all that surrounds the call.

use std::time::Duration;

use super::host;
use super::services::milliseconds;
use super::state::{Deed, Ended, Said, State};
use crate::{Call, Result, UnheardReason};

/// A caller with a script: what surrounds the call, and what the caller does, in order.
///
/// The caller listens. Whatever is done is done when the flow next waits for it: a gather, a
/// message, [`Call::wait`]. When the script is at its end and the flow waits, the caller hangs up.
#[derive(Debug, Default)]
#[must_use = "nothing is tested until `calls`"]
pub struct Caller {
    state: State,
}

/// What surrounds the call.
impl Caller {
    /// 1000 calls 100, in English, on Monday, 2026-01-05 at 10:00, and does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The calling number; empty: withheld.
    pub fn number(mut self, number: impl Into<String>) -> Self {
        self.state.info.caller = number.into();
        self
    }

    /// The called number.
    pub fn called(mut self, number: impl Into<String>) -> Self {
        self.state.info.called = number.into();
        self
    }

    /// The prompt language, a BCP 47 tag.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.state.info.language = language.into();
        self
    }

    /// A parameter of the route.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let parameters = &mut self.state.info.parameters;
        parameters.push((name.into(), value.into()));
        self
    }

    /// A header of the INVITE.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.state.headers.push((name.into(), value.into()));
        self
    }

    /// A setting of the flow.
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let settings = &mut self.state.services.settings;
        settings.insert(key.into(), value.into());
        self
    }

    /// A secret that the flow was granted.
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let secrets = &mut self.state.services.secrets;
        secrets.insert(name.into(), value.into());
        self
    }

    /// A key of the flow's store before the call, as [`kv::set`](crate::kv::set) writes it.
    pub fn kv(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.state.services.store.set(key.into(), value.into());
        self
    }

    /// A counter before the call, as [`kv::increment`](crate::kv::increment) writes it.
    pub fn counter(mut self, key: impl Into<String>, count: i64) -> Self {
        self.state.services.store.set_counter(key.into(), count);
        self
    }

    /// When the call comes in, on the clock of whatever time zone the flow asks for. Month and day
    /// count from 1. Time passes only where the caller is [silent](Caller::silent).
    pub fn at(mut self, year: u16, month: u8, day: u8, hour: u8, minute: u8) -> Self {
        let now_ms = milliseconds(year, month, day, hour, minute);
        self.state.services.now_ms = now_ms;
        self.state.info.started_at = now_ms;
        self
    }

    /// The first random numbers that the flow draws. Those after them are the same in every run.
    pub fn random(mut self, numbers: impl IntoIterator<Item = u64>) -> Self {
        self.state.services.random.extend(numbers);
        self
    }

    /// The recognizer cannot listen in this call, for this reason.
    pub fn unheard(mut self, reason: UnheardReason) -> Self {
        self.state.unheard = Some(reason);
        self
    }

    /// An HTTP server's answer to a request for exactly this URL. Given twice for a URL, the first
    /// request gets the first answer; the last is given again and again.
    pub fn http(mut self, url: impl Into<String>, status: u16, body: impl Into<Vec<u8>>) -> Self {
        let answer = Ok((status, body.into()));
        self.state.services.answers.push((url.into(), answer));
        self
    }

    /// As [`Caller::http`], without an answer: a connection refused, or a time-out.
    pub fn http_fails(mut self, url: impl Into<String>, why: impl Into<String>) -> Self {
        let answer = Err(why.into());
        self.state.services.answers.push((url.into(), answer));
        self
    }
}

/// What the caller does, in order.
impl Caller {
    /// Presses these keys one after the other, then waits for an answer. What an entry does not
    /// need is typed ahead for the next.
    pub fn presses(self, keys: impl Into<String>) -> Self {
        self.does(Deed::Press(keys.into()))
    }

    /// Presses these keys while the next prompt plays.
    pub fn presses_while_playing(self, keys: impl Into<String>) -> Self {
        self.does(Deed::PressWhilePlaying(keys.into()))
    }

    /// Speaks for so long, where the flow records a message. What follows says what ends it:
    /// `presses("#")`, `hangs_up()`, anything else: silence.
    pub fn speaks(self, length: Duration) -> Self {
        self.does(Deed::Speak(length))
    }

    /// Says this where the flow listens: a phrase as the flow wrote it, digits as "0421", a number
    /// as "-12.5", "yes" or "no", a day as "2026-11-22". What fits no grammar is misheard. While the
    /// flow only collects keys it is not heard.
    pub fn says(self, text: impl Into<String>) -> Self {
        self.says_with_confidence(text, 1.0)
    }

    /// As [`Caller::says`], understood with this confidence, 0.0 to 1.0.
    pub fn says_with_confidence(self, text: impl Into<String>, confidence: f32) -> Self {
        self.does(Deed::Say(Said {
            text: text.into(),
            confidence,
        }))
    }

    /// Says something that nobody can understand.
    pub fn mumbles(self) -> Self {
        self.says_with_confidence("", 0.0)
    }

    /// Does nothing, so that the flow's time-out comes true.
    pub fn silent(self) -> Self {
        self.does(Deed::Silence)
    }

    /// Puts the call on hold and takes it back: events for [`Call::wait`].
    pub fn holds(self) -> Self {
        self.does(Deed::Hold)
    }

    /// Hangs up during the next prompt, or where the flow waits.
    pub fn hangs_up(self) -> Self {
        self.does(Deed::HangUp)
    }

    fn does(mut self, deed: Deed) -> Self {
        self.state.deeds.push_back(deed);
        self
    }

    /// Calls the flow, and says what came of it.
    ///
    /// # Panics
    ///
    /// The flow panics, or is at its end before the caller has done everything, or goes on for
    /// ever.
    #[track_caller]
    pub fn calls(self, flow: impl FnOnce(&Call) -> Result<()>) -> Ended {
        let (result, state) = host::run(self.state, || flow(&Call::new()));
        let ended = Ended::new(result, state);
        if let Some(deed) = ended.left() {
            panic!(
                "the call was over ({:?}) before the caller could do this: {deed}; heard: {:?}",
                ended.end(),
                ended.heard()
            );
        }
        ended
    }
}
