//! Inbound calls: from the INVITE to its final response (RFC 3261 section 13.3).

use std::sync::Arc;
use std::time::Duration;

use super::event::{Incoming, LegError, Rejection};
use super::keys::Key;
use super::leg::{Leg, PendingInvite, Phase, Told};
use super::receive::{Arrival, seconds};
use super::{Admission, EndedBy, Endpoint, LegEvent, LegId, ReofferOutcome, TrunkName};
use crate::dialog::{Answer, AnswerTo, Dialog, Unacknowledged};
use crate::message::{Headers, Method, Reason, Request, Response, Scheme};
use crate::time::Time;
use crate::trunk::{AssertedIdentity, Limit, Trunk};

/// A proxy may cancel a call that rings for three minutes; a provisional response a minute prevents it
/// (RFC 3261 section 13.3.1.1).
const RING_AGAIN: Duration = Duration::from_secs(60);

/// The headers of a call's responses and requests that are the endpoint's own.
const RESERVED: [&str; 19] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Route",
    "Record-Route",
    "Max-Forwards",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Allow",
    "Require",
    "Proxy-Require",
    "Supported",
    "Unsupported",
    "RSeq",
    "RAck",
];

/// Adds the headers that a call brought along.
pub(super) fn push_extra(headers: &mut Headers, extra: &[(String, Vec<u8>)]) {
    for (name, value) in extra {
        headers.push_bytes(name, value);
    }
}

/// Checks the headers that a call brought along.
pub(super) fn check_extra(extra: &[(String, Vec<u8>)]) -> Result<(), LegError> {
    let mut compact = Headers::new();
    for (name, value) in extra {
        compact.push_bytes(name, b"");
        let token = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte));
        if !token || value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Err(LegError::BadHeader);
        }
    }
    // Content-Length never goes in, so that one is found by its absence.
    let reserved = compact.iter().any(|(name, _)| {
        RESERVED
            .iter()
            .any(|reserved| reserved.eq_ignore_ascii_case(name))
    });
    if reserved || compact.len() != extra.len() {
        Err(LegError::BadHeader)
    } else {
        Ok(())
    }
}

impl Endpoint {
    /// An INVITE outside any dialog, from a trunk.
    pub(super) fn incoming(
        &mut self,
        arrival: Arrival,
        name: &TrunkName,
        trunk: &Trunk,
        now: Time,
    ) {
        let merged =
            self.layer
                .keys
                .merged(arrival.call_id(), &arrival.caller_tag(), arrival.sequence);
        if self.layer.is_merged(merged, arrival.key) {
            return self.refuse(&arrival, 482, |_| {}, now);
        }
        if let Some((status, header)) = unfit(&arrival.request) {
            let adorn = |headers: &mut Headers| {
                if let Some((name, value)) = header {
                    headers.push(name, value);
                }
            };
            return self.refuse(&arrival, status, adorn, now);
        }
        if let Err(wait) = self.admit(name, trunk, now) {
            return self.refuse_over_limit(&arrival, wait, now);
        }
        let local_tag = self.layer.token();
        let Ok(dialog) = Dialog::accept(&arrival.request, local_tag) else {
            self.usage.release(name);
            return self.refuse(&arrival, 400, |_| {}, now);
        };
        let id = self.new_leg_id();
        self.room = self.room.map(|room| room.saturating_sub(1));
        self.layer.counters.inbound_calls += 1;
        self.layer.begin(
            arrival.key,
            &Method::Invite,
            arrival.reply,
            Some(id),
            Some(merged),
            now,
        );
        let request = Arc::new(arrival.request);
        let headers = &request.headers;
        let Ok(caller) = headers.from() else { return };
        let asserted_identity = match trunk.asserted_identity {
            AssertedIdentity::Trusted => headers.p_asserted_identity(),
            AssertedIdentity::Ignored => Vec::new(),
        };
        let incoming = Incoming {
            trunk: name.clone(),
            source: arrival.back.destination,
            caller,
            called: request.uri.clone(),
            asserted_identity,
            diversion: headers.diversion(),
            sdp: request.sdp().map(<[u8]>::to_vec),
            call_id: dialog.call_id().to_owned(),
            request: Arc::clone(&request),
        };
        self.adopt(Leg {
            id,
            trunk: Some(name.clone()),
            dialog_requests: trunk.dialog_requests,
            outbound: None,
            phase: Phase::Ringing {
                pending: PendingInvite {
                    request,
                    key: arrival.key,
                },
                refresh: None,
            },
            told: Told::Not,
            dialog,
            path: arrival.back,
            unacknowledged: Vec::new(),
            acks: Vec::new(),
            remote_offer: None,
            local_offer: None,
            hangup: None,
            bye: None,
            scheduled: None,
        });
        self.tell(id, LegEvent::Incoming(Box::new(incoming)));
    }

