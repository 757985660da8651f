//! The media side of a call: what its stream and its recordings tell, and what they are told.

use serde_json::json;

use super::*;

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
            MediaEvent::PlayFinished { id, heard_ms, end } => {
                self.machine.play_finished(id, heard_ms, end, now)
            }
            MediaEvent::DigitsSent { id } => self.machine.digits_sent(id),
            MediaEvent::RecordFinished {
                slot,
                id,
                duration_ms,
                end,
            } => {
                self.ending.insert(id.clone(), (slot, duration_ms, end));
                self.recording_done(&id);
            }
            MediaEvent::NoMedia { for_ms } => {
                if self.held {
                    return;
                }
                self.note("no-media", json!({ "for_ms": for_ms }));
                if self.is_up() {
                    let note = (cdr::Outcome::MediaTimeout, cdr::EndedBy::Server);
                    self.end_call(note, Some(Reason::q850(41, "no media")));
                }
            }
            MediaEvent::Latched { source } => {
                self.note("media-from", json!({ "source": source.to_string() }))
            }
            MediaEvent::Closed(stats) => self.stats = Some(stats),
            _ => {}
        }
    }

    pub(super) fn on_file(&mut self, file: Finished) {
        let slot = self
            .ending
            .get(&file.id)
            .map_or(RecordSlot::Call, |(slot, ..)| *slot);
        self.files.push(RecordingFile {
            slot,
            id: file.id.clone(),
            path: file.path,
            duration_ms: file.duration_ms,
            failed: file.failed.map(|why| why.to_string()),
        });
        self.recording_done(&file.id);
    }

    /// A recording is done when the media thread has said why and the file is complete.
    pub(super) fn recording_done(&mut self, id: &str) {
        let Some(file) = self.files.iter_mut().find(|file| file.id == id) else {
            return;
        };
        let Some((slot, duration_ms, end)) = self.ending.remove(id) else {
            return;
        };
        file.slot = slot;
        let end = if file.failed.is_some() {
            RecordEnd::Failed
        } else {
            end
        };
        let detail = json!({ "id": id, "path": file.path, "duration_ms": duration_ms, "failed": file.failed });
        self.note("recorded", detail);
        self.machine
            .record_finished(slot, id.to_owned(), duration_ms, end);
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
                let done = self.finished_sender.clone();
                let spec = TrackSpec {
                    id,
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
                        self.machine.recording_refused(slot, why);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn discard(&mut self, id: &str) {
        self.files.retain(|file| file.id != id);
        self.played.remove(id);
        if let Err(error) = self.shared.recorder.discard(id) {
            tracing::error!(id, %error, "a discarded recording could not be deleted");
        }
    }
}
