//! Two endpoints over a link that loses, doubles and reorders, in virtual time: whatever happens to the datagrams, each
//! side ends each leg exactly once, and nothing stays behind.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::*;
use super::probe::{ANSWER, OFFER, name};
use crate::message::Message;
use crate::transport::{Packet, Protocol};
use crate::trunk::{Destination, Trunk, UnknownPeer};

const ADDRESSES: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

/// What the link does to datagrams.
#[derive(Clone, Copy)]
struct Weather {
    loss: f64,
    duplication: f64,
    /// Milliseconds; another for each datagram, so that they overtake each other.
    delay: (u64, u64),
}

struct Pair {
    sides: [Endpoint; 2],
    now: Time,
    in_flight: BTreeMap<(Time, u64), (usize, Transmit)>,
    sent: u64,
    weather: Weather,
    rng: StdRng,
    told: [BTreeMap<LegId, Vec<String>>; 2],
}

impl Pair {
    fn new(weather: Weather, seed: u64) -> Self {
        let side = |own: usize, other: usize| {
            let local = LocalAddress::new(Protocol::Udp, ADDRESSES[own].parse().unwrap());
            let mut config = EndpointConfig::new(vec![local]);
            config.limits.max_calls = 50;
            config.limits.max_transactions = 500;
            let address = ADDRESSES[other].parse::<std::net::SocketAddr>().unwrap();
            let peer = ipnet::IpNet::from(address.ip());
            let trunk = Trunk::new("peer")
                .with_peer(peer)
                .with_destination(Protocol::Udp, address);
            let trunks = Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap();
            let mut bytes = [own as u8; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            Endpoint::new(config, trunks, bytes)
        };
        Self {
            sides: [side(0, 1), side(1, 0)],
            now: Time::from_millis(5_000_000),
            in_flight: BTreeMap::new(),
            sent: 0,
            weather,
            rng: StdRng::seed_from_u64(seed),
            told: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    fn call(&mut self) -> LegId {
        let invite = Invite {
            via: Next::Address(Destination {
                protocol: Protocol::Udp,
                address: ADDRESSES[1].parse().unwrap(),
            }),
            request_uri: "sip:100@192.0.2.2".parse().unwrap(),
            from: "<sip:a@192.0.2.1>".parse().unwrap(),
            to: "<sip:100@192.0.2.2>".parse().unwrap(),
            sdp: Some(OFFER.into()),
            headers: Vec::new(),
            max_forwards: 70,
        };
        self.sides[0].invite(invite, self.now).unwrap()
    }

    /// Puts what both sides send on the link, and collects what they tell.
    fn collect(&mut self, act: &mut impl FnMut(&mut Endpoint, usize, LegId, &LegEvent, Time)) {
        for side in 0..2 {
            while let Some((id, event)) = self.sides[side].poll_event() {
                self.told[side].entry(id).or_default().push(name(&event));
                act(&mut self.sides[side], side, id, &event, self.now);
            }
            while let Some(transmit) = self.sides[side].poll_transmit() {
                let copies = if self.rng.random_bool(self.weather.duplication) {
                    2
                } else {
                    1
                };
                for _ in 0..copies {
                    if self.rng.random_bool(self.weather.loss) {
                        continue;
                    }
                    let delay = self
                        .rng
                        .random_range(self.weather.delay.0..=self.weather.delay.1);
                    self.sent += 1;
                    let at = self.now + std::time::Duration::from_millis(delay);
                    self.in_flight
                        .insert((at, self.sent), (1 - side, transmit.clone()));
                }
            }
        }
    }

    /// Lets time pass for both sides and the link.
    fn run(
        &mut self,
        milliseconds: u64,
        mut act: impl FnMut(&mut Endpoint, usize, LegId, &LegEvent, Time),
    ) {
        let end = self.now + std::time::Duration::from_millis(milliseconds);
        loop {
            self.collect(&mut act);
            let link = self.in_flight.first_key_value().map(|((at, _), _)| *at);
            let timers = self
                .sides
                .iter_mut()
                .filter_map(Endpoint::poll_timeout)
                .min();
            let Some(next) = link.into_iter().chain(timers).min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self
                .in_flight
                .first_entry()
                .filter(|entry| entry.key().0 <= self.now)
            {
                let (side, transmit) = entry.remove();
                let packet = Packet {
                    protocol: Protocol::Udp,
                    local: transmit.destination,
                    source: ADDRESSES[1 - side].parse().unwrap(),
                    connection: None,
                    message: Message::parse(&transmit.bytes),
                };
                self.sides[side].receive(packet, self.now);
            }
            for side in &mut self.sides {
                side.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    /// Each leg ended exactly once and last; both sides have forgotten everything.
    fn assert_clean(&mut self, what: &str) {
        self.run(300_000, |_, _, _, _, _| {});
        for (side, legs) in self.told.iter().enumerate() {
            for (id, events) in legs {
                let terminal = |event: &String| {
                    ["Ended", "Failed", "Cancelled"]
                        .iter()
                        .any(|word| event.starts_with(word))
                };
                let ends = events.iter().filter(|event| terminal(event)).count();
                assert!(
                    ends == 1 && events.last().is_some_and(terminal),
                    "{what}: side {side}, {id}: {events:?}"
                );
            }
            let counters = self.sides[side].counters();
            let gauges = [
                counters.legs,
                counters.calls,
                counters.dialogs,
                counters.unacknowledged,
            ];
            assert_eq!(gauges, [0; 4], "{what}: side {side}: {counters:?}");
            assert_eq!(
                counters.server_transactions + counters.client_transactions,
                0,
                "{what}: side {side}"
            );
            assert_eq!(self.sides[side].trunk_loads()[0].calls, 0, "{what}");
        }
    }
}

const CALM: Weather = Weather {
    loss: 0.0,
    duplication: 0.0,
    delay: (10, 10),
};
const ROUGH: Weather = Weather {
    loss: 0.25,
    duplication: 0.2,
    delay: (5, 900),
};
const STORM: Weather = Weather {
    loss: 0.6,
    duplication: 0.3,
    delay: (5, 3_000),
};

/// The callee's part: rings, answers, accepts every new offer.
fn obliging(endpoint: &mut Endpoint, side: usize, id: LegId, event: &LegEvent, now: Time) {
    let _ = match event {
        LegEvent::Incoming(_) if side == 1 => {
            let _ = endpoint.provisional(id, 180, None, now);
            endpoint.answer(id, ANSWER.to_vec(), now)
        }
        LegEvent::Reoffer { .. } => endpoint.accept_offer(id, ANSWER.to_vec(), now),
        _ => Ok(()),
    };
}

#[test]
fn a_calm_call_needs_no_retransmission() {
    let mut pair = Pair::new(CALM, 1);
    let id = pair.call();
    pair.run(5_000, obliging);
    assert_eq!(pair.told[0][&id], ["Progress 180", "Answered"]);
    pair.sides[0].bye(id, None, pair.now).unwrap();
    pair.assert_clean("calm");
    assert_eq!(
        pair.told[1].values().next().unwrap(),
        &["Incoming", "Acknowledged", "Ended Peer"]
    );
    for side in &pair.sides {
        let counters = side.counters();
        assert_eq!(
            (counters.retransmissions_sent, counters.strays),
            (0, 0),
            "{counters:?}"
        );
    }
}

#[test]
fn calls_survive_loss_and_reordering() {
    let mut answered = 0;
    for seed in 0..300 {
        let mut pair = Pair::new(ROUGH, seed);
        let id = pair.call();
        pair.run(60_000, obliging);
        let told = pair.told[0][&id].clone();
        answered += usize::from(told.iter().any(|event| event == "Answered"));
        let other = pair.told[1].keys().next().copied();
        // Whoever hangs up, sometimes both.
        if seed % 3 != 1 {
            let _ = pair.sides[0].bye(id, None, pair.now);
        }
        if let Some(other) = other.filter(|_| seed % 3 != 0) {
            let _ = pair.sides[1].bye(other, None, pair.now);
        }
        pair.run(40_000, obliging);
        // A BYE can be lost for good; the call's owner would see the missing media.
        let _ = pair.sides[0].bye(id, None, pair.now);
        other.map(|other| pair.sides[1].bye(other, None, pair.now));
        pair.assert_clean(&format!("seed {seed}"));
    }
    assert!(
        answered >= 295,
        "{answered} of 300: six INVITEs and eleven 2xx, a quarter lost"
    );
}

#[test]
fn cancel_races_leave_nothing_behind() {
    for seed in 0..300 {
        let weather = if seed % 2 == 0 { ROUGH } else { STORM };
        let mut pair = Pair::new(weather, seed);
        let id = pair.call();
        let give_up = seed * 17 % 4_000;
        pair.run(give_up, obliging);
        let _ = pair.sides[0].bye(id, None, pair.now);
        pair.run(70_000, obliging);
        for side in 0..2 {
            let legs: Vec<LegId> = pair.sides[side].legs().collect();
            for leg in legs {
                let _ = pair.sides[side].bye(leg, None, pair.now);
            }
        }
        pair.assert_clean(&format!("seed {seed}, given up after {give_up} ms"));
    }
}

#[test]
fn reinvites_from_both_sides_settle() {
    let mut settled = 0;
    for seed in 0..200 {
        let weather = if seed < 100 { CALM } else { ROUGH };
        let mut pair = Pair::new(weather, seed);
        let id = pair.call();
        pair.run(40_000, obliging);
        let Some(other) = pair.told[1].keys().next().copied() else {
            continue;
        };
        // Both at once: glare.
        let both = [
            pair.sides[0].reinvite(id, OFFER.into(), pair.now),
            pair.sides[1].reinvite(other, OFFER.into(), pair.now),
        ];
        pair.run(60_000, obliging);
        let answered = |events: &[String]| {
            events
                .iter()
                .any(|event| event == "ReinviteAnswered" || event == "ReinviteFailed 491")
        };
        let sides = [
            answered(&pair.told[0][&id]),
            answered(&pair.told[1][&other]),
        ];
        if seed < 100 {
            assert_eq!(both, [Ok(()); 2]);
            assert_eq!(sides, [true, true], "seed {seed}: {:?}", pair.told);
        }
        settled += usize::from(sides == [true, true]);
        let _ = pair.sides[0].bye(id, None, pair.now);
        pair.run(40_000, obliging);
        let _ = pair.sides[1].bye(other, None, pair.now);
        pair.assert_clean(&format!("seed {seed}"));
    }
    assert!(settled >= 150, "{settled}");
}

#[test]
fn a_refusal_gets_through_the_storm_or_times_out() {
    for seed in 0..100 {
        let mut pair = Pair::new(STORM, seed);
        pair.call();
        pair.run(100_000, |endpoint, _, id, event, now| {
            if let LegEvent::Incoming(_) = event {
                endpoint.reject(id, Rejection::new(486), now).unwrap();
            }
        });
        pair.assert_clean(&format!("seed {seed}"));
    }
}
