//! The sans-IO heart: transactions, dialogs, legs and the limits of trunks.
//!
//! An [`Endpoint`] is told what arrives and what time it is, and asked what is to be sent, what has happened and when
//! it wants to be woken. It never blocks, reads no clock, and holds no more than its [`Limits`] allow.
//!
//! Not done yet, and left room for: PRACK (RFC 3262), UPDATE (RFC 3311), session timers (RFC 4028), DNS (RFC 3263),
//! digest authentication. Requests larger than 1300 bytes go by UDP all the same where the trunk says UDP, against
//! RFC 3261 section 18.1.1: peers of an IVR that listen on UDP only are more common than those that drop fragments.

mod command;
mod config;
mod counters;
mod event;
mod in_dialog;
mod keys;
mod layer;
mod leg;
mod receive;
mod snapshot;
mod uac;
mod uas;

use std::collections::VecDeque;
use std::sync::Arc;

use config::Shedding;
pub use config::{Admission, EndpointConfig, Limits, LocalAddress};
pub use counters::{Counters, TrunkLoad};
pub use event::{
    EndedBy, Incoming, Invite, LegError, LegEvent, LegId, Next, Rejection, ReofferOutcome,
};
pub use snapshot::{LegSnapshot, RestoreError};

use crate::dialog;
use crate::time::Time;
use crate::transport::Transmit;
use crate::trunk::{Trunks, Usage};
pub(crate) use keys::IdMap;
use keys::KeyMap;
use layer::{Expiry, Layer, Owner};
use leg::{Leg, OfferState, Phase, Told};

/// All SIP state of one process.
pub struct Endpoint {
    layer: Layer,
    trunks: Trunks,
    usage: Usage,
    admission: Admission,
    shedding: Shedding,
    /// Calls that can be taken over now; unlimited when absent.
    room: Option<usize>,
    legs: IdMap<LegId, Box<Leg>>,
    by_dialog: KeyMap<LegId>,
    next_leg: u64,
    /// Legs whose last event was not told yet.
    calls: usize,
    events: VecDeque<(LegId, LegEvent)>,
}

impl Endpoint {
    /// An endpoint without legs.
    ///
    /// `seed` must be unpredictable and never be used twice: tags, branches and Call-IDs are drawn from it, and whoever
    /// guesses them can end calls.
    #[must_use]
    pub fn new(config: EndpointConfig, trunks: Trunks, seed: [u8; 32]) -> Self {
        let calls = config.limits.max_calls.min(1 << 20);
        Self {
            layer: Layer::new(config, seed),
            trunks,
            usage: Usage::default(),
            admission: Admission::default(),
            shedding: Shedding::default(),
            room: None,
            legs: IdMap::with_capacity_and_hasher(calls, Default::default()),
            by_dialog: KeyMap::with_capacity_and_hasher(calls, Default::default()),
            next_leg: 1,
            calls: 0,
            events: VecDeque::with_capacity(256),
        }
    }

