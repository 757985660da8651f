//! What a gather's recognizer is told, and what it tells.

use std::time::Duration;

use serde_json::json;
use vireo_host::contract::{GatherOptions, Recognition, Unheard};

use super::{Action, Doing, Machine};
use crate::gather::Said;

impl Machine {
    /// Lets the recognizer listen where the gather wants it to, and nowhere else. Whatever changed
    /// the gather, or ended it, this is seen to before the next event.
    pub(super) fn tend_recognizer(&mut self) {
        let wanted = match &self.doing {
            Some(Doing::Gathering { gather, .. }) => gather.listening(),
            _ => None,
        };
        if wanted == self.listening {
            return;
        }
        let before = std::mem::replace(&mut self.listening, wanted);
        let action = match (&self.doing, wanted) {
            (Some(Doing::Gathering { gather, .. }), Some(_)) => listen(gather.options()),
            _ => before.map(|_| Action::StopListening),
        };
        self.actions.extend(action);
    }

    /// So much speech has come that it is no cough.
    pub fn speech_started(&mut self, now: Duration) {
        self.note("speech", json!({}));
        if let Some(Doing::Gathering { gather, .. }) = &mut self.doing {
            let step = gather.speech_started(now);
            self.gather_step(step, now);
        }
    }

    /// The recognizer is done.
    pub fn said(&mut self, said: Said, now: Duration) {
        let (Said::Match(recognition) | Said::NoMatch(recognition)) = &said;
        let matches = matches!(said, Said::Match(_));
        let counts = self.recognitions.get_or_insert_default();
        match matches {
            true => counts.matched += 1,
            false => counts.unmatched += 1,
        }
        self.note("understood", understood(recognition, matches));
        if let Some(Doing::Gathering { gather, .. }) = &mut self.doing {
            for step in gather.said(said, &mut self.keys, now) {
                self.gather_step(step, now);
            }
        }
    }

    /// The recognizer does not listen, or not any more.
    pub fn unheard(&mut self, why: Unheard, now: Duration) {
        self.recognitions.get_or_insert_default().unheard += 1;
        self.note("unheard", json!({ "why": why.text }));
        if let Some(Doing::Gathering { gather, .. }) = &mut self.doing {
            let step = gather.unheard(why, now);
            self.gather_step(step, now);
        }
    }

    fn note(&mut self, name: &'static str, detail: serde_json::Value) {
        self.actions.push_back(Action::Note { name, detail });
    }
}

fn listen(options: &GatherOptions) -> Option<Action> {
    let speech = options.speech.clone()?;
    Some(Action::Listen {
        speech: Box::new(speech),
        language: options.language.clone(),
    })
}

fn understood(recognition: &Recognition, matches: bool) -> serde_json::Value {
    json!({
        "text": recognition.text,
        "value": recognition.value,
        "confidence": recognition.confidence,
        "matches": matches,
    })
}
