//! Client transactions: RFC 3261 section 17.1, RFC 6026 section 7.2.

use serde::{Deserialize, Serialize};

use super::{Backoff, Reliability, Timers, sooner};
use crate::time::Time;

/// What the owner of a client transaction has to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Nothing: the input was absorbed.
    Nothing,
    /// Send the request again.
    Retransmit,
    /// Hand the response to the transaction user.
    Deliver,
    /// Send the ACK of a final response other than 2xx, and hand the response to the transaction user.
    DeliverAndAcknowledge,
    /// Send the ACK of a final response other than 2xx once more.
    Acknowledge,
    /// No final response came (timer B or F): as if a 408 had arrived.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum InviteState {
    /// Timer A retransmits, timer B gives up.
    Calling {
        retransmit: Option<Backoff>,
        give_up: Time,
    },
    /// A provisional response came: the phone may ring for as long as it likes.
    Proceeding,
    /// 300-699 came; answers its retransmissions with ACK until timer D.
    Completed {
        until: Time,
    },
    /// 2xx came (RFC 6026); delivers more of them, of other branches too, until timer M.
    Accepted {
        until: Time,
    },
    Terminated,
}

/// The INVITE client transaction (RFC 3261 figure 5, RFC 6026 figure 4).
///
/// The ACK of a 2xx is not its work but the dialog's (RFC 3261 section 13.2.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteClient {
    state: InviteState,
    reliability: Reliability,
}

impl InviteClient {
    /// A transaction whose INVITE is sent at `now`.
    #[must_use]
    pub fn new(reliability: Reliability, now: Time, timers: &Timers) -> Self {
        let retransmit = match reliability {
            Reliability::Reliable => None,
            Reliability::Unreliable => Some(Backoff::new(timers.t1, None, now)),
        };
        Self {
            state: InviteState::Calling {
                retransmit,
                give_up: now + timers.give_up(),
            },
            reliability,
        }
    }

    /// A response arrived.
    pub fn received(&mut self, status: u16, now: Time, timers: &Timers) -> ClientAction {
        match (self.state, status) {
            (InviteState::Calling { .. } | InviteState::Proceeding, ..200) => {
                self.state = InviteState::Proceeding;
                ClientAction::Deliver
            }
            (InviteState::Calling { .. } | InviteState::Proceeding, 200..300) => {
                self.state = InviteState::Accepted {
                    until: now + timers.give_up(),
                };
                ClientAction::Deliver
            }
            (InviteState::Accepted { .. }, 200..300) => ClientAction::Deliver,
            (InviteState::Calling { .. } | InviteState::Proceeding, 300..) => {
                let wait = timers.wait_for_response_retransmits(self.reliability);
                self.state = if wait.is_zero() {
                    InviteState::Terminated
                } else {
                    InviteState::Completed { until: now + wait }
                };
                ClientAction::DeliverAndAcknowledge
            }
            (InviteState::Completed { .. }, 300..) => ClientAction::Acknowledge,
            _ => ClientAction::Nothing,
        }
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> ClientAction {
        match &mut self.state {
            InviteState::Calling { give_up, .. } if *give_up <= now => {
                self.state = InviteState::Terminated;
                ClientAction::TimedOut
            }
            InviteState::Calling {
                retransmit: Some(retransmit),
                ..
            } if retransmit.at <= now => {
                retransmit.advance(now);
                ClientAction::Retransmit
            }
            InviteState::Completed { until } | InviteState::Accepted { until } if *until <= now => {
                self.state = InviteState::Terminated;
                ClientAction::Nothing
            }
            _ => ClientAction::Nothing,
        }
    }

    /// The transport could not deliver the request. Returns true when that ends the transaction: once a provisional
    /// response has come, the request has arrived, and the final one may come another way.
    #[must_use]
    pub fn transport_failed(&mut self) -> bool {
        let calling = matches!(self.state, InviteState::Calling { .. });
        if calling {
            self.state = InviteState::Terminated;
        }
        calling
    }

    /// When [`timeout`](Self::timeout) is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            InviteState::Calling {
                retransmit,
                give_up,
            } => sooner(retransmit.map(|r| r.at), Some(give_up)),
            InviteState::Completed { until } | InviteState::Accepted { until } => Some(until),
            InviteState::Proceeding | InviteState::Terminated => None,
        }
    }

    /// Whether a provisional response came and no final one: the only time to CANCEL (RFC 3261 section 9.1).
    #[must_use]
    pub fn is_proceeding(&self) -> bool {
        self.state == InviteState::Proceeding
    }

    /// Whether no final response came yet.
    #[must_use]
    pub fn awaits_final(&self) -> bool {
        matches!(
            self.state,
            InviteState::Calling { .. } | InviteState::Proceeding
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
    /// Trying and Proceeding: timer E retransmits, timer F gives up.
    Waiting {
        retransmit: Option<Backoff>,
        give_up: Time,
    },
    /// Final response came; absorbs its retransmissions until timer K.
    Completed {
        until: Time,
    },
    Terminated,
}

/// The client transaction of every other request (RFC 3261 figure 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonInviteClient {
    state: NonInviteState,
    reliability: Reliability,
}

