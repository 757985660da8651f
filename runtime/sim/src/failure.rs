//! What happens to a call whose flow has failed: the apology, then the fallback flow.

use std::sync::Arc;
use std::time::Duration;

use vireo_host::contract::{Part, PlayOptions};
use vireo_host::{Grants, Outcome, Request};

use crate::call::SimCall;
use crate::caller::Caller;
use crate::case::Case;
use crate::log::Happened;
use crate::run::{Stage, provided};

/// An apology must not keep a caller who is on hold.
const APOLOGY: Duration = Duration::from_secs(60);

/// Goes on with a call as a server does. Returns how the fallback ended, if there was one.
pub(crate) async fn after<C: Caller>(
    mut call: SimCall<C>,
    outcome: &Outcome,
    stage: &Stage,
    case: &Case,
) -> (SimCall<C>, Option<Outcome>) {
    note(&mut call, &stage.flow, outcome);
    if matches!(outcome, Outcome::NotStarted(_)) && call.answered.is_none() {
        return (call, None);
    }
    if let (false, Some(name)) = (call.is_over(), &stage.apology) {
        apologise(&mut call, name).await;
    }
    let Some(next) = stage.fallback.as_ref().filter(|_| !call.is_over()) else {
        return (call, None);
    };
    call.world.hand_over(next);
    let taken = Happened::FallsBack(next.flow.clone());
    call.world.note(call.now, taken);
    let (outcome, mut call, _) = (next.version)
        .run(call, grants(next, case), next.limits.clone())
        .await;
    if !outcome.is_normal() {
        note(&mut call, &next.flow, &outcome);
    }
    (call, Some(outcome))
}

/// What a flow may use on this stage.
pub(crate) fn grants(stage: &Stage, case: &Case) -> Arc<Grants> {
    let written = stage.grants.clone();
    written.unwrap_or_else(|| Arc::new(provided(stage, case)))
}

fn note<C: Caller>(call: &mut SimCall<C>, flow: &str, outcome: &Outcome) {
    let failed = Happened::Failed {
        flow: flow.to_owned(),
        why: outcome.to_string().replace('\n', " "),
    };
    call.world.note(call.now, failed);
}

async fn apologise<C: Caller>(call: &mut SimCall<C>, name: &str) {
    if call.answered.is_none() && call.serve(&Request::EarlyMedia).await.is_err() {
        return;
    }
    let play = Request::Play {
        prompt: vec![Part::File(name.to_owned())],
        options: PlayOptions {
            language: None,
            interrupt_keys: String::new(),
        },
    };
    let until = call.now + APOLOGY;
    // What cannot be played is among what is missing.
    let _ = call.serve_until(&play, Some(until)).await;
}
