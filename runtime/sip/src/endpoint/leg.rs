//! The state of a leg: one call's INVITE usage of a dialog.
//!
//! A plain value, so that a leg can be written down at any moment and carried on by another process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::LegId;
use super::keys::Key;
use crate::dialog::path::Path;
use crate::dialog::{Dialog, Unacknowledged};
use crate::message::{Reason, Request};
use crate::time::Time;
use crate::transaction::sooner;
use crate::trunk::DialogRequests;

/// An INVITE of the peer that waits for our final response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PendingInvite {
    /// Shared with the owner of the leg, who was told of it.
    pub(super) request: Arc<Request>,
    pub(super) key: Key,
}

impl PendingInvite {
    /// Its CSeq number.
    pub(super) fn sequence(&self) -> u32 {
        self.request.headers.cseq().map_or(0, |cseq| cseq.number)
    }

    /// Whether it made no offer, so that ours goes into the 2xx.
    pub(super) fn wants_offer(&self) -> bool {
        self.request.sdp().is_none()
    }
}

/// Whether our INVITE is to be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cancel {
    No,
    /// As soon as a provisional response comes.
    Wanted {
        reason: Option<Reason>,
    },
    /// Sent; 64*T1 later the peer is taken for gone (RFC 3261 section 9.1).
    Sent {
        give_up: Time,
    },
}

/// What an open re-INVITE of ours is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OfferState {
    /// Sent, in this transaction.
    Sent(Key),
    /// Met a re-INVITE of the peer; to be sent again at this time (RFC 3261 section 14.1).
    Postponed(Time),
}

/// A re-INVITE of ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LocalOffer {
    pub(super) sdp: Vec<u8>,
    pub(super) state: OfferState,
}

/// The ACK of a 2xx, kept for the next copy of that 2xx.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SentAck {
    pub(super) sequence: u32,
    pub(super) tag: String,
    pub(super) bytes: Vec<u8>,
    pub(super) path: Path,
}

/// How far the call has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Inbound, no final response yet; the last provisional one is sent again at `refresh`.
    Ringing {
        pending: PendingInvite,
        refresh: Option<Time>,
    },
    /// Outbound, no final response yet.
    Calling {
        invite: Key,
        cancel: Cancel,
        offered: bool,
    },
    /// Outbound: the 2xx brought an offer, and our ACK is to carry the answer.
    Answering { sequence: u32 },
    /// A session.
    Confirmed,
    /// Over; a BYE or a late 2xx may be outstanding.
    Over,
}

/// Whether the last event of the leg was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    Not,
    Ended,
}

/// A BYE that has to wait for the ACK of our 2xx (RFC 3261 section 15).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hangup {
    pub(super) reason: Option<Reason>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) trunk: Option<Arc<str>>,
    pub(super) dialog_requests: DialogRequests,
    pub(super) outbound: Option<Outbound>,
    pub(super) phase: Phase,
    pub(super) told: Told,
    pub(super) dialog: Dialog,
    /// The way to where the dialog's last message came from or went to.
    pub(super) path: Path,
    /// 2xx of ours without ACK, oldest first.
    pub(super) unacknowledged: Vec<Unacknowledged>,
    /// ACKs of ours, oldest first.
    pub(super) acks: Vec<SentAck>,
    pub(super) remote_offer: Option<PendingInvite>,
    pub(super) local_offer: Option<LocalOffer>,
    pub(super) hangup: Option<Hangup>,
    pub(super) bye: Option<Key>,
    #[serde(skip)]
    pub(super) scheduled: Option<Time>,
}

/// What an outbound leg keeps of its beginning, for answers of more than one phone (forking).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outbound {
    /// The transaction of the first INVITE.
    pub(super) invite: Key,
    /// Its CSeq number.
    pub(super) sequence: u32,
    /// The dialog as it was before any answer.
    pub(super) placed: Dialog,
}

/// ACKs kept per leg: of the first INVITE, of forks, of the last re-INVITE.
const MAX_ACKS: usize = 8;

impl Leg {
    /// When the leg itself has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let unacknowledged = self
            .unacknowledged
            .iter()
            .filter_map(Unacknowledged::deadline)
            .min();
        let postponed = match &self.local_offer {
            Some(LocalOffer {
                state: OfferState::Postponed(at),
                ..
            }) => Some(*at),
            _ => None,
        };
        let phase = match &self.phase {
            Phase::Calling {
                cancel: Cancel::Sent { give_up },
                ..
            } => Some(*give_up),
            Phase::Ringing { refresh, .. } => *refresh,
            _ => None,
        };
        sooner(sooner(unacknowledged, postponed), phase)
    }

    /// Whether requests within the dialog are possible.
    pub(super) fn is_confirmed(&self) -> bool {
        matches!(self.phase, Phase::Confirmed)
    }

    /// Whether our first 2xx still waits for its ACK, so that BYE has to wait too.
    pub(super) fn awaits_ack(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// Whether an offer of ours in a 2xx still waits for the answer in its ACK.
    pub(super) fn awaits_answer(&self) -> bool {
        self.unacknowledged
            .iter()
            .any(|pending| pending.answer.offered)
    }

    /// Keeps an ACK for the next copy of its 2xx, and forgets the oldest when there are too many.
    pub(super) fn keep_ack(&mut self, ack: SentAck) {
        if self.acks.len() >= MAX_ACKS {
            self.acks.remove(0);
        }
        self.acks.push(ack);
    }

    /// The ACK that was sent for this 2xx.
    pub(super) fn ack_for(&self, sequence: u32, tag: &str) -> Option<&SentAck> {
        self.acks
            .iter()
            .find(|ack| ack.sequence == sequence && ack.tag == tag)
    }
}
