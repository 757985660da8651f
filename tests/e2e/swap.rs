//! Flows are swapped under live traffic.

use std::time::{Duration, Instant};

use vireo_tests::server::Setup;
use vireo_tests::sipp::Run;
use vireo_tests::{Server, flow, until};

use crate::records;

fn swapped() -> Setup {
    Setup {
        flows: vec![("swap".into(), "v1".into())],
        ..Setup::default()
    }
}

#[test]
fn a_deploy_in_the_middle_of_a_hundred_calls_touches_none() {
    let server = Server::start(&swapped());
    let udp = server.udp;
    let first = server.admin.get("/v1/flows")[0]["serving"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let load = std::thread::spawn(move || {
        Run::new("long", "swap")
            .calls(150, 15.0)
            .limit(Duration::from_secs(60))
            .succeed(udp);
    });
    until(Duration::from_secs(30), "100 calls", || {
        (server.admin.get("/v1/calls").as_array().unwrap().len() >= 100).then_some(())
    });
    let began = Instant::now();
    let report = server.admin.deploy("swap", &flow("v2"));
    let second = report["digest"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    until(Duration::from_secs(10), "a call on the new version", || {
        let calls = server.admin.get("/v1/calls");
        calls
            .as_array()
            .unwrap()
            .iter()
            .any(|call| call["version"] == second.as_str())
            .then_some(())
    });
    println!(
        "from the command to the first call on the new version: {} ms (deploy {} ms)",
        began.elapsed().as_millis(),
        report["took_ms"]
    );
    load.join().unwrap();
    let records = records(&server, 150);
    assert_eq!(records.len(), 150);
    let deployed = records
        .iter()
        .filter(|record| record["version"] == second.as_str())
        .count();
    let before = records
        .iter()
        .filter(|record| record["version"] == first.as_str())
        .count();
    assert_eq!(deployed + before, 150);
    assert!(
        before >= 100 && deployed >= 1,
        "{before} calls on the old version, {deployed} on the new"
    );
    assert!(
        records
            .iter()
            .all(|record| record["outcome"] != "failed-flow")
    );
}

#[test]
fn rollback_history_and_a_restart() {
    let server = Server::start(&swapped());
    let digest = |server: &Server| {
        server.admin.get("/v1/flows")[0]["serving"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = digest(&server);
    server.admin.deploy("swap", &flow("v2"));
    let second = digest(&server);
    assert_ne!(first, second);
    let (status, body) = server.admin.request(
        "POST",
        "/v1/flows/swap/deployments",
        b"\0asm not a component",
    );
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&body));
    assert_eq!(digest(&server), second, "a bad component changes nothing");
    let server = server.kill_and_restart();
    assert_eq!(digest(&server), second, "deployments survive");
    server.admin.post("/v1/flows/swap/rollback", b"");
    assert_eq!(digest(&server), first);
    let history = server.admin.get("/v1/flows/swap/history");
    let actions: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|change| change["action"].as_str())
        .collect();
    assert_eq!(actions, ["rollback", "deploy", "deploy"]);
}

#[test]
fn a_version_goes_from_one_flow_to_another_through_a_file() {
    let server = Server::start(&Setup::with_flows(&["v1", "v2"]));
    let digest = |flow: usize| {
        server.admin.get("/v1/flows")[flow]["serving"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (digest(0), digest(1));
    let file = server.directory().join("v1.tar");
    let file = file.to_str().unwrap();
    server.command(&["flow", "export", "v1", file]);
    server.command(&["flow", "import", file, "v2"]);
    assert_eq!(digest(1), first);
    // An earlier version, by the beginning of its digest; the file knows which flow it was.
    server.command(&["flow", "export", "v2", file, "--version", &second[..8]]);
    server.command(&["flow", "import", file]);
    assert_eq!((digest(0), digest(1)), (first.clone(), second));
    let layout = std::fs::read(file).unwrap();
    assert!(layout.starts_with(b"oci-layout\0"));
    let kept = format!("/v1/components/{first}");
    assert_eq!(
        server.admin.request("GET", &kept, b"").1,
        std::fs::read(flow("v1")).unwrap()
    );
}

/// How often components were compiled, taken from what was kept, or what was kept was unusable.
fn origins(server: &Server) -> [f64; 3] {
    ["compiled", "kept", "unusable"].map(|origin| {
        let (_, page) = server.admin.request("GET", "/metrics", b"");
        let page = String::from_utf8(page).unwrap();
        let line = format!("vireo_components_total{{origin=\"{origin}\"}} ");
        let value = page.lines().find_map(|row| row.strip_prefix(&line));
        value.unwrap().parse().unwrap()
    })
}

#[test]
fn a_restart_compiles_nothing() {
    let server = Server::start(&Setup::with_flows(&["v1", "v2", "hello"]));
    assert_eq!(origins(&server), [3.0, 0.0, 0.0]);
    let server = server.kill_and_restart();
    assert_eq!(origins(&server), [0.0, 3.0, 0.0]);
    // A damaged file costs one compilation and a line in the log.
    let compiled = server.directory().join("data/compiled");
    let code = std::fs::read_dir(compiled)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|suffix| suffix == "code"))
        .unwrap();
    let bytes = std::fs::read(&code).unwrap();
    std::fs::write(&code, &bytes[..bytes.len() - 1]).unwrap();
    let server = server.kill_and_restart();
    assert_eq!(origins(&server), [1.0, 2.0, 1.0]);
    assert!(
        server
            .log()
            .contains("was not written by this server, or is damaged")
    );
    let flows = server.admin.get("/v1/flows");
    let serving = flows.as_array().unwrap().iter();
    assert!(serving.clone().count() == 3);
    assert!(
        serving
            .into_iter()
            .all(|flow| flow["serving"][0]["percent"] == 100)
    );
}

#[test]
fn a_component_with_tests_must_pass_them() {
    let server = Server::start(&Setup::with_flows(&["hello"]));
    let directory = server.directory().join("scripts");
    std::fs::create_dir(&directory).unwrap();
    let built = |name: &str, hears: &str| {
        let script = format!(
            "component = \"x.wasm\"\nsteps = [{{ hears = [\"{hears}\", \"menu\"] }}, {{ presses = \"1\" }}, \
             {{ hears = [\"opening-hours\", \"goodbye\"] }}, {{ ends = \"completed\" }}]\n"
        );
        std::fs::write(directory.join("hello.test.toml"), script).unwrap();
        let file = server.directory().join(name);
        let (from, to) = (flow("hello"), file.to_str().unwrap().to_owned());
        let tests = directory.to_str().unwrap();
        let from = from.to_str().unwrap();
        server.command(&["build", from, "--with-tests", tests, "-o", &to]);
        std::fs::read(file).unwrap()
    };
    let at = "/v1/flows/hello/deployments";
    let wrong = built("wrong.wasm", "no-such-prompt");
    let (status, problem) = server.admin.request("POST", at, &wrong);
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (422, &"VR0118".into()),
        "{problem}"
    );
    let reason = problem["errors"][0].as_str().unwrap();
    assert!(
        reason.contains("no-such-prompt") && reason.contains("hello.test.toml:2"),
        "{reason}"
    );

    let right = built("right.wasm", "welcome");
    let (status, report) = server
        .admin
        .request("POST", "/v1/flows/hello/preflight", &right);
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((status, &report["passed"]), (200, &true.into()), "{report}");
    assert_eq!(report["test_calls"], 1);
    assert_eq!(server.admin.request("POST", at, &right).0, 200);

    assert_eq!(
        server
            .admin
            .request("POST", &format!("{at}?force=true"), &wrong)
            .0,
        200
    );
    let history = server.admin.get("/v1/flows/hello/history");
    let note = history[0]["note"].as_str().unwrap();
    assert!(note.contains("the preflight failed: 1"), "{note}");
}
