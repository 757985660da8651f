//! Requests within a dialog: what the peer sends, and the answers to what we send (RFC 3261 sections 12.2, 14, 15).

use std::sync::Arc;

use super::event::ReofferOutcome;
use super::layer::{Delivery, Purpose};
use super::leg::{Cancel, LocalOffer, OfferState, PendingInvite, Phase};
use super::receive::Arrival;
use super::uas::unfit_body;
use super::{EndedBy, Endpoint, LegEvent, LegId};
use crate::dialog::{AnswerTo, Order, UnacknowledgedAction};
use crate::message::{Headers, Method, Response};
use crate::time::Time;

/// A bound on 2xx to INVITEs of one dialog that wait for their ACK: the first INVITE, and one re-INVITE that came before
/// its ACK.
const MAX_UNACKNOWLEDGED: usize = 2;

impl Endpoint {
    /// A request of the peer within a leg's dialog.
    pub(super) fn in_dialog(&mut self, id: LegId, arrival: Arrival, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        if leg.dialog.sequence(arrival.sequence) == Order::Late {
            return self.refuse_for_now(&arrival, now);
        }
        leg.path = arrival.back;
        let over = matches!(leg.phase, Phase::Over);
        if !self.is_acceptable(&arrival, now) {
            return;
        }
        match arrival.request.method {
            Method::Bye => self.ended_by_peer(id, &arrival, now),
            _ if over => self.refuse(&arrival, 481, |_| {}, now),
            Method::Invite => self.reinvited(id, arrival, now),
            Method::Info => self.informed(id, &arrival, now),
            Method::Options => self.options(&arrival, now),
            // Allowed by the configuration, but nothing here knows what to do with it.
            _ => self.refuse(&arrival, 501, |_| {}, now),
        }
    }

    /// 500 with a random Retry-After (RFC 3261 sections 12.2.2 and 14.2).
    fn refuse_for_now(&mut self, arrival: &Arrival, now: Time) {
        let wait = self.layer.random_retry_after();
        self.refuse(
            arrival,
            500,
            |headers| headers.push("Retry-After", wait),
            now,
        );
    }

    fn ended_by_peer(&mut self, id: LegId, arrival: &Arrival, now: Time) {
        self.respond_ok(arrival, now);
        self.refuse_pending(id, now);
        let reason = arrival.request.headers.reason();
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        // The caller knows our answer, or does not want it any more: either way nobody will acknowledge it now.
        let dropped = std::mem::take(&mut leg.unacknowledged).len() as u64;
        leg.hangup = None;
        self.layer.counters.unacknowledged =
            self.layer.counters.unacknowledged.saturating_sub(dropped);
        if self.terminate_ringing(id, now) {
            return self.close(id, LegEvent::Cancelled { reason });
        }
        self.close(
            id,
            LegEvent::Ended {
                by: EndedBy::Peer,
                reason,
            },
        );
    }

    /// 200 without more.
    fn respond_ok(&mut self, arrival: &Arrival, now: Time) {
        let tag = arrival.callee_tag().unwrap_or_default();
        self.respond_with_tag(arrival, 200, &tag, |_| {}, now);
    }

    /// 487 to a re-INVITE that nobody will answer any more.
    pub(super) fn refuse_pending(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Some(pending) = leg.remote_offer.take() else {
            return;
        };
        let response = self
            .layer
            .response(&pending.request, 487, leg.dialog.local_tag());
        self.layer.respond(pending.key, &response, now);
    }

    fn informed(&mut self, id: LegId, arrival: &Arrival, now: Time) {
        self.respond_ok(arrival, now);
        let content_type = arrival
            .request
            .headers
            .get_text("Content-Type")
            .unwrap_or_default();
        let body = arrival.request.body.clone();
        self.tell_if_open(id, LegEvent::Info { content_type, body });
    }

    /// A re-INVITE (RFC 3261 section 14.2).
    fn reinvited(&mut self, id: LegId, arrival: Arrival, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let glare = matches!(
            leg.local_offer,
            Some(LocalOffer {
                state: OfferState::Sent(_),
                ..
            })
        ) || leg.awaits_answer();
        if leg.remote_offer.is_some()
            || !leg.is_confirmed()
            || leg.unacknowledged.len() >= MAX_UNACKNOWLEDGED
        {
            return self.refuse_for_now(&arrival, now);
        }
        if glare {
            return self.refuse(&arrival, 491, |_| {}, now);
        }
        if let Some((status, header)) = unfit_body(&arrival.request) {
            let adorn = |headers: &mut Headers| {
                if let Some((name, value)) = header {
                    headers.push(name, value);
                }
            };
            return self.refuse(&arrival, status, adorn, now);
        }
        // The peer's offer overtakes one of ours that only waited to be sent again.
        let overtaken = leg.local_offer.take().is_some();
        let sdp = arrival.request.sdp().map(<[u8]>::to_vec);
        self.layer.begin(
            arrival.key,
            &Method::Invite,
            arrival.reply,
            Some(id),
            None,
            now,
        );
        leg.remote_offer = Some(PendingInvite {
            request: Arc::new(arrival.request),
            key: arrival.key,
        });
        if overtaken {
            self.tell(id, LegEvent::ReinviteFailed { status: 491 });
        }
        self.tell(id, LegEvent::Reoffer { sdp });
    }

