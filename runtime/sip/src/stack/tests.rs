//! Two stacks on the loopback interface.

use std::time::Duration;

use super::*;
use crate::endpoint::LegEvent;
use crate::endpoint::{EndedBy, Next, Rejection};
use crate::message::Reason;
use crate::transport::Protocol;
use crate::trunk::{Destination, Trunk, UnknownPeer};

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct Party {
    stack: Stack,
    calls: mpsc::Receiver<IncomingCall>,
}

fn config(protocol: Protocol, ip: &str) -> StackConfig {
    let listen = Listen {
        protocol,
        address: SocketAddr::new(ip.parse().unwrap(), 0),
    };
    let trunk = Trunk::new("loopback")
        .with_peer("127.0.0.0/8".parse::<ipnet::IpNet>().unwrap())
        .with_peer("::1/128".parse::<ipnet::IpNet>().unwrap());
    let mut config = StackConfig::new(
        vec![listen.into()],
        Trunks::new(vec![trunk], UnknownPeer::Drop).unwrap(),
    );
    config.endpoint.limits.max_calls = 100;
    config.endpoint.limits.max_transactions = 1_000;
    config
}

impl Party {
    async fn start(config: StackConfig) -> Self {
        let (stack, calls) = Stack::start(config).await.unwrap();
        Self { stack, calls }
    }

    fn place(&self, to: &Self) -> Leg {
        let Listen { protocol, address } = to.stack.local_addresses()[0];
        self.place_to(protocol, address)
    }

    fn place_to(&self, protocol: Protocol, address: SocketAddr) -> Leg {
        let invite = Invite {
            via: Next::Address(Destination { protocol, address }),
            request_uri: format!("sip:100@{address}").parse().unwrap(),
            from: "<sip:caller@vireo.invalid>".parse().unwrap(),
            to: format!("<sip:100@{address}>").parse().unwrap(),
            sdp: Some(SDP.to_vec()),
            headers: Vec::new(),
            max_forwards: 70,
        };
        self.stack.invite(invite).unwrap()
    }

    async fn incoming(&mut self) -> IncomingCall {
        tokio::time::timeout(LONG, self.calls.recv())
            .await
            .expect("a call in time")
            .unwrap()
    }
}

async fn event(leg: &mut Leg) -> LegEvent {
    tokio::time::timeout(LONG, leg.events().recv())
        .await
        .expect("an event in time")
        .expect("an event")
}

/// The last event, whatever came before it.
async fn last(leg: &mut Leg) -> LegEvent {
    loop {
        let event = event(leg).await;
        if event.is_terminal() {
            return event;
        }
    }
}

async fn established(caller: &Party, callee: &mut Party) -> (Leg, Leg) {
    let mut ours = caller.place(callee);
    let mut theirs = callee.incoming().await.leg;
    theirs.answer(SDP.to_vec()).unwrap();
    assert!(matches!(
        event(&mut ours).await,
        LegEvent::Answered { sdp: Some(_) }
    ));
    assert!(matches!(
        event(&mut theirs).await,
        LegEvent::Acknowledged { .. }
    ));
    (ours, theirs)
}

#[tokio::test]
async fn a_call_over_each_transport() {
    for (protocol, ip) in [
        (Protocol::Udp, "127.0.0.1"),
        (Protocol::Tcp, "127.0.0.1"),
        (Protocol::Udp, "::1"),
        (Protocol::Tcp, "::1"),
    ] {
        let caller = Party::start(config(protocol, ip)).await;
        let mut callee = Party::start(config(protocol, ip)).await;
        let (mut ours, mut theirs) = established(&caller, &mut callee).await;
        ours.info("application/dtmf-relay", b"Signal=1".to_vec())
            .unwrap();
        assert!(
            matches!(event(&mut theirs).await, LegEvent::Info { .. }),
            "{protocol} {ip}"
        );
        theirs.reinvite(SDP.to_vec()).unwrap();
        assert!(matches!(
            event(&mut ours).await,
            LegEvent::Reoffer { sdp: Some(_) }
        ));
        ours.accept_offer(SDP.to_vec()).unwrap();
        assert!(matches!(
            event(&mut theirs).await,
            LegEvent::ReinviteAnswered { .. }
        ));
        assert!(matches!(
            event(&mut ours).await,
            LegEvent::ReofferDone { .. }
        ));
        theirs
            .bye(Some(Reason::q850(16, "Normal call clearing")))
            .unwrap();
        let LegEvent::Ended {
            by: EndedBy::Peer,
            reason: Some(reason),
        } = event(&mut ours).await
        else {
            panic!()
        };
        assert_eq!(reason.cause, Some(16));
        assert!(matches!(
            event(&mut theirs).await,
            LegEvent::Ended {
                by: EndedBy::Local,
                ..
            }
        ));
        assert!(
            ours.events().recv().await.is_none(),
            "nothing comes after the last event"
        );
        assert_eq!(caller.stack.shutdown(LONG).await, 0);
        assert_eq!(callee.stack.shutdown(LONG).await, 0);
    }
}