    /// 503 with Retry-After: what a call gets that finds a limit reached. See [`Refusals`](super::layer::Refusals).
    fn refuse_over_limit(&mut self, arrival: &Arrival, wait: Duration, now: Time) {
        let retry_after = seconds(wait);
        let until = now + self.layer.config.timers.give_up();
        self.layer
            .refusals
            .remember(arrival.key, retry_after, until);
        self.respond_busy(arrival, retry_after);
    }

    /// The same to a copy of an INVITE that was refused. Returns false when it was not.
    pub(super) fn refuse_again(&mut self, arrival: &Arrival) -> bool {
        let Some(retry_after) = self.layer.refusals.retry_after(arrival.key) else {
            return false;
        };
        // An ACK has the key of its INVITE, and there is nothing left to do for it.
        if arrival.request.method == Method::Invite {
            self.layer.counters.retransmissions_received += 1;
            self.respond_busy(arrival, retry_after);
        }
        true
    }

    /// 503 with Retry-After, without a transaction.
    pub(super) fn respond_busy(&mut self, arrival: &Arrival, retry_after: u64) {
        let tag = self.layer.keys.stateless_tag(arrival.key);
        let mut response = self.layer.response(&arrival.request, 503, &tag);
        response.headers.push("Retry-After", retry_after);
        self.layer.respond_stateless(&arrival.reply, &response);
    }

    /// Whether one more inbound call may begin; when not, when to try again.
    fn admit(&mut self, name: &TrunkName, trunk: &Trunk, now: Time) -> Result<(), Duration> {
        let limits = &self.layer.config.limits;
        let retry_after = limits.retry_after;
        let counters = &mut self.layer.counters;
        if self.admission == Admission::Draining {
            counters.refused_draining += 1;
            return Err(retry_after);
        }
        if self.calls >= limits.max_calls {
            counters.refused_calls += 1;
            return Err(retry_after);
        }
        if self.room == Some(0) {
            counters.refused_queue += 1;
            return Err(retry_after);
        }
        if self.shedding.takes() {
            counters.refused_overload += 1;
            return Err(retry_after);
        }
        if counters.unacknowledged >= limits.max_unacknowledged as u64 {
            counters.refused_unacknowledged += 1;
            return Err(retry_after);
        }
        self.usage.admit(name, trunk, now).map_err(|over| {
            match over.limit {
                Limit::Calls => counters.refused_trunk_calls += 1,
                Limit::Rate => counters.refused_trunk_rate += 1,
            }
            over.retry_after
        })
    }

    /// Sends 101-199 for an inbound call, with early media when there is `sdp`, and again every minute.
    ///
    /// # Errors
    /// The leg has ended or was answered; another status.
    pub fn provisional(
        &mut self,
        id: LegId,
        status: u16,
        sdp: Option<Vec<u8>>,
        now: Time,
    ) -> Result<(), LegError> {
        if !(101..200).contains(&status) {
            return Err(LegError::BadStatus(status));
        }
        let leg = self.open_leg(id)?;
        let Phase::Ringing { pending, .. } = &leg.phase else {
            return Err(LegError::WrongState);
        };
        let (key, response) = (
            pending.key,
            self.session_response(leg, &pending.request, status, sdp),
        );
        self.layer.respond(key, &response, now);
        if let Some(leg) = self.legs.get_mut(&id)
            && let Phase::Ringing { refresh, .. } = &mut leg.phase
        {
            *refresh = Some(now + RING_AGAIN);
        }
        self.settle(id);
        Ok(())
    }

