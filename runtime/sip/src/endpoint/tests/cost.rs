//! What a call costs: `cargo test --release -p vireo-sip --lib -- --ignored --nocapture what_a_call_costs`.

use super::super::*;
use super::probe::*;
use crate::message::Message;
use crate::transport::{Packet, Protocol};
use crate::trunk::UnknownPeer;

/// The promise: CPU time of INVITE, 200, ACK, BYE, 200, reading and printing included.
const MAX_MICROSECONDS: f64 = 40.0;

/// CPU time of this thread: other work on the machine does not count.
fn cpu_nanoseconds() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedstat.split(' ').next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement: wants an idle machine"]
fn what_a_call_costs() {
    const CALLS: usize = 100_000;
    let mut config = config();
    config.limits.max_calls = 20_000;
    config.limits.max_transactions = 400_000;
    let mut endpoint = Endpoint::new(
        config,
        Trunks::new(vec![carrier()], UnknownPeer::Drop).unwrap(),
        [3; 32],
    );
    let (source, local) = (CARRIER.parse().unwrap(), "192.0.2.1:5060".parse().unwrap());
    let headers = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nSupported: timer, 100rel\r\nUser-Agent: Carrier 1.0\r\n";
    let calls: Vec<[String; 3]> = (0..CALLS)
        .map(|n| {
            let of_call = |text: Text| Text {
                call_id: format!("{n}@carrier"),
                branch: format!("z9hG4bK{}{n}", text.method),
                ..text
            };
            [
                of_call(Text::invite().extra(headers)),
                of_call(Text::ack("TAG", 1)),
                of_call(Text::within("BYE", "TAG", 2)),
            ]
            .map(|text| text.to_string())
        })
        .collect();
    let receive = |endpoint: &mut Endpoint, text: &str, now: Time| {
        let message = Message::parse(text.as_bytes());
        endpoint.receive(
            Packet {
                protocol: Protocol::Udp,
                local,
                source,
                connection: None,
                message,
            },
            now,
        );
    };
    let mut now = Time::from_millis(1_000_000);
    let (mut sent, mut ended) = (0, 0);
    let start = cpu_nanoseconds();
    for (n, [invite, ack, bye]) in calls.iter().enumerate() {
        // 2,000 calls a second, so that finished transactions linger as they would.
        if n % 2 == 0 {
            now = now + std::time::Duration::from_millis(1);
            endpoint.handle_timeout(now);
        }
        receive(&mut endpoint, invite, now);
        let Some((id, LegEvent::Incoming(_))) = endpoint.poll_event() else {
            panic!("no call {n}")
        };
        endpoint.answer(id, ANSWER.to_vec(), now).unwrap();
        let tag = endpoint.legs[&id].dialog.local_tag().to_owned();
        receive(&mut endpoint, &ack.replace("TAG", &tag), now);
        receive(&mut endpoint, &bye.replace("TAG", &tag), now);
        while endpoint.poll_transmit().is_some() {
            sent += 1;
        }
        while let Some((_, event)) = endpoint.poll_event() {
            ended += usize::from(event.is_terminal());
        }
    }
    let each = (cpu_nanoseconds() - start) as f64 / 1e3 / CALLS as f64;
    println!("{each:.1} µs a call; {:?}", endpoint.counters());
    assert_eq!((sent, ended), (CALLS * 2, CALLS));
    assert!(each < MAX_MICROSECONDS, "{each:.1} µs a call");
}