#[tokio::test]
async fn a_dropped_leg_is_ended_whatever_its_state() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut callee = Party::start(config(Protocol::Udp, "127.0.0.1")).await;

    let (ours, mut theirs) = established(&caller, &mut callee).await;
    drop(ours);
    assert!(matches!(
        event(&mut theirs).await,
        LegEvent::Ended {
            by: EndedBy::Peer,
            ..
        }
    ));

    let mut ours = caller.place(&callee);
    drop(callee.incoming().await);
    assert!(matches!(
        last(&mut ours).await,
        LegEvent::Failed { status: 480, .. }
    ));

    let ours = caller.place(&callee);
    let mut theirs = callee.incoming().await.leg;
    theirs.provisional(180, None).unwrap();
    drop(ours);
    assert!(matches!(
        event(&mut theirs).await,
        LegEvent::Cancelled { .. }
    ));
}

#[tokio::test]
async fn a_leg_that_is_not_read_ends_alone() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut callee = Party::start(StackConfig {
        leg_queue: 4,
        ..config(Protocol::Udp, "127.0.0.1")
    })
    .await;
    let (mut ours, _unread) = established(&caller, &mut callee).await;
    let (mut other, mut theirs) = established(&caller, &mut callee).await;
    for _ in 0..5 {
        ours.info("text/plain", b"x".to_vec()).unwrap();
    }
    assert!(matches!(
        event(&mut ours).await,
        LegEvent::Ended {
            by: EndedBy::Peer,
            ..
        }
    ));
    other.info("text/plain", b"y".to_vec()).unwrap();
    assert!(matches!(event(&mut theirs).await, LegEvent::Info { .. }));
    theirs.bye(None).unwrap();
    assert!(matches!(
        event(&mut other).await,
        LegEvent::Ended {
            by: EndedBy::Peer,
            ..
        }
    ));
}

#[tokio::test]
async fn calls_that_nobody_takes_are_refused_for_now() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut callee = Party::start(StackConfig {
        incoming_queue: 1,
        ..config(Protocol::Udp, "127.0.0.1")
    })
    .await;
    let mut first = caller.place(&callee);
    let mut second = caller.place(&callee);
    let LegEvent::Failed {
        status: 503,
        retry_after: Some(_),
        ..
    } = event(&mut second).await
    else {
        panic!()
    };
    callee
        .incoming()
        .await
        .leg
        .reject(Rejection::new(486))
        .unwrap();
    assert!(matches!(
        event(&mut first).await,
        LegEvent::Failed { status: 486, .. }
    ));
}

#[tokio::test]
async fn draining_and_shutting_down() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut callee = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let (mut ours, mut theirs) = established(&caller, &mut callee).await;
    callee.stack.drain();
    assert!(matches!(
        event(&mut caller.place(&callee)).await,
        LegEvent::Failed { status: 503, .. }
    ));
    assert_eq!(callee.stack.trunk_loads().await[0].calls, 1);
    callee.stack.open();
    let (_third, _fourth) = established(&caller, &mut callee).await;
    assert_eq!(callee.stack.counters().calls, 2);
    assert_eq!(callee.stack.shutdown(LONG).await, 0);
    assert!(matches!(
        event(&mut ours).await,
        LegEvent::Ended {
            by: EndedBy::Peer,
            ..
        }
    ));
    assert!(matches!(
        event(&mut theirs).await,
        LegEvent::Ended {
            by: EndedBy::Local,
            ..
        }
    ));
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_call_is_told() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut no_socket = caller.place_to(Protocol::Tcp, "127.0.0.1:5060".parse().unwrap());
    assert!(matches!(
        event(&mut no_socket).await,
        LegEvent::Failed { status: 503, .. }
    ));

    let tcp = Party::start(config(Protocol::Tcp, "127.0.0.1")).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut refused = tcp.place_to(Protocol::Tcp, closed);
    assert!(matches!(
        event(&mut refused).await,
        LegEvent::Failed { status: 503, .. }
    ));
}

#[tokio::test]
async fn one_leg_cannot_fill_the_queue_of_commands() {
    let caller = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let mut callee = Party::start(config(Protocol::Udp, "127.0.0.1")).await;
    let (ours, mut theirs) = established(&caller, &mut callee).await;
    // The task has no turn until this test waits for something.
    let results: Vec<_> = (0..40)
        .map(|_| ours.info("text/plain", b"x".to_vec()))
        .collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 32);
    assert_eq!(results.last(), Some(&Err(LegError::Busy)));
    assert!(matches!(event(&mut theirs).await, LegEvent::Info { .. }));
    drop(ours);
    assert!(matches!(
        last(&mut theirs).await,
        LegEvent::Ended {
            by: EndedBy::Peer,
            ..
        }
    ));
}
