//! `vireo-espeak`: speaks what a server asks for, by libespeak-ng.
//!
//! A program of its own, because that library keeps one state for a process, is not for several threads,
//! and is under the GPL, which the server is not. It is started by the server: standard input is a socket.

mod library;

use std::process::ExitCode;

use library::Espeak;
use vireo_speech::tts::serve;

fn main() -> ExitCode {
    let mut espeak = match Espeak::load() {
        Ok(espeak) => espeak,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    serve("espeak", |utterance, answer| {
        answer.rate(espeak.rate());
        let listener = answer.clone();
        espeak.speak(
            utterance,
            Box::new(move |samples| listener.samples(samples)),
        )
    })
}
