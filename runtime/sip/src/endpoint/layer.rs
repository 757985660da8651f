//! The transaction layer: the tables of transactions, and everything that goes out.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::config::{EndpointConfig, LocalAddress};
use super::counters::Counters;
use super::event::{LegError, LegId};
use super::keys::{Key, KeyMap, Keys};
use crate::dialog::path::Path;
use crate::message::{
    MAGIC_COOKIE, Message, Method, NameAddr, Reason, Request, Response, Transport, Uri, Via,
};
use crate::time::{Time, TimerQueue};
use crate::transaction::{
    ClientAction, InviteClient, InviteServer, NonInviteClient, NonInviteServer, ServerAction,
};
use crate::transport::{Failure, Protocol, Transmit};

/// Tables are not made larger than this at the start; see [`super::Limits::max_transactions`].
const MAX_PRESIZED: usize = 1 << 20;

/// Who asked to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Server(Key),
    Client(Key),
    Leg(LegId),
}

/// What a client transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    Invite,
    Reinvite,
    Bye,
    Cancel,
    Info,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Server {
    pub(super) machine: ServerMachine,
    pub(super) path: Path,
    /// The last response; empty before the first.
    pub(super) last: Vec<u8>,
    pub(super) leg: Option<LegId>,
    /// The entry in the table of merged requests.
    merged: Option<Key>,
    #[serde(skip)]
    scheduled: Option<Time>,
}

impl Server {
    fn deadline(&self) -> Option<Time> {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.deadline(),
            ServerMachine::NonInvite(machine) => machine.deadline(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::NonInvite(machine) => machine.is_terminated(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) machine: ClientMachine,
    pub(super) path: Path,
    /// The request as it was sent.
    request: Vec<u8>,
    pub(super) leg: LegId,
    pub(super) purpose: Purpose,
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
pub(super) struct Delivery {
    pub(super) key: Key,
    pub(super) leg: LegId,
    pub(super) purpose: Purpose,
    pub(super) path: Path,
}

/// What a transaction's timer brought up.
pub(super) enum Expiry {
    Nothing,
    /// A client transaction had no final response.
    Unanswered(Delivery),
    /// A client transaction is over and forgotten.
    ClientGone(LegId),
}

/// What an ACK turned out to be, as far as transactions know.
pub(super) enum AckFate {
    /// It ended the retransmission of a refusal.
    Absorbed,
    /// It may belong to a 2xx: the leg knows.
    ForLeg,
}

/// A socket, and how it looks in headers.
struct Local {
    address: LocalAddress,
    contact: String,
}

pub(super) struct Layer {
    pub(super) config: EndpointConfig,
    pub(super) keys: Keys,
    pub(super) counters: Counters,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) allow: String,
    timers: TimerQueue<Owner>,
    rng: StdRng,
    servers: KeyMap<Server>,
    clients: KeyMap<Client>,
    merged: KeyMap<Key>,
    locals: Vec<Local>,
}

impl Layer {
    pub(super) fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let mut secret = [0; 16];
        rng.fill_bytes(&mut secret);
        let size = config.limits.max_transactions.min(MAX_PRESIZED);
        let calls = config.limits.max_calls.min(MAX_PRESIZED);
        let table = |capacity| KeyMap::with_capacity_and_hasher(capacity, Default::default());
        let locals = config.local.iter().map(|address| Local {
            contact: contact(address),
            address: address.clone(),
        });
        Self {
            keys: Keys::new(secret),
            counters: Counters::default(),
            transmits: VecDeque::with_capacity(256),
            allow: config
                .allow
                .iter()
                .map(Method::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            timers: TimerQueue::with_capacity(size),
            servers: KeyMap::with_capacity_and_hasher(size, Default::default()),
            clients: KeyMap::with_capacity_and_hasher(calls, Default::default()),
            merged: table(calls),
            locals: locals.collect(),
            rng,
            config,
        }
    }

    /// 100 random bits as 20 characters, for tags, branches and Call-IDs.
    pub(super) fn token(&mut self) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut bits: u128 = self.rng.random();
        let mut token = String::with_capacity(20);
        for _ in 0..20 {
            token.push(char::from(ALPHABET[(bits & 31) as usize]));
            bits >>= 5;
        }
        token
    }

    /// A random number of milliseconds in `from..=to`.
    pub(super) fn random_millis(&mut self, from: u64, to: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.rng.random_range(from..=to))
    }

    /// Retry-After of a 500 (RFC 3261 section 14.2): 0 to 10 s.
    pub(super) fn random_retry_after(&mut self) -> u64 {
        self.rng.random_range(0..=10)
    }

