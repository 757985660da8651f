//! The signalling side of a call: what its leg tells, and what it is told.

use serde_json::json;

use super::*;

impl Actor {
    pub(super) fn on_leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Acknowledged { sdp } => {
                self.note("ack", json!({}));
                if self.sdp_answer.is_none() && !self.accept_late_answer(sdp.as_deref()) {
                    return;
                }
                self.machine.acknowledged(self.now());
            }
            LegEvent::Reoffer { sdp } => self.on_reoffer(sdp.as_deref()),
            LegEvent::Info { content_type, body } => self.on_info(&content_type, &body),
            LegEvent::Cancelled { reason } => {
                self.note(
                    "cancel",
                    json!({ "reason": reason.as_ref().map(ToString::to_string) }),
                );
                self.wire_ended(EndedBy::Peer, reason);
                self.final_status = Some(487);
            }
            LegEvent::Ended { by, reason } => {
                if self.wire_end.is_none() {
                    let name = if by == EndedBy::Peer {
                        "bye-received"
                    } else {
                        "ended"
                    };
                    let reason_text = reason.as_ref().map(ToString::to_string);
                    self.note(name, json!({ "by": ended_by(by), "reason": reason_text }));
                }
                self.wire_ended(by, reason);
            }
            // The remaining events belong to legs that we place, or tell of a re-INVITE of ours.
            _ => {}
        }
    }

    pub(super) fn wire_ended(&mut self, by: EndedBy, reason: Option<Reason>) {
        if self.wire_end.is_none() {
            self.wire_end = Some(WireEnd {
                by,
                reason: reason.map(|reason| reason.to_string()),
            });
        }
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
                self.configure(&audio);
                true
            }
            Err(why) => {
                self.note("media-refused", json!({ "reason": why }));
                let note = (cdr::Outcome::Rejected, cdr::EndedBy::Server);
                self.end_call(note, Some(Reason::sip(488, "Not Acceptable Here")));
                false
            }
        }
    }

    /// A re-INVITE: hold, resume, another address or codec.
    pub(super) fn on_reoffer(&mut self, sdp: Option<&[u8]>) {
        let Some(offer) = sdp else {
            let offer = self.negotiation.offer(Direction::SendRecv);
            self.sdp_answer = None;
            self.told(self.leg.accept_offer(offer));
            return;
        };
        match self.negotiation.answer(offer) {
            Ok((answer, audio)) => {
                self.told(self.leg.accept_offer(answer));
                self.configure(&audio);
                if audio.held != self.held {
                    self.held = audio.held;
                    let (name, event) = if audio.held {
                        ("held", Event::Held)
                    } else {
                        ("resumed", Event::Resumed)
                    };
                    self.note(name, json!({}));
                    self.machine.hold(event);
                }
            }
            Err(reject) => {
                self.note(
                    "reinvite-refused",
                    json!({ "status": reject.status, "reason": reject.to_string() }),
                );
                self.told(self.leg.refuse_offer(reject.status));
            }
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
    pub(super) fn end_call(&mut self, note: (cdr::Outcome, cdr::EndedBy), reason: Option<Reason>) {
        if self.is_over() {
            return;
        }
        self.ending_note = Some(note);
        if self.is_up() {
            self.bye(reason);
        } else {
            self.reject(480);
        }
        self.machine.ended();
        self.act();
    }

    pub(super) fn bye(&mut self, reason: Option<Reason>) {
        self.note(
            "bye-sent",
            json!({ "reason": reason.as_ref().map(ToString::to_string) }),
        );
        self.wire_end = Some(WireEnd {
            by: EndedBy::Local,
            reason: reason.as_ref().map(ToString::to_string),
        });
        self.mark_ended();
        self.told(self.leg.bye(reason));
    }

    pub(super) fn reject(&mut self, status: u16) {
        self.note("rejected", json!({ "status": status }));
        self.wire_end = Some(WireEnd {
            by: EndedBy::Local,
            reason: None,
        });
        self.final_status = Some(status);
        self.mark_ended();
        self.told(self.leg.reject(Rejection::new(status)));
    }

    pub(super) fn provisional(&mut self, status: u16) {
        let sdp = (status == 183).then(|| self.sdp_answer.clone()).flatten();
        if sdp.is_some() {
            self.configure_current();
        }
        self.note("provisional", json!({ "status": status }));
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
        self.note("answer", json!({ "status": 200 }));
    }

    pub(super) fn configure_current(&mut self) {
        if let Some(audio) = self.negotiation.audio().cloned() {
            self.configure(&audio);
        }
    }

    pub(super) fn configure(&mut self, audio: &vireo_sip::offer_answer::Audio) {
        let config = media_map::stream_config(audio, &self.settings.media);
        self.note(
            "media",
            json!({
                "codec": config.codec.name(), "remote": config.remote.map(|r| r.to_string()),
                "dtmf": if config.telephone_event.is_some() { "rfc4733" } else { "inband" }, "ptime_ms": config.ptime_ms,
            }),
        );
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
