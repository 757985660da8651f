//! Versions on trial: who gets them, and how bad ones go.

use std::time::Duration;

use serde_json::Value;
use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::sipp::Run;
use vireo_tests::{Server, flow, until};

use crate::{assert_nothing_left, records};

fn deploy(server: &Server, component: &str, query: &str) -> (u16, Value) {
    let wasm = std::fs::read(flow(component)).unwrap();
    let path = format!("/v1/flows/menu/deployments{query}");
    let (status, body) = server.admin.request("POST", &path, &wasm);
    (status, serde_json::from_slice(&body).unwrap())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn a_bad_canary_is_rolled_back_on_its_own() {
    let server = Server::start(&Setup {
        flows: vec![("menu".into(), "sig".into())],
        ..Setup::default()
    });
    let udp = server.udp;
    let (status, report) = deploy(&server, "trap", "?percent=10&note=untested");
    assert_eq!(status, 200, "{report}");
    let version = text(&report, "digest").to_owned();
    let canary = text(&report["canary"], "digest").to_owned();
    let load = std::thread::spawn(move || {
        Run::new("callers", "menu")
            .calls(400, 40.0)
            .limit(Duration::from_secs(60))
            .succeed(udp);
    });
    let history = until(Duration::from_secs(60), "the automatic rollback", || {
        let history = server.admin.get("/v1/flows/menu/history");
        (text(&history[0], "action") == "automatic-rollback").then_some(history)
    });
    load.join().unwrap();
    let withdrawn_ms = history[0]["at_ms"].as_u64().unwrap();
    let all = records(&server, 400);
    let hurt = (all.iter())
        .filter(|record| text(record, "outcome") == "failed-flow")
        .count();
    let of_canary = |record: &&Value| text(record, "version") == canary;
    assert_eq!(
        all.iter().filter(of_canary).count(),
        hurt,
        "each of them fails"
    );
    // 3/α is reached by 4 to 6 of its calls, with 9 times as many of the version beside them; those
    // that had begun by then fail, too. A canary of 10 % would have hurt 40.
    let note = text(&history[0], "note").to_owned();
    let decided: usize = (note.rsplit("; ").next())
        .and_then(|part| part.split(' ').next()?.parse().ok())
        .unwrap();
    println!("{hurt} of 400 calls were hurt; {decided} of them led to this: {note}");
    assert!((5..=10).contains(&decided), "{note}");
    assert!(hurt < 30, "{hurt} calls hurt");
    let after = |record: &&Value| record["received_ms"].as_u64().unwrap() > withdrawn_ms;
    let late: Vec<_> = all.iter().filter(after).collect();
    assert!(late.len() > 50, "there is load after the rollback");
    assert!(late.iter().all(|record| text(record, "version") == version));

    assert_eq!(server.admin.metric("vireo_automatic_rollbacks_total"), 1.0);
    let status = server.admin.get("/v1/flows/menu");
    assert_eq!(status["canary"], Value::Null);
    assert_eq!(text(&status["last_canary"], "digest"), canary);
    // Counted to the last, late calls included.
    assert_eq!(status["last_canary"]["total"]["hurt"], hurt);
    assert!(
        server
            .command(&["flow", "status", "menu"])
            .contains(&format!("the last canary hurt {hurt} of its {hurt} calls"))
    );
    let audit = server.admin.get("/v1/audit");
    assert_eq!(
        (text(&audit[0], "act"), text(&audit[0]["who"], "name")),
        ("automatic-rollback", "vireo")
    );
    assert!(server.log().contains("the canary is withdrawn"));
    // It does not come back with a restart, and another one may be tried.
    let server = server.kill_and_restart();
    let serving = server.admin.get("/v1/flows/menu")["serving"].clone();
    assert_eq!(serving.as_array().unwrap().len(), 1);
    assert_eq!(text(&serving[0], "digest"), version);
    assert_eq!(deploy(&server, "v2", "?percent=1").0, 200);
    assert_nothing_left(&server);
}

/// The version that a caller's call gets, on a route.
fn version_of(server: &Server, caller: &str, route: &str) -> String {
    let peer = Peer::new();
    let mut call = Call::new(server.udp, route);
    call.caller = caller.to_owned();
    call.establish(&sdp(&peer, false));
    let live = server.admin.get("/v1/calls");
    let version = text(&live[0], "version").to_owned();
    call.bye();
    until(Duration::from_secs(10), "the call's end", || {
        (server.admin.metric("vireo_calls_active") == 0.0).then_some(())
    });
    version
}

#[test]
fn testers_and_routes_get_the_canary_and_nobody_else() {
    let server = Server::start(&Setup {
        flows: vec![("menu".into(), "sig".into())],
        more: "[flows.menu]\n[caller-lists]\ntesters = [\"555*\"]\n".into(),
        routes: Some(
            "[[routes]]\nname = \"office\"\ncalled = \"office\"\nflow = \"menu\"\n\
             [[routes]]\nname = \"menu\"\nflow = \"menu\"\n"
                .into(),
        ),
        ..Setup::default()
    });
    let (_, report) = deploy(&server, "v2", "?callers=testers&route=office");
    let old = text(&report, "digest").to_owned();
    let new = text(&report["canary"], "digest").to_owned();
    assert_ne!(old, new);
    for (caller, route, expected) in [
        ("5551", "menu", &new),
        ("4441", "menu", &old),
        ("4441", "office", &new),
    ] {
        assert_eq!(&version_of(&server, caller, route), expected, "{caller}");
    }
    for (query, code) in [
        ("?percent=5", "VR0114"),
        ("?callers=nobody", "VR0104"),
        ("?percent=0", "VR0104"),
    ] {
        let (_, refused) = deploy(&server, "v1", query);
        assert_eq!(text(&refused, "code"), code, "{query}: {refused}");
    }
    // The same people after a restart.
    let server = server.kill_and_restart();
    assert_eq!(version_of(&server, "5551", "menu"), new);
    assert_eq!(version_of(&server, "4441", "menu"), old);
    server.command(&["flow", "promote", "menu", "--percent", "50"]);
    assert_eq!(version_of(&server, "5551", "menu"), new, "testers stay");
    let sticky = version_of(&server, "4442", "menu");
    for _ in 0..3 {
        assert_eq!(version_of(&server, "4442", "menu"), sticky);
    }
    server.command(&["flow", "promote", "menu"]);
    assert_eq!(version_of(&server, "4441", "menu"), new);
    server.command(&["flow", "rollback", "menu", "--note", "too loud"]);
    assert_eq!(version_of(&server, "5551", "menu"), old);
    let (status, _) = server.admin.request("POST", "/v1/flows/menu/promote", b"");
    assert_eq!(status, 409, "there is no canary any more");
    let audit = server.admin.get("/v1/audit");
    let acts: Vec<&str> = (audit.as_array().unwrap().iter())
        .map(|entry| text(entry, "act"))
        .collect();
    assert_eq!(acts, ["rollback", "promote", "promote", "deploy", "deploy"]);
    assert_eq!(audit[0]["who"]["claimed"], true);
    assert!(text(&audit[0], "detail").ends_with("too loud"));
    assert!(server.command(&["audit"]).contains("too loud"));
}
