//! A call's recognizer: when it listens, and what it tells.

use vireo_host::contract::SpeechOptions;
use vireo_rtp::Listener;
use vireo_speech::asr::{Ears, Event, Heard};

use super::Actor;
use crate::hearing;

/// The caller's sound on its way from the media thread.
struct Tap(Ears);

impl Listener for Tap {
    fn hear(&mut self, samples: &[i16]) {
        self.0.hear(samples);
    }
}

/// What the recognizer tells next; nothing while none listens.
pub(super) async fn next_event(heard: Option<&mut Heard>) -> Option<Event> {
    match heard {
        Some(heard) => heard.next().await,
        None => std::future::pending().await,
    }
}

impl Actor {
    /// A recognizer listens from now on; when it cannot, the gather is told.
    pub(super) fn listen(&mut self, speech: &SpeechOptions, prompts: Option<String>) {
        self.stop_listening();
        let Some(recognizers) = &self.shared.recognizers else {
            return self.lost(hearing::none());
        };
        let language = (speech.language.clone())
            .or(prompts)
            .unwrap_or_else(|| self.info.language.clone());
        let zoned = jiff::Timestamp::now().to_zoned(self.settings.time_zone.clone());
        let request = hearing::request(speech, language, zoned.date());
        match recognizers.start(request) {
            Ok((ears, heard)) => {
                self.heard = Some(heard);
                if let Some(stream) = &self.stream {
                    stream.listen(Box::new(Tap(ears)));
                }
            }
            Err(error) => {
                tracing::warn!(call = self.info.call_id, %error, "no recognizer listens");
                self.lost(hearing::unheard(&error));
            }
        }
    }

    pub(super) fn stop_listening(&mut self) {
        if self.heard.take().is_some()
            && let Some(stream) = &self.stream
        {
            stream.stop_listening();
        }
    }

    pub(super) fn on_heard(&mut self, event: Option<Event>) {
        let now = self.now();
        match event {
            Some(Event::Speech) => self.machine.speech_started(now),
            Some(Event::Partial(_)) => {}
            Some(Event::Done(recognition)) => {
                self.stop_listening();
                self.machine.said(hearing::said(recognition), now);
            }
            Some(Event::Failed(error)) => {
                tracing::warn!(call = self.info.call_id, %error, "a recognizer failed");
                self.lost(hearing::unheard(&error));
            }
            None => self.lost(hearing::unheard(&vireo_speech::asr::AsrError::Stopped)),
        }
    }

    fn lost(&mut self, why: vireo_host::contract::Unheard) {
        self.stop_listening();
        let now = self.now();
        self.machine.unheard(why, now);
    }
}
