//! A 2xx to an INVITE that waits for its ACK: RFC 3261 section 13.3.1.4.

use serde::{Deserialize, Serialize};

use super::path::Path;
use crate::time::Time;
use crate::transaction::{Backoff, Timers, sooner};

/// What is to be done about an unacknowledged 2xx.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnacknowledgedAction {
    Nothing,
    /// Send the 2xx again.
    Retransmit,
    /// 64*T1 have passed: end the dialog with BYE.
    GiveUp,
}

/// Which INVITE of a dialog a 2xx answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AnswerTo {
    Invite,
    Reinvite,
}

/// A 2xx to an INVITE.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Whether this is the answer to the call or to a re-INVITE.
    pub(crate) to: AnswerTo,
    /// The CSeq number of the INVITE, which the ACK repeats.
    pub(crate) sequence: u32,
    /// Whether our 2xx carried the offer, so that the ACK brings the answer.
    pub(crate) offered: bool,
    /// The way of the 2xx.
    pub(crate) path: Path,
    /// The 2xx.
    pub(crate) response: Vec<u8>,
}

/// Retransmits a 2xx at T1, 2*T1, ... T2 until its ACK comes or 64*T1 have passed, over reliable transports too,
/// because proxies on the way may use others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unacknowledged {
    pub(crate) answer: Answer,
    retransmit: Backoff,
    give_up: Time,
}

impl Unacknowledged {
    /// A 2xx that is sent at `now`.
    pub(crate) fn new(answer: Answer, now: Time, timers: &Timers) -> Self {
        let retransmit = Backoff::new(timers.t1, Some(timers.t2), now);
        Self {
            answer,
            retransmit,
            give_up: now + timers.give_up(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        sooner(Some(self.retransmit.at), Some(self.give_up))
    }

    pub(crate) fn timeout(&mut self, now: Time) -> UnacknowledgedAction {
        if self.give_up <= now {
            return UnacknowledgedAction::GiveUp;
        }
        if self.retransmit.at <= now {
            self.retransmit.advance(now);
            return UnacknowledgedAction::Retransmit;
        }
        UnacknowledgedAction::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2xx_is_retransmitted_until_64_t1() {
        let timers = Timers::default();
        let path = Path {
            protocol: crate::transport::Protocol::Udp,
            local: None,
            destination: "192.0.2.1:5060".parse().unwrap(),
            connection: None,
        };
        let answer = Answer {
            to: AnswerTo::Invite,
            sequence: 1,
            offered: false,
            path,
            response: Vec::new(),
        };
        let mut pending = Unacknowledged::new(answer, Time::from_millis(0), &timers);
        let mut sent = Vec::new();
        loop {
            let now = pending.deadline().unwrap();
            match pending.timeout(now) {
                UnacknowledgedAction::Retransmit => sent.push(now.as_millis()),
                UnacknowledgedAction::GiveUp => break assert_eq!(now.as_millis(), 32_000),
                UnacknowledgedAction::Nothing => panic!("woken for nothing at {now:?}"),
            }
        }
        assert_eq!(
            sent,
            [
                500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
            ]
        );
    }
}
