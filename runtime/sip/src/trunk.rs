//! Trunks: the peers that calls come from and go to, known by address, each with its limits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::Time;
use crate::transport::Protocol;

/// Addresses that a trunk's requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The addresses.
    pub network: IpNet,
    /// Only this source port; any when absent. Of use with UDP peers that share an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl From<IpNet> for Peer {
    fn from(network: IpNet) -> Self {
        Self {
            network,
            port: None,
        }
    }
}

impl Peer {
    fn matches(&self, source: SocketAddr) -> bool {
        self.port.is_none_or(|port| port == source.port()) && self.network.contains(&source.ip())
    }
}

/// Where a trunk's outbound calls go: the next hop, already resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// The transport.
    pub protocol: Protocol,
    /// The address and port.
    pub address: SocketAddr,
}

/// Whether the identity that a peer asserts is believed (RFC 3325: is the peer in our trust domain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssertedIdentity {
    /// P-Asserted-Identity is ignored.
    #[default]
    Ignored,
    /// P-Asserted-Identity is the caller's number.
    Trusted,
}

/// Where requests within a dialog are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialogRequests {
    /// To the route set or the Contact, as RFC 3261 section 12.2.1.1 says.
    #[default]
    FollowContact,
    /// To the address that the dialog's last request came from: for phones behind a NAT, whose Contact is a private
    /// address.
    FollowSource,
}

/// A carrier, a PBX or a phone that calls are exchanged with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// The name that routes, records and limits know it by.
    pub name: String,
    /// Who it is; a request from any other address belongs to another trunk or to nobody. The longest prefix wins.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// Where outbound calls go; none may be placed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Calls at the same time, both directions; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// New calls per second, inbound: a token bucket that holds as many as one second brings, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<f64>,
    /// Whether its P-Asserted-Identity is believed.
    #[serde(default)]
    pub asserted_identity: AssertedIdentity,
    /// Where requests within a dialog are sent.
    #[serde(default)]
    pub dialog_requests: DialogRequests,
}

impl Trunk {
    /// A trunk without limits, peers or destination.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            peers: Vec::new(),
            destination: None,
            max_calls: None,
            calls_per_second: None,
            asserted_identity: AssertedIdentity::default(),
            dialog_requests: DialogRequests::default(),
        }
    }

    /// The same with one more range of peers.
    #[must_use]
    pub fn with_peer(mut self, peer: impl Into<Peer>) -> Self {
        self.peers.push(peer.into());
        self
    }

    /// The same with a destination for outbound calls.
    #[must_use]
    pub fn with_destination(mut self, protocol: Protocol, address: SocketAddr) -> Self {
        self.destination = Some(Destination { protocol, address });
        self
    }
}

/// What a request from an address of no trunk gets. It is counted, allocates no state, and never starts a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownPeer {
    /// Silence: scanners learn nothing.
    #[default]
    Drop,
    /// 403, to help while a trunk is being set up.
    Forbid,
}

/// Why a set of trunks was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrunkError {
    /// Two trunks have this name.
    #[error("trunk `{0}` is defined twice")]
    DuplicateName(String),
    /// Two trunks claim the same network and port.
    #[error("trunks `{first}` and `{second}` both claim the peer {network}")]
    DuplicatePeer {
        /// The trunk named first.
        first: String,
        /// The trunk named second.
        second: String,
        /// What both claim.
        network: IpNet,
    },
    /// The rate is not a positive finite number.
    #[error("trunk `{0}`: calls_per_second must be a number above 0")]
    BadRate(String),
}

/// All trunks, and what becomes of strangers.
#[derive(Clone, Debug, Default)]
pub struct Trunks {
    /// Longest prefix first; ranges with a port before those without.
    peers: Vec<(Peer, usize)>,
    trunks: Vec<(Arc<str>, Arc<Trunk>)>,
    unknown: UnknownPeer,
}

impl Trunks {
    /// Checks the trunks and makes them searchable.
    ///
    /// # Errors
    /// A name or a peer is claimed twice, or a rate is not positive.
    pub fn new(trunks: Vec<Trunk>, unknown: UnknownPeer) -> Result<Self, TrunkError> {
        let mut peers: Vec<(Peer, usize)> = Vec::new();
        for (index, trunk) in trunks.iter().enumerate() {
            if trunks
                .iter()
                .take(index)
                .any(|other| other.name == trunk.name)
            {
                return Err(TrunkError::DuplicateName(trunk.name.clone()));
            }
            if trunk
                .calls_per_second
                .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
            {
                return Err(TrunkError::BadRate(trunk.name.clone()));
            }
            for peer in &trunk.peers {
                let peer = Peer {
                    network: peer.network.trunc(),
                    port: peer.port,
                };
                let claimed = peers
                    .iter()
                    .find(|(other, owner)| *other == peer && *owner != index);
                if let Some((_, owner)) = claimed {
                    let first = trunks
                        .get(*owner)
                        .map(|t| t.name.clone())
                        .unwrap_or_default();
                    return Err(TrunkError::DuplicatePeer {
                        first,
                        second: trunk.name.clone(),
                        network: peer.network,
                    });
                }
                peers.push((peer, index));
            }
        }
        peers.sort_by_key(|(peer, _)| {
            (
                std::cmp::Reverse(peer.network.prefix_len()),
                peer.port.is_none(),
            )
        });
        let trunks = trunks
            .into_iter()
            .map(|trunk| (Arc::from(trunk.name.as_str()), Arc::new(trunk)))
            .collect();
        Ok(Self {
            peers,
            trunks,
            unknown,
        })
    }

