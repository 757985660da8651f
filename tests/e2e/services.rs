//! What flows have beside their call: HTTP, keys, time, and what is known of the caller.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use vireo_tests::Server;
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};

use crate::{assert_nothing_left, only_call, records};

/// One call to `user`, to the server's BYE, with these headers in its INVITE.
fn one_call(server: &Server, user: &str, headers: &str) {
    let peer = Peer::new();
    let mut call = Call::new(server.udp, user);
    headers.clone_into(&mut call.more);
    call.establish(&sdp(&peer, true));
    call.more.clear();
    call.wait_for_bye(Duration::from_secs(20));
}

/// An HTTP server that answers one request and returns what was asked.
fn http_server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (port, thread)
}

#[test]
fn a_flow_reaches_the_host_it_was_granted_and_no_other() {
    let (port, answered) = http_server();
    let setup = Setup {
        flows: vec![
            ("granted".into(), "http".into()),
            ("other".into(), "http".into()),
        ],
        more: format!(
            "[flows.granted]\ngrants = {{ http = [\"127.0.0.1:{port}\"] }}\n\
             [flows.other]\ngrants = {{ http = [\"api.example.com\"] }}\n"
        ),
        routes: Some(
            ["granted", "other"]
                .map(|name| {
                    format!(
                        "[[routes]]\nname = \"{name}\"\ncalled = \"{name}\"\nflow = \"{name}\"\n\
                         parameters = {{ url = \"http://127.0.0.1:{port}/opening?day=1\" }}\n"
                    )
                })
                .concat(),
        ),
        ..Setup::default()
    };
    let server = Server::start(&setup);
    one_call(&server, "granted", "");
    let asked = answered.join().unwrap();
    assert!(
        asked.starts_with("GET /opening?day=1 HTTP/1.1\r\n"),
        "{asked}"
    );
    let call = only_call(&server);
    let reply = call.replies("http.send")[0]["Ok"]["response"].to_string();
    assert!(
        reply.contains("\"status\":200") && reply.contains("hello"),
        "{reply}"
    );
    one_call(&server, "other", "");
    let denied = records(&server, 2);
    let id = denied
        .iter()
        .find(|record| record["flow"] == "other")
        .unwrap()["call_id"]
        .as_str()
        .unwrap();
    let timeline = server.admin.get(&format!("/v1/cdrs/{id}"))["timeline"].to_string();
    assert!(
        timeline.contains("this flow has no such grant"),
        "{timeline}"
    );
    assert!(
        !timeline.contains("http.send"),
        "the request was never sent: {timeline}"
    );
}

#[test]
fn keys_outlive_calls_and_crashes() {
    let server = Server::start(&Setup::with_flows(&["counter"]));
    one_call(&server, "counter", "");
    one_call(&server, "counter", "");
    let server = server.kill_and_restart();
    one_call(&server, "counter", "");
    let newest = records(&server, 3).remove(0)["call_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let timeline = server.admin.get(&format!("/v1/cdrs/{newest}"))["timeline"].to_string();
    assert!(timeline.contains("{\"count\":3}"), "{timeline}");
}

#[test]
fn what_is_known_of_the_caller() {
    let setup = |identity: &str| Setup {
        trunk: format!("peers = [\"127.0.0.0/8\"]\nidentity = \"{identity}\"\n"),
        routes: Some(
            "[[routes]]\nname = \"info\"\ncalled = \"info\"\nflow = \"info\"\n\
             parameters = { headers = \"X-Ticket\" }\n"
                .into(),
        ),
        ..Setup::with_flows(&["info"])
    };
    let headers = "P-Asserted-Identity: \"Li Wei\" <sip:+8610555@carrier>\r\n\
                   Diversion: <sip:12345@carrier>;reason=no-answer\r\nX-Ticket: 7\r\n";
    for (identity, caller) in [("trusted", "+8610555"), ("untrusted", "100")] {
        let server = Server::start(&setup(identity));
        one_call(&server, "info", headers);
        let call = only_call(&server);
        assert_eq!(call.record["caller"], caller, "{identity}");
        let info = call.replies("call.get-info")[0]["Ok"]["info"].to_string();
        assert!(info.contains("12345"), "diverted by: {info}");
        assert_eq!(call.replies("call.header")[0]["Ok"]["values"][0], "7");
    }
}

#[test]
fn over_ipv6() {
    let setup = Setup {
        listen: "\"udp:[::1]:0\", \"tcp:[::1]:0\"".into(),
        address: "::1".into(),
        ..Setup::with_flows(&["ivra"])
    };
    let server = Server::start(&setup);
    let heard = server.directory().join("heard");
    let target = format!("ivra@{}", server.udp);
    let report =
        vireo_tests::server::call(&target, &heard, &["wait:1s", "press:5", "expect-hangup"]);
    assert_eq!(
        (report["status"].as_u64(), report["lost"].as_u64()),
        (Some(200), Some(0))
    );
    assert!(report["received"].as_u64().unwrap() > 200, "{report}");
    let target = format!("ivra@{};transport=tcp", server.tcp);
    let report = vireo_tests::server::call(&target, &heard, &["wait:500ms", "hangup"]);
    assert_eq!(report["status"], 200);
    assert_eq!(records(&server, 2).len(), 2);
    assert_nothing_left(&server);
}
