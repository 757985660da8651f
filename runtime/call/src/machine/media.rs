//! The verbs that need media: what is played, collected, sent and recorded.

use std::time::Duration;

use vireo_host::Reply;
use vireo_host::contract::{Error, PlayEnd};
use vireo_rtp::{DigitOut, Repeat, Segment};

use super::{Action, CallRecording, Doing, Machine, RecordSlot, Then, Verb};
use crate::gather::{Gather, Opening, Step};
use crate::message::MessageRecording;

const DIGIT_MS: u16 = 100;
const DIGIT_PAUSE_MS: u16 = 100;
const COMMA_PAUSE_MS: u16 = 500;

impl Machine {
    pub(super) fn begin_media(&mut self, verb: Verb, now: Duration) {
        match verb {
            Verb::Play {
                prompt,
                interrupt_keys,
            } => self.play(prompt, interrupt_keys),
            Verb::Gather { options, prompts } => {
                let (gather, step) = Gather::start(*options, &mut self.keys, now);
                self.doing = Some(Doing::Gathering {
                    gather: Box::new(gather),
                    prompts,
                    playing: None,
                });
                self.gather_step(step, now);
            }
            Verb::Record(spec) => {
                let (recording, prompt) = MessageRecording::start(spec);
                self.doing = Some(Doing::Recording(recording));
                match prompt {
                    Some(prompt) => {
                        let id = self.play_now(prompt, Repeat::Once);
                        if let Some(Doing::Recording(recording)) = &mut self.doing {
                            recording.prompted(id);
                        }
                    }
                    None => self.open_message(),
                }
            }
            Verb::StartPlaying { prompt, repeat } => {
                self.background = Some(self.play_now(prompt, repeat));
                self.done();
            }
            Verb::SendDigits(digits) => self.send_digits(&digits),
            Verb::StartRecording => self.start_recording(),
            _ => self.wrong_state("this verb needs no media"),
        }
    }

