//! `vireo-vosk MODEL RATE THREADS`: recognises what callers say, by libvosk.
//!
//! A program of its own, because a model that is broken makes that library crash, and because the server is
//! built without it. It is started by the server: standard input is a socket. What goes over it is described
//! with [`vireo_speech::asr::vosk`].

mod decoder;
mod lanes;

use std::env;
use std::process::ExitCode;

use decoder::Band;
use lanes::Lanes;
use vireo_speech::asr::vosk::WORKER;
use vireo_worker::child::connect;
use vosk::{LogLevel, Model};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let band = |text: String| Band::of(text.parse().ok()?);
    let threads = |text: String| text.parse::<usize>().ok();
    let (Some(directory), Some(band), Some(threads)) = (
        arguments.next(),
        arguments.next().and_then(band),
        arguments.next().and_then(threads),
    ) else {
        eprintln!("vireo-vosk is started by a Vireo server: vireo-vosk MODEL RATE THREADS");
        return ExitCode::FAILURE;
    };
    let (wishes, replies) = match connect(WORKER) {
        Ok(connected) => connected,
        Err(error) => {
            eprintln!("vireo-vosk is started by a Vireo server, not by hand: {error}");
            return ExitCode::FAILURE;
        }
    };
    vosk::set_log_level(LogLevel::Error);
    // What is asked meanwhile waits.
    let model = Model::new(directory);
    let mut lanes = match Lanes::start(threads, model, band, &replies) {
        Ok(lanes) => lanes,
        Err(error) => {
            eprintln!("a thread could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    for wish in wishes {
        lanes.take(wish);
    }
    ExitCode::SUCCESS
}
