//! Whose packets are taken: symmetric RTP (RFC 4961) guarded against strangers.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Latch;
use crate::time::Time;

/// The latched source must have been silent for so long before another is considered.
pub const RELATCH_AFTER: Duration = Duration::from_secs(3);

/// For so long after latching, packets from the address of the SDP displace a source elsewhere:
/// a stranger that guessed the port first must not win over the peer itself.
pub const PROBATION: Duration = Duration::from_secs(1);

/// What to do with a packet from some source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It comes from the latched source.
    Accept,
    /// It comes from a source that is latched from now on.
    Latched,
    /// A stranger: dropped and counted.
    Refuse,
}

#[derive(Debug, Clone, Copy)]
struct Latched {
    source: SocketAddr,
    since: Time,
    last: Time,
}

/// Decides about sources.
#[derive(Debug, Clone)]
pub struct Guard {
    mode: Latch,
    remote: Option<SocketAddr>,
    latched: Option<Latched>,
}

impl Guard {
    /// A guard that has seen nothing. `remote` is the address of the peer's SDP.
    #[must_use]
    pub fn new(mode: Latch, remote: Option<SocketAddr>) -> Guard {
        Guard {
            mode,
            remote,
            latched: None,
        }
    }

    /// After a re-negotiation: the latched source stays only if neither the mode nor the peer's
    /// address changed.
    pub fn reconfigure(&mut self, mode: Latch, remote: Option<SocketAddr>) {
        if self.mode != mode || self.remote != remote {
            *self = Guard::new(mode, remote);
        }
    }

    /// Judges a packet that is valid otherwise.
    pub fn judge(&mut self, source: SocketAddr, now: Time) -> Verdict {
        if let Some(latched) = &mut self.latched
            && latched.source == source
        {
            latched.last = now;
            return Verdict::Accept;
        }
        if !self.may_latch(source, now) {
            return Verdict::Refuse;
        }
        self.latched = Some(Latched {
            source,
            since: now,
            last: now,
        });
        Verdict::Latched
    }

    fn may_latch(&self, source: SocketAddr, now: Time) -> bool {
        if self.mode == Latch::Strict && self.remote.is_none_or(|remote| remote.ip() != source.ip())
        {
            return false;
        }
        match self.latched {
            None => true,
            Some(latched) if now.since(latched.last) >= RELATCH_AFTER => true,
            Some(latched) => {
                Some(source) == self.remote
                    && Some(latched.source) != self.remote
                    && now.since(latched.since) < PROBATION
            }
        }
    }

