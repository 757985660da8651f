//! One call from its INVITE to its CDR.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use vireo_host::contract::{Error, Info};
use vireo_host::{Outcome, Request, Trap, Version, describe};
use vireo_rtp::RecordSlot;
use vireo_sip::endpoint::{EndedBy, Rejection};
use vireo_sip::offer_answer::{Capabilities, Negotiation};
use vireo_sip::stack::IncomingCall;
use vireo_store::cdr::{self, Cdr, OpenCall, RecordingKind, RecordingRef};

use crate::actor::{Actor, Closed, Ending, Parts, RecordingFile, apologise};
use crate::canary::{Candidate, End};
use crate::deploy::Pick;
use crate::journal::CallJournal;
use crate::live::{LiveCall, Registration};
use crate::route::{Action, Query};
use crate::services::unix_ms;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::{id, media_map, party, stats};

/// Our payload type for telephone-event in offers of our own; in answers it is the peer's.
const TELEPHONE_EVENT: u8 = 101;

/// When a caller that found no room should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A call that has just arrived, and what was found out about it.
struct Arrival {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    incoming: IncomingCall,
    started: Instant,
    open: OpenCall,
}

/// The flow that a route chose.
struct Chosen {
    route: String,
    flow: String,
    language: String,
    parameters: Arc<BTreeMap<String, String>>,
    pick: Pick,
}

/// What the timeline says of a flow's end.
#[derive(Serialize)]
struct FlowEnded {
    outcome: String,
    host_calls: u64,
    cpu_us: u64,
    memory_peak: u64,
}

/// What the timeline says of the call's record.
#[derive(Serialize)]
struct Recorded {
    outcome: cdr::Outcome,
    ended_by: cdr::EndedBy,
    talk_ms: u64,
}

/// A call that is refused before any flow sees it.
struct Refused {
    rejection: Box<Rejection>,
    why: String,
}

impl Refused {
    fn new(status: u16, why: impl Into<String>) -> Self {
        Self {
            rejection: Rejection::new(status).into(),
            why: why.into(),
        }
    }

    fn no_room(why: impl Into<String>) -> Self {
        let rejection = Rejection {
            retry_after: Some(RETRY_AFTER),
            ..Rejection::new(503)
        };
        Self {
            rejection: rejection.into(),
            why: why.into(),
        }
    }
}

/// Runs a call to its end and writes its CDR.
pub(crate) async fn run(shared: Arc<Shared>, settings: Arc<Settings>, incoming: IncomingCall) {
    let invite = &incoming.invite;
    let normalizer = settings.normalizers.get(&*invite.trunk);
    let normalise = |number: &str| match normalizer {
        Some(normalizer) => normalizer.normalize(number),
        None => number.to_owned(),
    };
    let received_ms = unix_ms();
    let open = OpenCall {
        call_id: id::call_id(received_ms, &mut rand::rng()),
        node: settings.node.clone(),
        direction: cdr::Direction::Inbound,
        trunk: invite.trunk.to_string(),
        caller: normalise(&party::caller(invite)),
        called: normalise(&party::number(&invite.called)),
        received_ms,
        ..OpenCall::default()
    };
    let mut arrival = Arrival {
        shared,
        settings,
        incoming,
        started: Instant::now(),
        open,
    };
    let prepared = match arrival.choose() {
        Ok(chosen) => arrival.open_media().map(|media| (chosen, media)),
        Err(refused) => Err(refused),
    };
    match prepared {
        Ok((chosen, media)) => arrival.serve(chosen, media).await,
        Err(refused) => arrival.refuse(refused),
    }
}

struct Media {
    stream: vireo_rtp::Stream,
    events: tokio::sync::mpsc::Receiver<vireo_rtp::MediaEvent>,
    negotiation: Negotiation,
    answer: Option<Vec<u8>>,
}

