//! What arrives: the checks that every request passes (RFC 3261 section 8.2), and where it goes then.

use std::borrow::Cow;
use std::sync::Arc;

use super::keys::Key;
use super::layer::AckFate;
use super::leg::Phase;
use super::{Admission, Endpoint, LegEvent, LegId};
use crate::dialog;
use crate::dialog::path::Path;
use crate::message::{Headers, Message, Method, ParseError, Request, Response};
use crate::time::Time;
use crate::transport::Packet;
use crate::trunk::UnknownPeer;

/// A request with what was read from it already.
pub(super) struct Arrival {
    pub(super) request: Request,
    /// Its server transaction.
    pub(super) key: Key,
    /// Where it came from.
    pub(super) back: Path,
    /// Where its responses go.
    pub(super) reply: Path,
    pub(super) sequence: u32,
}

impl Arrival {
    /// The Call-ID.
    pub(super) fn call_id(&self) -> &str {
        // Whatever is no text was refused before.
        dialog::call_id(&self.request.headers).unwrap_or_default()
    }

    /// The tag of From; empty when there is none (RFC 2543).
    pub(super) fn caller_tag(&self) -> Cow<'_, str> {
        self.request.headers.caller_tag().unwrap_or_default()
    }

    /// The tag of To: ours, when the request belongs to a dialog.
    pub(super) fn callee_tag(&self) -> Option<Cow<'_, str>> {
        self.request.headers.callee_tag()
    }
}

impl Endpoint {
    /// A packet has arrived.
    pub fn receive(&mut self, packet: Packet, now: Time) {
        let Packet {
            protocol,
            local,
            source,
            connection,
            message,
        } = packet;
        let back = Path {
            protocol,
            local: Some(local),
            destination: source,
            connection,
        };
        match message {
            Ok(Message::Request(request)) => self.receive_request(request, back, now),
            Ok(Message::Response(response)) => self.receive_response(&response, back, now),
            Err(error) => self.receive_malformed(&error, back),
        }
    }

    fn receive_malformed(&mut self, error: &ParseError, back: Path) {
        self.layer.counters.malformed += 1;
        if self.trunks.identify(back.destination).is_none() {
            return;
        }
        if let Some(reply) = error.reply() {
            self.layer.respond_stateless(&back, reply);
        }
    }

    fn receive_request(&mut self, mut request: Request, back: Path, now: Time) {
        self.layer.counters.requests += 1;
        let Ok(mut via) = request.headers.via() else {
            self.layer.counters.malformed += 1;
            return;
        };
        if via.stamp(back.destination) {
            request.headers.set_top_via(&via);
        }
        let key = self.layer.keys.server(&request, &via);
        // From and To were checked when the message was read.
        let (Ok(cseq), Ok(_)) = (request.headers.cseq(), dialog::call_id(&request.headers)) else {
            self.layer.counters.malformed += 1;
            return;
        };
        let arrival = Arrival {
            key,
            back,
            reply: back.reply(&via),
            sequence: cseq.number,
            request,
        };
        if self.refuse_again(&arrival) {
            return;
        }
        if arrival.request.method == Method::Ack {
            return self.receive_ack(&arrival, now);
        }
        if self.layer.absorb(key, &arrival.request, now) {
            return;
        }
        if arrival.request.method == Method::Cancel {
            let invite = self.layer.keys.cancelled(&arrival.request, &via);
            return self.receive_cancel(&arrival, invite, now);
        }
        if arrival.callee_tag().is_some() {
            self.receive_within(arrival, now);
        } else {
            self.receive_outside(arrival, now);
        }
    }

    /// The leg of a message of the peer, by what every message of its dialog repeats.
    pub(super) fn find_leg(
        &self,
        call_id: &str,
        local_tag: &str,
        remote_tag: &str,
    ) -> Option<LegId> {
        let id = *self
            .by_dialog
            .get(&self.layer.keys.leg(call_id, local_tag))?;
        let leg = self.legs.get(&id)?;
        // A call that we placed has no remote tag before the first answer.
        let unanswered = matches!(leg.phase, Phase::Calling { .. });
        (leg.dialog.remote_tag() == remote_tag || unanswered).then_some(id)
    }

    /// The leg of a request of the peer within a dialog.
    fn leg_of(&self, arrival: &Arrival) -> Option<LegId> {
        let tag = arrival.callee_tag().unwrap_or_default();
        self.find_leg(arrival.call_id(), &tag, &arrival.caller_tag())
    }

