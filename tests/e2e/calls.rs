//! Whole calls by SIPp, and many of them.

use std::time::Duration;

use vireo_tests::rtp::{self, Peer};
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::sipp::Run;
use vireo_tests::{Server, wav};

use crate::{assert_nothing_left, only_call, records};

fn demo() -> Setup {
    Setup {
        flows: vec![("demo".into(), "demo-ivr".into())],
        ..Setup::default()
    }
}

#[test]
fn a_basic_call_leaves_one_record_and_nothing_else() {
    let server = Server::start(&demo());
    let report = Run::new("basic", "demo").succeed(server.udp);
    assert_eq!(report.retransmissions, 0);
    let call = only_call(&server);
    assert_eq!(call.outcome(), "hung-up-by-caller");
    assert_eq!(call.record["caller"], "100");
    assert_eq!(call.record["called"], "demo");
    assert_eq!(call.record["sip_status"], 200);
    assert!(
        call.record["media"]["sent"]["packets"].as_u64().unwrap() >= 40,
        "{:?}",
        call.record
    );
    assert_nothing_left(&server);
    server.stop();
}

#[test]
fn over_tcp() {
    let server = Server::start(&demo());
    Run::new("basic", "demo")
        .args(&["-t", "t1"])
        .calls(3, 10.0)
        .succeed(server.tcp);
    assert_eq!(records(&server, 3).len(), 3);
    assert_nothing_left(&server);
}

#[test]
fn two_hundred_calls_through_the_demo_flow() {
    let server = Server::start(&demo());
    // Beside SIPp's calls, one whose packets are looked at one by one.
    let watched = std::thread::spawn({
        let udp = server.udp;
        move || {
            let peer = Peer::new();
            let mut call = Call::new(udp, "demo");
            call.establish(&sdp(&peer, true));
            std::thread::sleep(Duration::from_secs(8));
            let packets = peer.packets();
            call.bye();
            packets
        }
    });
    Run::new("demo-menu", "demo")
        .calls(200, 20.0)
        .limit(Duration::from_secs(90))
        .succeed(server.udp);
    let packets = watched.join().unwrap();
    let records = records(&server, 201);
    assert_eq!(records.len(), 201, "every call has its record");
    let keys = records
        .iter()
        .filter(|record| record["digits"] == 3)
        .count();
    assert_eq!(
        keys, 200,
        "each of SIPp's calls pressed three keys, each heard once"
    );
    assert!(packets.len() >= 380, "8 s of packets: {}", packets.len());
    assert_eq!(rtp::lost(&packets), 0);
    let gaps = rtp::gaps_ms(&packets);
    let even = gaps
        .iter()
        .filter(|gap| (18.0..=22.0).contains(*gap))
        .count();
    println!(
        "RTP gaps within 2 ms of 20 ms: {:.1} %",
        even as f64 * 100.0 / gaps.len() as f64
    );
    assert_nothing_left(&server);
    server.stop();
}

#[test]
fn the_caller_hears_the_prompt_and_not_another() {
    let server = Server::start(&demo());
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "demo");
    call.establish(&sdp(&peer, true));
    std::thread::sleep(Duration::from_secs(5));
    call.bye();
    let heard = peer.audio();
    let prompt = |name: &str| {
        wav::Wav::read(&vireo_tests::root().join(format!("target/prompts/en/{name}.wav"))).samples
    };
    let (_, welcome) = wav::find(&prompt("demo/welcome"), &heard);
    let (_, other) = wav::find(&prompt("demo/opening-hours"), &heard);
    assert!(welcome > 0.95, "welcome: {welcome}");
    assert!(other < 0.6, "opening hours: {other}");
}

#[test]
fn prompts_follow_the_language_of_the_route() {
    let setup = Setup {
        routes: Some(
            "[[routes]]\nname = \"zh\"\ncalled = \"demo\"\nflow = \"demo\"\nlanguage = \"zh-CN\"\n"
                .into(),
        ),
        ..demo()
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "demo");
    call.establish(&sdp(&peer, true));
    std::thread::sleep(Duration::from_secs(4));
    call.bye();
    let welcome =
        wav::Wav::read(&vireo_tests::root().join("target/prompts/zh/demo/welcome.wav")).samples;
    let length = welcome.len().min(16_000);
    let (_, alike) = wav::find(&welcome[..length], &peer.audio());
    assert!(alike > 0.95, "the Chinese welcome: {alike}");
}

#[test]
fn the_server_ends_calls_that_are_left_when_it_stops() {
    let server = Server::start(&Setup::with_flows(&["sig"]));
    let peer = Peer::new();
    let mut call = Call::new(server.udp, "sig");
    call.establish(&sdp(&peer, true));
    let stopping = std::thread::spawn(move || server.stop_after(0));
    call.wait_for_bye(Duration::from_secs(10));
    stopping.join().unwrap();
}