impl Arrival {
    /// Route and version.
    fn choose(&mut self) -> Result<Chosen, Refused> {
        let query = Query {
            trunk: &self.open.trunk,
            called: &self.open.called,
            caller: &self.open.caller,
            at: jiff::Timestamp::now(),
        };
        let decision = self.settings.routes.decide(&query);
        self.open.route = decision.route_name().map(ToOwned::to_owned);
        let (flow, language, parameters) = match decision.action {
            Action::Flow {
                name,
                language,
                parameters,
            } => (name, language, parameters),
            Action::Reject { status, reason } => {
                let mut refused =
                    Refused::new(status, format!("a route refuses it: {status} {reason}"));
                refused.rejection.phrase = Some(reason.to_string());
                return Err(refused);
            }
        };
        let flow = flow.to_string();
        self.open.flow = Some(flow.clone());
        let candidate = Candidate {
            flow: &flow,
            route: self.open.route.as_deref().unwrap_or_default(),
            caller: &self.open.caller,
            call_id: &self.open.call_id,
        };
        let Some(pick) = self.shared.deployer.pick(&candidate, &self.settings) else {
            tracing::error!(
                flow,
                route = self.open.route,
                "the flow of a route is not deployed"
            );
            return Err(Refused::no_room(format!("flow {flow:?} is not deployed")));
        };
        self.open.version = pick.version().digest().parse().ok();
        Ok(Chosen {
            route: self.open.route.clone().unwrap_or_default(),
            flow,
            language: language.to_string(),
            parameters,
            pick,
        })
    }

    /// A stream of its own, and the answer to the caller's offer.
    fn open_media(&mut self) -> Result<Media, Refused> {
        let (stream, events) = self
            .shared
            .engine
            .open()
            .map_err(|error| Refused::no_room(format!("media: {error}")))?;
        let media = &self.settings.media;
        let capabilities = Capabilities {
            address: media.address,
            port: stream.local().port(),
            codecs: media
                .codecs
                .iter()
                .copied()
                .map(media_map::sdp_codec)
                .collect(),
            ptime_ms: media.ptime_ms,
            telephone_event: Some(TELEPHONE_EVENT),
        };
        let mut negotiation = Negotiation::new(capabilities, rand::random::<u32>().into());
        let answer = match &self.incoming.invite.sdp {
            None => None,
            Some(offer) => match negotiation.answer(offer) {
                Ok((answer, _)) => Some(answer),
                Err(reject) => {
                    let mut refused = Refused::new(reject.status, reject.to_string());
                    refused
                        .rejection
                        .headers
                        .push(("Warning".to_owned(), reject.warning.into_bytes()));
                    return Err(refused);
                }
            },
        };
        Ok(Media {
            stream,
            events,
            negotiation,
            answer,
        })
    }

    fn refuse(self, refused: Refused) {
        let status = refused.rejection.status;
        if let Err(error) = self.incoming.leg.reject(*refused.rejection) {
            tracing::error!(%error, "the SIP stack did not take a refusal");
        }
        tracing::info!(
            call = self.open.call_id,
            trunk = self.open.trunk,
            caller = self.open.caller,
            called = self.open.called,
            status,
            why = refused.why,
            "call refused"
        );
        let mut cdr = Cdr::new(self.open, unix_ms(), cdr::Outcome::Rejected);
        cdr.ended_by = cdr::EndedBy::Server;
        cdr.sip_status = Some(status);
        cdr.reason = Some(refused.why);
        let journal = self.shared.journal.open(&cdr.call.call_id);
        write(journal, cdr, None);
    }