    /// Sends 100 to an INVITE of the peer that nobody has answered yet: the first of the leg, or a re-INVITE.
    pub(super) fn trying(&mut self, id: LegId, invite: Key, now: Time) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let first = match &leg.phase {
            Phase::Ringing { pending, .. } => Some(pending),
            _ => None,
        };
        let mut waiting = first.into_iter().chain(&leg.remote_offer);
        if let Some(pending) = waiting.find(|pending| pending.key == invite) {
            self.layer.trying(invite, &pending.request, now);
        }
    }

    /// Sends the last provisional response of a call that rings for long once more.
    pub(super) fn ring_again(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        if let Phase::Ringing { pending, refresh } = &mut leg.phase {
            *refresh = Some(now + RING_AGAIN);
            self.layer.repeat(pending.key);
        }
        self.settle(id);
    }

    /// Answers an inbound call: 200 with our answer, or with our offer when the INVITE had none. The 200 is
    /// retransmitted until [`LegEvent::Acknowledged`].
    ///
    /// # Errors
    /// The leg has ended or was answered.
    pub fn answer(&mut self, id: LegId, sdp: Vec<u8>, now: Time) -> Result<(), LegError> {
        let leg = self.open_leg(id)?;
        let Phase::Ringing { pending, .. } = &leg.phase else {
            return Err(LegError::WrongState);
        };
        // Shared, not copied.
        let pending = pending.clone();
        let response = self.session_response(leg, &pending.request, 200, Some(sdp));
        self.accept_invite(id, &pending, AnswerTo::Invite, &response, now)?;
        self.enter(id, Phase::Confirmed);
        self.settle(id);
        Ok(())
    }

    /// Sends a 2xx to an INVITE of the peer and sees to its retransmission.
    pub(super) fn accept_invite(
        &mut self,
        id: LegId,
        pending: &PendingInvite,
        to: AnswerTo,
        response: &Response,
        now: Time,
    ) -> Result<(), LegError> {
        let (path, response) = self
            .layer
            .accept(pending.key, response, now)
            .ok_or(LegError::WrongState)?;
        let timers = self.layer.config.timers;
        let answer = Answer {
            to,
            sequence: pending.sequence(),
            offered: pending.wants_offer(),
            path,
            response,
        };
        let waiting = Unacknowledged::new(answer, now, &timers);
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        leg.unacknowledged.push(waiting);
        self.layer.counters.unacknowledged += 1;
        Ok(())
    }

    /// Refuses an inbound call.
    ///
    /// # Errors
    /// The leg has ended or was answered; a status outside 300-699; a header that may not be set.
    pub fn reject(&mut self, id: LegId, rejection: Rejection, now: Time) -> Result<(), LegError> {
        if !(300..700).contains(&rejection.status) {
            return Err(LegError::BadStatus(rejection.status));
        }
        check_extra(&rejection.headers)?;
        let leg = self.open_leg(id)?;
        let Phase::Ringing { pending, .. } = &leg.phase else {
            return Err(LegError::WrongState);
        };
        let mut response =
            self.layer
                .response(&pending.request, rejection.status, leg.dialog.local_tag());
        let key = pending.key;
        if let Some(phrase) = rejection.phrase {
            response.reason = phrase;
        }
        if let Some(wait) = rejection.retry_after {
            response.headers.push("Retry-After", seconds(wait));
        }
        if let Some(reason) = rejection.reason {
            response.headers.push("Reason", reason);
        }
        push_extra(&mut response.headers, &rejection.headers);
        self.layer.respond(key, &response, now);
        self.close(
            id,
            LegEvent::Ended {
                by: EndedBy::Local,
                reason: None,
            },
        );
        Ok(())
    }

    /// A CANCEL arrived for an INVITE without final response: the first of the leg, or a re-INVITE.
    pub(super) fn cancelled(&mut self, id: LegId, invite: Key, reason: Option<Reason>, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let reoffer = leg.remote_offer.take_if(|pending| pending.key == invite);
        let tag = leg.dialog.local_tag().to_owned();
        if let Some(pending) = reoffer {
            let response = self.layer.response(&pending.request, 487, &tag);
            self.layer.respond(invite, &response, now);
            self.tell_if_open(
                id,
                LegEvent::ReofferDone {
                    outcome: ReofferOutcome::Cancelled,
                    sdp: None,
                },
            );
            return;
        }
        if self.terminate_ringing(id, now) {
            self.close(id, LegEvent::Cancelled { reason });
        }
    }

    /// Sends 487 to an INVITE that rings. Returns false when none does.
    pub(super) fn terminate_ringing(&mut self, id: LegId, now: Time) -> bool {
        let Some(leg) = self.legs.get(&id) else {
            return false;
        };
        let Phase::Ringing { pending, .. } = &leg.phase else {
            return false;
        };
        let response = self
            .layer
            .response(&pending.request, 487, leg.dialog.local_tag());
        let key = pending.key;
        self.layer.respond(key, &response, now);
        true
    }

    /// A leg that has not told its last event.
    pub(super) fn open_leg(&self, id: LegId) -> Result<&Leg, LegError> {
        self.legs
            .get(&id)
            .map(|leg| &**leg)
            .filter(|leg| leg.told == Told::Not)
            .ok_or(LegError::Gone)
    }

    /// A response that founds or confirms a dialog (RFC 3261 section 12.1.1).
    pub(super) fn session_response(
        &self,
        leg: &Leg,
        request: &Request,
        status: u16,
        sdp: Option<Vec<u8>>,
    ) -> Response {
        let mut response = self.layer.response(request, status, leg.dialog.local_tag());
        for route in request.headers.lines("Record-Route") {
            response.headers.push_bytes("Record-Route", route);
        }
        response
            .headers
            .push("Contact", self.layer.contact(&leg.path));
        response.headers.push("Allow", &self.layer.allow);
        if let Some(sdp) = sdp {
            response.set_body("application/sdp", sdp);
        }
        response
    }

    /// Tells the last event and lets go of everything that is not outstanding.
    pub(super) fn close(&mut self, id: LegId, event: LegEvent) {
        self.finish(id, event);
        self.enter(id, Phase::Over);
        self.settle(id);
    }
}

/// Why an INVITE that starts a call will not do, and the header that says what would.
fn unfit(request: &Request) -> Option<(u16, Option<(&'static str, &'static str)>)> {
    let headers = &request.headers;
    if !matches!(request.uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return Some((416, None));
    }
    // To the last hop a Max-Forwards of 0 is legal (RFC 4475 section 3.3.11). A call, though, may be passed on from
    // here, and come back: like every B2BUA, the endpoint ends such loops.
    if headers.max_forwards() == Some(0) {
        return Some((483, None));
    }
    unfit_body(request)
}

/// The same for the body alone, which a re-INVITE has too.
pub(super) fn unfit_body(request: &Request) -> Option<(u16, Option<(&'static str, &'static str)>)> {
    let headers = &request.headers;
    let encoding = headers.get_text("Content-Encoding");
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Some((415, Some(("Accept-Encoding", "identity"))));
    }
    let optional = headers
        .get_text("Content-Disposition")
        .is_some_and(|value| value.to_ascii_lowercase().contains("handling=optional"));
    if !request.body.is_empty() && request.sdp().is_none() && !optional {
        return Some((415, Some(("Accept", "application/sdp"))));
    }
    None
}
