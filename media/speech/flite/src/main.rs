//! `vireo-flite`: speaks English for a server, by flite's libraries.
//!
//! A program of its own like every native engine, so that a crash costs one sentence. It is started by
//! the server: standard input is a socket.

mod library;

use std::process::ExitCode;

use library::Flite;
use vireo_speech::tts::serve;

/// Samples of one piece of an answer.
const PIECE: usize = 16_000;

fn main() -> ExitCode {
    let mut flite = match Flite::load() {
        Ok(flite) => flite,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    serve("flite", |utterance, answer| {
        flite.speak(utterance, |rate, samples| {
            answer.rate(rate);
            // Stops at the first piece that nobody waits for.
            let _ = samples.chunks(PIECE).all(|piece| answer.samples(piece));
        })
    })
}