    /// Whether this address may speak within a leg's dialog: a trunk, or where we send the dialog's requests to.
    ///
    /// Tags are unguessable, but may have been seen by others.
    fn may_speak(&self, id: LegId, back: &Path) -> bool {
        let Some(leg) = self.legs.get(&id) else {
            return false;
        };
        self.trunks.identify(back.destination).is_some()
            || leg.path.address() == back.address()
            || leg.dialog.next_hop().and_then(|hop| hop.host.address()) == Some(back.address())
    }

    fn receive_ack(&mut self, arrival: &Arrival, now: Time) {
        if let AckFate::Absorbed = self.layer.acknowledge(arrival.key, now) {
            return;
        }
        let leg = self.leg_of(arrival);
        match leg.filter(|id| self.may_speak(*id, &arrival.back)) {
            Some(id) => self.acknowledged(id, arrival, now),
            None => self.layer.counters.strays += 1,
        }
    }

    fn receive_cancel(&mut self, arrival: &Arrival, invite: Key, now: Time) {
        let target = self.layer.invite_to_cancel(invite);
        let known = self.trunks.identify(arrival.back.destination).is_some();
        let speaks = target
            .and_then(|(leg, _)| leg)
            .is_some_and(|leg| self.may_speak(leg, &arrival.back));
        if !known && !speaks {
            return self.refuse_stranger(arrival);
        }
        let Some((leg, pending)) = target else {
            return self.refuse(arrival, 481, |_| {}, now);
        };
        // The same tag as in the response to the INVITE (RFC 3261 section 9.2).
        let tag = leg.and_then(|id| self.legs.get(&id)).map_or_else(
            || self.layer.keys.stateless_tag(invite),
            |leg| leg.dialog.local_tag().to_owned(),
        );
        self.respond_with_tag(arrival, 200, &tag, |_| {}, now);
        // After a final response a CANCEL has no effect (RFC 3261 section 9.2).
        if let Some(leg) = leg.filter(|_| pending) {
            self.cancelled(leg, invite, arrival.request.headers.reason(), now);
        }
    }

    fn receive_within(&mut self, arrival: Arrival, now: Time) {
        match self.leg_of(&arrival) {
            Some(id) if self.may_speak(id, &arrival.back) => {
                if self.has_room(&arrival) {
                    self.in_dialog(id, arrival, now);
                }
            }
            None if self.trunks.identify(arrival.back.destination).is_some() => {
                if self.has_room(&arrival) {
                    self.refuse(&arrival, 481, |_| {}, now);
                }
            }
            _ => self.refuse_stranger(&arrival),
        }
    }

    fn receive_outside(&mut self, arrival: Arrival, now: Time) {
        let Some((name, trunk)) = self.trunks.identify_named(arrival.back.destination) else {
            return self.refuse_stranger(&arrival);
        };
        let (name, trunk) = (Arc::clone(name), Arc::clone(trunk));
        if !self.has_room(&arrival) || !self.is_acceptable(&arrival, now) {
            return;
        }
        match arrival.request.method {
            Method::Invite => self.incoming(arrival, &name, &trunk, now),
            Method::Options => self.options(&arrival, now),
            // BYE and INFO exist only within a dialog.
            _ => self.refuse(&arrival, 481, |_| {}, now),
        }
    }

    /// Checks the method and the extensions that the request insists on. Refuses it when they will not do.
    pub(super) fn is_acceptable(&mut self, arrival: &Arrival, now: Time) -> bool {
        let allowed = self.layer.config.allow.contains(&arrival.request.method);
        if !allowed {
            let status = if matches!(arrival.request.method, Method::Other(_)) {
                501
            } else {
                405
            };
            let allow = self.layer.allow.clone();
            self.refuse(arrival, status, |headers| headers.push("Allow", allow), now);
            return false;
        }
        // No extension is supported yet; PRACK and session timers will be named here.
        let unsupported = arrival
            .request
            .headers
            .require()
            .collect::<Vec<_>>()
            .join(", ");
        if !unsupported.is_empty() {
            self.refuse(
                arrival,
                420,
                |headers| headers.push("Unsupported", unsupported),
                now,
            );
            return false;
        }
        true
    }

