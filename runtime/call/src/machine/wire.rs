//! What happens on the wire, and in time.

use std::time::Duration;

use serde_json::json;
use vireo_host::Reply;
use vireo_host::contract::{Error, Event, PlayEnd};

use super::{
    Action, CallRecording, Cut, Doing, EVENTS_KEPT, Heard, Machine, Progress, RecordEnd,
    RecordSlot, Then,
};
use crate::gather::LONGEST_PRESS;

impl Machine {
    /// The ACK has arrived.
    pub fn acknowledged(&mut self, now: Duration) {
        if self.progress == Progress::Answered {
            self.progress = Progress::Confirmed;
        }
        if matches!(self.doing, Some(Doing::Answering { .. })) {
            self.answering_over(now);
        }
    }

    pub(super) fn answering_over(&mut self, now: Duration) {
        if let Some(Doing::Answering { then, .. }) = self.doing.take() {
            self.go_on(then, now);
        }
    }

    /// The call is over, whoever ended it.
    pub fn ended(&mut self) {
        if self.progress == Progress::Over {
            return;
        }
        self.over();
        match &mut self.doing {
            // The message that was being left is finished by the media side, and kept.
            Some(Doing::Recording(recording)) if recording.is_open() => recording.hung_up(),
            // So is a recording that is to be thrown away.
            Some(Doing::Finishing {
                then: Then::Discard,
                ..
            }) => {}
            Some(_) => self.fail(Error::HungUp),
            None => {}
        }
    }

    pub(super) fn over(&mut self) {
        self.progress = Progress::Over;
        for slot in [RecordSlot::Call, RecordSlot::Message] {
            let open = match slot {
                RecordSlot::Call => self.recording != CallRecording::Off,
                RecordSlot::Message => {
                    matches!(&self.doing, Some(Doing::Recording(r)) if r.is_open())
                }
            };
            if open {
                self.actions
                    .push_back(Action::StopRecording { slot, trim_ms: 0 });
            }
        }
        self.recording = CallRecording::Off;
    }

    /// The caller put the call on hold, or took it back.
    pub fn hold(&mut self, event: Event) {
        if matches!(self.doing, Some(Doing::Waiting { .. })) {
            self.doing = None;
            self.answer = Some(Ok(Reply::Event(event)));
        } else {
            self.keep_event(event);
        }
    }

