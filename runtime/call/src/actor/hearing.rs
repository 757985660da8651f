//! A call's recognizer: when it listens, and what it tells.

use vireo_host::contract::SpeechOptions;
use vireo_rtp::Listener;
use vireo_speech::asr::{AsrError, Ears, Event, Heard};

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
                match &error {
                    AsrError::UnknownWords { model, words, .. } => self.not_known(model, words),
                    _ => {
                        tracing::warn!(call = self.info.call_id, %error, "no recognizer listens");
                    }
                }
                self.lost(hearing::unheard(&error));
            }
        }
    }

    /// Every call meets the same words: the log has each once.
    fn not_known(&self, model: &str, words: &[String]) {
        let (flow, version) = (&self.info.flow, &self.info.version);
        let new = self.shared.unknown_words.meet(flow, version, words);
        if !new.is_empty() {
            let (code, call) = (hearing::NO_MODEL, &self.info.call_id);
            tracing::warn!(
                code,
                flow,
                version,
                model,
                words = ?new,
                call,
                "the flow listens for words that the model does not know; it gets `unheard` each time"
            );
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
            None => self.lost(hearing::unheard(&AsrError::Stopped)),
        }
    }

    fn lost(&mut self, why: vireo_host::contract::Unheard) {
        self.stop_listening();
        let now = self.now();
        self.machine.unheard(why, now);
    }
}
