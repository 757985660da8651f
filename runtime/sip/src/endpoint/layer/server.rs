//! Server transactions: requests of peers.

use serde::{Deserialize, Serialize};

use super::{Counted, LINGER_GRAIN, Layer, Owner, response_bytes};
use crate::dialog::path::Path;
use crate::endpoint::event::LegId;
use crate::endpoint::keys::Key;
use crate::message::{Method, Request, Response};
use crate::time::Time;
use crate::transaction::{InviteServer, NonInviteServer, ServerAction, Timers};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::endpoint) enum ServerMachine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::endpoint) struct Server {
    machine: ServerMachine,
    path: Path,
    /// What a copy of the request gets: the last response. Empty before the first, and after a 2xx to an INVITE, which
    /// the leg retransmits.
    last: Vec<u8>,
    pub(in crate::endpoint) leg: Option<LegId>,
    /// The entry in the table of merged requests.
    merged: Option<Key>,
    #[serde(skip)]
    counted: Counted,
    #[serde(skip)]
    scheduled: Option<Time>,
}

impl Server {
    /// When the machine has something to do. What merely waits to be forgotten does so together with others.
    fn deadline(&self) -> Option<Time> {
        let (deadline, lingers) = match &self.machine {
            ServerMachine::Invite(machine) => (machine.deadline(), machine.lingers()),
            ServerMachine::NonInvite(machine) => (machine.deadline(), machine.lingers()),
        };
        if lingers {
            deadline.map(|at| at.round_up(LINGER_GRAIN))
        } else {
            deadline
        }
    }

    /// Takes note of a response of ours; false when the transaction is not open any more.
    fn advance(&mut self, status: u16, now: Time, timers: &Timers) -> bool {
        // What stands is the wake-up for a 100, if any. The next one comes long after, and goes into the queue now: later
        // it would be out of order there.
        self.scheduled = None;
        match &mut self.machine {
            ServerMachine::Invite(machine) => machine.respond(status, now, timers),
            ServerMachine::NonInvite(machine) => machine.respond(status, now, timers),
        }
    }

    fn is_finished(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.lingers(),
            ServerMachine::NonInvite(machine) => machine.lingers(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::NonInvite(machine) => machine.is_terminated(),
        }
    }
}

/// What an ACK turned out to be, as far as transactions know.
pub(in crate::endpoint) enum AckFate {
    /// It ended the retransmission of a refusal.
    Absorbed,
    /// It may belong to a 2xx: the leg knows.
    ForLeg,
}

impl Layer {
    /// A response with what all of ours have in common; `tag` goes to a To that has none.
    pub(in crate::endpoint) fn response(
        &self,
        request: &Request,
        status: u16,
        tag: &str,
    ) -> Response {
        let mut response = Response::to(request, status);
        if status > 100 {
            response.set_to_tag(tag);
        }
        if !self.config.user_agent.is_empty() {
            response.headers.push("Server", &self.config.user_agent);
        }
        response
    }

    /// Answers a request without remembering it: for strangers and when the tables are full.
    pub(in crate::endpoint) fn respond_stateless(&mut self, path: &Path, response: &Response) {
        let bytes = response_bytes(response, &mut self.scratch);
        self.transmit(path, bytes);
    }

    pub(in crate::endpoint) fn has_room(&self) -> bool {
        self.servers.len() < self.config.limits.max_transactions
    }

    /// Whether a request with the same identity came another way and is still being served.
    pub(in crate::endpoint) fn is_merged(&self, merged: Key, key: Key) -> bool {
        self.merged.get(merged).is_some_and(|other| *other != key)
    }

    /// Begins a server transaction.
    pub(in crate::endpoint) fn begin(
        &mut self,
        key: Key,
        method: &Method,
        path: Path,
        leg: Option<LegId>,
        merged: Option<Key>,
        now: Time,
    ) {
        let reliability = path.reliability();
        let machine = match method {
            Method::Invite => ServerMachine::Invite(InviteServer::new(reliability, now)),
            _ => ServerMachine::NonInvite(NonInviteServer::new(reliability)),
        };
        if let Some(merged) = merged {
            self.merged.insert(merged, key);
        }
        let server = Server {
            machine,
            path,
            last: Vec::new(),
            leg,
            merged,
            counted: Counted::Open,
            scheduled: None,
        };
        self.servers.insert(key, Box::new(server));
        self.settle_server(key);
    }

    /// Sends a response within a transaction, if it is still open.
    pub(in crate::endpoint) fn respond(&mut self, key: Key, response: &Response, now: Time) {
        if let Some(server) = self.servers.get_mut(key)
            && server.advance(response.status, now, &self.config.timers)
        {
            let bytes = response_bytes(response, &mut self.scratch);
            server.last.clone_from(&bytes);
            self.transmits.push_back(server.path.transmit(bytes));
            self.settle_server(key);
        }
    }

    /// Sends the 2xx to an INVITE. Returns its way and its bytes, for the leg to retransmit (RFC 3261
    /// section 13.3.1.4); `None` when the transaction is not open any more.
    pub(in crate::endpoint) fn accept(
        &mut self,
        key: Key,
        response: &Response,
        now: Time,
    ) -> Option<(Path, Vec<u8>)> {
        let server = self.servers.get_mut(key)?;
        if !server.advance(response.status, now, &self.config.timers) {
            return None;
        }
        server.last = Vec::new();
        let (path, bytes) = (server.path, response_bytes(response, &mut self.scratch));
        self.transmits.push_back(path.transmit(bytes.clone()));
        self.settle_server(key);
        Some((path, bytes))
    }

