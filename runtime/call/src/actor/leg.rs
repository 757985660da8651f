//! The signalling side of a call: what its leg tells, and what it is told.

use std::net::SocketAddr;

use serde_json::json;
use vireo_sip::endpoint::ReofferOutcome;
use vireo_sip::offer_answer::Audio;

use super::*;

// What the timeline says of what every call goes through. Rarer notes are `json!` values.

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Status {
    status: u16,
}

#[derive(Serialize)]
struct Why<'a> {
    reason: &'a Option<String>,
}

#[derive(Serialize)]
struct WireEnded {
    by: &'static str,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Agreed {
    codec: &'static str,
    remote: Option<SocketAddr>,
    dtmf: &'static str,
    ptime_ms: u16,
}

impl Actor {
    pub(super) fn on_leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Acknowledged { sdp } => {
                self.note("ack", &Nothing {});
                if self.sdp_answer.is_none() && !self.accept_late_answer(sdp.as_deref()) {
                    return;
                }
                self.machine.acknowledged(self.now());
            }
            LegEvent::Reoffer { sdp } => self.on_reoffer(sdp.as_deref()),
            LegEvent::ReofferDone { outcome, sdp } => self.reoffer_done(outcome, sdp.as_deref()),
            LegEvent::Info { content_type, body } => self.on_info(&content_type, &body),
            LegEvent::Cancelled { reason } => {
                self.note(
                    "cancel",
                    &json!({ "reason": reason.as_ref().map(ToString::to_string) }),
                );
                // An answer or a refusal of ours that crossed it never left (RFC 3261, 9.2).
                self.answered = None;
                self.registration.update(|call| call.answered_at = None);
                self.final_status = Some(487);
                self.wire_ended(EndedBy::Peer, reason);
            }
            LegEvent::Ended { by, reason } => {
                if by != EndedBy::Local {
                    let name = if by == EndedBy::Peer {
                        "bye-received"
                    } else {
                        "ended"
                    };
                    let ended = WireEnded {
                        by: ended_by(by),
                        reason: reason.as_ref().map(ToString::to_string),
                    };
                    self.note(name, &ended);
                }
                self.wire_ended(by, reason);
            }
            // The remaining events belong to legs that we place, or tell of a re-INVITE of ours.
            _ => {}
        }
    }

    /// The stack has said how the leg ended: that is what happened on the wire, even if we hung up
    /// at the same time.
    fn wire_ended(&mut self, by: EndedBy, reason: Option<Reason>) {
        self.leg_events = Events::Ended;
        if by != EndedBy::Local {
            let reason = match (reason, by) {
                (Some(reason), _) => Some(reason.to_string()),
                (None, EndedBy::Peer) => None,
                (None, other) => Some(ended_by(other).to_owned()),
            };
            self.wire_end = Some(WireEnd { by, reason });
        } else if self.wire_end.is_none() {
            // Not by us, so by the stack itself, which ends its legs when it shuts down.
            self.ended_by_server(Ending::new(cdr::Outcome::Shutdown, cdr::EndedBy::Server));
        }
        self.mark_ended();
        self.machine.ended();
    }

    fn ended_by_server(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.wire_end = Some(WireEnd {
            by: EndedBy::Local,
            reason: None,
        });
    }

    /// The leg's events ended without a last one: it was ended because nobody read them, or the
    /// stack is gone.
    pub(super) fn leg_gone(&mut self) {
        self.leg_events = Events::Ended;
        if self.is_over() {
            return;
        }
        self.note("leg-lost", &json!({}));
        let why = "the SIP side of the call was lost";
        self.ended_by_server(Ending::by_server(cdr::Outcome::Other, why));
        self.mark_ended();
        self.machine.ended();
    }

    pub(super) fn mark_ended(&mut self) {
        if self.ended.is_none() {
            self.ended = Some(self.now());
        }
    }

    /// The answer to a late offer came in the ACK (RFC 3264, 5; RFC 3261, 13.2.1).
    pub(super) fn accept_late_answer(&mut self, sdp: Option<&[u8]>) -> bool {
        let accepted = match sdp {
            Some(answer) => self
                .negotiation
                .accept_answer(answer)
                .map_err(|why| why.to_string()),
            None => Err("the ACK carries no answer to the offer of our 200".to_owned()),
        };
        match accepted {
            Ok(audio) => {
                self.agreed(&audio);
                true
            }
            Err(why) => {
                self.note("media-refused", &json!({ "reason": why }));
                let ending = Ending::by_server(cdr::Outcome::Rejected, why);
                self.end_call(ending, Some(Reason::sip(488, "Not Acceptable Here")));
                false
            }
        }
    }

    /// A re-INVITE: hold, resume, another address or codec.
    fn on_reoffer(&mut self, sdp: Option<&[u8]>) {
        let before = Box::new(self.negotiation.clone());
        let Some(offer) = sdp else {
            let offer = self.negotiation.offer(Direction::SendRecv);
            self.agreed_before = Some(before);
            self.told(self.leg.accept_offer(offer));
            return;
        };
        match self.negotiation.answer(offer) {
            Ok((answer, audio)) => {
                self.agreed_before = Some(before);
                self.told(self.leg.accept_offer(answer));
                self.agreed(&audio);
            }
            Err(reject) => {
                self.note(
                    "reinvite-refused",
                    &json!({ "status": reject.status, "reason": reject.to_string() }),
                );
                self.told(self.leg.refuse_offer(reject.status));
            }
        }
    }

    /// A re-INVITE is over. When it carried no offer, the answer to ours is in its ACK.
    fn reoffer_done(&mut self, outcome: ReofferOutcome, sdp: Option<&[u8]>) {
        let Some(before) = self.agreed_before.take() else {
            return;
        };
        if outcome == ReofferOutcome::Acknowledged {
            if !self.negotiation.is_pending() {
                return;
            }
            let answer = sdp.map(|answer| self.negotiation.accept_answer(answer));
            let why = match answer {
                Some(Ok(audio)) => return self.agreed(&audio),
                Some(Err(reject)) => reject.to_string(),
                None => "the ACK carries no answer".to_owned(),
            };
            self.note("media-refused", &json!({ "reason": why }));
        }
        // The session stays as it was.
        self.negotiation = *before;
        self.configure_current();
    }

    /// Offer and answer have agreed on this.
    fn agreed(&mut self, audio: &Audio) {
        self.configure(audio);
        if audio.held != self.held {
            self.held = audio.held;
            let (name, event) = if audio.held {
                ("held", Event::Held)
            } else {
                ("resumed", Event::Resumed)
            };
            self.note(name, &json!({}));
            self.machine.hold(event);
        }
    }

    /// DTMF by INFO (`application/dtmf-relay`, `application/dtmf`): old, and still met.
    pub(super) fn on_info(&mut self, content_type: &str, body: &[u8]) {
        if let Some((key, duration_ms)) = media_map::info_digit(content_type, body) {
            let now = self.now();
            self.machine.key_down(key, now);
            self.machine.key(key, duration_ms, "info", now);
        }
    }

    /// Ends the call for a reason that is not the flow's.
    pub(super) fn end_call(&mut self, mut ending: Ending, reason: Option<Reason>) {
        if self.is_over() {
            return;
        }
        let up = self.is_up();
        if !up && ending.outcome == cdr::Outcome::Completed {
            ending.outcome = cdr::Outcome::Rejected;
        }
        self.ending = Some(ending);
        if up {
            self.bye(reason);
        } else {
            self.reject(Rejection::new(480));
        }
        self.machine.ended();
        self.act();
    }

    /// Refuses a call that no flow could be started for.
    pub fn refuse(&mut self, rejection: Rejection, why: &str) {
        if self.is_over() || self.is_up() {
            return;
        }
        self.ending = Some(Ending::by_server(cdr::Outcome::Rejected, why));
        self.reject(rejection);
        self.machine.ended();
        self.act();
    }

    pub(super) fn bye(&mut self, reason: Option<Reason>) {
        let why = reason.as_ref().map(ToString::to_string);
        self.note("bye-sent", &Why { reason: &why });
        self.wire_end = Some(WireEnd {
            by: EndedBy::Local,
            reason: why,
        });
        self.mark_ended();
        self.told(self.leg.bye(reason));
    }

    pub(super) fn reject(&mut self, rejection: Rejection) {
        let status = rejection.status;
        self.note("rejected", &Status { status });
        self.wire_end = Some(WireEnd {
            by: EndedBy::Local,
            reason: None,
        });
        self.final_status = Some(status);
        self.mark_ended();
        self.told(self.leg.reject(rejection));
    }

    pub(super) fn provisional(&mut self, status: u16) {
        let sdp = (status == 183).then(|| self.sdp_answer.clone()).flatten();
        if sdp.is_some() {
            self.configure_current();
        }
        self.note("provisional", &Status { status });
        self.told(self.leg.provisional(status, sdp));
    }

    pub(super) fn answer(&mut self) {
        let now = self.now();
        self.answered = Some(now);
        self.final_status = Some(200);
        self.registration
            .update(|call| call.answered_at = Some(crate::services::unix_ms()));
        let sdp = match self.sdp_answer.clone() {
            Some(answer) => {
                self.configure_current();
                answer
            }
            None => self.negotiation.offer(Direction::SendRecv),
        };
        self.told(self.leg.answer(sdp));
        self.note("answer", &Status { status: 200 });
    }

    pub(super) fn configure_current(&mut self) {
        if let Some(audio) = self.negotiation.audio().cloned() {
            self.agreed(&audio);
        }
    }

    pub(super) fn configure(&mut self, audio: &Audio) {
        let mut config = media_map::stream_config(audio, &self.settings.media);
        if audio.held || !self.is_up() {
            // Nothing has to come from a caller who is on hold, or to whom nobody has answered yet.
            config.no_media_timeout_ms = None;
        }
        let agreed = Agreed {
            codec: config.codec.name(),
            remote: config.remote,
            dtmf: match config.telephone_event {
                Some(_) => "rfc4733",
                None => "inband",
            },
            ptime_ms: config.ptime_ms,
        };
        self.note("media", &agreed);
        if let Some(stream) = &self.stream {
            stream.configure(config);
        }
    }

    /// A command that the stack did not take: it is gone, or this leg has asked for too much.
    pub(super) fn told(&self, taken: Result<(), LegError>) {
        if let Err(error) = taken {
            tracing::error!(call = self.info.call_id, %error, "the SIP stack did not take a command");
        }
    }
}
