//! `vireo:flow/media`.

use super::{check, checked, takes};
use crate::contract::{
    GatherOptions, GatherResult, Message, Part, PlayEnd, PlayOptions, RecordOptions, media,
};
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

impl media::Host for State {
    async fn play(&mut self, prompt: Vec<Part>, options: PlayOptions) -> Imported<PlayEnd> {
        self.count()?;
        checked!(check::prompt("prompt", &prompt));
        checked!(check::play_options(&options));
        self.ask(
            Request::Play { prompt, options },
            takes!(Reply::PlayEnd(end) => end),
        )
        .await
    }

    async fn gather(&mut self, options: GatherOptions) -> Imported<GatherResult> {
        self.count()?;
        checked!(check::gather_options(&options));
        self.ask(
            Request::Gather(options),
            takes!(Reply::Gather(result) => result),
        )
        .await
    }

    async fn record(&mut self, options: RecordOptions) -> Imported<Message> {
        self.count()?;
        checked!(check::record_options(&options));
        self.ask(
            Request::Record(options),
            takes!(Reply::Message(message) => message),
        )
        .await
    }

    async fn start_playing(
        &mut self,
        prompt: Vec<Part>,
        language: Option<String>,
        repeat: bool,
    ) -> Imported<()> {
        self.count()?;
        checked!(check::prompt("prompt", &prompt));
        checked!(check::language(language.as_deref()));
        let request = Request::StartPlaying {
            prompt,
            language,
            repeat,
        };
        self.ask(request, takes!(Reply::Done => ())).await
    }

    async fn stop_playing(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::StopPlaying, takes!(Reply::Done => ()))
            .await
    }

    async fn flush_digits(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::FlushDigits, takes!(Reply::Done => ()))
            .await
    }

    async fn send_digits(&mut self, digits: String) -> Imported<()> {
        self.count()?;
        checked!(check::digits_to_send(&digits));
        self.ask(Request::SendDigits { digits }, takes!(Reply::Done => ()))
            .await
    }

    async fn start_recording(&mut self) -> Imported<String> {
        self.count()?;
        self.ask(Request::StartRecording, takes!(Reply::Id(id) => id))
            .await
    }

    async fn pause_recording(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::PauseRecording, takes!(Reply::Done => ()))
            .await
    }

    async fn resume_recording(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::ResumeRecording, takes!(Reply::Done => ()))
            .await
    }

    async fn stop_recording(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::StopRecording, takes!(Reply::Done => ()))
            .await
    }

    async fn discard_recording(&mut self, id: String) -> Imported<()> {
        self.count()?;
        checked!(check::recording_id(&id));
        self.ask(Request::DiscardRecording { id }, takes!(Reply::Done => ()))
            .await
    }
}