    /// The socket that a path uses.
    fn local(&self, path: &Path) -> Option<&Local> {
        let exact = self.locals.iter().find(|local| {
            local.address.protocol == path.protocol
                && path.local.is_some_and(|bound| bound == local.address.bound)
        });
        exact.or_else(|| {
            self.locals
                .iter()
                .find(|local| local.address.serves(path.protocol, path.destination.ip()))
        })
    }

    /// Whether any socket can reach this path.
    pub(super) fn can_reach(&self, path: &Path) -> bool {
        self.local(path).is_some()
    }

    /// The Contact for messages on this path.
    pub(super) fn contact(&self, path: &Path) -> &str {
        self.local(path).map_or("", |local| local.contact.as_str())
    }

    /// The host that stands for us on this path, for Call-IDs.
    pub(super) fn host(&self, path: &Path) -> String {
        self.local(path)
            .map_or_else(String::new, |local| local.address.host.to_string())
    }

    pub(super) fn schedule_leg(
        &mut self,
        leg: LegId,
        deadline: Option<Time>,
        scheduled: &mut Option<Time>,
    ) {
        self.timers.schedule(Owner::Leg(leg), deadline, scheduled);
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    pub(super) fn pop_due(&mut self, now: Time) -> Option<(Time, Owner)> {
        self.timers.pop_due(now)
    }

    pub(super) fn transmit(&mut self, path: &Path, bytes: Vec<u8>) {
        self.transmits.push_back(path.transmit(bytes));
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            server_transactions: self.servers.len() as u64,
            client_transactions: self.clients.len() as u64,
            ..self.counters
        }
    }
}

/// Server side.
impl Layer {
    /// A response with what all of ours have in common; `tag` goes to a To that has none.
    pub(super) fn response(&self, request: &Request, status: u16, tag: &str) -> Response {
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
    pub(super) fn respond_stateless(&mut self, path: &Path, response: &Response) {
        let bytes = response_bytes(response);
        self.transmit(path, bytes);
    }

    pub(super) fn has_room(&self) -> bool {
        self.servers.len() < self.config.limits.max_transactions
    }

    /// Whether a request with the same identity came another way and is still being served.
    pub(super) fn is_merged(&self, merged: Key, key: Key) -> bool {
        self.merged.get(&merged).is_some_and(|other| *other != key)
    }

    /// Begins a server transaction.
    pub(super) fn begin(
        &mut self,
        key: Key,
        method: &Method,
        path: Path,
        leg: Option<LegId>,
        merged: Option<Key>,
    ) {
        let reliability = path.reliability();
        let machine = match method {
            Method::Invite => ServerMachine::Invite(InviteServer::new(reliability)),
            _ => ServerMachine::NonInvite(NonInviteServer::new(reliability)),
        };
        if let Some(merged) = merged {
            self.merged.insert(merged, key);
        }
        self.servers.insert(
            key,
            Server {
                machine,
                path,
                last: Vec::new(),
                leg,
                merged,
                scheduled: None,
            },
        );
    }

    /// Sends a response within a transaction. Returns the bytes when it was still open.
    pub(super) fn respond(&mut self, key: Key, response: &Response, now: Time) -> Option<Vec<u8>> {
        let server = self.servers.get_mut(&key)?;
        let timers = &self.config.timers;
        let open = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.respond(response.status, now, timers),
            ServerMachine::NonInvite(machine) => machine.respond(response.status, now, timers),
        };
        if !open {
            return None;
        }
        server.last = response_bytes(response);
        let bytes = server.last.clone();
        self.transmits
            .push_back(server.path.transmit(bytes.clone()));
        self.settle_server(key);
        Some(bytes)
    }

