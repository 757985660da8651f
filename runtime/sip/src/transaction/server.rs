//! Server transactions: RFC 3261 section 17.2, RFC 6026 section 7.1.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Backoff, Reliability, Timers, sooner};
use crate::time::Time;

/// How long an INVITE waits for a response of the transaction user before it gets 100. RFC 3261 section 17.2.1 asks for
/// one when no other response follows within 200 ms.
const TRYING_AFTER: Duration = Duration::from_millis(150);

/// What the owner of a server transaction has to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAction {
    /// Nothing: the input was absorbed.
    Nothing,
    /// Send the last response again.
    Retransmit,
    /// Send 100: the transaction user has said nothing yet.
    Trying,
    /// Hand the message to the transaction user (an ACK to a 2xx).
    Deliver,
    /// No ACK came for a final response other than 2xx (timer H).
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum InviteState {
    /// No response yet; a 100 is due at `until`.
    Trying {
        until: Time,
    },
    /// No final response yet, but a provisional one.
    Proceeding,
    /// 300-699 sent, waiting for its ACK until timer H; timer G retransmits.
    Completed {
        retransmit: Option<Backoff>,
        give_up: Time,
    },
    /// ACK received; absorbs more of them until timer I.
    Confirmed {
        until: Time,
    },
    /// 2xx sent (RFC 6026); absorbs the INVITE and delivers ACKs until timer L.
    Accepted {
        until: Time,
    },
    Terminated,
}

/// The INVITE server transaction (RFC 3261 figure 7, RFC 6026 figure 5).
///
/// Retransmitting a 2xx is not its work but the dialog's (RFC 3261 section 13.3.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteServer {
    state: InviteState,
    reliability: Reliability,
}

impl InviteServer {
    /// A transaction for an INVITE that has just arrived.
    #[must_use]
    pub fn new(reliability: Reliability, now: Time) -> Self {
        Self {
            state: InviteState::Trying {
                until: now + TRYING_AFTER,
            },
            reliability,
        }
    }

    /// The transaction user sends a response with this status. Returns false, and changes nothing, after a final one.
    pub fn respond(&mut self, status: u16, now: Time, timers: &Timers) -> bool {
        if !self.is_proceeding() {
            return false;
        }
        match status {
            ..200 => self.state = InviteState::Proceeding,
            200..300 => {
                self.state = InviteState::Accepted {
                    until: now + timers.give_up(),
                }
            }
            300.. => {
                let retransmit = match self.reliability {
                    Reliability::Reliable => None,
                    Reliability::Unreliable => Some(Backoff::new(timers.t1, Some(timers.t2), now)),
                };
                self.state = InviteState::Completed {
                    retransmit,
                    give_up: now + timers.give_up(),
                };
            }
        }
        true
    }

    /// The same INVITE arrived again.
    pub fn retransmitted(&self) -> ServerAction {
        match self.state {
            InviteState::Trying { .. } => ServerAction::Trying,
            InviteState::Proceeding | InviteState::Completed { .. } => ServerAction::Retransmit,
            _ => ServerAction::Nothing,
        }
    }

    /// An ACK matched this transaction.
    pub fn acknowledged(&mut self, now: Time, timers: &Timers) -> ServerAction {
        match self.state {
            InviteState::Completed { .. } => {
                let linger = timers.linger(self.reliability);
                self.state = if linger.is_zero() {
                    InviteState::Terminated
                } else {
                    InviteState::Confirmed {
                        until: now + linger,
                    }
                };
                ServerAction::Nothing
            }
            InviteState::Accepted { .. } => ServerAction::Deliver,
            _ => ServerAction::Nothing,
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> ServerAction {
        match &mut self.state {
            InviteState::Trying { until } if *until <= now => {
                self.state = InviteState::Proceeding;
                ServerAction::Trying
            }
            InviteState::Completed { give_up, .. } if *give_up <= now => {
                self.state = InviteState::Terminated;
                ServerAction::TimedOut
            }
            InviteState::Completed {
                retransmit: Some(retransmit),
                ..
            } if retransmit.at <= now => {
                retransmit.advance(now);
                ServerAction::Retransmit
            }
            InviteState::Confirmed { until } | InviteState::Accepted { until } if *until <= now => {
                self.state = InviteState::Terminated;
                ServerAction::Nothing
            }
            _ => ServerAction::Nothing,
        }
    }

    /// When [`timeout`](Self::timeout) is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            InviteState::Completed {
                retransmit,
                give_up,
            } => sooner(retransmit.map(|r| r.at), Some(give_up)),
            InviteState::Trying { until }
            | InviteState::Confirmed { until }
            | InviteState::Accepted { until } => Some(until),
            InviteState::Proceeding | InviteState::Terminated => None,
        }
    }

    /// Whether no final response was sent yet, so that a CANCEL has an effect.
    #[must_use]
    pub fn is_proceeding(&self) -> bool {
        matches!(
            self.state,
            InviteState::Trying { .. } | InviteState::Proceeding
        )
    }

    /// Whether nothing is left to do but to absorb what comes again.
    #[must_use]
    pub fn lingers(&self) -> bool {
        matches!(
            self.state,
            InviteState::Accepted { .. } | InviteState::Confirmed { .. }
        )
    }

    /// Whether the transaction may be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == InviteState::Terminated
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum NonInviteState {
    Trying,
    Proceeding,
    /// Final response sent; answers retransmissions until timer J.
    Completed {
        until: Time,
    },
    Terminated,
}

/// The server transaction of every other request (RFC 3261 figure 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonInviteServer {
    state: NonInviteState,
    reliability: Reliability,
}

impl NonInviteServer {
    /// A transaction for a request that has just arrived.
    #[must_use]
    pub fn new(reliability: Reliability) -> Self {
        Self {
            state: NonInviteState::Trying,
            reliability,
        }
    }

    /// The transaction user sends a response with this status. Returns false, and changes nothing, after a final one.
    pub fn respond(&mut self, status: u16, now: Time, timers: &Timers) -> bool {
        match self.state {
            NonInviteState::Trying | NonInviteState::Proceeding => {}
            NonInviteState::Completed { .. } | NonInviteState::Terminated => return false,
        }
        self.state = match (status, self.reliability) {
            (..200, _) => NonInviteState::Proceeding,
            (200.., Reliability::Reliable) => NonInviteState::Terminated,
            (200.., Reliability::Unreliable) => NonInviteState::Completed {
                until: now + timers.give_up(),
            },
        };
        true
    }

    /// The same request arrived again.
    pub fn retransmitted(&self) -> ServerAction {
        match self.state {
            NonInviteState::Proceeding | NonInviteState::Completed { .. } => {
                ServerAction::Retransmit
            }
            NonInviteState::Trying | NonInviteState::Terminated => ServerAction::Nothing,
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> ServerAction {
        if let NonInviteState::Completed { until } = self.state
            && until <= now
        {
            self.state = NonInviteState::Terminated;
        }
        ServerAction::Nothing
    }

    /// When [`timeout`](Self::timeout) is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            NonInviteState::Completed { until } => Some(until),
            _ => None,
        }
    }

    /// Whether nothing is left to do but to answer what comes again.
    #[must_use]
    pub fn lingers(&self) -> bool {
        matches!(self.state, NonInviteState::Completed { .. })
    }

    /// Whether the transaction may be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == NonInviteState::Terminated
    }
}
