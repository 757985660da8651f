//! Running simulated calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use vireo_host::contract::{Refusal, SpeechOptions};
use vireo_host::{Grants, Limits, Outcome, Request, Usage, Version};

use crate::call::SimCall;
use crate::caller::Caller;
use crate::case::{Case, What};
use crate::coverage::Coverage;
use crate::failure;
use crate::follower::{Done, Follower, Mismatch};
use crate::log::{Happened, Record, SaidBy};
use crate::media::Prompts;
use crate::script::End;
use crate::world::World;

/// What simulated calls run on: a version of a flow, and what a server would give it.
#[derive(Clone)]
pub struct Stage {
    /// The component.
    pub version: Arc<Version>,
    /// The flow's name.
    pub flow: String,
    /// Where prompts come from.
    pub prompts: Prompts,
    /// What the flow may use; none: what the case provides.
    pub grants: Option<Arc<Grants>>,
    /// What one run may use.
    pub limits: Limits,
    /// A call is ended so long after its INVITE.
    pub longest: Duration,
    /// What `settings.get` returns; the case's own come before.
    pub settings: BTreeMap<String, String>,
    /// Secrets; the case's own come before.
    pub secrets: BTreeMap<String, String>,
    /// The server's time zone.
    pub zone: TimeZone,
    /// The prompt that is heard when the flow has failed.
    pub apology: Option<String>,
    /// What takes the call over then.
    pub fallback: Option<Arc<Stage>>,
}

/// A simulated call that is over.
pub struct Ended<C> {
    /// How the flow ended.
    pub outcome: Outcome,
    /// How the fallback flow ended, when the flow had failed.
    pub fallback: Option<Outcome>,
    /// How the call ended, as its record would say.
    pub end: End,
    /// Who ended it.
    pub by: SaidBy,
    /// The status of a rejection.
    pub status: Option<u16>,
    /// When the call was answered, since the INVITE.
    pub answered: Option<Duration>,
    /// When it ended, since the INVITE.
    pub at: Duration,
    /// What the flow used.
    pub usage: Usage,
    /// What happened.
    pub world: World,
    /// The other side.
    pub caller: C,
}

/// Runs one call.
pub async fn play<C: Caller>(stage: &Stage, case: &Case, caller: C) -> Ended<C> {
    let grants = failure::grants(stage, case);
    let call = SimCall::new(stage, case, caller);
    let (outcome, mut call, usage) = (stage.version)
        .run(call, grants, stage.limits.clone())
        .await;
    let failed = !outcome.is_normal();
    let mut fallback = None;
    if failed {
        (call, fallback) = failure::after(call, &outcome, stage, case).await;
    }
    if !call.is_over() {
        // As a server does: a caller who was never answered may be sent elsewhere.
        let request = match failed && call.answered.is_none() {
            true => Request::Reject {
                why: Refusal::Congested,
            },
            false => Request::Hangup,
        };
        // Neither fails in a call that is up.
        let _ = call.serve(&request).await;
    }
    let (by, at) = call.ended.unwrap_or((SaidBy::Flow, call.now));
    let by = match by {
        // Whatever a failed flow leaves behind, the server clears away.
        SaidBy::Flow if failed => SaidBy::Server,
        by => by,
    };
    let end = match (by, call.answered) {
        _ if failed => End::FailedFlow,
        (SaidBy::Caller, Some(_)) => End::HungUpByCaller,
        (SaidBy::Caller, None) => End::AbandonedBeforeAnswer,
        (SaidBy::Flow | SaidBy::Server, Some(_)) => End::Completed,
        (SaidBy::Flow | SaidBy::Server, None) => End::Rejected,
    };
    Ended {
        outcome,
        fallback,
        end,
        by,
        status: call.status,
        answered: call.answered,
        at,
        usage,
        world: call.world,
        caller: call.caller,
    }
}

/// What a case provides for may be used.
pub(crate) fn provided(stage: &Stage, case: &Case) -> Grants {
    let host = |url: &String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let urls = case.stubs.iter().filter_map(|stub| stub.asked.url.as_ref());
    let secrets = stage.secrets.keys().chain(case.secrets.keys());
    Grants {
        kv: Some(stage.flow.clone()),
        http: urls.map(host).collect(),
        secrets: secrets.cloned().collect(),
        withheld: Vec::new(),
    }
}

/// What came of a case.
pub struct Verdict {
    /// The steps that were done.
    pub done: Vec<Done>,
    /// What is wrong; nothing when the case has passed.
    pub troubles: Vec<Trouble>,
    /// How the call ended.
    pub end: End,
    /// How long it lasted, in its own time.
    pub lasted: Duration,
    /// What happened in it.
    pub log: Vec<Record>,
    /// What of the flow it reached.
    pub coverage: Coverage,
    /// What its gathers listened for.
    pub listened: Vec<Listened>,
}

/// What a gather listened for.
#[derive(Clone, Debug, PartialEq)]
pub struct Listened {
    /// What the caller was to speak, a BCP 47 tag.
    pub language: String,
    /// How it listened, and for what.
    pub speech: SpeechOptions,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The call left the script.
    Mismatch(Mismatch),
    /// The flow failed: the reason, with its functions, the innermost first.
    FlowFailed {
        /// As the server's log says it.
        why: String,
        /// The functions.
        backtrace: Vec<String>,
    },
    /// Something was asked for and is not there.
    Missing(String),
}