    async fn serve(self, chosen: Chosen, media: Media) {
        let Arrival {
            shared,
            settings,
            incoming,
            started,
            open,
        } = self;
        let journal = shared.journal.open(&open.call_id);
        journal.began(&open);
        let (registration, commands) = shared.live.add(live_call(&open, &chosen));
        let invite = incoming.invite;
        let info = Info {
            call_id: open.call_id.clone(),
            flow: chosen.flow.clone(),
            version: chosen.pick.version().digest().to_owned(),
            trunk: open.trunk.clone(),
            route: chosen.route,
            caller: open.caller.clone(),
            caller_name: party::caller_name(&invite),
            called: open.called.clone(),
            diverted_by: invite
                .diversion
                .iter()
                .map(|by| party::number(&by.uri))
                .collect(),
            language: chosen.language,
            parameters: chosen
                .parameters
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            started_at: open.received_ms,
        };
        let actor = Box::new(Actor::new(Parts {
            shared: Arc::clone(&shared),
            settings: Arc::clone(&settings),
            info,
            invite,
            leg: incoming.leg,
            stream: media.stream,
            media_events: media.events,
            negotiation: media.negotiation,
            sdp_answer: media.answer,
            registration,
            commands,
            journal,
            started,
        }));
        let candidate = Candidate {
            flow: &chosen.flow,
            route: open.route.as_deref().unwrap_or_default(),
            caller: &open.caller,
            call_id: &open.call_id,
        };
        let (actor, run) = run_flows(&shared, &settings, candidate, &chosen.pick, actor).await;
        let closed = actor.close().await;
        if let Some(end) = run.end(&closed, settings.canary.early_hangup) {
            count(&shared, &settings, &chosen.pick, end);
        }
        finish(open, closed, run.failure);
    }
}

/// Counts a call's end for the version that it ran, and takes that version out of service if it is a
/// canary and this was one bad end too many.
fn count(shared: &Shared, settings: &Settings, pick: &Pick, end: End) {
    if let Some(verdict) = pick.ended(end, &settings.canary) {
        tokio::spawn(Arc::clone(&shared.deployer).withdraw(verdict));
    }
}

fn live_call(open: &OpenCall, chosen: &Chosen) -> LiveCall {
    LiveCall {
        call_id: open.call_id.clone(),
        trunk: open.trunk.clone(),
        route: chosen.route.clone(),
        caller: open.caller.clone(),
        called: open.called.clone(),
        flow: chosen.flow.clone(),
        version: chosen.pick.version().digest().to_owned(),
        started_at: open.received_ms,
        answered_at: None,
        doing: "starting".to_owned(),
    }
}

/// How the flow of a call ended.
#[derive(Debug, Default)]
struct Run {
    /// Why it failed, if it did.
    failure: Option<String>,
    /// Did the caller hear the apology?
    apologised: bool,
    /// There was no room for it, and the call was refused.
    refused: bool,
}

impl Run {
    /// What this says of the flow's version; none: it never ran.
    fn end(&self, closed: &Closed, early: Duration) -> Option<End> {
        if self.refused {
            return None;
        }
        let by_caller = (closed.wire_end.as_ref()).is_some_and(|end| end.by == EndedBy::Peer);
        let soon = (closed.answered).is_some_and(|answered| closed.ended < answered + early);
        Some(match (&self.failure, self.apologised) {
            (Some(_), true) => End::Apologised,
            (Some(_), false) => End::Failed,
            (None, _) if by_caller && soon => End::EarlyHangup,
            (None, _) => End::Well,
        })
    }
}

/// Runs the flow, and its fallback when it fails; then ends the call. What few calls come to is boxed, so
/// that the others do not hold room for it.
async fn run_flows(
    shared: &Shared,
    settings: &Settings,
    call: Candidate<'_>,
    pick: &Pick,
    actor: Box<Actor>,
) -> (Box<Actor>, Run) {
    let (flow, version) = (call.flow, pick.version());
    let (mut actor, outcome) = run_flow(settings, flow, version, actor).await;
    let mut run = Run::default();
    if let (Outcome::NotStarted(why), false) = (&outcome, actor.is_up()) {
        tracing::error!(flow, why, "no room for a flow");
        let rejection = Refused::no_room(why.clone()).rejection;
        actor.refuse(*rejection, why);
        run.refused = true;
    } else if !outcome.is_normal() {
        run.failure = Some(outcome.to_string());
        report_failure(&mut actor, flow, version.digest(), &outcome);
        if let (false, Some(apology)) = (actor.is_over(), &settings.apology) {
            run.apologised = true;
            Box::pin(apologise(&mut actor, apology)).await;
        }
        let fallback = (settings.flows.get(flow)).and_then(|flow| flow.fallback.as_deref());
        if let (false, Some(next)) = (actor.is_over(), fallback) {
            let next = Candidate { flow: next, ..call };
            actor = Box::pin(run_fallback(shared, settings, next, actor)).await;
        }
    }
    if !actor.is_over() {
        // A caller that never got an answer is told that it is the server's fault, so that the
        // carrier may try another way in.
        let failed_unanswered = run.failure.is_some() && !actor.is_up();
        let ending = if failed_unanswered {
            Request::Reject {
                why: vireo_host::contract::Refusal::Congested,
            }
        } else {
            Request::Hangup
        };
        if let Err(error) = Box::pin(actor.perform_aside(&ending)).await
            && error != Error::HungUp
        {
            tracing::error!(error = describe(&error), "a call could not be ended");
        }
    }
    (actor, run)
}