    /// Forgets a server transaction that is over, or asks for its next wake-up.
    fn settle_server(&mut self, key: Key) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        if !server.is_terminated() {
            let deadline = server.deadline();
            self.timers
                .schedule(Owner::Server(key), deadline, &mut server.scheduled);
            return;
        }
        if let Some(server) = self.servers.remove(&key)
            && let Some(merged) = server.merged
        {
            self.merged.remove(&merged);
        }
    }

    /// Absorbs a retransmitted request. Returns false when the request is new.
    pub(super) fn absorb(&mut self, key: Key) -> bool {
        let Some(server) = self.servers.get(&key) else {
            return false;
        };
        self.counters.retransmissions_received += 1;
        let action = match &server.machine {
            ServerMachine::Invite(machine) => machine.retransmitted(),
            ServerMachine::NonInvite(machine) => machine.retransmitted(),
        };
        if action == ServerAction::Retransmit && !server.last.is_empty() {
            let transmit = server.path.transmit(server.last.clone());
            self.counters.retransmissions_sent += 1;
            self.transmits.push_back(transmit);
        }
        true
    }

    /// An ACK arrived with the branch of this transaction.
    pub(super) fn acknowledge(&mut self, key: Key, now: Time) -> AckFate {
        let Some(server) = self.servers.get_mut(&key) else {
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
    pub(super) fn invite_to_cancel(&self, key: Key) -> Option<(Option<LegId>, bool)> {
        let server = self.servers.get(&key)?;
        match &server.machine {
            ServerMachine::Invite(machine) => Some((server.leg, machine.is_proceeding())),
            ServerMachine::NonInvite(_) => None,
        }
    }

    /// The To tag of the last response within a transaction, which a 200 to a CANCEL repeats (RFC 3261 section 9.2).
    pub(super) fn tag_of(&self, key: Key) -> Option<String> {
        let Ok(Message::Response(response)) = Message::parse(&self.servers.get(&key)?.last) else {
            return None;
        };
        response.headers.to().ok()?.tag().map(str::to_owned)
    }
}

/// Client side.
impl Layer {
    /// The headers that every request of ours carries when it may change or found a dialog.
    pub(super) fn dress(&self, request: &mut Request, path: &Path) {
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
    pub(super) fn untracked(&mut self, mut request: Request, path: &Path) -> Vec<u8> {
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
    pub(super) fn request(
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
        self.clients.insert(
            key,
            Client {
                machine,
                path,
                request: bytes,
                leg,
                purpose,
                scheduled: None,
            },
        );
        let _ = self.settle_client(key);
        key
    }

    /// Sends the CANCEL of an INVITE whose provisional response has come (RFC 3261 section 9.1). Returns false when it
    /// is too early, or too late.
    pub(super) fn cancel(&mut self, invite: Key, reason: Option<&Reason>, now: Time) -> bool {
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
    pub(super) fn receive(&mut self, response: &Response, now: Time) -> Option<Option<Delivery>> {
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
    pub(super) fn settle_client(&mut self, key: Key) -> bool {
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        if client.is_terminated() {
            self.clients.remove(&key);
            return true;
        }
        let deadline = client.deadline();
        self.timers
            .schedule(Owner::Client(key), deadline, &mut client.scheduled);
        false
    }

    /// Forgets a client transaction whose leg does not want its outcome any more.
    pub(super) fn abandon(&mut self, key: Key) {
        self.clients.remove(&key);
    }

    /// Whether a client transaction still waits for its final response.
    pub(super) fn awaits_final(&self, key: Key) -> bool {
        match self.clients.get(&key).map(|client| &client.machine) {
            Some(ClientMachine::Invite(machine)) => machine.awaits_final(),
            Some(ClientMachine::NonInvite(machine)) => machine.awaits_final(),
            None => false,
        }
    }

    pub(super) fn has_client(&self, key: Key) -> bool {
        self.clients.contains_key(&key)
    }

    /// The transport could not send to this address: ends the client transactions that wait for it.
    pub(super) fn transport_failed(&mut self, failure: &Failure) -> Vec<Delivery> {
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
            .filter(|(_, client)| hit(&client))
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
}

/// Timers.
impl Layer {
    pub(super) fn server_due(&mut self, key: Key, at: Time, now: Time) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
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
            ServerAction::Nothing | ServerAction::Deliver => {}
        }
        self.settle_server(key);
    }

    pub(super) fn client_due(&mut self, key: Key, at: Time, now: Time) -> Expiry {
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
}

/// Snapshots.
impl Layer {
    pub(super) fn server(&self, key: Key) -> Option<&Server> {
        self.servers.get(&key)
    }

    pub(super) fn client(&self, key: Key) -> Option<&Client> {
        self.clients.get(&key)
    }

    /// Takes over a server transaction of another process under this key.
    pub(super) fn restore_server(&mut self, key: Key, server: Server) {
        self.servers.insert(key, server);
        self.settle_server(key);
    }

    /// Takes over a client transaction of another process. Returns its key here.
    pub(super) fn restore_client(&mut self, client: Client) -> Option<Key> {
        let request = client.request()?;
        let via = request.headers.via().ok()?;
        let key = self.keys.client(via.branch()?, request.method.as_str());
        self.clients.insert(key, client);
        self.settle_client(key);
        Some(key)
    }
}

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes
}

fn response_bytes(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    response.encode(&mut bytes);
    bytes
}

fn contact(address: &LocalAddress) -> String {
    let mut uri = Uri::sip(None, address.host.clone(), Some(address.port));
    if address.protocol == Protocol::Tcp {
        uri.params.set("transport", Some("tcp"));
    }
    NameAddr::new(uri).to_string()
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