impl NonInviteClient {
    /// A transaction whose request is sent at `now`.
    #[must_use]
    pub fn new(reliability: Reliability, now: Time, timers: &Timers) -> Self {
        let retransmit = match reliability {
            Reliability::Reliable => None,
            Reliability::Unreliable => Some(Backoff::new(timers.t1, Some(timers.t2), now)),
        };
        Self {
            state: NonInviteState::Waiting {
                retransmit,
                give_up: now + timers.give_up(),
            },
            reliability,
        }
    }

    /// A response arrived.
    pub fn received(&mut self, status: u16, now: Time, timers: &Timers) -> ClientAction {
        let NonInviteState::Waiting { retransmit, .. } = &mut self.state else {
            return ClientAction::Nothing;
        };
        if status < 200 {
            if let Some(retransmit) = retransmit {
                retransmit.settle(timers.t2);
            }
            return ClientAction::Deliver;
        }
        let linger = timers.linger(self.reliability);
        self.state = if linger.is_zero() {
            NonInviteState::Terminated
        } else {
            NonInviteState::Completed {
                until: now + linger,
            }
        };
        ClientAction::Deliver
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Time) -> ClientAction {
        match &mut self.state {
            NonInviteState::Waiting { give_up, .. } if *give_up <= now => {
                self.state = NonInviteState::Terminated;
                ClientAction::TimedOut
            }
            NonInviteState::Waiting {
                retransmit: Some(retransmit),
                ..
            } if retransmit.at <= now => {
                retransmit.advance(now);
                ClientAction::Retransmit
            }
            NonInviteState::Completed { until } if *until <= now => {
                self.state = NonInviteState::Terminated;
                ClientAction::Nothing
            }
            _ => ClientAction::Nothing,
        }
    }

    /// The transport could not deliver the request. Returns true when that ends the transaction.
    #[must_use]
    pub fn transport_failed(&mut self) -> bool {
        let waiting = self.awaits_final();
        if waiting {
            self.state = NonInviteState::Terminated;
        }
        waiting
    }

    /// When [`timeout`](Self::timeout) is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            NonInviteState::Waiting {
                retransmit,
                give_up,
            } => sooner(retransmit.map(|r| r.at), Some(give_up)),
            NonInviteState::Completed { until } => Some(until),
            NonInviteState::Terminated => None,
        }
    }

    /// Whether no final response came yet.
    #[must_use]
    pub fn awaits_final(&self) -> bool {
        matches!(self.state, NonInviteState::Waiting { .. })
    }

    /// Whether the transaction may be forgotten.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == NonInviteState::Terminated
    }
}
