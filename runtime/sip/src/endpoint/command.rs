//! What the owner of a confirmed leg asks for.

use super::event::LegError;
use super::layer::Purpose;
use super::leg::{Hangup, LocalOffer, OfferState, Phase};
use super::{EndedBy, Endpoint, LegEvent, LegId, Rejection};
use crate::dialog::AnswerTo;
use crate::message::{Method, Reason};
use crate::time::Time;

impl Endpoint {
    /// Ends a leg, whatever its state: BYE when it was answered (after the ACK of our 2xx, RFC 3261 section 15),
    /// CANCEL when we called, 480 when we were called. [`LegEvent::Ended`] follows at once but for a CANCEL, whose
    /// outcome is awaited.
    ///
    /// # Errors
    /// The leg has ended, or is being cancelled already.
    pub fn bye(&mut self, id: LegId, reason: Option<Reason>, now: Time) -> Result<(), LegError> {
        let leg = self.open_leg(id)?;
        match leg.phase {
            Phase::Ringing { .. } => self.reject(
                id,
                Rejection {
                    reason,
                    ..Rejection::new(480)
                },
                now,
            ),
            Phase::Calling { .. } => self.cancel(id, reason, now),
            Phase::Answering { sequence } => {
                self.acknowledge(id, sequence, None);
                self.hang_up(
                    id,
                    reason,
                    LegEvent::Ended {
                        by: EndedBy::Local,
                        reason: None,
                    },
                    now,
                );
                Ok(())
            }
            Phase::Confirmed => {
                self.hang_up(
                    id,
                    reason,
                    LegEvent::Ended {
                        by: EndedBy::Local,
                        reason: None,
                    },
                    now,
                );
                Ok(())
            }
            Phase::Over => Err(LegError::Gone),
        }
    }

    /// Ends a session: tells `event`, and sends BYE now or once our 2xx is acknowledged.
    pub(super) fn hang_up(
        &mut self,
        id: LegId,
        reason: Option<Reason>,
        event: LegEvent,
        now: Time,
    ) {
        self.refuse_pending(id, now);
        self.finish(id, event);
        self.enter(id, Phase::Over);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.hangup = Some(Hangup { reason });
            self.send_waiting_bye(id, now);
        }
        self.settle(id);
    }

    /// Sends a BYE that waits, unless it has to wait on.
    pub(super) fn send_waiting_bye(&mut self, id: LegId, now: Time) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        if leg.awaits_ack() {
            return;
        }
        let Some(hangup) = leg.hangup.take() else {
            return;
        };
        let Ok(mut bye) = leg.dialog.request(Method::Bye) else {
            return;
        };
        if let Some(reason) = hangup.reason {
            bye.headers.push("Reason", reason);
        }
        let path = Self::dialog_path(leg);
        // Without a socket for the peer there is nobody to say goodbye to.
        leg.bye = self.layer.request(bye, path, id, Purpose::Bye, now).ok();
    }

    /// Offers a new session (re-INVITE). Answered by [`LegEvent::ReinviteAnswered`] or
    /// [`LegEvent::ReinviteFailed`]; sent again by itself when it meets a re-INVITE of the peer.
    ///
    /// # Errors
    /// The leg has ended or is not answered yet; an offer of either side is open.
    pub fn reinvite(&mut self, id: LegId, sdp: Vec<u8>, now: Time) -> Result<(), LegError> {
        self.open_leg(id)?;
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        if !leg.is_confirmed() {
            return Err(LegError::WrongState);
        }
        if leg.local_offer.is_some() || leg.remote_offer.is_some() || leg.awaits_ack() {
            return Err(LegError::OfferPending);
        }
        leg.local_offer = Some(LocalOffer {
            sdp,
            state: OfferState::Postponed(now),
        });
        let sent = self.send_reinvite(id, now);
        if sent.is_err()
            && let Some(leg) = self.legs.get_mut(&id)
        {
            leg.local_offer = None;
        }
        sent
    }

    /// Accepts the peer's offer: the answer to a re-INVITE, or our offer when it had none; for an outbound call without
    /// offer, the answer to the offer in its 2xx.
    ///
    /// # Errors
    /// The leg has ended; no offer waits.
    pub fn accept_offer(&mut self, id: LegId, sdp: Vec<u8>, now: Time) -> Result<(), LegError> {
        self.open_leg(id)?;
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        if let Phase::Answering { sequence } = leg.phase {
            self.acknowledge(id, sequence, Some(sdp));
            self.enter(id, Phase::Confirmed);
            return Ok(());
        }
        let pending = leg.remote_offer.take().ok_or(LegError::WrongState)?;
        leg.dialog.refresh_target(&pending.request.headers);
        let leg = self.open_leg(id)?;
        let response = self.session_response(leg, &pending.request, 200, Some(sdp));
        self.accept_invite(id, &pending, AnswerTo::Reinvite, &response, now)?;
        self.settle(id);
        Ok(())
    }

    /// Refuses the peer's re-INVITE; the session stays as it was.
    ///
    /// # Errors
    /// The leg has ended; no offer waits; a status outside 300-699.
    pub fn refuse_offer(&mut self, id: LegId, status: u16, now: Time) -> Result<(), LegError> {
        if !(300..700).contains(&status) {
            return Err(LegError::BadStatus(status));
        }
        self.open_leg(id)?;
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        let pending = leg.remote_offer.take().ok_or(LegError::WrongState)?;
        let response = self
            .layer
            .response(&pending.request, status, leg.dialog.local_tag());
        self.layer.respond(pending.key, &response, now);
        Ok(())
    }

    /// Sends INFO (RFC 6086, without an Info-Package). Its outcome is not told, but ends the leg when the peer knows
    /// nothing of the dialog any more.
    ///
    /// # Errors
    /// The leg has ended or is not answered yet.
    pub fn info(
        &mut self,
        id: LegId,
        content_type: &str,
        body: Vec<u8>,
        now: Time,
    ) -> Result<(), LegError> {
        self.open_leg(id)?;
        let leg = self.legs.get_mut(&id).ok_or(LegError::Gone)?;
        if !leg.is_confirmed() {
            return Err(LegError::WrongState);
        }
        let Ok(mut request) = leg.dialog.request(Method::Info) else {
            return Err(LegError::WrongState);
        };
        request.set_body(content_type, body);
        let path = Self::dialog_path(leg);
        self.layer.request(request, path, id, Purpose::Info, now)?;
        Ok(())
    }
}