    pub(super) fn play(&mut self, prompt: Vec<Segment>, interrupt_keys: String) {
        if let Some(key) = self.keys.find(&interrupt_keys) {
            // The caller answered before the prompt began.
            self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted(key))));
            return;
        }
        if prompt.is_empty() {
            self.answer = Some(Ok(Reply::PlayEnd(PlayEnd::Finished)));
            return;
        }
        let id = self.play_now(prompt, Repeat::Once);
        self.doing = Some(Doing::Playing {
            id,
            interrupt_keys,
            cut: None,
        });
    }

    pub(super) fn stop_playing(&mut self) {
        if self.background.take().is_some() {
            self.actions.push_back(Action::StopPlaying);
        }
        self.done();
    }

    pub(super) fn play_now(&mut self, prompt: Vec<Segment>, repeat: Repeat) -> u64 {
        self.last_id += 1;
        self.background = None;
        self.actions.push_back(Action::Play {
            id: self.last_id,
            prompt,
            repeat,
        });
        self.last_id
    }

    pub(super) fn gather_step(&mut self, step: Step, now: Duration) {
        match step {
            Step::Wait => {}
            Step::StopPlaying => {
                if let Some(Doing::Gathering { playing, .. }) = &mut self.doing {
                    *playing = None;
                }
                self.actions.push_back(Action::StopPlaying);
            }
            Step::Play(opening) => {
                let Some(Doing::Gathering { prompts, .. }) = &self.doing else {
                    return;
                };
                let first = match opening {
                    Opening::First => &[][..],
                    Opening::NoInput => &prompts.no_input[..],
                    Opening::NoMatch => &prompts.no_match[..],
                };
                let prompt: Vec<Segment> = first.iter().chain(&prompts.prompt).cloned().collect();
                let id = self.play_now(prompt, Repeat::Once);
                if let Some(Doing::Gathering { playing, .. }) = &mut self.doing {
                    *playing = Some(id);
                }
            }
            Step::Done(result) => {
                if let Some(Doing::Gathering { gather, .. }) = self.doing.take() {
                    self.swallow = gather
                        .swallow()
                        .map(|(keys, within)| (keys.to_owned(), now + within));
                }
                self.answer = Some(Ok(Reply::Gather(result)));
            }
        }
    }

    pub(super) fn open_message(&mut self) {
        let id = self.recording_id("message");
        if let Some(Doing::Recording(recording)) = &mut self.doing {
            let action = recording.open(id);
            self.actions.push_back(action);
        }
    }

    pub(super) fn send_digits(&mut self, keys: &str) {
        let digits: Vec<DigitOut> = keys
            .chars()
            .map(|digit| match digit {
                ',' => DigitOut {
                    digit,
                    duration_ms: COMMA_PAUSE_MS,
                    pause_ms: 0,
                },
                _ => DigitOut {
                    digit,
                    duration_ms: DIGIT_MS,
                    pause_ms: DIGIT_PAUSE_MS,
                },
            })
            .collect();
        if digits.is_empty() {
            return self.done();
        }
        self.last_id += 1;
        let id = self.last_id;
        self.actions.push_back(Action::SendDigits { id, digits });
        self.doing = Some(Doing::Sending { id });
    }

    pub(super) fn recording_id(&mut self, kind: &str) -> String {
        self.recordings_opened += 1;
        let id = format!("{}-{kind}-{}", self.call_id, self.recordings_opened);
        self.unfinished.push(id.clone());
        id
    }

    pub(super) fn start_recording(&mut self) {
        if self.recording != CallRecording::Off {
            return self.wrong_state("the call is being recorded already");
        }
        let id = self.recording_id("call");
        self.recording = CallRecording::On(id.clone());
        self.actions.push_back(Action::OpenRecording {
            slot: RecordSlot::Call,
            id: id.clone(),
            max_duration_ms: None,
            silence_ms: None,
        });
        self.answer = Some(Ok(Reply::Id(id)));
    }

    pub(super) fn pause_recording(&mut self) {
        match std::mem::replace(&mut self.recording, CallRecording::Off) {
            CallRecording::On(id) => {
                self.recording = CallRecording::Paused(id);
                self.actions.push_back(Action::PauseRecording);
                self.done();
            }
            paused @ CallRecording::Paused(_) => {
                self.recording = paused;
                self.done();
            }
            CallRecording::Off => self.wrong_state("the call is not being recorded"),
        }
    }

    pub(super) fn resume_recording(&mut self) {
        match std::mem::replace(&mut self.recording, CallRecording::Off) {
            CallRecording::Paused(id) => {
                self.recording = CallRecording::On(id);
                self.actions.push_back(Action::ResumeRecording);
                self.done();
            }
            on @ CallRecording::On(_) => {
                self.recording = on;
                self.done();
            }
            CallRecording::Off => self.wrong_state("the call is not being recorded"),
        }
    }

    /// Answered when the file is complete, so that it can be played or discarded at once.
    pub(super) fn stop_recording(&mut self) {
        self.finish_recording(Then::Keep);
    }

    fn finish_recording(&mut self, then: Then) {
        match std::mem::replace(&mut self.recording, CallRecording::Off) {
            CallRecording::Off => self.wrong_state("the call is not being recorded"),
            CallRecording::On(id) | CallRecording::Paused(id) => {
                self.actions.push_back(Action::StopRecording {
                    slot: RecordSlot::Call,
                    trim_ms: 0,
                });
                self.doing = Some(Doing::Finishing { id, then });
            }
        }
    }

    pub(super) fn discard(&mut self, id: &str) {
        if let Some(at) = self.made.iter().position(|made| made == id) {
            let id = self.made.remove(at);
            self.actions.push_back(Action::Discard(id));
            return self.done();
        }
        if self.recording.id() == Some(id) {
            return self.finish_recording(Then::Discard);
        }
        if self.unfinished.iter().any(|unfinished| unfinished == id) {
            self.doing = Some(Doing::Finishing {
                id: id.to_owned(),
                then: Then::Discard,
            });
            return;
        }
        self.fail(Error::NotFound(format!(
            "recording {id:?}: this call made none of that name"
        )));
    }
}