    /// The latched source.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.latched.map(|latched| latched.source)
    }

    /// Where packets go: to the latched source with symmetric RTP, to the SDP's address otherwise.
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        match self.mode {
            Latch::Symmetric => self.source().or(self.remote),
            Latch::Strict => self.remote,
        }
    }

    /// The address that the socket may be connected to now: the kernel then drops strangers'
    /// packets and need not look up a route for each of ours. `None` while any other source could
    /// still be latched.
    #[must_use]
    pub fn connection(&self, now: Time) -> Option<SocketAddr> {
        let latched = self.latched?;
        let settled = Some(latched.source) == self.remote || now.since(latched.since) >= PROBATION;
        let alive = now.since(latched.last) < RELATCH_AFTER;
        (settled && alive && self.target() == Some(latched.source)).then_some(latched.source)
    }

    /// When [`Guard::connection`] changes next by time alone.
    #[must_use]
    pub fn connection_changes(&self, now: Time) -> Option<Time> {
        let latched = self.latched?;
        let moments = [latched.since + PROBATION, latched.last + RELATCH_AFTER];
        moments.into_iter().filter(|moment| *moment > now).min()
    }

    /// May RTCP from this source be believed? Ports differ from RTP's, so only addresses count.
    #[must_use]
    pub fn trusts_rtcp(&self, source: SocketAddr) -> bool {
        let known = |address: Option<SocketAddr>| address.is_some_and(|a| a.ip() == source.ip());
        known(self.source()) || known(self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const SDP: &str = "10.0.0.1:4000";
    const NAT: &str = "192.0.2.9:61000";
    const STRANGER: &str = "203.0.113.5:9";

    #[test]
    fn the_first_source_is_kept_and_strangers_are_refused() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        assert_eq!(guard.target(), Some(address(SDP)));
        assert_eq!(guard.judge(address(NAT), at(0)), Verdict::Latched);
        assert_eq!(guard.target(), Some(address(NAT)));
        for ms in (20..5000).step_by(20) {
            assert_eq!(guard.judge(address(NAT), at(ms)), Verdict::Accept);
            assert_eq!(guard.judge(address(STRANGER), at(ms + 1)), Verdict::Refuse);
        }
        assert_eq!(guard.target(), Some(address(NAT)));
    }

    #[test]
    fn another_source_is_latched_only_after_a_silence() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        guard.judge(address(NAT), at(0));
        assert_eq!(guard.judge(address(STRANGER), at(2999)), Verdict::Refuse);
        assert_eq!(guard.connection(at(2999)), Some(address(NAT)));
        assert_eq!(
            guard.connection(at(3000)),
            None,
            "the socket must hear others again"
        );
        assert_eq!(guard.judge(address(STRANGER), at(3000)), Verdict::Latched);
    }

    #[test]
    fn the_connection_changes_when_it_was_said_to() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        assert_eq!(guard.connection_changes(at(0)), None);
        guard.judge(address(NAT), at(500));
        let mut now = at(500);
        let mut changes = Vec::new();
        while let Some(next) = guard.connection_changes(now) {
            let before = guard.connection(next - Duration::from_nanos(1));
            assert_eq!(before, guard.connection(now), "not sooner");
            changes.push((next, guard.connection(next)));
            now = next;
        }
        assert_eq!(changes, [(at(1500), Some(address(NAT))), (at(3500), None)]);
    }

    #[test]
    fn the_peer_of_the_sdp_displaces_an_early_stranger() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        assert_eq!(guard.judge(address(STRANGER), at(0)), Verdict::Latched);
        assert_eq!(guard.connection(at(0)), None);
        assert_eq!(guard.judge(address(SDP), at(100)), Verdict::Latched);
        assert_eq!(guard.connection(at(100)), Some(address(SDP)));
        assert_eq!(guard.judge(address(STRANGER), at(120)), Verdict::Refuse);
    }

    #[test]
    fn strict_listens_to_the_sdp_address_and_sends_there() {
        let mut guard = Guard::new(Latch::Strict, Some(address(SDP)));
        assert_eq!(guard.judge(address(NAT), at(0)), Verdict::Refuse);
        assert_eq!(
            guard.judge(address("10.0.0.1:5000"), at(1)),
            Verdict::Latched
        );
        assert_eq!(guard.target(), Some(address(SDP)));
        assert_eq!(
            guard.connection(at(9)),
            None,
            "packets come from one port and go to another"
        );
        assert_eq!(
            guard.judge(address("10.0.0.1:5002"), at(2)),
            Verdict::Refuse
        );
        assert_eq!(
            Guard::new(Latch::Strict, None).judge(address(SDP), at(0)),
            Verdict::Refuse
        );
    }

    #[test]
    fn a_new_remote_address_unlatches_and_the_same_one_does_not() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        guard.judge(address(NAT), at(0));
        guard.reconfigure(Latch::Symmetric, Some(address(SDP)));
        assert_eq!(guard.source(), Some(address(NAT)));
        guard.reconfigure(Latch::Symmetric, Some(address("10.0.0.2:4000")));
        assert_eq!(guard.source(), None);
        assert_eq!(guard.judge(address(STRANGER), at(10)), Verdict::Latched);
    }

    #[test]
    fn rtcp_is_believed_from_known_addresses_only() {
        let mut guard = Guard::new(Latch::Symmetric, Some(address(SDP)));
        guard.judge(address(NAT), at(0));
        assert!(guard.trusts_rtcp(address("192.0.2.9:61001")));
        assert!(guard.trusts_rtcp(address("10.0.0.1:4001")));
        assert!(!guard.trusts_rtcp(address(STRANGER)));
    }
}