    /// The trunk that `source` belongs to. An IPv4 address seen through an IPv6 socket counts as IPv4.
    #[must_use]
    pub fn identify(&self, source: SocketAddr) -> Option<&Trunk> {
        self.identify_named(source).map(|(_, trunk)| &**trunk)
    }

    /// The same with the shared name.
    pub(crate) fn identify_named(&self, source: SocketAddr) -> Option<(&Arc<str>, &Arc<Trunk>)> {
        let source = SocketAddr::new(canonical(source.ip()), source.port());
        let (_, index) = self.peers.iter().find(|(peer, _)| peer.matches(source))?;
        self.trunks.get(*index).map(|(name, trunk)| (name, trunk))
    }

    /// The trunk of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Trunk> {
        self.get_named(name).map(|(_, trunk)| &**trunk)
    }

    /// The same with the shared name.
    pub(crate) fn get_named(&self, name: &str) -> Option<(&Arc<str>, &Arc<Trunk>)> {
        self.trunks
            .iter()
            .find(|(_, trunk)| trunk.name == name)
            .map(|(name, trunk)| (name, trunk))
    }

    /// What strangers get.
    #[must_use]
    pub fn unknown_peer(&self) -> UnknownPeer {
        self.unknown
    }

    /// All trunks, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Trunk> {
        self.trunks.iter().map(|(_, trunk)| &**trunk)
    }
}

/// `::ffff:192.0.2.1` as `192.0.2.1`.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Why a trunk may not have one more call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverLimit {
    /// Which limit.
    pub(crate) limit: Limit,
    /// When to try again.
    pub(crate) retry_after: Duration,
}

/// The limits of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Calls,
    Rate,
}

/// How much of its limits each trunk uses. Kept by name, so that it outlives a reload of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    trunks: HashMap<Arc<str>, TrunkUsage>,
}

#[derive(Debug, Default)]
struct TrunkUsage {
    calls: u32,
    /// Tokens left and when they were counted; none before the first call.
    bucket: Option<(f64, Time)>,
}

/// After how long a caller that found every line taken may try again.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

impl Usage {
    /// Counts a new inbound call, or says which limit is in the way.
    pub(crate) fn admit(
        &mut self,
        name: &Arc<str>,
        trunk: &Trunk,
        now: Time,
    ) -> Result<(), OverLimit> {
        self.check_calls(name, trunk)?;
        let usage = self.trunks.entry(Arc::clone(name)).or_default();
        if let Some(rate) = trunk.calls_per_second {
            let burst = rate.ceil().max(1.0);
            let (tokens, counted) = usage.bucket.unwrap_or((burst, now));
            let tokens = (tokens + now.since(counted).as_secs_f64() * rate).min(burst);
            if tokens < 1.0 {
                usage.bucket = Some((tokens, now));
                let wait = Duration::from_secs_f64(((1.0 - tokens) / rate).clamp(0.0, 3_600.0));
                return Err(OverLimit {
                    limit: Limit::Rate,
                    retry_after: wait,
                });
            }
            usage.bucket = Some((tokens - 1.0, now));
        }
        usage.calls += 1;
        Ok(())
    }

    /// Counts a new outbound call, or says that every line is taken.
    pub(crate) fn admit_outbound(
        &mut self,
        name: &Arc<str>,
        trunk: &Trunk,
    ) -> Result<(), OverLimit> {
        self.check_calls(name, trunk)?;
        self.trunks.entry(Arc::clone(name)).or_default().calls += 1;
        Ok(())
    }

    fn check_calls(&self, name: &str, trunk: &Trunk) -> Result<(), OverLimit> {
        if trunk.max_calls.is_some_and(|max| self.calls(name) >= max) {
            return Err(OverLimit {
                limit: Limit::Calls,
                retry_after: RETRY_WHEN_FULL,
            });
        }
        Ok(())
    }