    /// The next message to send. Ask until there is none.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.layer.transmits.pop_front()
    }

    /// The next thing that happened. Ask until there is none.
    pub fn poll_event(&mut self) -> Option<(LegId, LegEvent)> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. May be early, never late.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Time> {
        crate::transaction::sooner(self.next_wake(), self.layer.refusals.deadline())
    }

    /// The same for legs and transactions.
    fn next_wake(&mut self) -> Option<Time> {
        loop {
            let (at, owner) = self.layer.next_timeout()?;
            let due = match owner {
                Owner::Server(key) => self.layer.server_wakes(key, at),
                Owner::Client(key) => self.layer.client_wakes(key, at),
                Owner::Leg(id) => self.leg_wakes(id, at),
            };
            if due {
                return Some(at);
            }
            // Nobody is woken for what was cancelled long ago, such as the retransmission of a 2xx that was acknowledged.
            self.layer.pop_timeout();
        }
    }

    /// Whether the leg still wants the wake-up that stands for this time. If not, it gets the one that it wants.
    fn leg_wakes(&mut self, id: LegId, at: Time) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else {
            return false;
        };
        let deadline = leg.deadline();
        if deadline.is_some_and(|deadline| deadline <= at) {
            return true;
        }
        if leg.scheduled == Some(at) {
            leg.scheduled = None;
        }
        self.layer.schedule_leg(id, deadline, &mut leg.scheduled);
        false
    }

    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.layer.refusals.expire(now);
        while let Some((at, owner)) = self.layer.pop_due(now) {
            match owner {
                Owner::Server(key) => {
                    if let Some(leg) = self.layer.server_due(key, at, now) {
                        self.trying(leg, key, now);
                    }
                }
                Owner::Client(key) => match self.layer.client_due(key, at, now) {
                    Expiry::Nothing => {}
                    Expiry::Unanswered(delivery) => {
                        let key = delivery.key;
                        self.unanswered(delivery, uac::Silence::Timeout, now);
                        self.settle_client(key);
                    }
                    Expiry::ClientGone(leg) => self.settle(leg),
                },
                Owner::Leg(id) => self.leg_due(id, at, now),
            }
        }
    }

    /// Opens or closes the door for new calls.
    pub fn set_admission(&mut self, admission: Admission) {
        self.admission = admission;
    }

    /// Refuses so many of a thousand new calls with 503 and Retry-After, because the server is late; none when 0. At most
    /// a thousand.
    pub fn shed(&mut self, thousandths: u16) {
        self.shedding.set(thousandths);
    }

    /// Says how many calls can be taken over before the next time that this is said. One more gets 503 with Retry-After.
    pub fn set_room(&mut self, calls: usize) {
        self.room = Some(calls);
    }

    /// Takes a new set of trunks. Calls in progress go on, those of trunks that are gone included.
    pub fn set_trunks(&mut self, trunks: Trunks) {
        self.usage.retain(&trunks);
        self.trunks = trunks;
    }

    /// Gauges and totals.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            calls: self.calls as u64,
            legs: self.legs.len() as u64,
            shed_thousandths: self.shedding.thousandths().into(),
            ..self.layer.counters()
        }
    }

    /// Calls of each trunk at this moment.
    #[must_use]
    pub fn trunk_loads(&self) -> Vec<TrunkLoad> {
        let load = |trunk: &crate::trunk::Trunk| TrunkLoad {
            name: trunk.name.clone(),
            calls: self.usage.calls(&trunk.name),
            max_calls: trunk.max_calls,
        };
        self.trunks.iter().map(load).collect()
    }

    /// Calls at the same time, at the most.
    pub(crate) fn max_calls(&self) -> usize {
        self.layer.config.limits.max_calls
    }

    /// Every leg that has not ended, in no order: for a shutdown.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.legs
            .values()
            .filter(|leg| leg.told == Told::Not)
            .map(|leg| leg.id)
    }

    /// Legs that are not over, or whose BYE has no answer yet.
    pub(crate) fn unfinished(&self) -> usize {
        let open = |leg: &Leg| {
            let bye =
                leg.hangup.is_some() || leg.bye.is_some_and(|key| self.layer.awaits_final(key));
            leg.told == Told::Not || bye
        };
        self.legs.values().filter(|leg| open(leg)).count()
    }

    fn new_leg_id(&mut self) -> LegId {
        let id = LegId(self.next_leg);
        self.next_leg += 1;
        id
    }

    /// Takes a leg into the tables; its trunk has counted it already.
    fn adopt(&mut self, leg: Leg) {
        let key = self
            .layer
            .keys
            .leg(leg.dialog.call_id(), leg.dialog.local_tag());
        self.by_dialog.insert(key, leg.id);
        if leg.told == Told::Not {
            self.calls += 1;
        }
        self.legs.insert(leg.id, Box::new(leg));
    }

    fn tell(&mut self, id: LegId, event: LegEvent) {
        self.events.push_back((id, event));
    }

    /// Tells the last event of a leg, once, and gives its line back to the trunk.
    fn finish(&mut self, id: LegId, event: LegEvent) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        if leg.told == Told::Ended {
            return;
        }
        leg.told = Told::Ended;
        self.calls = self.calls.saturating_sub(1);
        if let Some(trunk) = &leg.trunk {
            self.usage.release(trunk);
        }
        self.events.push_back((id, event));
    }

    /// Moves a leg to another phase and keeps count of the dialogs.
    fn enter(&mut self, id: LegId, phase: Phase) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let was = leg.is_confirmed();
        leg.phase = phase;
        if !leg.is_confirmed() {
            // What only waited to be sent again will not be.
            leg.local_offer
                .take_if(|offer| matches!(offer.state, OfferState::Postponed(_)));
        }
        let dialogs = &mut self.layer.counters.dialogs;
        match (was, leg.is_confirmed()) {
            (false, true) => *dialogs += 1,
            (true, false) => *dialogs = dialogs.saturating_sub(1),
            _ => {}
        }
    }

    /// Forgets a leg that has nothing left to do, or asks for its next wake-up.
    fn settle(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let waits_for_bye = leg.bye.is_some_and(|key| self.layer.awaits_final(key));
        let waits_for_forks = leg
            .outbound
            .as_ref()
            .is_some_and(|outbound| self.layer.has_client(outbound.invite));
        let over = matches!(leg.phase, Phase::Over) && leg.told == Told::Ended;
        if over && leg.unacknowledged.is_empty() && !waits_for_bye && !waits_for_forks {
            let key = self
                .layer
                .keys
                .leg(leg.dialog.call_id(), leg.dialog.local_tag());
            self.by_dialog.remove(&key);
            self.legs.remove(&id);
            return;
        }
        let deadline = leg.deadline();
        self.layer.schedule_leg(id, deadline, &mut leg.scheduled);
    }

    /// Forgets a client transaction that is over, and its leg if that waited for it.
    fn settle_client(&mut self, key: keys::Key) {
        let leg = self.layer.client(key).map(|client| client.leg);
        self.layer.settle_client(key);
        if let Some(leg) = leg {
            self.settle(leg);
        }
    }

    /// Where the dialog's next request goes.
    fn dialog_path(leg: &Leg) -> dialog::path::Path {
        dialog::path::in_dialog(&leg.dialog, leg.path, leg.dialog_requests)
    }
}

/// The trunk's name, shared by all of its legs.
type TrunkName = Arc<str>;

#[cfg(test)]
mod tests;