/// Runs a case.
pub async fn check(stage: &Stage, case: &Arc<Case>) -> Verdict {
    let ended = play(stage, case, Follower::new(Arc::clone(case))).await;
    judge(ended)
}

fn judge(mut ended: Ended<Follower>) -> Verdict {
    let mut wanted_failure = false;
    let log = ended.world.log();
    let row = log.len().saturating_sub(1);
    let failed_at = log
        .iter()
        .position(|record| matches!(record.what, Happened::Failed { .. }));
    let left = ended.caller.mismatch().is_some();
    if !left {
        ended.caller.settle(ended.at, &ended.world);
        let how = describe(&ended);
        match ended.caller.step().map(|step| step.what.clone()) {
            Some(What::Ends { end, status, why }) => {
                let alike = end == ended.end
                    && status.is_none_or(|status| ended.status == Some(status))
                    && why.is_none_or(|why| why.is_match(&ended.outcome.to_string()));
                match alike {
                    true => ended.caller.complete(ended.at, row),
                    false => ended.caller.fail(ended.at, row, how),
                }
                wanted_failure = alike && end == End::FailedFlow;
            }
            Some(_) => {
                let actual = ended.caller.instead(&ended.world, &how);
                ended.caller.fail(ended.at, row, actual);
            }
            None => {}
        }
    }
    let mismatch = ended.caller.mismatch().cloned();
    // What a flow does after its caller was taken from it is not what the case is about.
    let row = mismatch.as_ref().filter(|_| left).map(|left| left.row);
    let of_the_case = failed_at.is_some_and(|at| row.is_none_or(|row| at <= row));
    let mut troubles: Vec<Trouble> = mismatch.map(Trouble::Mismatch).into_iter().collect();
    if of_the_case && !wanted_failure {
        troubles.push(failed(&ended.outcome));
    }
    let fallback = ended.fallback.as_ref();
    if let Some(outcome) = fallback.filter(|outcome| !left && !outcome.is_normal()) {
        troubles.push(failed(outcome));
    }
    if !wanted_failure {
        let missing = ended.world.missing.drain(..);
        troubles.extend(missing.map(Trouble::Missing));
    }
    let mut coverage = Coverage::default();
    let log = ended.world.log();
    // The rest is not the flow's own.
    coverage.add(&log[..failed_at.unwrap_or(log.len())]);
    Verdict {
        done: ended.caller.done().to_vec(),
        troubles,
        end: ended.end,
        lasted: ended.at,
        listened: listened(&ended.world),
        log: ended.world.log,
        coverage,
    }
}

fn listened(world: &World) -> Vec<Listened> {
    let gathers = world.log().iter().filter_map(|record| match &record.what {
        Happened::Verb { request, .. } => match &**request {
            Request::Gather(options) => Some(options),
            _ => None,
        },
        _ => None,
    });
    let listened = gathers.filter_map(|options| {
        let speech = options.speech.clone()?;
        let language = speech.language.as_ref().or(options.language.as_ref());
        Some(Listened {
            language: language.unwrap_or(&world.info.language).clone(),
            speech,
        })
    });
    listened.collect()
}

fn describe(ended: &Ended<Follower>) -> String {
    let status = match (ended.end, ended.status) {
        (End::Rejected, Some(status)) => format!(" {status}"),
        _ => String::new(),
    };
    format!("the call ends: {}{status}", ended.end.name())
}

fn failed(outcome: &Outcome) -> Trouble {
    Trouble::FlowFailed {
        why: outcome.to_string().replace('\n', " "),
        backtrace: way(outcome),
    }
}

/// The flow's own functions on the way to where it stopped, the innermost first.
#[must_use]
pub fn way(outcome: &Outcome) -> Vec<String> {
    let Outcome::Trapped(trap) = outcome else {
        return Vec::new();
    };
    let mut frames: Vec<&String> = trap.backtrace.iter().map(|frame| &frame.function).collect();
    // The reason names the innermost; what lies above it is the language's machinery of panics.
    let why = trap.to_string();
    let own = frames
        .iter()
        .position(|frame| why.ends_with(&format!("(in {frame})")));
    frames.drain(..own.unwrap_or(0));
    frames.dedup();
    frames.into_iter().cloned().collect()
}

/// Runs cases on so many threads; the verdicts are in the order of the cases.
///
/// # Errors
/// The system has no thread to give.
pub fn check_all(
    cases: &[(Arc<Stage>, Arc<Case>)],
    threads: usize,
) -> std::io::Result<Vec<Verdict>> {
    let next = AtomicUsize::new(0);
    let work = || -> std::io::Result<Vec<(usize, Verdict)>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut verdicts = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((stage, case)) = cases.get(at) else {
                return Ok(verdicts);
            };
            verdicts.push((at, runtime.block_on(check(stage, case))));
        }
    };
    let mut verdicts = std::thread::scope(|scope| -> std::io::Result<Vec<(usize, Verdict)>> {
        let threads: Vec<_> = (0..threads.clamp(1, cases.len().max(1)))
            .map(|_| scope.spawn(work))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(verdicts) => all.extend(verdicts?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })?;
    verdicts.sort_by_key(|(at, _)| *at);
    Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}