    /// A call was restored from a snapshot: counted whatever the limits say.
    pub(crate) fn readmit(&mut self, name: &Arc<str>) {
        self.trunks.entry(Arc::clone(name)).or_default().calls += 1;
    }

    /// A call has ended.
    pub(crate) fn release(&mut self, name: &str) {
        if let Some(usage) = self.trunks.get_mut(name) {
            usage.calls = usage.calls.saturating_sub(1);
        }
    }

    /// Calls at this moment.
    pub(crate) fn calls(&self, name: &str) -> u32 {
        self.trunks.get(name).map_or(0, |usage| usage.calls)
    }

    /// Forgets trunks that are gone and have no call.
    pub(crate) fn retain(&mut self, trunks: &Trunks) {
        self.trunks
            .retain(|name, usage| usage.calls > 0 || trunks.get(name).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Peer {
        Peer::from(text.parse::<IpNet>().unwrap())
    }

    fn named(name: &str, peers: &[Peer]) -> Trunk {
        Trunk {
            peers: peers.to_vec(),
            ..Trunk::new(name)
        }
    }

    #[test]
    fn the_longest_prefix_and_the_port_decide() {
        let port = |text: &str, port| Peer {
            port: Some(port),
            ..net(text)
        };
        let trunks = Trunks::new(
            vec![
                named("wide", &[net("10.0.0.0/8"), net("2001:db8::/32")]),
                named("narrow", &[net("10.1.2.0/24")]),
                named("ported", &[port("10.1.2.0/24", 5_080)]),
                named("host", &[net("10.1.2.3/32")]),
            ],
            UnknownPeer::Drop,
        )
        .unwrap();
        for (source, expected) in [
            ("10.9.9.9:5060", Some("wide")),
            ("10.1.2.9:5060", Some("narrow")),
            ("10.1.2.9:5080", Some("ported")),
            ("10.1.2.3:5080", Some("host")),
            ("[::ffff:10.1.2.3]:5060", Some("host")),
            ("[2001:db8::1]:5060", Some("wide")),
            ("[2001:db9::1]:5060", None),
            ("11.0.0.1:5060", None),
        ] {
            let found = trunks
                .identify(source.parse().unwrap())
                .map(|trunk| trunk.name.as_str());
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let twice = Trunks::new(vec![Trunk::new("a"), Trunk::new("a")], UnknownPeer::Drop);
        assert_eq!(twice.unwrap_err(), TrunkError::DuplicateName("a".into()));
        let claimed = Trunks::new(
            vec![
                named("a", &[net("10.0.0.1/24")]),
                named("b", &[net("10.0.0.0/24")]),
            ],
            UnknownPeer::Drop,
        );
        assert!(matches!(
            claimed.unwrap_err(),
            TrunkError::DuplicatePeer { .. }
        ));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let trunk = Trunk {
                calls_per_second: Some(rate),
                ..Trunk::new("a")
            };
            assert_eq!(
                Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap_err(),
                TrunkError::BadRate("a".into())
            );
        }
    }

    #[test]
    fn the_bucket_lets_the_rate_through_and_no_more() {
        let name: Arc<str> = Arc::from("a");
        let trunk = Trunk {
            calls_per_second: Some(2.5),
            ..Trunk::new("a")
        };
        let mut usage = Usage::default();
        let admitted = (0..10_000_u64)
            .step_by(10)
            .filter(|at| {
                usage
                    .admit(&name, &trunk, Time::from_millis(1_000 + at))
                    .is_ok()
            })
            .count();
        assert_eq!(
            admitted,
            3 + 24,
            "a burst of three, then 2.5 a second for 10 s"
        );
        let refused = usage
            .admit(&name, &trunk, Time::from_millis(11_000 - 10))
            .unwrap_err();
        assert_eq!(refused.limit, Limit::Rate);
        assert!(
            refused.retry_after <= Duration::from_millis(400),
            "{:?}",
            refused.retry_after
        );
    }

    #[test]
    fn lines_are_given_back_and_a_reload_keeps_the_count() {
        let name: Arc<str> = Arc::from("a");
        let trunk = Trunk {
            max_calls: Some(2),
            ..Trunk::new("a")
        };
        let now = Time::from_millis(0);
        let mut usage = Usage::default();
        assert!(usage.admit(&name, &trunk, now).is_ok());
        assert!(usage.admit_outbound(&name, &trunk).is_ok());
        assert_eq!(
            usage.admit(&name, &trunk, now).unwrap_err().limit,
            Limit::Calls
        );
        usage.retain(&Trunks::default());
        assert_eq!(usage.calls("a"), 2);
        usage.release("a");
        assert!(usage.admit(&name, &trunk, now).is_ok());
        usage.release("a");
        usage.release("a");
        usage.release("a");
        usage.retain(&Trunks::default());
        assert_eq!(usage.calls("a"), 0);
    }
}
