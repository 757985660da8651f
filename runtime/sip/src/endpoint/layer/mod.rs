//! The transaction layer: the tables of transactions, and everything that goes out.

mod client;
mod refusals;
mod server;

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::config::{EndpointConfig, LocalAddress};
use super::counters::Counters;
use super::event::LegId;
use super::keys::{Key, KeyMap, Keys, WideKeyMap};
use crate::dialog::path::Path;
use crate::message::{Method, NameAddr, Request, Response, Uri};
use crate::time::{Time, TimerQueue};
use crate::transport::{Protocol, Transmit};
pub(super) use client::{Client, Delivery, Expiry, Purpose};
use refusals::Refusals;
pub(super) use server::{AckFate, Server};

/// The table of client transactions is made for the most calls, but not larger than this: a table that grows stalls all
/// calls.
const MAX_PRESIZED: usize = 1 << 20;

/// Finished transactions are forgotten at multiples of this, in milliseconds: a few wake-ups a second, however many end.
const LINGER_GRAIN: u64 = 128;

/// The most that the queue of deadlines is made for at the start; it grows by a plain copy.
const MAX_PRESIZED_TIMERS: usize = 1 << 16;

/// Who asked to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::endpoint) enum Owner {
    Server(Key),
    Client(Key),
    Leg(LegId),
}

/// How a transaction stands in the gauge of the finished ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::endpoint) enum Counted {
    #[default]
    Open,
    Finished,
}

/// A socket, and how it looks in headers.
struct Local {
    address: LocalAddress,
    contact: String,
}

pub(in crate::endpoint) struct Layer {
    pub(in crate::endpoint) config: EndpointConfig,
    pub(in crate::endpoint) keys: Keys,
    pub(in crate::endpoint) counters: Counters,
    pub(in crate::endpoint) transmits: VecDeque<Transmit>,
    pub(in crate::endpoint) allow: String,
    timers: TimerQueue<Owner>,
    rng: StdRng,
    /// Boxed, so that the tables are small enough for the caches.
    servers: WideKeyMap<Box<Server>>,
    clients: KeyMap<Box<Client>>,
    merged: WideKeyMap<Key>,
    pub(in crate::endpoint) refusals: Refusals,
    locals: Vec<Local>,
    /// Where responses are written.
    scratch: Vec<u8>,
}

impl Layer {
    pub(in crate::endpoint) fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let mut secret = [0; 16];
        rng.fill_bytes(&mut secret);
        let timers = config.limits.max_transactions.min(MAX_PRESIZED_TIMERS);
        let calls = config.limits.max_calls.min(MAX_PRESIZED);
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
            timers: TimerQueue::with_capacity(timers),
            servers: WideKeyMap::new(),
            clients: KeyMap::with_capacity_and_hasher(calls, Default::default()),
            merged: WideKeyMap::new(),
            refusals: Refusals::new(config.limits.max_transactions / 2),
            locals: locals.collect(),
            scratch: Vec::new(),
            rng,
            config,
        }
    }

    /// 100 random bits as 20 characters, for tags, branches and Call-IDs.
    pub(in crate::endpoint) fn token(&mut self) -> String {
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
    pub(in crate::endpoint) fn random_millis(&mut self, from: u64, to: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.rng.random_range(from..=to))
    }

    /// Retry-After of a 500 (RFC 3261 section 14.2): 0 to 10 s.
    pub(in crate::endpoint) fn random_retry_after(&mut self) -> u64 {
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
    pub(in crate::endpoint) fn can_reach(&self, path: &Path) -> bool {
        self.local(path).is_some()
    }

    /// The Contact for messages on this path.
    pub(in crate::endpoint) fn contact(&self, path: &Path) -> &str {
        self.local(path).map_or("", |local| local.contact.as_str())
    }

    /// The host that stands for us on this path, for Call-IDs.
    pub(in crate::endpoint) fn host(&self, path: &Path) -> String {
        self.local(path)
            .map_or_else(String::new, |local| local.address.host.to_string())
    }

    pub(in crate::endpoint) fn schedule_leg(
        &mut self,
        leg: LegId,
        deadline: Option<Time>,
        scheduled: &mut Option<Time>,
    ) {
        self.timers.schedule(Owner::Leg(leg), deadline, scheduled);
    }

    /// The soonest wake-up that stands, and whose it is. It may have become pointless meanwhile.
    pub(in crate::endpoint) fn next_timeout(&self) -> Option<(Time, Owner)> {
        self.timers.next()
    }

    /// Takes the soonest wake-up.
    pub(in crate::endpoint) fn pop_timeout(&mut self) {
        self.timers.pop();
    }

    pub(in crate::endpoint) fn pop_due(&mut self, now: Time) -> Option<(Time, Owner)> {
        self.timers.pop_due(now)
    }

    /// Takes a transaction that is forgotten out of the gauge.
    fn uncount(&mut self, counted: Counted) {
        let finished = &mut self.counters.finished_transactions;
        *finished = finished.saturating_sub(u64::from(counted == Counted::Finished));
    }

    pub(in crate::endpoint) fn transmit(&mut self, path: &Path, bytes: Vec<u8>) {
        self.transmits.push_back(path.transmit(bytes));
    }

    pub(in crate::endpoint) fn counters(&self) -> Counters {
        Counters {
            server_transactions: self.servers.len() as u64,
            client_transactions: self.clients.len() as u64,
            remembered_refusals: self.refusals.len() as u64,
            ..self.counters
        }
    }
}

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes
}

/// A response as it goes on the wire, in no more memory than it takes: it may be kept for half a minute.
fn response_bytes(response: &Response, scratch: &mut Vec<u8>) -> Vec<u8> {
    scratch.clear();
    response.encode(scratch);
    scratch.as_slice().to_vec()
}

fn contact(address: &LocalAddress) -> String {
    let mut uri = Uri::sip(None, address.host.clone(), Some(address.port));
    if address.protocol == Protocol::Tcp {
        uri.params.set("transport", Some("tcp"));
    }
    NameAddr::new(uri).to_string()
}
