//! Outbound calls: from the INVITE to its final response (RFC 3261 sections 9.1 and 13.2), forks included.

use std::time::Duration;

use super::event::{Invite, LegError, Next};
use super::layer::{Delivery, Purpose};
use super::leg::{Cancel, Leg, Outbound, Phase, SentAck, Told};
use super::uas::{check_extra, push_extra};
use super::{EndedBy, Endpoint, LegEvent, LegId, TrunkName};
use crate::dialog::Dialog;
use crate::dialog::path::Path;
use crate::message::{Method, Reason, Response};
use crate::time::Time;
use crate::transport::Failure;
use crate::trunk::{Destination, DialogRequests, Limit};

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// No final response within 64*T1.
    Timeout,
    /// The transport could not send it.
    Transport,
}

/// Where a call goes, and what its trunk says about it.
struct Way {
    destination: Destination,
    trunk: Option<TrunkName>,
    dialog_requests: DialogRequests,
}

impl Endpoint {
    /// Places a call.
    ///
    /// # Errors
    /// No such trunk, no socket for the destination, a limit is reached, Max-Forwards has run out, or a header may not
    /// be set. Nothing was sent then, and no event will follow.
    pub fn invite(&mut self, invite: Invite, now: Time) -> Result<LegId, LegError> {
        check_extra(&invite.headers)?;
        if invite.max_forwards == 0 {
            return Err(LegError::TooManyHops);
        }
        let way = self.way(&invite.via)?;
        let Destination { protocol, address } = way.destination;
        let path = Path {
            protocol,
            local: None,
            destination: address,
            connection: None,
        };
        if !self.layer.can_reach(&path) {
            return Err(LegError::NoSocket);
        }
        self.admit_outbound(&way)?;
        let (local_tag, token) = (self.layer.token(), self.layer.token());
        let call_id = format!("{token}@{}", self.layer.host(&path));
        let mut dialog = Dialog::place(
            call_id,
            local_tag.clone(),
            invite.from.uri.clone(),
            invite.to.uri.clone(),
            invite.request_uri,
        );
        let Ok(mut request) = dialog.request(Method::Invite) else {
            return Err(LegError::WrongState);
        };
        request.headers.set("Max-Forwards", invite.max_forwards);
        // Only the first request shows the display names.
        request
            .headers
            .set("From", invite.from.with_tag(&local_tag));
        request.headers.set("To", invite.to);
        self.layer.dress(&mut request, &path);
        push_extra(&mut request.headers, &invite.headers);
        let offered = invite.sdp.is_some();
        if let Some(sdp) = invite.sdp {
            request.set_body("application/sdp", sdp);
        }
        let id = self.new_leg_id();
        let key = self
            .layer
            .request(request, path, id, Purpose::Invite, now)?;
        self.layer.counters.outbound_calls += 1;
        self.adopt(Leg {
            id,
            trunk: way.trunk,
            dialog_requests: way.dialog_requests,
            outbound: Some(Outbound {
                invite: key,
                sequence: dialog.local_sequence(),
                placed: dialog.clone(),
            }),
            phase: Phase::Calling {
                invite: key,
                cancel: Cancel::No,
                offered,
            },
            told: Told::Not,
            dialog,
            path,
            unacknowledged: Vec::new(),
            acks: Vec::new(),
            remote_offer: None,
            local_offer: None,
            hangup: None,
            bye: None,
            scheduled: None,
        });
        Ok(id)
    }

    fn way(&self, next: &Next) -> Result<Way, LegError> {
        match next {
            Next::Trunk(name) => {
                let (name, trunk) = self.trunks.get_named(name).ok_or(LegError::NoTrunk)?;
                let destination = trunk.destination.ok_or(LegError::NoTrunk)?;
                Ok(Way {
                    destination,
                    trunk: Some(name.clone()),
                    dialog_requests: trunk.dialog_requests,
                })
            }
            Next::Address(destination) => Ok(Way {
                destination: *destination,
                trunk: None,
                dialog_requests: DialogRequests::default(),
            }),
        }
    }