async fn run_flow(
    settings: &Settings,
    flow: &str,
    version: &Version,
    actor: Box<Actor>,
) -> (Box<Actor>, Outcome) {
    let flow = settings.flows.get(flow);
    let grants = flow
        .map(|flow| Arc::clone(&flow.grants))
        .unwrap_or_default();
    let limits = flow.map(|flow| flow.limits.clone()).unwrap_or_default();
    let (outcome, mut actor, usage) = version.run(actor, grants, limits).await;
    let ended = FlowEnded {
        outcome: outcome.to_string(),
        host_calls: usage.host_calls,
        cpu_us: usage.cpu_us,
        memory_peak: usage.memory_peak,
    };
    actor.note("flow-ended", &ended);
    (actor, outcome)
}

async fn run_fallback(
    shared: &Shared,
    settings: &Settings,
    next: Candidate<'_>,
    mut actor: Box<Actor>,
) -> Box<Actor> {
    let flow = next.flow;
    let Some(pick) = shared.deployer.pick(&next, settings) else {
        tracing::error!(flow, "the fallback flow is not deployed");
        return actor;
    };
    let version = pick.version();
    actor.hand_over(flow, version.digest());
    actor.note(
        "fallback",
        &json!({ "flow": flow, "version": version.digest() }),
    );
    let (mut actor, outcome) = run_flow(settings, flow, version, actor).await;
    let end = match outcome.is_normal() {
        true => End::Well,
        false => End::Failed,
    };
    count(shared, settings, &pick, end);
    if !outcome.is_normal() {
        report_failure(&mut actor, flow, version.digest(), &outcome);
    }
    actor
}

/// What the operator sees of a flow that failed.
fn report_failure(actor: &mut Actor, flow: &str, version: &str, outcome: &Outcome) {
    let backtrace: Vec<String> = match outcome {
        Outcome::Trapped(Trap { backtrace, .. }) => backtrace
            .iter()
            .map(|frame| frame.function.clone())
            .collect(),
        _ => Vec::new(),
    };
    tracing::error!(flow, version, %outcome, ?backtrace, "flow failed");
    actor.note(
        "flow-failed",
        &json!({ "flow": flow, "why": outcome.to_string(), "backtrace": backtrace }),
    );
}

fn finish(mut open: OpenCall, mut closed: Closed, failure: Option<String>) {
    let started_ms = open.received_ms;
    let wall = |since: Duration| started_ms + u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    open.answered_ms = closed.answered.map(wall);
    let verdict = verdict(
        closed.wire_end.as_ref().map(|end| end.by),
        closed.answered.is_some(),
        closed.ending.as_ref(),
        failure.is_some(),
    );
    let mut cdr = Cdr::new(open, wall(closed.ended), verdict.0);
    cdr.ended_by = verdict.1;
    cdr.sip_status = closed.final_status;
    let why = closed.ending.and_then(|ending| ending.why);
    let of_the_peer = closed.wire_end.and_then(|end| end.reason);
    cdr.reason = failure.or(why).or(of_the_peer);
    cdr.digits = closed.keys;
    cdr.recognitions = closed.recognitions;
    cdr.recordings = closed.files.iter().map(recording_ref).collect();
    cdr.media = closed.stats.as_deref().map(stats::media);
    let recorded = Recorded {
        outcome: cdr.outcome,
        ended_by: cdr.ended_by,
        talk_ms: cdr.durations().talk_ms,
    };
    (closed.journal).event(closed.started.elapsed(), "cdr", &recorded);
    write(closed.journal, cdr, Some(closed.registration));
}

