//! Client transactions: requests of ours.

use serde::{Deserialize, Serialize};

use super::{Counted, Layer, Owner, request_bytes};
use crate::dialog::path::Path;
use crate::endpoint::event::{LegError, LegId};
use crate::endpoint::keys::Key;
use crate::message::{MAGIC_COOKIE, Message, Method, Reason, Request, Response, Transport, Via};
use crate::time::Time;
use crate::transaction::{ClientAction, InviteClient, NonInviteClient};
use crate::transport::{Failure, Protocol};

/// What a client transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::endpoint) enum Purpose {
    Invite,
    Reinvite,
    Bye,
    Cancel,
    Info,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::endpoint) enum ClientMachine {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::endpoint) struct Client {
    pub(in crate::endpoint) machine: ClientMachine,
    pub(in crate::endpoint) path: Path,
    /// The request as it was sent.
    request: Vec<u8>,
    pub(in crate::endpoint) leg: LegId,
    pub(in crate::endpoint) purpose: Purpose,
    #[serde(skip)]
    counted: Counted,
    #[serde(skip)]
    scheduled: Option<Time>,
}

impl Client {
    fn deadline(&self) -> Option<Time> {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.deadline(),
            ClientMachine::NonInvite(machine) => machine.deadline(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_terminated(),
            ClientMachine::NonInvite(machine) => machine.is_terminated(),
        }
    }

    fn awaits_final(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.awaits_final(),
            ClientMachine::NonInvite(machine) => machine.awaits_final(),
        }
    }

    /// Whether a provisional response to this INVITE came and no final one.
    fn is_proceeding(&self) -> bool {
        matches!(&self.machine, ClientMachine::Invite(machine) if machine.is_proceeding())
    }

    /// The request, read again: needed only for CANCEL and for the ACK of a refusal, so it is not kept beside its bytes.
    fn request(&self) -> Option<Request> {
        match Message::parse(&self.request) {
            Ok(Message::Request(request)) => Some(request),
            _ => None,
        }
    }
}

/// A response, or the lack of one, on its way to the leg.
pub(in crate::endpoint) struct Delivery {
    pub(in crate::endpoint) key: Key,
    pub(in crate::endpoint) leg: LegId,
    pub(in crate::endpoint) purpose: Purpose,
    pub(in crate::endpoint) path: Path,
}

/// What a transaction's timer brought up.
pub(in crate::endpoint) enum Expiry {
    Nothing,
    /// A client transaction had no final response.
    Unanswered(Delivery),
    /// A client transaction is over and forgotten.
    ClientGone(LegId),
}

impl Layer {
    /// The headers that every request of ours carries when it may change or found a dialog.
    pub(in crate::endpoint) fn dress(&self, request: &mut Request, path: &Path) {
        request.headers.push("Contact", self.contact(path));
        request.headers.push("Allow", &self.allow);
    }

