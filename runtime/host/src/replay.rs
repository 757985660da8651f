//! Running a flow against its journal.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::contract::Error;
use crate::control::{Control, Secret};
use crate::outcome::Divergence;
use crate::request::{Answer, Reply, Request};

/// A control that first answers from a journal, and then passes on to another.
///
/// Each request must equal the recorded one; the first that does not ends the flow as
/// [`TrapKind::Diverged`](crate::TrapKind::Diverged), before the flow sees an answer. Replayed
/// requests do not reach the inner control, so that nothing is done or journaled twice. Secrets
/// are not in a journal: their values come from the inner control's
/// [`reveal`](Control::reveal).
#[derive(Debug)]
pub struct Replay<C> {
    inner: C,
    recorded: VecDeque<(Request, Answer)>,
    replayed: usize,
    divergence: Option<Divergence>,
}

impl<C: Control> Replay<C> {
    /// Answers from `recorded`, in order, then has `inner` perform.
    pub fn new(inner: C, recorded: impl IntoIterator<Item = (Request, Answer)>) -> Self {
        Replay {
            inner,
            recorded: recorded.into_iter().collect(),
            replayed: 0,
            divergence: None,
        }
    }

    /// How many requests were answered from the journal so far.
    pub fn replayed(&self) -> usize {
        self.replayed
    }

    /// Entries of the journal that the flow has not asked for.
    pub fn left(&self) -> usize {
        self.recorded.len()
    }

    /// The inner control.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Control> Control for Replay<C> {
    async fn perform(&mut self, request: Request) -> Answer {
        let Some((expected, answer)) = self.recorded.pop_front() else {
            return self.inner.perform(request).await;
        };
        if expected != request {
            self.divergence = Some(Divergence {
                at: self.replayed,
                expected: Some(Arc::new(expected)),
                got: Arc::new(request),
            });
            return Ok(Reply::Done);
        }
        self.replayed += 1;
        answer
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        self.inner.reveal(name)
    }

    fn divergence(&mut self) -> Option<Divergence> {
        self.divergence.take().or_else(|| self.inner.divergence())
    }
}