/// How a call ended and who ended it, by what happened on the wire and why we did what we did.
fn verdict(
    wire: Option<EndedBy>,
    answered: bool,
    ending: Option<&Ending>,
    flow_failed: bool,
) -> (cdr::Outcome, cdr::EndedBy) {
    use cdr::{EndedBy as Who, Outcome as How};
    let (how, who) = match (wire, ending) {
        (Some(EndedBy::NoAck), _) => (How::NoAck, Who::Server),
        (Some(EndedBy::Peer), _) if answered => (How::HungUpByCaller, Who::Caller),
        (Some(EndedBy::Peer), _) => (How::AbandonedBeforeAnswer, Who::Caller),
        (Some(EndedBy::Local), Some(ending)) => (ending.outcome, ending.by),
        // Whatever a failed flow leaves behind, the server clears away.
        (Some(EndedBy::Local), None) if flow_failed => (How::FailedFlow, Who::Server),
        (Some(EndedBy::Local), None) if answered => (How::Completed, Who::Flow),
        (Some(EndedBy::Local), None) => (How::Rejected, Who::Flow),
        // The peer vanished.
        (Some(_), _) => (How::Other, Who::Server),
        (None, _) => (How::Other, Who::Unknown),
    };
    match flow_failed {
        true => (How::FailedFlow, who),
        false => (how, who),
    }
}

fn recording_ref(file: &RecordingFile) -> RecordingRef {
    RecordingRef {
        id: file.id.clone(),
        path: file.path.display().to_string(),
        kind: match file.slot {
            RecordSlot::Call => RecordingKind::Call,
            RecordSlot::Message => RecordingKind::Message,
        },
        duration_ms: file.duration_ms.into(),
    }
}

/// Hands the CDR over. Until it is on disk the call counts as live.
fn write(journal: CallJournal, cdr: Cdr, registration: Option<Registration>) {
    let call = cdr.call.call_id.clone();
    let done = move |result| {
        if let Err(error) = result {
            tracing::error!(call, %error, "a CDR could not be written");
        }
        drop(registration);
    };
    journal.finish(cdr, Box::new(done));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cdr::{EndedBy as Who, Outcome as How};

    #[test]
    fn every_way_a_call_can_end() {
        let ending = |outcome, by| {
            Some(Ending {
                outcome,
                by,
                why: None,
            })
        };
        let operator = ending(How::Completed, Who::Operator);
        let shutdown = ending(How::Shutdown, Who::Server);
        let (peer, local) = (Some(EndedBy::Peer), Some(EndedBy::Local));
        #[rustfmt::skip]
        let table = [
            ("BYE of the caller", peer, true, None, false, (How::HungUpByCaller, Who::Caller)),
            ("CANCEL", peer, false, None, false, (How::AbandonedBeforeAnswer, Who::Caller)),
            ("the flow ends", local, true, None, false, (How::Completed, Who::Flow)),
            ("the flow refuses", local, false, None, false, (How::Rejected, Who::Flow)),
            ("the operator hangs up", local, true, operator.clone(), false, (How::Completed, Who::Operator)),
            ("so does the caller, first", peer, true, operator, false, (How::HungUpByCaller, Who::Caller)),
            ("shutdown", local, true, shutdown, false, (How::Shutdown, Who::Server)),
            ("no ACK", Some(EndedBy::NoAck), true, None, false, (How::NoAck, Who::Server)),
            ("the peer vanishes", Some(EndedBy::Transport), true, None, false, (How::Other, Who::Server)),
            ("the flow fails", local, true, None, true, (How::FailedFlow, Who::Server)),
            ("the flow fails after the BYE", peer, true, None, true, (How::FailedFlow, Who::Caller)),
        ];
        for (name, wire, answered, ending, failed, expected) in table {
            assert_eq!(
                verdict(wire, answered, ending.as_ref(), failed),
                expected,
                "{name}"
            );
        }
    }
}