    fn new_via(&self, path: &Path, branch: &str) -> Option<Via> {
        let local = self.local(path)?;
        let transport = match path.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
        };
        Some(Via::new(
            transport,
            local.address.host.clone(),
            Some(local.address.port),
            branch,
        ))
    }

    fn branch(&mut self) -> String {
        let token = self.token();
        format!("{MAGIC_COOKIE}{token}")
    }

    /// A request that has no transaction: the ACK of a 2xx. Returns its bytes, not sent yet.
    pub(in crate::endpoint) fn untracked(&mut self, mut request: Request, path: &Path) -> Vec<u8> {
        let branch = self.branch();
        if let Some(via) = self.new_via(path, &branch) {
            request.headers.insert_front("Via", via);
        }
        if !self.config.user_agent.is_empty() {
            request.headers.push("User-Agent", &self.config.user_agent);
        }
        request_bytes(&request)
    }

    /// Sends a request in a new transaction.
    pub(in crate::endpoint) fn request(
        &mut self,
        mut request: Request,
        path: Path,
        leg: LegId,
        purpose: Purpose,
        now: Time,
    ) -> Result<Key, LegError> {
        let branch = self.branch();
        let via = self.new_via(&path, &branch).ok_or(LegError::NoSocket)?;
        request.headers.insert_front("Via", via);
        if !self.config.user_agent.is_empty() {
            request.headers.push("User-Agent", &self.config.user_agent);
        }
        Ok(self.start(&request, &branch, path, leg, purpose, now))
    }

    fn start(
        &mut self,
        request: &Request,
        branch: &str,
        path: Path,
        leg: LegId,
        purpose: Purpose,
        now: Time,
    ) -> Key {
        let key = self.keys.client(branch, request.method.as_str());
        let reliability = path.reliability();
        let timers = &self.config.timers;
        let machine = match request.method {
            Method::Invite => ClientMachine::Invite(InviteClient::new(reliability, now, timers)),
            _ => ClientMachine::NonInvite(NonInviteClient::new(reliability, now, timers)),
        };
        let bytes = request_bytes(request);
        self.transmits.push_back(path.transmit(bytes.clone()));
        let client = Client {
            machine,
            path,
            request: bytes,
            leg,
            purpose,
            counted: Counted::Open,
            scheduled: None,
        };
        self.clients.insert(key, Box::new(client));
        let _ = self.settle_client(key);
        key
    }

    /// Sends the CANCEL of an INVITE whose provisional response has come (RFC 3261 section 9.1). Returns false when it
    /// is too early, or too late.
    pub(in crate::endpoint) fn cancel(
        &mut self,
        invite: Key,
        reason: Option<&Reason>,
        now: Time,
    ) -> bool {
        let Some(client) = self
            .clients
            .get(&invite)
            .filter(|client| client.is_proceeding())
        else {
            return false;
        };
        let (path, leg) = (client.path, client.leg);
        let Some(invite) = client.request() else {
            return false;
        };
        let Some(mut cancel) = follow_up(&invite, Method::Cancel) else {
            return false;
        };
        if let Ok(to) = invite.headers.to() {
            cancel.headers.push("To", to);
        }
        if let Some(reason) = reason {
            cancel.headers.push("Reason", reason);
        }
        let branch = invite
            .headers
            .via()
            .ok()
            .and_then(|via| via.branch().map(str::to_owned));
        let Some(branch) = branch else { return false };
        self.start(&cancel, &branch, path, leg, Purpose::Cancel, now);
        true
    }

    /// A response arrived: finds its transaction, which says whether the leg is to know.
    ///
    /// `None` when there is no such transaction.
    pub(in crate::endpoint) fn receive(
        &mut self,
        response: &Response,
        now: Time,
    ) -> Option<Option<Delivery>> {
        let via = response.headers.via().ok()?;
        let cseq = response.headers.cseq().ok()?;
        let key = self.keys.client(via.branch()?, cseq.method.as_str());
        let client = self.clients.get_mut(&key)?;
        let timers = &self.config.timers;
        let action = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.received(response.status, now, timers),
            ClientMachine::NonInvite(machine) => machine.received(response.status, now, timers),
        };
        if matches!(
            action,
            ClientAction::DeliverAndAcknowledge | ClientAction::Acknowledge
        ) {
            let bytes = client
                .request()
                .and_then(|invite| acknowledge(&invite, response));
            self.transmits
                .extend(bytes.map(|bytes| client.path.transmit(bytes)));
        }
        let delivery = Delivery {
            key,
            leg: client.leg,
            purpose: client.purpose,
            path: client.path,
        };
        if matches!(
            action,
            ClientAction::Deliver | ClientAction::DeliverAndAcknowledge
        ) {
            // The caller settles the transaction once the leg has seen the response.
            return Some(Some(delivery));
        }
        self.counters.retransmissions_received += 1;
        Some(None)
    }

    /// Forgets a client transaction that is over, or asks for its next wake-up. Returns true when it was forgotten.
    pub(in crate::endpoint) fn settle_client(&mut self, key: Key) -> bool {
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        if client.is_terminated() {
            self.abandon(key);
            return true;
        }
        if !client.awaits_final() && client.counted == Counted::Open {
            client.counted = Counted::Finished;
            self.counters.finished_transactions += 1;
        }
        let deadline = client.deadline();
        self.timers
            .schedule(Owner::Client(key), deadline, &mut client.scheduled);
        false
    }

    /// Forgets a client transaction whose leg does not want its outcome any more.
    pub(in crate::endpoint) fn abandon(&mut self, key: Key) {
        if let Some(client) = self.clients.remove(&key) {
            self.uncount(client.counted);
        }
    }

    /// Whether a client transaction still waits for its final response.
    pub(in crate::endpoint) fn awaits_final(&self, key: Key) -> bool {
        self.clients
            .get(&key)
            .is_some_and(|client| client.awaits_final())
    }

    pub(in crate::endpoint) fn has_client(&self, key: Key) -> bool {
        self.clients.contains_key(&key)
    }

    /// The transport could not send to this address: ends the client transactions that wait for it.
    pub(in crate::endpoint) fn transport_failed(&mut self, failure: &Failure) -> Vec<Delivery> {
        let hit = |client: &Client| {
            let path = &client.path;
            let connections = (failure.connection, path.connection);
            path.protocol == failure.protocol
                && path.destination == failure.destination
                && !matches!(connections, (Some(broken), Some(used)) if broken != used)
        };
        let mut failed = Vec::new();
        for (key, client) in self
            .clients
            .iter_mut()
            .map(|(key, client)| (*key, client))
            .filter(|(_, client)| hit(client))
        {
            let was_waiting = match &mut client.machine {
                ClientMachine::Invite(machine) => machine.transport_failed(),
                ClientMachine::NonInvite(machine) => machine.transport_failed(),
            };
            if was_waiting {
                failed.push(Delivery {
                    key,
                    leg: client.leg,
                    purpose: client.purpose,
                    path: client.path,
                });
            }
        }
        self.counters.transport_failures += failed.len() as u64;
        failed
    }

    /// Whether the transaction still wants the wake-up that stands for this time. If not, it gets the one that it wants.
    pub(in crate::endpoint) fn client_wakes(&mut self, key: Key, at: Time) -> bool {
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        let deadline = client.deadline();
        if deadline.is_some_and(|deadline| deadline <= at) {
            return true;
        }
        if client.scheduled == Some(at) {
            client.scheduled = None;
        }
        self.timers
            .schedule(Owner::Client(key), deadline, &mut client.scheduled);
        false
    }

    pub(in crate::endpoint) fn client_due(&mut self, key: Key, at: Time, now: Time) -> Expiry {
        let Some(client) = self.clients.get_mut(&key) else {
            return Expiry::Nothing;
        };
        if client.scheduled == Some(at) {
            client.scheduled = None;
        }
        let action = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.timeout(now),
            ClientMachine::NonInvite(machine) => machine.timeout(now),
        };
        let leg = client.leg;
        let delivery = Delivery {
            key,
            leg,
            purpose: client.purpose,
            path: client.path,
        };
        match action {
            ClientAction::Retransmit => {
                let transmit = client.path.transmit(client.request.clone());
                self.counters.retransmissions_sent += 1;
                self.transmits.push_back(transmit);
            }
            ClientAction::TimedOut => {
                self.counters.timeouts += 1;
                return Expiry::Unanswered(delivery);
            }
            _ => {}
        }
        if self.settle_client(key) {
            Expiry::ClientGone(leg)
        } else {
            Expiry::Nothing
        }
    }

    pub(in crate::endpoint) fn client(&self, key: Key) -> Option<&Client> {
        self.clients.get(&key).map(|client| &**client)
    }

    /// Takes over a client transaction of another process. Returns its key here.
    pub(in crate::endpoint) fn restore_client(&mut self, client: Client) -> Option<Key> {
        let request = client.request()?;
        let via = request.headers.via().ok()?;
        let key = self.keys.client(via.branch()?, request.method.as_str());
        self.clients.insert(key, Box::new(client));
        self.settle_client(key);
        Some(key)
    }
}

/// A CANCEL, or the ACK of a refusal, without To: what both take over from their INVITE (RFC 3261 sections 9.1 and
/// 17.1.1.3).
fn follow_up(invite: &Request, method: Method) -> Option<Request> {
    let mut request = Request::new(method, invite.uri.clone());
    request.headers.push("Via", invite.headers.via().ok()?);
    for route in invite.headers.lines("Route") {
        request.headers.push_bytes("Route", route);
    }
    request.headers.push("Max-Forwards", "70");
    request
        .headers
        .push_bytes("From", invite.headers.get("From")?);
    request
        .headers
        .push_bytes("Call-ID", invite.headers.get("Call-ID")?);
    let number = invite.headers.cseq().ok()?.number;
    let cseq = format!("{number} {}", request.method);
    request.headers.push("CSeq", cseq);
    Some(request)
}

fn acknowledge(invite: &Request, response: &Response) -> Option<Vec<u8>> {
    let mut ack = follow_up(invite, Method::Ack)?;
    ack.headers.push_bytes("To", response.headers.get("To")?);
    Some(request_bytes(&ack))
}
