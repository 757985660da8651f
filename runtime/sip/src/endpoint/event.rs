//! What an endpoint says and is told about legs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::message::{NameAddr, Reason, Request, Uri};
use crate::trunk::Destination;

/// Names a leg; never used twice by one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub(crate) u64);

impl std::fmt::Display for LegId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

/// An INVITE that starts a call.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The trunk that it came by.
    pub trunk: Arc<str>,
    /// The address that it came from.
    pub source: SocketAddr,
    /// The request as it came, but for `received` and `rport` in its Via.
    pub request: Arc<Request>,
    /// From: what the caller says about itself.
    pub caller: NameAddr,
    /// The Request-URI: what was called.
    pub called: Uri,
    /// P-Asserted-Identity (RFC 3325), only from trunks that are trusted to assert it.
    pub asserted_identity: Vec<NameAddr>,
    /// Diversion (RFC 5806), nearest first.
    pub diversion: Vec<NameAddr>,
    /// The offer; `None` when the caller wants ours in the answer (late offer).
    pub sdp: Option<Vec<u8>>,
    /// The Call-ID.
    pub call_id: String,
}

/// A call to place.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Where to.
    pub via: Next,
    /// Whom to call.
    pub request_uri: Uri,
    /// The caller; a tag is added.
    pub from: NameAddr,
    /// The called party.
    pub to: NameAddr,
    /// The offer. `None` asks the other side for one: it comes with [`LegEvent::Answered`] and is answered with
    /// [`Endpoint::accept_offer`](super::Endpoint::accept_offer).
    pub sdp: Option<Vec<u8>>,
    /// More headers, in order; those that belong to the endpoint (Via, CSeq and the like) are refused.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Max-Forwards: 70 for a call of our own; one less than the other leg's for a call that is passed on, so that a
    /// loop ends.
    pub max_forwards: u8,
}

/// The next hop of a call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The destination of this trunk, within its limits.
    Trunk(String),
    /// This address.
    Address(Destination),
}

/// A refusal of an INVITE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// 300-699.
    pub status: u16,
    /// The reason phrase; the usual one when absent.
    pub phrase: Option<String>,
    /// Retry-After.
    pub retry_after: Option<Duration>,
    /// Reason (RFC 3326), for instance the Q.850 cause.
    pub reason: Option<Reason>,
    /// More headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Rejection {
    /// A refusal with this status (300-699) and nothing more.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// What happens to a leg.
///
/// Each leg ends with exactly one of [`Failed`](Self::Failed), [`Cancelled`](Self::Cancelled) and
/// [`Ended`](Self::Ended), and nothing comes after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LegEvent {
    /// Inbound: a call has arrived; 100 was sent.
    Incoming(Box<Incoming>),
    /// Outbound: a provisional response other than 100.
    Progress {
        /// 101-199.
        status: u16,
        /// Early media, as a preview of the answer.
        sdp: Option<Vec<u8>>,
    },
    /// Outbound: the call was answered.
    Answered {
        /// The answer to our offer, or the offer when we made none.
        sdp: Option<Vec<u8>>,
    },
    /// Outbound, terminal: the call was refused, or nobody answered the request.
    Failed {
        /// 300-699; 408 when no response came, 503 when the request could not be sent (RFC 3261 section 8.1.3.1).
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Retry-After.
        retry_after: Option<Duration>,
        /// Reason (RFC 3326).
        reason: Option<Reason>,
    },
    /// Inbound: the ACK of our answer came.
    Acknowledged {
        /// The answer to our offer, when the INVITE had none.
        sdp: Option<Vec<u8>>,
    },
    /// Inbound, terminal: the caller gave up before we answered.
    Cancelled {
        /// Reason (RFC 3326), for instance "call completed elsewhere".
        reason: Option<Reason>,
    },
    /// A re-INVITE came: answer with `accept_offer` or `refuse_offer`.
    Reoffer {
        /// The offer; `None` when ours is wanted in the answer.
        sdp: Option<Vec<u8>>,
    },
    /// The re-INVITE of the last [`Reoffer`](Self::Reoffer) is over.
    ReofferDone {
        /// How.
        outcome: ReofferOutcome,
        /// The answer to our offer, when the re-INVITE had none.
        sdp: Option<Vec<u8>>,
    },
    /// Our re-INVITE was answered.
    ReinviteAnswered {
        /// The answer.
        sdp: Option<Vec<u8>>,
    },
    /// Our re-INVITE was refused; the session stays as it was.
    ReinviteFailed {
        /// 300-699.
        status: u16,
    },
    /// An INFO request came and was answered with 200.
    Info {
        /// Content-Type, empty without a body.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Terminal: the leg is over.
    Ended {
        /// Who or what ended it.
        by: EndedBy,
        /// Reason (RFC 3326) of the peer's BYE.
        reason: Option<Reason>,
    },
}

impl LegEvent {
    /// Whether this is the last event of its leg.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Failed { .. } | Self::Cancelled { .. } | Self::Ended { .. }
        )
    }
}

/// How a re-INVITE of the peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReofferOutcome {
    /// Accepted and acknowledged: the new session is in force.
    Acknowledged,
    /// The peer cancelled it: the session stays as it was.
    Cancelled,
}

/// Who or what ended a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EndedBy {
    /// BYE from the peer.
    Peer,
    /// We hung up, refused or cancelled.
    Local,
    /// No ACK came for our 2xx within 64*T1; a BYE was sent.
    NoAck,
    /// The peer did not answer a request within the dialog any more, or knew nothing of it (408 and 481,
    /// RFC 3261 section 12.2.1.2); a BYE was sent.
    Timeout,
    /// The transport could not reach the peer.
    Transport,
}

/// Why a leg could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LegError {
    /// There is no such leg, or it has ended.
    #[error("the leg has ended")]
    Gone,
    /// Not possible in the leg's present state, for instance answering twice.
    #[error("not possible in the leg's present state")]
    WrongState,
    /// An offer or re-INVITE of either side is still open; try again when it is over.
    #[error("an offer is still open")]
    OfferPending,
    /// A status outside the range that the call takes.
    #[error("status {0} is not allowed here")]
    BadStatus(u16),
    /// A header that is set by the endpoint, or with a name or value that would break the message.
    #[error("a header that may not be set here")]
    BadHeader,
    /// No trunk of this name, or it has no destination.
    #[error("no such trunk, or the trunk has no destination")]
    NoTrunk,
    /// No listening socket has the protocol and address family of the destination.
    #[error("no socket for the destination's protocol and address family")]
    NoSocket,
    /// The trunk or the endpoint has as many calls as it may.
    #[error("the limit of calls is reached")]
    LimitReached,
    /// Max-Forwards has run out: 483 for the call that is to be passed on.
    #[error("too many hops")]
    TooManyHops,
    /// Too much was asked of this leg at once, or the stack is shutting down.
    #[error("too many commands are waiting")]
    Busy,
}
