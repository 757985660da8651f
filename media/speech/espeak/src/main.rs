//! `vireo-espeak`: speaks what a server asks for, by libespeak-ng.
//!
//! A program of its own, because that library keeps one state for a process, is not for several threads,
//! and is under the GPL, which the server is not. It is started by the server: standard input is a socket.

mod library;

use std::process::ExitCode;

use library::Espeak;
use vireo_speech::tts::Utterance;
use vireo_worker::child::{Replies, Wish, connect};

/// The name that the server expects.
const NAME: &str = "espeak";

fn main() -> ExitCode {
    let mut espeak = match Espeak::load() {
        Ok(espeak) => espeak,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (wishes, replies) = match connect(NAME) {
        Ok(connected) => connected,
        Err(error) => {
            eprintln!("vireo-espeak is started by a Vireo server, not by hand: {error}");
            return ExitCode::FAILURE;
        }
    };
    for wish in wishes {
        // What is cancelled while it is spoken ends there; the rest has no input but its question.
        if let Wish::Open(id, question) = wish {
            answer(&mut espeak, &replies, id, &question);
        }
    }
    ExitCode::SUCCESS
}

fn answer(espeak: &mut Espeak, replies: &Replies, id: u64, question: &[u8]) {
    let utterance: Utterance = match serde_json::from_slice(question) {
        Ok(utterance) => utterance,
        Err(error) => {
            return replies.failed(id, &format!("the question is not understood: {error}"));
        }
    };
    replies.part(id, espeak.rate().to_be_bytes());
    let listener = replies.clone();
    let spoken = espeak.speak(
        &utterance,
        Box::new(move |samples| {
            let bytes: Vec<u8> = samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect();
            listener.part(id, bytes);
            !listener.cancelled(id)
        }),
    );
    match spoken {
        Ok(()) => replies.end(id, []),
        Err(error) => replies.failed(id, &error.to_string()),
    }
}