    fn admit_outbound(&mut self, way: &Way) -> Result<(), LegError> {
        if self.calls >= self.layer.config.limits.max_calls {
            self.layer.counters.refused_calls += 1;
            return Err(LegError::LimitReached);
        }
        let Some(name) = &way.trunk else {
            return Ok(());
        };
        let Some((_, trunk)) = self.trunks.get_named(name) else {
            return Err(LegError::NoTrunk);
        };
        self.usage.admit_outbound(name, trunk).map_err(|over| {
            if over.limit == Limit::Calls {
                self.layer.counters.refused_trunk_calls += 1;
            }
            LegError::LimitReached
        })
    }

    /// Gives an outbound call up before it is answered: sends CANCEL as soon as the first provisional response is
    /// there. [`LegEvent::Failed`] follows, or [`LegEvent::Ended`] when the answer was faster (it gets ACK and BYE).
    ///
    /// # Errors
    /// The leg has ended, was answered, or is being cancelled already.
    pub fn cancel(&mut self, id: LegId, reason: Option<Reason>, now: Time) -> Result<(), LegError> {
        self.open_leg(id)?;
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let Phase::Calling { cancel, .. } = &mut leg.phase else {
            return Err(LegError::WrongState);
        };
        if *cancel != Cancel::No {
            return Err(LegError::WrongState);
        }
        *cancel = Cancel::Wanted { reason };
        self.try_cancel(id, now);
        Ok(())
    }

    /// Sends a CANCEL that is wanted, if the INVITE has a provisional response.
    fn try_cancel(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Phase::Calling { invite, cancel, .. } = &mut leg.phase else {
            return;
        };
        let Cancel::Wanted { reason } = cancel else {
            return;
        };
        if self.layer.cancel(*invite, reason.as_ref(), now) {
            *cancel = Cancel::Sent {
                give_up: now + self.layer.config.timers.give_up(),
            };
            self.settle(id);
        }
    }

    /// A response for a leg.
    pub(super) fn answered(&mut self, delivery: Delivery, response: &Response, now: Time) {
        let id = delivery.leg;
        match delivery.purpose {
            Purpose::Invite => match response.status {
                ..200 => self.progressed(id, response, now),
                200..300 => self.accepted(id, &delivery, response, now),
                300.. => self.refused(id, response),
            },
            Purpose::Reinvite => self.reinvite_answered(id, &delivery, response, now),
            // The peer knows nothing of the dialog any more (RFC 3261 section 12.2.1.2).
            Purpose::Info if matches!(response.status, 408 | 481) => {
                self.lost(id, EndedBy::Timeout, now)
            }
            Purpose::Bye | Purpose::Cancel | Purpose::Info => {}
        }
    }

    /// A request that has no answer, for its leg.
    pub(super) fn unanswered(&mut self, delivery: Delivery, silence: Silence, now: Time) {
        let (status, by) = match silence {
            Silence::Timeout => (408, EndedBy::Timeout),
            Silence::Transport => (503, EndedBy::Transport),
        };
        match delivery.purpose {
            Purpose::Invite => {
                let phrase = crate::message::phrase(status).to_owned();
                self.close(
                    delivery.leg,
                    LegEvent::Failed {
                        status,
                        phrase,
                        retry_after: None,
                        reason: None,
                    },
                );
            }
            Purpose::Reinvite | Purpose::Info => self.lost(delivery.leg, by, now),
            Purpose::Bye | Purpose::Cancel => {}
        }
    }

    /// The transport could not deliver to this address: what waits for an answer from there fails at once, as RFC 3261
    /// section 17.1.4 says.
    pub fn transport_failed(&mut self, failure: &Failure, now: Time) {
        for delivery in self.layer.transport_failed(failure) {
            let key = delivery.key;
            self.unanswered(delivery, Silence::Transport, now);
            self.settle_client(key);
        }
    }

    fn progressed(&mut self, id: LegId, response: &Response, now: Time) {
        self.try_cancel(id, now);
        if response.status > 100 {
            let sdp = response.sdp().map(<[u8]>::to_vec);
            self.tell_if_open(
                id,
                LegEvent::Progress {
                    status: response.status,
                    sdp,
                },
            );
        }
    }