    /// The ACK of a 2xx of ours.
    pub(super) fn acknowledged(&mut self, id: LegId, arrival: &Arrival, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let waiting = leg
            .unacknowledged
            .iter()
            .position(|waiting| waiting.answer.sequence == arrival.sequence);
        // A copy of an ACK that came before.
        let Some(waiting) = waiting.map(|at| leg.unacknowledged.remove(at)) else {
            return;
        };
        self.layer.counters.unacknowledged = self.layer.counters.unacknowledged.saturating_sub(1);
        let sdp = arrival
            .request
            .sdp()
            .filter(|_| waiting.answer.offered)
            .map(<[u8]>::to_vec);
        let event = match waiting.answer.to {
            AnswerTo::Invite => LegEvent::Acknowledged { sdp },
            AnswerTo::Reinvite => LegEvent::ReofferDone {
                outcome: ReofferOutcome::Acknowledged,
                sdp,
            },
        };
        self.tell_if_open(id, event);
        self.send_waiting_bye(id, now);
        self.settle(id);
    }

    /// The response to a re-INVITE of ours.
    pub(super) fn reinvite_answered(
        &mut self,
        id: LegId,
        delivery: &Delivery,
        response: &Response,
        now: Time,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Ok(cseq) = response.headers.cseq() else {
            return;
        };
        let ours = matches!(&leg.local_offer, Some(LocalOffer { state: OfferState::Sent(key), .. }) if *key == delivery.key);
        match response.status {
            ..200 => {}
            200..300 => {
                if let Some(ack) = leg.ack_for(cseq.number, leg.dialog.remote_tag()) {
                    let transmit = ack.path.transmit(ack.bytes.clone());
                    return self.layer.transmits.push_back(transmit);
                }
                leg.dialog.refresh_target(&response.headers);
                if ours {
                    leg.local_offer = None;
                }
                self.acknowledge(id, cseq.number, None);
                let sdp = response.sdp().map(<[u8]>::to_vec);
                self.tell_if_open(id, LegEvent::ReinviteAnswered { sdp });
            }
            491 if ours => self.postpone(id, now),
            408 | 481 => self.lost(id, EndedBy::Timeout, now),
            status => {
                if ours {
                    leg.local_offer = None;
                }
                self.tell_if_open(id, LegEvent::ReinviteFailed { status });
            }
        }
    }

    /// Our re-INVITE met one of the peer: again later (RFC 3261 section 14.1). The owner of the Call-ID waits longer.
    fn postpone(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let tens = if leg.outbound.is_some() {
            (210, 400)
        } else {
            (0, 200)
        };
        let wait = self.layer.random_millis(tens.0, tens.1) * 10;
        if let Some(offer) = &mut leg.local_offer {
            offer.state = OfferState::Postponed(now + wait);
        }
        self.settle(id);
    }

    /// Sends the open re-INVITE.
    pub(super) fn send_reinvite(&mut self, id: LegId, now: Time) -> Result<(), super::LegError> {
        let leg = self.legs.get_mut(&id).ok_or(super::LegError::Gone)?;
        let Some(offer) = &mut leg.local_offer else {
            return Err(super::LegError::WrongState);
        };
        let Ok(mut request) = leg.dialog.request(Method::Invite) else {
            return Err(super::LegError::WrongState);
        };
        let path = crate::dialog::path::in_dialog(&leg.dialog, leg.path, leg.dialog_requests);
        self.layer.dress(&mut request, &path);
        request.set_body("application/sdp", offer.sdp.clone());
        offer.state =
            OfferState::Sent(
                self.layer
                    .request(request, path, id, Purpose::Reinvite, now)?,
            );
        Ok(())
    }

    /// The leg asked to be woken.
    pub(super) fn leg_due(&mut self, id: LegId, at: Time, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        if leg.scheduled == Some(at) {
            leg.scheduled = None;
        }
        let mut given_up = false;
        for waiting in &mut leg.unacknowledged {
            match waiting.timeout(now) {
                UnacknowledgedAction::Nothing => {}
                UnacknowledgedAction::Retransmit => {
                    self.layer.counters.retransmissions_sent += 1;
                    let answer = &waiting.answer;
                    self.layer
                        .transmits
                        .push_back(answer.path.transmit(answer.response.clone()));
                }
                UnacknowledgedAction::GiveUp => given_up = true,
            }
        }
        if given_up {
            return self.never_acknowledged(id, now);
        }
        match (&leg.phase, &leg.local_offer) {
            (
                Phase::Calling {
                    cancel: Cancel::Sent { give_up },
                    ..
                },
                _,
            ) if *give_up <= now => self.cancel_given_up(id),
            (
                Phase::Ringing {
                    refresh: Some(at), ..
                },
                _,
            ) if *at <= now => self.ring_again(id, now),
            (
                Phase::Confirmed,
                Some(LocalOffer {
                    state: OfferState::Postponed(at),
                    ..
                }),
            ) if *at <= now => {
                if self.send_reinvite(id, now).is_err() {
                    self.lost(id, EndedBy::Transport, now);
                }
                self.settle(id);
            }
            _ => self.settle(id),
        }
    }

    /// No ACK came for a 2xx: the session is ended with BYE (RFC 3261 section 13.3.1.4).
    fn never_acknowledged(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let dropped = std::mem::take(&mut leg.unacknowledged).len() as u64;
        let counters = &mut self.layer.counters;
        counters.unacknowledged = counters.unacknowledged.saturating_sub(dropped);
        counters.never_acknowledged += 1;
        if leg.hangup.is_some() {
            self.send_waiting_bye(id, now);
            return self.settle(id);
        }
        self.lost(id, EndedBy::NoAck, now);
    }

    /// The session cannot go on: BYE, in case the peer is still there.
    pub(super) fn lost(&mut self, id: LegId, by: EndedBy, now: Time) {
        let over = self
            .legs
            .get(&id)
            .is_none_or(|leg| matches!(leg.phase, Phase::Over));
        if !over {
            self.hang_up(id, None, LegEvent::Ended { by, reason: None }, now);
        }
    }
}
