//! The other side of a simulated call.

use std::future::Future;
use std::time::Duration;

use vireo_host::{Answer, Request};

use crate::log::{Heard, SaidBy};
use crate::speech::Saying;
use crate::world::World;

/// Who calls. Times are since the INVITE.
pub trait Caller: Send + 'static {
    /// Something happened.
    fn notice(&mut self, at: Duration, world: &World, what: Notice<'_>);

    /// Waits until `deadline`, when something happens on the other side, or does something before.
    /// It may come back at once: the time of the call is what it says.
    fn next(
        &mut self,
        world: &World,
        now: Duration,
        deadline: Duration,
    ) -> impl Future<Output = Turn> + Send;
}

/// What a caller notices, and what the flow was told beside it.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// A prompt begins.
    Starts {
        /// What is heard.
        parts: &'a [Heard],
        /// None: again and again.
        length: Option<Duration>,
    },
    /// What plays has ended, or was stopped.
    Stops,
    /// The flow has been answered.
    Verb {
        /// What it asked.
        request: &'a Request,
        /// What it was told.
        answer: &'a Answer,
    },
    /// The call is over.
    Ended(SaidBy),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// The deadline has come, and the caller has done nothing.
    Deadline,
    /// The caller does something.
    Act {
        /// At this time, at the deadline at the latest.
        at: Duration,
        /// This.
        act: Act,
    },
}

/// What a caller does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A key goes down.
    KeyDown(char),
    /// The key comes up again.
    KeyUp {
        /// Which one.
        key: char,
        /// How long it was down, ms.
        held_ms: u32,
    },
    /// Says this; a gather that listens understands it.
    Say(Saying),
    /// Speaks for so long from now on.
    Speak(Duration),
    /// Puts the call on hold: what plays stands still, and nothing is heard.
    Hold,
    /// Takes the call back.
    Resume,
    /// Hangs up.
    HangUp,
}