    fn refused(&mut self, id: LegId, response: &Response) {
        let headers = &response.headers;
        let event = LegEvent::Failed {
            status: response.status,
            phrase: response.reason.clone(),
            retry_after: headers
                .retry_after()
                .map(|wait| Duration::from_secs(wait.into())),
            reason: headers.reason(),
        };
        self.close(id, event);
    }

    /// A 2xx to the first INVITE: the answer, a copy of it, or the answer of another phone.
    fn accepted(&mut self, id: LegId, delivery: &Delivery, response: &Response, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Ok(cseq) = response.headers.cseq() else {
            return;
        };
        let tag = response
            .headers
            .to()
            .ok()
            .and_then(|to| to.tag().map(str::to_owned))
            .unwrap_or_default();
        if let Some(ack) = leg.ack_for(cseq.number, &tag) {
            let transmit = ack.path.transmit(ack.bytes.clone());
            self.layer.transmits.push_back(transmit);
            return;
        }
        let (cancelled, offered) = match &leg.phase {
            Phase::Calling {
                cancel, offered, ..
            } => (*cancel != Cancel::No, *offered),
            // The first answer, again: its ACK waits for our answer.
            Phase::Answering { .. } if leg.dialog.remote_tag() == tag => return,
            _ => return self.end_fork(id, delivery, response, tag, now),
        };
        let Ok(dialog) = leg.dialog.establish(response) else {
            return self.end_fork(id, delivery, response, tag, now);
        };
        leg.dialog = dialog;
        if cancelled {
            // The CANCEL came too late (RFC 3261 section 9.1).
            self.acknowledge(id, cseq.number, None);
            return self.hang_up(
                id,
                None,
                LegEvent::Ended {
                    by: EndedBy::Local,
                    reason: None,
                },
                now,
            );
        }
        let sdp = response.sdp().map(<[u8]>::to_vec);
        if offered {
            self.acknowledge(id, cseq.number, None);
            self.enter(id, Phase::Confirmed);
        } else {
            self.enter(
                id,
                Phase::Answering {
                    sequence: cseq.number,
                },
            );
        }
        self.tell(id, LegEvent::Answered { sdp });
        self.settle(id);
    }

    /// Sends the ACK of a 2xx, and keeps it for copies of the 2xx.
    pub(super) fn acknowledge(&mut self, id: LegId, sequence: u32, sdp: Option<Vec<u8>>) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let mut ack = leg.dialog.ack(sequence);
        if let Some(sdp) = sdp {
            ack.set_body("application/sdp", sdp);
        }
        let path = Self::dialog_path(leg);
        let bytes = self.layer.untracked(ack, &path);
        self.layer.transmit(&path, bytes.clone());
        let tag = leg.dialog.remote_tag().to_owned();
        leg.keep_ack(SentAck {
            sequence,
            tag,
            bytes,
            path,
        });
    }

    /// Another phone answered the same INVITE, or the answer came after the call was given up: its dialog is
    /// acknowledged and ended (RFC 3261 section 13.2.2.4).
    fn end_fork(
        &mut self,
        id: LegId,
        delivery: &Delivery,
        response: &Response,
        tag: String,
        now: Time,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Some(outbound) = &leg.outbound else {
            return;
        };
        let sequence = outbound.sequence;
        let Ok(mut dialog) = outbound.placed.establish(response) else {
            return;
        };
        let path = crate::dialog::path::in_dialog(&dialog, delivery.path, leg.dialog_requests);
        let bytes = self.layer.untracked(dialog.ack(sequence), &path);
        self.layer.transmit(&path, bytes.clone());
        leg.keep_ack(SentAck {
            sequence,
            tag,
            bytes,
            path,
        });
        if let Ok(bye) = dialog.request(Method::Bye) {
            // Nobody waits for the outcome.
            let _ = self.layer.request(bye, path, id, Purpose::Bye, now);
        }
    }

    /// No final response came within 64*T1 of our CANCEL.
    pub(super) fn cancel_given_up(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        if let Phase::Calling { invite, .. } = &leg.phase {
            self.layer.abandon(*invite);
        }
        self.close(
            id,
            LegEvent::Ended {
                by: EndedBy::Timeout,
                reason: None,
            },
        );
    }
}