    pub(super) fn keep_event(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A key went down.
    pub fn key_down(&mut self, key: char, now: Duration) {
        // A press that begins now is a new one, whatever became of the last release.
        self.spent.take_if(|spent| *spent == key);
        if self.is_swallowed(key, now) {
            return;
        }
        match &mut self.doing {
            Some(Doing::Playing {
                interrupt_keys,
                cut,
                ..
            }) if interrupt_keys.contains(key) && cut.is_none() => {
                *cut = Some(Cut {
                    key,
                    deadline: now + LONGEST_PRESS,
                });
                self.actions.push_back(Action::StopPlaying);
            }
            Some(Doing::Gathering { gather, .. }) => {
                let step = gather.key_down(now);
                self.gather_step(step, now);
            }
            Some(Doing::Recording(recording)) => {
                if let Some(action) = recording.key_down(key) {
                    self.actions.push_back(action);
                    self.spent = Some(key);
                }
            }
            _ => {}
        }
    }

    /// A key was pressed and let go.
    pub fn key(&mut self, key: char, duration_ms: u32, source: &'static str, now: Duration) {
        self.keys_pressed = self.keys_pressed.saturating_add(1);
        self.actions.push_back(Action::Note {
            name: "digit",
            detail: json!({ "digit": key, "duration_ms": duration_ms, "source": source }),
        });
        if self.progress == Progress::Over {
            return;
        }
        if self.is_swallowed(key, now) {
            self.swallow = None;
            return;
        }
        self.swallow = None;
        if self.spent.take_if(|spent| *spent == key).is_some() {
            return;
        }
        match &mut self.doing {
            Some(Doing::Playing {
                interrupt_keys,
                cut,
                ..
            }) => {
                let interrupts = interrupt_keys.contains(key);
                let stop_now = interrupts && cut.is_none();
                self.keys.push(key);
                if stop_now {
                    self.actions.push_back(Action::StopPlaying);
                }
                if interrupts {
                    self.doing = None;
                    self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted(key))));
                }
            }
            Some(Doing::Gathering { gather, .. }) => {
                for step in gather.key(key, &mut self.keys, now) {
                    self.gather_step(step, now);
                }
            }
            Some(Doing::Recording(recording)) => {
                // Other keys are ignored here, so that they are not taken for an answer to the
                // next question.
                if let Some(action) = recording.key_down(key) {
                    self.actions.push_back(action);
                }
            }
            Some(Doing::Waiting { .. }) => {
                self.doing = None;
                self.answer = Some(Ok(Reply::Event(Event::Digit(key))));
            }
            Some(Doing::Answering { .. } | Doing::Sending { .. } | Doing::Finishing { .. })
            | None => {
                self.keys.push(key);
            }
        }
    }

    pub(super) fn is_swallowed(&self, key: char, now: Duration) -> bool {
        matches!(&self.swallow, Some((keys, until)) if keys.contains(key) && now <= *until)
    }

    /// A prompt came to its end.
    pub fn play_finished(&mut self, id: u64, heard_ms: u32, how: Heard, now: Duration) {
        let end = match how {
            Heard::Finished => "finished",
            Heard::Stopped => "stopped",
            Heard::Replaced => "replaced",
            Heard::Failed => "failed",
        };
        self.actions.push_back(Action::Note {
            name: "heard",
            detail: json!({ "ms": heard_ms, "end": end }),
        });
        if self.background == Some(id) {
            self.background = None;
            if how == Heard::Finished {
                self.hold(Event::PlayingFinished);
            }
            return;
        }
        match &mut self.doing {
            Some(Doing::Playing {
                id: playing,
                cut: None,
                ..
            }) if *playing == id => {
                self.doing = None;
                self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Finished)));
            }
            Some(Doing::Gathering {
                gather, playing, ..
            }) if *playing == Some(id) => {
                *playing = None;
                let step = gather.prompt_ended(&mut self.keys, now);
                self.gather_step(step, now);
            }
            Some(Doing::Recording(recording)) if recording.prompt() == Some(id) => {
                // Keys pressed while the prompt was heard were not meant for the message.
                self.keys.clear();
                self.open_message();
            }
            _ => {}
        }
    }

    /// A prompt ended where it came to a text that could not be spoken.
    pub fn play_failed(&mut self, id: u64, heard_ms: u32, why: String) {
        self.actions.push_back(Action::Note {
            name: "heard",
            detail: json!({ "ms": heard_ms, "end": "failed", "why": why }),
        });
        if self.background == Some(id) {
            self.background = None;
            return self.hold(Event::PlayingFinished);
        }
        match &mut self.doing {
            Some(Doing::Playing {
                id: playing,
                cut: None,
                ..
            }) if *playing == id => self.fail(Error::Failed(why)),
            Some(Doing::Gathering { playing, .. }) if *playing == Some(id) => {
                self.fail(Error::Failed(why));
            }
            Some(Doing::Recording(recording)) if recording.prompt() == Some(id) => {
                self.fail(Error::Failed(why));
            }
            _ => {}
        }
    }

    /// The digits of `send-digits` are out.
    pub fn digits_sent(&mut self, id: u64) {
        if matches!(self.doing, Some(Doing::Sending { id: sending }) if sending == id) {
            self.done();
        }
    }

    /// A recording is on its way to the disk, whole.
    pub fn record_finished(
        &mut self,
        slot: RecordSlot,
        id: String,
        duration_ms: u32,
        how: RecordEnd,
    ) {
        self.unfinished.retain(|unfinished| *unfinished != id);
        self.made.push(id.clone());
        // The next one may have begun already.
        if self.recording.id() == Some(&id) {
            self.recording = CallRecording::Off;
        }
        match &self.doing {
            Some(Doing::Recording(recording)) if slot == RecordSlot::Message => {
                let message = recording.finished(id, duration_ms, how);
                self.doing = None;
                self.answer = Some(Ok(Reply::Message(message)));
            }
            Some(Doing::Finishing { id: awaited, then }) if *awaited == id => match then {
                Then::Keep => self.done(),
                Then::Discard => self.discard(&id),
            },
            _ => {}
        }
    }

    /// A recording could not be opened.
    pub fn recording_refused(&mut self, slot: RecordSlot, reason: String) {
        match slot {
            RecordSlot::Call => self.recording = CallRecording::Off,
            RecordSlot::Message => {}
        }
        // It was opened last.
        self.unfinished.pop();
        self.fail(Error::Failed(reason));
    }

    /// The time of [`Machine::deadline`] has come.
    pub fn timeout(&mut self, now: Duration) {
        match &mut self.doing {
            Some(Doing::Answering {
                deadline: Some(deadline),
                ..
            }) if *deadline <= now => self.answering_over(now),
            Some(Doing::Waiting { deadline }) if *deadline <= now => {
                self.doing = None;
                self.answer = Some(Ok(Reply::Event(Event::Timeout)));
            }
            Some(Doing::Playing { cut: Some(cut), .. }) if cut.deadline <= now => {
                let key = cut.key;
                self.doing = None;
                self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted(key))));
            }
            Some(Doing::Gathering { gather, .. }) => {
                let step = gather.timeout(&mut self.keys, now);
                self.gather_step(step, now);
            }
            _ => {}
        }
    }
}
