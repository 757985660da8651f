//! The load scenarios, in small: counts, never times. `make bench` measures.

use std::time::Duration;

use vireo_tests::Server;
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::sipp::Run;

use crate::{assert_nothing_left, records};

#[test]
fn four_hundred_calls_of_two_kinds_at_the_same_time() {
    let server = Server::start(&Setup::with_flows(&["sig", "ivra"]));
    let udp = server.udp;
    let short = std::thread::spawn(move || {
        Run::load("signalling", "sig").calls(300, 60.0).succeed(udp);
    });
    Run::load("ivr-a", "ivra").calls(100, 25.0).succeed(udp);
    short.join().unwrap();
    let records = records(&server, 400);
    assert_eq!(records.len(), 400);
    let of = |outcome: &str| {
        (records.iter())
            .filter(|record| record["outcome"] == outcome)
            .count()
    };
    assert_eq!(
        (of("hung-up-by-caller"), of("completed")),
        (300, 100),
        "{records:?}"
    );
    assert_nothing_left(&server);
    for gauge in ["vireo_sip_dialogs", "vireo_sip_unacknowledged"] {
        assert_eq!(server.admin.metric(gauge), 0.0, "{gauge}");
    }
    assert_eq!(
        server.admin.metric("vireo_journal_entries_dropped_total"),
        0.0
    );
}

#[test]
fn three_times_the_limit_at_once() {
    let server = Server::start(&Setup {
        sip: "max-calls = 20\n".into(),
        ..Setup::with_flows(&["ivra"])
    });
    // All are offered long before the first one that was admitted has ended.
    let report = Run::load("overload", "ivra")
        .calls(60, 200.0)
        .succeed(server.udp);
    assert_eq!(
        (report.counter("admitted"), report.counter("refused")),
        (20, 40)
    );
    let refused = "vireo_sip_refused_total{reason=\"server-calls\"}";
    assert_eq!(server.admin.metric(refused), 40.0);
    assert_eq!(records(&server, 20).len(), 20, "a refused call has none");
    assert_nothing_left(&server);
    let peer = Peer::new();
    let mut again = Call::new(server.udp, "ivra");
    again.establish(&sdp(&peer, true));
    again.wait_for_bye(Duration::from_secs(20));
}

#[test]
fn menus_recordings_and_keys() {
    let server = Server::start(&Setup::with_flows(&["ivrb"]));
    Run::load("ivr-b", "ivrb")
        .calls(10, 10.0)
        .succeed(server.udp);
    let records = records(&server, 10);
    let messages = (records.iter())
        .filter(|record| {
            record["recordings"]
                .as_array()
                .is_some_and(|all| all.len() == 1)
        })
        .count();
    assert_eq!(messages, 10, "{records:?}");
    assert_nothing_left(&server);
}