    /// Sends the last response again, so that proxies on the way go on waiting.
    pub(in crate::endpoint) fn repeat(&mut self, key: Key) {
        if let Some(server) = self
            .servers
            .get(key)
            .filter(|server| !server.last.is_empty())
        {
            let transmit = server.path.transmit(server.last.clone());
            self.transmits.push_back(transmit);
        }
    }

    /// Forgets a server transaction that is over, or asks for its next wake-up.
    fn settle_server(&mut self, key: Key) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        if !server.is_terminated() {
            if server.is_finished() && server.counted == Counted::Open {
                server.counted = Counted::Finished;
                self.counters.finished_transactions += 1;
            }
            let deadline = server.deadline();
            self.timers
                .schedule(Owner::Server(key), deadline, &mut server.scheduled);
            return;
        }
        let Some(server) = self.servers.remove(key) else {
            return;
        };
        self.uncount(server.counted);
        if let Some(merged) = server.merged {
            self.merged.remove(merged);
        }
    }

    /// Absorbs a retransmitted request. Returns false when the request is new.
    pub(in crate::endpoint) fn absorb(&mut self, key: Key, request: &Request, now: Time) -> bool {
        let Some(server) = self.servers.get(key) else {
            return false;
        };
        self.counters.retransmissions_received += 1;
        let action = match &server.machine {
            ServerMachine::Invite(machine) => machine.retransmitted(),
            ServerMachine::NonInvite(machine) => machine.retransmitted(),
        };
        match action {
            ServerAction::Retransmit if !server.last.is_empty() => {
                let transmit = server.path.transmit(server.last.clone());
                self.counters.retransmissions_sent += 1;
                self.transmits.push_back(transmit);
            }
            ServerAction::Trying => self.trying(key, request, now),
            _ => {}
        }
        true
    }

    /// Sends 100 to this INVITE (RFC 3261 section 17.2.1).
    pub(in crate::endpoint) fn trying(&mut self, key: Key, request: &Request, now: Time) {
        let response = self.response(request, 100, "");
        self.respond(key, &response, now);
    }

    /// An ACK arrived with the branch of this transaction.
    pub(in crate::endpoint) fn acknowledge(&mut self, key: Key, now: Time) -> AckFate {
        let Some(server) = self.servers.get_mut(key) else {
            return AckFate::ForLeg;
        };
        let ServerMachine::Invite(machine) = &mut server.machine else {
            return AckFate::Absorbed;
        };
        let action = machine.acknowledged(now, &self.config.timers);
        self.settle_server(key);
        match action {
            ServerAction::Deliver => AckFate::ForLeg,
            _ => AckFate::Absorbed,
        }
    }

    /// The leg of the INVITE that a CANCEL is for, and whether it has no final response yet.
    pub(in crate::endpoint) fn invite_to_cancel(&self, key: Key) -> Option<(Option<LegId>, bool)> {
        let server = self.servers.get(key)?;
        match &server.machine {
            ServerMachine::Invite(machine) => Some((server.leg, machine.is_proceeding())),
            ServerMachine::NonInvite(_) => None,
        }
    }

    /// Whether the transaction still wants the wake-up that stands for this time. If not, it gets the one that it wants.
    pub(in crate::endpoint) fn server_wakes(&mut self, key: Key, at: Time) -> bool {
        let Some(server) = self.servers.get_mut(key) else {
            return false;
        };
        let deadline = server.deadline();
        if deadline.is_some_and(|deadline| deadline <= at) {
            return true;
        }
        if server.scheduled == Some(at) {
            server.scheduled = None;
        }
        self.timers
            .schedule(Owner::Server(key), deadline, &mut server.scheduled);
        false
    }

    /// Does what is due. Returns the leg whose INVITE has waited long enough for a response and gets 100 now.
    pub(in crate::endpoint) fn server_due(
        &mut self,
        key: Key,
        at: Time,
        now: Time,
    ) -> Option<LegId> {
        let server = self.servers.get_mut(key)?;
        let leg = server.leg;
        if server.scheduled == Some(at) {
            server.scheduled = None;
        }
        let action = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.timeout(now),
            ServerMachine::NonInvite(machine) => machine.timeout(now),
        };
        match action {
            ServerAction::Retransmit => {
                let transmit = server.path.transmit(server.last.clone());
                self.counters.retransmissions_sent += 1;
                self.transmits.push_back(transmit);
            }
            ServerAction::TimedOut => self.counters.never_acknowledged += 1,
            ServerAction::Nothing | ServerAction::Deliver | ServerAction::Trying => {}
        }
        self.settle_server(key);
        leg.filter(|_| action == ServerAction::Trying)
    }

    pub(in crate::endpoint) fn server(&self, key: Key) -> Option<&Server> {
        self.servers.get(key).map(|server| &**server)
    }

    /// Takes over a server transaction of another process under this key.
    pub(in crate::endpoint) fn restore_server(&mut self, key: Key, server: Server) {
        self.servers.insert(key, Box::new(server));
        self.settle_server(key);
    }
}
