//! The media side of a call: what its stream and its recordings tell, and what they are told.

use serde_json::json;

use super::*;
use crate::speech;

impl Actor {
    pub(super) fn on_media(&mut self, event: MediaEvent) {
        let now = self.now();
        match event {
            MediaEvent::DigitStarted { digit } => self.machine.key_down(digit, now),
            MediaEvent::Digit {
                digit,
                duration_ms,
                source,
            } => {
                self.machine
                    .key(digit, duration_ms, media_map::digit_source(source), now);
            }
            MediaEvent::PlayFinished {
                id,
                heard_ms,
                gap_ms,
                end,
            } => {
                if gap_ms > 0 {
                    self.note("speech-late", &json!({ "ms": gap_ms }));
                }
                match end {
                    PlayEnd::Failed => {
                        let why = self.speaking.as_ref().and_then(Speaking::failure);
                        let why = speech::failed(why.unwrap_or("no reason is known"));
                        self.machine.play_failed(id, heard_ms, why);
                    }
                    end => self.machine.play_finished(id, heard_ms, end, now),
                }
            }
            MediaEvent::DigitsSent { id } => self.machine.digits_sent(id),
            MediaEvent::RecordFinished { id, end, .. } => {
                if let Some(done) = self.recordings.ended(&id, end, now) {
                    self.recording_done(done);
                }
            }
            MediaEvent::NoMedia { for_ms } => {
                self.note("no-media", &json!({ "for_ms": for_ms }));
                let ending = Ending::new(cdr::Outcome::MediaTimeout, cdr::EndedBy::Server);
                self.end_call(ending, Some(Reason::q850(41, "no media")));
            }
            MediaEvent::Latched { source } => {
                self.note("media-from", &json!({ "source": source.to_string() }))
            }
            MediaEvent::Closed(stats) => {
                self.stats = Some(stats);
                self.media_gone();
            }
            _ => {}
        }
    }

    /// The stream has ended. While the call is up that was not our doing: the media thread was so
    /// far behind that a command was lost, and nobody knows what the caller hears.
    pub(super) fn media_gone(&mut self) {
        self.stream_events = Events::Ended;
        let now = self.now();
        for done in self.recordings.media_gone(now) {
            self.recording_done(done);
        }
        if !self.is_over() {
            self.note("media-lost", &json!({}));
            let ending = Ending::by_server(cdr::Outcome::Other, "the media stream was lost");
            self.end_call(ending, Some(Reason::q850(41, "media lost")));
        }
    }

    pub(super) fn on_file(&mut self, file: Finished) {
        if let Some(done) = self.recordings.complete(file) {
            self.recording_done(done);
        }
    }

    pub(super) fn recording_done(&mut self, done: Done) {
        let Done { file, end } = done;
        self.note(
            "recorded",
            &json!({
                "id": file.id, "path": file.path, "duration_ms": file.duration_ms, "failed": file.failed,
            }),
        );
        self.machine
            .record_finished(file.slot, file.id, file.duration_ms, end);
    }

    pub(super) fn act_media(&mut self, action: Action) {
        let Some(stream) = &self.stream else {
            return;
        };
        match action {
            Action::Play { id, prompt, repeat } => stream.play(Play {
                id,
                segments: prompt,
                repeat,
            }),
            Action::StopPlaying => stream.stop(),
            Action::SendDigits { id, digits } => stream.send_digits(id, digits),
            Action::StopRecording { slot, trim_ms } => stream.stop_record(slot, trim_ms),
            Action::PauseRecording => stream.pause_record(RecordSlot::Call),
            Action::ResumeRecording => stream.resume_record(RecordSlot::Call),
            Action::OpenRecording {
                slot,
                id,
                max_duration_ms,
                silence_ms,
            } => {
                let layout = match slot {
                    RecordSlot::Call => Layout::Stereo,
                    RecordSlot::Message => Layout::Mono,
                };
                self.recordings.opened(slot, id.clone());
                let done = self.finished.get_or_insert_with(Files::new).sender.clone();
                let spec = TrackSpec {
                    id: id.clone(),
                    layout,
                    format: self.settings.recordings.format,
                    // The channel holds more than a call has recordings at a time.
                    on_finished: Some(Box::new(move |file| drop(done.try_send(file)))),
                };
                match self.shared.recorder.open(spec) {
                    Ok(track) => stream.record(RecordStart {
                        track,
                        slot,
                        limits: RecordLimits {
                            max_duration_ms,
                            silence_ms,
                        },
                    }),
                    Err(error) => {
                        let why = error.to_string();
                        tracing::error!(
                            call = self.info.call_id,
                            error = why,
                            "a recording could not be opened"
                        );
                        self.recordings.forget(&id);
                        self.machine.recording_refused(slot, why);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn discard(&mut self, id: &str) {
        self.recordings.forget(id);
        self.played.remove(id);
        if let Err(error) = self.shared.recorder.discard(id) {
            tracing::error!(id, %error, "a discarded recording could not be deleted");
        }
    }
}