    /// Refuses a request from an address of no trunk as the trunks say, without remembering it.
    fn refuse_stranger(&mut self, arrival: &Arrival) {
        self.layer.counters.unknown_peer += 1;
        if self.trunks.unknown_peer() == UnknownPeer::Forbid {
            let tag = self.layer.keys.stateless_tag(arrival.key);
            let response = self.layer.response(&arrival.request, 403, &tag);
            self.layer.respond_stateless(&arrival.reply, &response);
        }
    }

    /// Whether one more transaction fits. Refuses the request, without remembering it, when not.
    fn has_room(&mut self, arrival: &Arrival) -> bool {
        if self.layer.has_room() {
            return true;
        }
        self.layer.counters.refused_transactions += 1;
        let retry_after = self.retry_after();
        self.respond_busy(arrival, retry_after);
        false
    }

    /// The configured Retry-After in seconds.
    pub(super) fn retry_after(&self) -> u64 {
        seconds(self.layer.config.limits.retry_after)
    }

    /// Refuses a request that no leg will see.
    pub(super) fn refuse(
        &mut self,
        arrival: &Arrival,
        status: u16,
        adorn: impl FnOnce(&mut Headers),
        now: Time,
    ) {
        self.layer.counters.refused_requests += u64::from(status != 503);
        let tag = self.layer.keys.stateless_tag(arrival.key);
        self.respond_with_tag(arrival, status, &tag, adorn, now);
    }

    /// Answers a request in a transaction of its own.
    pub(super) fn respond_with_tag(
        &mut self,
        arrival: &Arrival,
        status: u16,
        tag: &str,
        adorn: impl FnOnce(&mut Headers),
        now: Time,
    ) {
        let mut response = self.layer.response(&arrival.request, status, tag);
        adorn(&mut response.headers);
        self.layer.begin(
            arrival.key,
            &arrival.request.method,
            arrival.reply,
            None,
            None,
            now,
        );
        self.layer.respond(arrival.key, &response, now);
    }

    /// OPTIONS (RFC 3261 section 11.2): what an INVITE would get, so 503 while draining.
    pub(super) fn options(&mut self, arrival: &Arrival, now: Time) {
        if self.admission == Admission::Draining && arrival.callee_tag().is_none() {
            let wait = self.retry_after();
            return self.refuse(
                arrival,
                503,
                |headers| headers.push("Retry-After", wait),
                now,
            );
        }
        let tag = self.layer.keys.stateless_tag(arrival.key);
        let allow = self.layer.allow.clone();
        let adorn = |headers: &mut Headers| {
            headers.push("Allow", allow);
            headers.push("Accept", "application/sdp");
            headers.push("Accept-Encoding", "identity");
            headers.push("Supported", "");
        };
        self.respond_with_tag(arrival, 200, &tag, adorn, now);
    }

    fn receive_response(&mut self, response: &Response, back: Path, now: Time) {
        self.layer.counters.responses += 1;
        match self.layer.receive(response, now) {
            Some(Some(delivery)) => {
                let key = delivery.key;
                self.answered(delivery, response, now);
                self.settle_client(key);
            }
            Some(None) => {}
            None => self.receive_stray(response, back),
        }
    }

    /// A response without transaction. A 2xx whose ACK was lost is acknowledged again, as long as its leg is there:
    /// the transaction may be over, or have stayed behind in another process.
    fn receive_stray(&mut self, response: &Response, _back: Path) {
        let again = || {
            let cseq = response.headers.cseq().ok()?;
            if !response.is_success() || cseq.method != Method::Invite {
                return None;
            }
            let (ours, theirs) = (
                response.headers.caller_tag()?,
                response.headers.callee_tag()?,
            );
            let call_id = dialog::call_id(&response.headers).ok()?;
            let id = self.find_leg(call_id, &ours, &theirs)?;
            let ack = self.legs.get(&id)?.ack_for(cseq.number, &theirs)?;
            Some(ack.path.transmit(ack.bytes.clone()))
        };
        match again() {
            Some(transmit) => self.layer.transmits.push_back(transmit),
            None => self.layer.counters.strays += 1,
        }
    }

    /// Tells a leg's owner, unless it was told the last thing already.
    pub(super) fn tell_if_open(&mut self, id: LegId, event: LegEvent) {
        if self
            .legs
            .get(&id)
            .is_some_and(|leg| leg.told == super::Told::Not)
        {
            self.tell(id, event);
        }
    }
}

/// Whole seconds, rounded up, for Retry-After.
pub(super) fn seconds(duration: std::time::Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
