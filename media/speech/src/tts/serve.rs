//! The worker's side of [`WorkerEngine`](super::WorkerEngine): answers what a server asks.

use std::fmt::Display;
use std::process::ExitCode;

use vireo_worker::child::{Replies, Wish, connect};

use super::Utterance;

/// Where the sound of one utterance goes.
#[derive(Clone, Debug)]
pub struct Answer {
    replies: Replies,
    exchange: u64,
}

impl Answer {
    /// The rate of the samples, Hz; said once, before them.
    pub fn rate(&self, hz: u32) {
        self.replies.part(self.exchange, hz.to_be_bytes());
    }

    /// Some sound. False: nobody waits for more.
    #[must_use]
    pub fn samples(&self, samples: &[i16]) -> bool {
        let bytes: Vec<u8> = (samples.iter())
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        for piece in bytes.chunks(vireo_worker::LARGEST_BODY) {
            self.replies.part(self.exchange, piece);
        }
        !self.replies.cancelled(self.exchange)
    }
}

/// The life of a worker called `name`: greets the server at standard input, and has `speak` answer
/// one utterance after the other until the server is gone.
pub fn serve<E: Display>(
    name: &str,
    mut speak: impl FnMut(&Utterance, &Answer) -> Result<(), E>,
) -> ExitCode {
    let (wishes, replies) = match connect(name) {
        Ok(connected) => connected,
        Err(error) => {
            eprintln!("vireo-{name} is started by a Vireo server, not by hand: {error}");
            return ExitCode::FAILURE;
        }
    };
    for wish in wishes {
        // What is cancelled while it is spoken ends there; the rest has no input but its question.
        let Wish::Open(exchange, question) = wish else {
            continue;
        };
        let answer = Answer {
            replies: replies.clone(),
            exchange,
        };
        let spoken = match serde_json::from_slice(&question) {
            Ok(utterance) => speak(&utterance, &answer).map_err(|error| error.to_string()),
            Err(error) => Err(format!("the question is not understood: {error}")),
        };
        match spoken {
            Ok(()) => replies.end(exchange, []),
            Err(why) => replies.failed(exchange, &why),
        }
    }
    ExitCode::SUCCESS
}
