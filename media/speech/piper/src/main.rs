//! `vireo-piper`: speaks what a server asks for, by Piper's neural voices.
//!
//! A program of its own, because it has espeak-ng inside, which keeps one state for a process and is under
//! the GPL, and because a voice file may crash the library that runs it. It is started by the server:
//! standard input is a socket, the one argument is its [`Settings`] as JSON.

mod runtime;
mod settings;
mod voices;

use std::process::ExitCode;

use settings::Settings;
use vireo_speech::tts::serve;
use voices::Voices;

/// Samples of one piece of an answer.
const PIECE: usize = 16_000;

fn main() -> ExitCode {
    match start() {
        Ok(mut voices) => serve("piper", |utterance, answer| {
            let (rate, samples) = voices.speak(utterance)?;
            answer.rate(rate);
            // Stops at the first piece that nobody waits for.
            let _ = samples.chunks(PIECE).all(|piece| answer.samples(piece));
            Ok::<(), voices::VoiceError>(())
        }),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<Voices, Box<dyn std::error::Error>> {
    let settings = Settings::from_arguments(std::env::args().skip(1))?;
    runtime::load(&settings.library())?;
    settings.point_to_phonemes()?;
    Ok(Voices::new(settings))
}
