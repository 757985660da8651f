//! How messages find their transaction and their leg.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use crate::message::{Host, Method, Request, Via};

/// A transaction or dialog identifier, reduced to 64 bits by SipHash under a secret.
///
/// The secret keeps peers from choosing identifiers that collide. Among 200,000 live entries an innocent collision
/// is to be expected once in 10^14 lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Key(u64);

/// Maps by [`Key`], which need no second hashing.
pub(crate) type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// A [`KeyMap`] for what lingers after its call, and so may become very many: several tables, chosen by the key.
///
/// One table would either stall all calls when it grows, or, made large at the start, spread the few that there are
/// mostly over all of its memory.
pub(crate) struct WideKeyMap<V> {
    parts: Vec<KeyMap<V>>,
    len: usize,
}

/// With 600,000 entries a part has 2,300, which are moved within 50 µs when it grows.
const PARTS: usize = 256;

impl<V> WideKeyMap<V> {
    pub(crate) fn new() -> Self {
        Self {
            parts: std::iter::repeat_with(KeyMap::default)
                .take(PARTS)
                .collect(),
            len: 0,
        }
    }

    /// The part of a key, by bits that the table itself looks at only when it is huge.
    fn part(key: Key) -> usize {
        (key.0 >> 40) as usize % PARTS
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: Key) -> Option<&V> {
        self.parts[Self::part(key)].get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        self.parts[Self::part(key)].get_mut(&key)
    }

    pub(crate) fn insert(&mut self, key: Key, value: V) -> Option<V> {
        let before = self.parts[Self::part(key)].insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<V> {
        let part = &mut self.parts[Self::part(key)];
        let removed = part.remove(&key);
        self.len -= usize::from(removed.is_some());
        // What a burst has left behind is given back, but not what comes and goes all the time.
        if part.capacity() > 16 * part.len().max(4) {
            part.shrink_to(4 * part.len());
        }
        removed
    }
}

/// Maps by a number that we count up ourselves, such as [`LegId`](super::LegId): no peer chooses it.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads a number over all bits, of which tables look at the highest and the lowest.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // 2^64 divided by the golden ratio: neighbours end up far apart.
        let mixed = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// Passes the 64 bits of a [`Key`] through.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Makes keys.
pub(crate) struct Keys {
    secret: [u8; 16],
}

/// Separates what would run together: no header value holds this byte.
const SEPARATOR: u8 = b'\n';

impl Keys {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    fn hash<'a>(&self, purpose: u8, parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        hasher.write_u8(purpose);
        for part in parts {
            hasher.write(part);
            hasher.write_u8(SEPARATOR);
        }
        Key(hasher.finish())
    }

    /// The server transaction of a request (RFC 3261 section 17.2.3); of its INVITE for an ACK.
    ///
    /// Peers of RFC 2543 send no unique branch: Request-URI, From tag, Call-ID, CSeq number and Via stand in.
    pub(crate) fn server(&self, request: &Request, via: &Via) -> Key {
        let method = match &request.method {
            Method::Ack => Method::Invite.as_str(),
            method => method.as_str(),
        };
        self.server_for(request, via, method)
    }

    /// The server transaction of the INVITE that a CANCEL is for.
    pub(crate) fn cancelled(&self, request: &Request, via: &Via) -> Key {
        self.server_for(request, via, Method::Invite.as_str())
    }

    fn server_for(&self, request: &Request, via: &Via, method: &str) -> Key {
        match self.unique(via, method) {
            Some(key) => key,
            None => {
                let uri = request.uri.to_string();
                let tag = request.headers.caller_tag().unwrap_or_default();
                let sequence = request
                    .headers
                    .cseq()
                    .map_or(0, |cseq| cseq.number)
                    .to_be_bytes();
                let call_id = request.headers.call_id().unwrap_or_default();
                let branch = via.branch().unwrap_or_default().as_bytes();
                let (host, port) = (via.host.to_string(), via.port_or_default().to_be_bytes());
                let identity = [uri.as_bytes(), tag.as_bytes(), call_id, &sequence];
                self.hash(
                    b'o',
                    identity
                        .into_iter()
                        .chain([branch, host.as_bytes(), &port, method.as_bytes()]),
                )
            }
        }
    }

    /// The server transaction of an INVITE, from our response to it. `None` for peers of RFC 2543.
    pub(crate) fn server_answered(&self, via: &Via) -> Option<Key> {
        self.unique(via, Method::Invite.as_str())
    }

    fn unique(&self, via: &Via, method: &str) -> Option<Key> {
        let branch = via.branch().filter(|_| via.has_magic_cookie())?;
        let port = via.port_or_default().to_be_bytes();
        let (name, v4, v6);
        let host: &[u8] = match &via.host {
            Host::Name(text) => {
                name = text.to_ascii_lowercase();
                name.as_bytes()
            }
            Host::V4(address) => {
                v4 = address.octets();
                &v4
            }
            Host::V6(address) => {
                v6 = address.octets();
                &v6
            }
        };
        Some(self.hash(b's', [branch.as_bytes(), host, &port, method.as_bytes()]))
    }

    /// A client transaction of ours (RFC 3261 section 17.1.3).
    pub(crate) fn client(&self, branch: &str, method: &str) -> Key {
        self.hash(b'c', [branch.as_bytes(), method.as_bytes()])
    }

    /// A leg, by what every message of its dialogs repeats. Our tags are never used twice.
    pub(crate) fn leg(&self, call_id: &str, local_tag: &str) -> Key {
        self.hash(b'l', [call_id.as_bytes(), local_tag.as_bytes()])
    }

    /// What a request has in common with its copy that came another way (RFC 3261 section 8.2.2.2).
    pub(crate) fn merged(&self, call_id: &str, from_tag: &str, sequence: u32) -> Key {
        self.hash(
            b'm',
            [
                call_id.as_bytes(),
                from_tag.as_bytes(),
                &sequence.to_be_bytes(),
            ],
        )
    }

    /// The To tag of a response that no leg stands behind: the same for every retransmission of the request.
    pub(crate) fn stateless_tag(&self, transaction: Key) -> String {
        let Key(bits) = self.hash(b't', [&transaction.0.to_be_bytes()[..]]);
        format!("{bits:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity<V>(map: &WideKeyMap<V>) -> usize {
        map.parts.iter().map(HashMap::capacity).sum()
    }

    #[test]
    fn a_wide_map_keeps_what_one_table_would_keep() {
        const ENTRIES: u32 = 40_000;
        let keys = Keys::new([7; 16]);
        let key = |n: u32| keys.merged("call", "tag", n);
        let mut map = WideKeyMap::new();
        for n in 0..ENTRIES {
            assert_eq!(map.insert(key(n), n), None);
        }
        assert_eq!(map.insert(key(5), 6), Some(5), "the same entry again");
        assert_eq!(map.len(), ENTRIES as usize);
        *map.get_mut(key(5)).unwrap() = 5;
        assert!((0..ENTRIES).all(|n| map.get(key(n)) == Some(&n)));
        let full = capacity(&map);

        for n in 0..ENTRIES - 100 {
            assert_eq!(map.remove(key(n)), Some(n));
        }
        assert_eq!(map.remove(key(0)), None, "gone already");
        assert_eq!(map.len(), 100);
        assert!((ENTRIES - 100..ENTRIES).all(|n| map.get(key(n)) == Some(&n)));
        assert!(
            capacity(&map) <= full / 4,
            "{} of {full} entries' room is kept for 100",
            capacity(&map)
        );
    }
}
