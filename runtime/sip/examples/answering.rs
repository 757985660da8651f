//! What a call costs a [`Stack`]: answers every INVITE at once, obeys BYE, and prints each second what it used.
//!
//! ```text
//! cargo build --release --locked -p vireo-sip --examples
//! taskset -c 0 target/release/examples/answering 127.0.0.1:5070 [calls at the most]
//! taskset -c 1 sipp 127.0.0.1:5070 -sf tests/load/signalling.xml -r 2000 -m 20000 ...
//! ```
//!
//! Everything runs on the one thread of the runtime, so that the CPU time of that thread is the whole cost.

use std::error::Error;
use std::time::Duration;

use vireo_sip::endpoint::{Counters, LegEvent};
use vireo_sip::stack::{IncomingCall, ListenAt, Stack, StackConfig};
use vireo_sip::transport::{Listen, Protocol};
use vireo_sip::trunk::{Peer, Trunk, Trunks, UnknownPeer};

/// An answer of the usual size.
const SDP: &str = "v=0\r\no=- 3973 3973 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// What was used and done up to now.
#[derive(Clone, Copy)]
struct Reading {
    cpu: Duration,
    counters: Counters,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:5070".into());
    let listen = Listen {
        protocol: Protocol::Udp,
        address: address.parse()?,
    };
    let peer = Peer::from("127.0.0.0/8".parse::<ipnet::IpNet>()?);
    let trunks = Trunks::new(vec![Trunk::new("local").with_peer(peer)], UnknownPeer::Drop)?;
    let mut config = StackConfig::new(vec![ListenAt::from(listen)], trunks);
    config.endpoint.limits.max_transactions = 1_000_000;
    config.endpoint.limits.max_calls = match arguments.next() {
        Some(most) => most.parse()?,
        None => 20_000,
    };
    let (stack, mut calls) = Stack::start(config).await?;
    tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            tokio::spawn(answer(call));
        }
    });
    report(&stack).await
}

async fn answer(mut call: IncomingCall) {
    // Refused only when the stack is gone.
    let _ = call.leg.answer(SDP.as_bytes().to_vec());
    while let Some(event) = call.leg.events().recv().await {
        if matches!(event, LegEvent::Ended { .. } | LegEvent::Cancelled { .. }) {
            return;
        }
    }
}

async fn report(stack: &Stack) -> Result<(), Box<dyn Error>> {
    let mut last = read(stack)?;
    let mut idle = last;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = read(stack)?;
        let calls = now.counters.inbound_calls - last.counters.inbound_calls;
        let refused = now.counters.refused_calls - last.counters.refused_calls;
        if calls + refused > 0 {
            line("second", &last, &now);
        } else if last.counters.requests != idle.counters.requests {
            line("run", &idle, &last);
            println!("{:?} {:?}", last.counters, stack.transport_counters());
            idle = now;
        }
        last = now;
    }
}

fn line(what: &str, from: &Reading, to: &Reading) {
    let calls = to.counters.inbound_calls - from.counters.inbound_calls;
    let refused = to.counters.refused_calls - from.counters.refused_calls;
    let each = (to.cpu - from.cpu).as_secs_f64() * 1e6 / (calls + refused).max(1) as f64;
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = memory.lines().find(|line| line.starts_with("VmRSS"));
    println!(
        "{what}: {calls} calls, {refused} refused, {each:.1} us CPU each; now {} calls, {} transactions, {}",
        to.counters.calls,
        to.counters.server_transactions,
        resident.unwrap_or_default()
    );
}

fn read(stack: &Stack) -> Result<Reading, Box<dyn Error>> {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat")?;
    let cpu = schedstat.split(' ').next().unwrap_or_default().parse()?;
    Ok(Reading {
        cpu: Duration::from_nanos(cpu),
        counters: stack.counters(),
    })
}
