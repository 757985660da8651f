//! The admin API as clients see it.

use std::os::unix::fs::PermissionsExt;

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use vireo::admin::{AdminServer, Admission};

use crate::fake::{Server, TOKEN};

const WASM: &[u8] = b"\0asm\x0d\0\x01\0";

#[tokio::test]
async fn only_the_token_opens() {
    let server = Server::tcp().await;
    for headers in [
        vec![],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Basic b3Blbi1zZXNhbWU=")],
        vec![("authorization", TOKEN)],
    ] {
        let response = server
            .ask_with(Method::GET, "/v1/status", &headers, "")
            .await;
        response.is_problem(401, "VR0100");
        assert!(
            response.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
    }
    let authorised = server
        .ask_with(
            Method::GET,
            "/v1/status",
            &[("authorization", &format!("bearer {TOKEN}"))],
            "",
        )
        .await;
    assert_eq!(
        authorised.status,
        StatusCode::OK,
        "the scheme is compared without case (RFC 9110, 11.1)"
    );
    server.stop().await;
}

/// What the description says is served, with the token wherever it says so, and nothing else.
#[tokio::test]
async fn every_described_path_is_there() {
    let server = Server::tcp().await;
    let document = server
        .ask_with(Method::GET, "/openapi.json", &[], "")
        .await
        .json();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path
            .replace("{flow}", "demo")
            .replace("{id}", "live-1")
            .replace("{digest}", &"aa".repeat(32))
            .replace("{code}", "VR0001")
            .replace("{namespace}", "demo")
            .replace("{key}", "calls");
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let open = operation["security"] == json!([{}]);
            let response = server.ask_with(method.clone(), &concrete, &[], "").await;
            if open {
                assert_eq!(response.status, StatusCode::OK, "{method} {concrete}");
            } else {
                response.is_problem(401, "VR0100");
            }
            let response = server.ask(method.clone(), &concrete, "").await;
            let code =
                serde_json::from_slice::<Value>(&response.body).unwrap_or_default()["code"].clone();
            assert!(
                code != "VR0101" && code != "VR0102",
                "{method} {concrete}: {code}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 29);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let server = Server::tcp().await;
    server
        .ask(Method::GET, "/v1/nothing", "")
        .await
        .is_problem(404, "VR0101");
    server
        .ask(Method::GET, "/", "")
        .await
        .is_problem(404, "VR0101");
    server
        .ask(Method::PATCH, "/v1/flows", "")
        .await
        .is_problem(405, "VR0102");
    server
        .ask(Method::GET, "/v1/flows/nope/history", "")
        .await
        .is_problem(404, "VR0110");
    server
        .ask(Method::GET, "/v1/calls/nope", "")
        .await
        .is_problem(404, "VR0120");
    server
        .ask(Method::DELETE, "/v1/calls/nope", "")
        .await
        .is_problem(404, "VR0120");
    server
        .ask(Method::GET, "/v1/cdrs/nope", "")
        .await
        .is_problem(404, "VR0121");
    server
        .ask(Method::GET, "/v1/calls/%ff", "")
        .await
        .is_problem(422, "VR0104");
    server
        .ask(Method::GET, "/errors/VR9999", "")
        .await
        .is_problem(404, "VR0014");
    server
        .ask(Method::GET, "/v1/cdrs/broken", "")
        .await
        .is_problem(500, "VR0141");
    server.stop().await;
}

#[tokio::test]
async fn components_are_deployed_and_refused() {
    let server = Server::tcp().await;
    let at = "/v1/flows/demo/deployments";
    let report = server
        .ask(Method::POST, &format!("{at}?note=first%20try"), WASM)
        .await
        .json();
    assert_eq!(
        (&report["revision"], &report["unchanged"]),
        (&json!(2), &json!(false))
    );
    let again = server.ask(Method::POST, at, WASM).await.json();
    assert_eq!(
        again["unchanged"], true,
        "deploying the same again is no error"
    );
    {
        let uploads = server.fake.uploads.lock().unwrap();
        assert_eq!(
            (
                uploads[0].flow.as_str(),
                uploads[0].by.note.as_str(),
                &uploads[0].wasm[..]
            ),
            ("demo", "first try", WASM)
        );
    }
    let refused = server
        .ask(Method::POST, at, "not wasm")
        .await
        .is_problem(422, "VR0111");
    assert_eq!(
        refused["errors"],
        json!(["it is not WebAssembly: build it"])
    );
    server
        .ask(Method::POST, &format!("{at}?note=conflict"), WASM)
        .await
        .is_problem(409, "VR0113");
    server
        .ask(Method::POST, "/v1/flows/nope/deployments", WASM)
        .await
        .is_problem(404, "VR0110");
    server
        .ask(Method::POST, at, "")
        .await
        .is_problem(422, "VR0104");
    server
        .ask(Method::POST, &format!("{at}?nota=x"), WASM)
        .await
        .is_problem(422, "VR0104");
    server
        .ask(Method::POST, "/v1/flows/demo/rollback", "")
        .await
        .is_problem(409, "VR0112");
    assert_eq!(
        server.ask(Method::POST, "/v1/check", WASM).await.json()["size"],
        8
    );
    server.stop().await;
}

#[tokio::test]
async fn canaries_are_asked_for_in_the_query() {
    let server = Server::tcp().await;
    let at = "/v1/flows/demo/deployments";
    let wanted = "?percent=5&route=day%2C%20week&route=night&callers=testers&note=try";
    let token = format!("Bearer {TOKEN}");
    let headers = [
        ("authorization", token.as_str()),
        ("vireo-operator", "anna@ops"),
    ];
    let report = server
        .ask_with(Method::POST, &format!("{at}{wanted}"), &headers, WASM)
        .await
        .json();
    assert_eq!(report["canary"]["percent"], 5);
    server
        .ask(Method::POST, &format!("{at}?callers=testers"), WASM)
        .await;
    server.ask(Method::POST, at, WASM).await;
    {
        let uploads = server.fake.uploads.lock().unwrap();
        let wish = |index: usize| {
            let wish = uploads[index].canary.clone();
            wish.map(|wish| (wish.percent, wish.routes, wish.callers))
        };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            wish(0),
            Some((5, names(&["day, week", "night"]), names(&["testers"])))
        );
        assert_eq!(wish(1), Some((0, names(&[]), names(&["testers"]))));
        assert_eq!(wish(2), None);
        let who = |index: usize| {
            (
                uploads[index].by.who.name.as_str(),
                uploads[index].by.who.claimed,
            )
        };
        assert_eq!(who(0), ("anna@ops", true));
        assert_eq!(who(1), ("admin", false), "nobody said who it is");
    }
    for (path, status, code) in [
        (format!("{at}?percent=x"), 422, "VR0104"),
        (format!("{at}?percent=256"), 422, "VR0104"),
        (format!("{at}?percent=5&note=second"), 409, "VR0114"),
        (
            "/v1/flows/demo/promote?percent=20".to_owned(),
            409,
            "VR0115",
        ),
        (
            "/v1/flows/demo/promote?percent=-1".to_owned(),
            422,
            "VR0104",
        ),
        ("/v1/flows/nope/promote".to_owned(), 404, "VR0110"),
        ("/v1/flows/demo/rollback?why=x".to_owned(), 422, "VR0104"),
    ] {
        server
            .ask(Method::POST, &path, WASM)
            .await
            .is_problem(status, code);
    }
    let shown = server.ask(Method::GET, "/v1/flows/demo", "").await.json();
    assert_eq!(shown["canary"]["comparisons"][0]["evidence_needed"], 300.0);
    assert_eq!(shown["canary"]["routes"], json!(["office"]));
    server
        .ask(Method::GET, "/v1/flows/nope", "")
        .await
        .is_problem(404, "VR0110");
    server.stop().await;
}

#[tokio::test]
async fn what_was_done_is_listed_with_who_did_it() {
    let server = Server::tcp().await;
    let token = format!("Bearer {TOKEN}");
    let headers = [
        ("authorization", token.as_str()),
        ("vireo-operator", "anna@ops"),
    ];
    server
        .ask_with(Method::DELETE, "/v1/calls/live-1", &headers, "")
        .await;
    server
        .ask(Method::PUT, "/v1/admission", "{\"admission\":\"draining\"}")
        .await;
    let entries = server.ask(Method::GET, "/v1/audit", "").await.json();
    assert_eq!(
        (&entries[0]["act"], &entries[0]["who"]["name"]),
        (&json!("drain"), &json!("admin"))
    );
    assert_eq!(
        (&entries[1]["subject"], &entries[1]["who"]),
        (
            &json!("live-1"),
            &json!({ "name": "anna@ops", "claimed": true })
        )
    );
    let one = server
        .ask(Method::GET, "/v1/audit?limit=1&since=2023-11-14", "")
        .await
        .json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let none = server.ask(Method::GET, "/v1/audit?since=1h", "").await;
    assert_eq!(none.json(), json!([]));
    for query in ["limit=0", "limit=10001", "since=x", "until=now"] {
        server
            .ask(Method::GET, &format!("/v1/audit?{query}"), "")
            .await
            .is_problem(422, "VR0104");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let server = Server::tcp().await;
    let largest = vec![0_u8; vireo::admin::LARGEST_UPLOAD];
    let accepted = server.ask(Method::POST, "/v1/check", largest.clone()).await;
    assert_eq!(accepted.status, StatusCode::OK, "64 MiB are allowed");
    // It says so in Content-Length, and is refused before its body is read.
    let head = format!(
        "POST /v1/check HTTP/1.1\r\nhost: vireo\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n",
        largest.len() + 1
    );
    assert!(
        raw(&server, head.as_bytes())
            .await
            .starts_with("HTTP/1.1 413 ")
    );
    // It does not say so, and is refused as soon as it is too much.
    let head = format!(
        "POST /v1/check HTTP/1.1\r\nhost: vireo\r\nauthorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut request = head.into_bytes();
    request.extend_from_slice(format!("{:x}\r\n", largest.len() + 1).as_bytes());
    request.extend_from_slice(&largest);
    request.extend_from_slice(b"0\r\n0\r\n\r\n");
    let answer = raw(&server, &request).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("VR0103"),
        "{answer}"
    );
    server.stop().await;
}

/// Writes bytes and reads the head of the answer and the body that came with it.
async fn raw(server: &Server, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let vireo::config::AdminListen::Tcp(address) = &server.address else {
        panic!("not TCP")
    };
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let request = request.to_vec();
    // The server may answer and close before it has taken everything.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&request).await;
        writer
    });
    let mut answer = Vec::new();
    let mut piece = [0_u8; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") || !answer.ends_with(b"}") {
        let read = reader.read(&mut piece).await.unwrap();
        assert!(
            read > 0,
            "the answer ended early: {}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&piece[..read]);
    }
    writing.abort();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn records_are_asked_for_by_what_people_know() {
    let server = Server::tcp().await;
    let query = "/v1/cdrs?since=2026-11-22T20:00&until=2026-11-23&caller=%2B49&outcome=completed&flow=demo&limit=5";
    let records = server.ask(Method::GET, query, "").await.json();
    assert_eq!(records[0]["talk_ms"], 65_000);
    assert_eq!(records[0]["outcome"], "hung-up-by-caller");
    {
        let queries = server.fake.queries.lock().unwrap();
        let asked = &queries[0];
        assert_eq!(
            (asked.from_ms, asked.until_ms),
            (Some(1_795_377_600_000), Some(1_795_392_000_000))
        );
        assert_eq!((asked.caller.as_deref(), asked.limit), (Some("+49"), 5));
    }
    for bad in [
        "since=soon",
        "outcome=great",
        "limit=0",
        "limit=x",
        "colour=red",
    ] {
        let problem = server
            .ask(Method::GET, &format!("/v1/cdrs?{bad}"), "")
            .await
            .is_problem(422, "VR0104");
        let name = bad.split('=').next().unwrap();
        assert!(
            problem["detail"].as_str().unwrap().contains(name),
            "{problem}"
        );
    }
    let detail = server.ask(Method::GET, "/v1/cdrs/done-1", "").await.json();
    assert_eq!(detail["timeline"][1]["kind"]["verb"]["name"], "media.play");
    server.stop().await;
}

#[tokio::test]
async fn journals_come_in_pages() {
    let server = Server::tcp().await;
    let ask = async |path: &str| server.ask(Method::GET, path, "").await;
    let first = ask("/v1/journals?flow=demo&version=ab&limit=1")
        .await
        .json();
    assert_eq!(first["calls"][0]["record"]["call_id"], "done-1");
    let timeline = &first["calls"][0]["timeline"];
    assert_eq!(timeline[1]["kind"]["verb"]["name"], "media.play");
    let next = first["next"].as_str().unwrap();
    let second = ask(&format!("/v1/journals?before={next}")).await.json();
    assert_eq!(second["calls"][0]["record"]["call_id"], "done-2");
    assert_eq!(second["next"], serde_json::Value::Null);
    {
        let queries = server.fake.queries.lock().unwrap();
        assert_eq!(queries[0].version.as_deref(), Some("ab"));
        let place = Some((1_700_000_000_000, "done-1".to_owned()));
        assert_eq!(queries[1].before, place);
    }
    for bad in ["yesterday", "1700", "x-done-1"] {
        ask(&format!("/v1/journals?before={bad}"))
            .await
            .is_problem(422, "VR0104");
    }
    server.stop().await;
}

#[tokio::test]
async fn components_are_given_out() {
    let server = Server::tcp().await;
    let path = format!("/v1/components/{}", "aa".repeat(32));
    let found = server.ask(Method::GET, &path, "").await;
    assert_eq!(&found.body[..], b"\0asm");
    assert_eq!(found.headers["content-type"], "application/wasm");
    server
        .ask(Method::GET, "/v1/components/nope", "")
        .await
        .is_problem(422, "VR0104");
    server.stop().await;
}

#[tokio::test]
async fn routes_are_tested_in_the_servers_time() {
    let server = Server::tcp().await;
    let answer = server
        .ask(
            Method::GET,
            "/v1/routes/test?to=96122&at=2026-11-22T20:00",
            "",
        )
        .await
        .json();
    assert_eq!(
        (&answer["route"], &answer["at"]),
        (&json!("line"), &json!("2026-11-22T20:00:00Z"))
    );
    server
        .ask(Method::GET, "/v1/routes/test?at=now", "")
        .await
        .is_problem(422, "VR0104");
    server
        .ask(Method::GET, "/v1/routes/test?to=1&at=later", "")
        .await
        .is_problem(422, "VR0104");
    server.stop().await;
}

#[tokio::test]
async fn draining_is_seen_from_outside() {
    let server = Server::tcp().await;
    assert_eq!(
        server.ask_with(Method::GET, "/ready", &[], "").await.status,
        StatusCode::OK
    );
    let body = json!({ "admission": "draining" }).to_string();
    let status = server.ask(Method::PUT, "/v1/admission", body).await.json();
    assert_eq!(status["admission"], "draining");
    assert_eq!(*server.fake.admission.lock().unwrap(), Admission::Draining);
    let ready = server.ask_with(Method::GET, "/ready", &[], "").await;
    assert_eq!(
        (ready.status, &ready.json()["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("draining"))
    );
    for body in ["", "{}", "{\"admission\":\"maybe\"}"] {
        server
            .ask(Method::PUT, "/v1/admission", body)
            .await
            .is_problem(422, "VR0104");
    }
    let huge = Bytes::from(vec![b' '; 70_000]);
    server
        .ask(Method::PUT, "/v1/admission", huge)
        .await
        .is_problem(422, "VR0104");
    let problem = server
        .ask(Method::POST, "/v1/reload", "")
        .await
        .is_problem(422, "VR0130");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn monitoring_needs_no_token() {
    let server = Server::tcp().await;
    assert_eq!(
        server
            .ask_with(Method::GET, "/health", &[], "")
            .await
            .text(),
        "ok\n"
    );
    let metrics = server.ask_with(Method::GET, "/metrics", &[], "").await;
    assert!(
        metrics.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    assert!(metrics.text().contains("\nvireo_calls_active 1\n"));
    let page = server
        .ask_with(Method::GET, "/errors/VR0110", &[], "")
        .await;
    assert!(
        page.text().starts_with("# VR0110: "),
        "the type of a problem leads to its page"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_unix_socket_is_its_owners() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/admin.sock");
    let listen = format!("unix:{}", path.display());
    let server = Server::start(&listen).await;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        server.ask(Method::GET, "/v1/status", "").await.json()["name"],
        "fake"
    );
    server
        .ask_with(Method::GET, "/v1/status", &[], "")
        .await
        .is_problem(401, "VR0100");

    let second = AdminServer::bind(&listen.parse().unwrap()).await;
    let error = second
        .err()
        .expect("the socket of a living server is not taken away")
        .to_string();
    assert!(error.contains("another server answers there"), "{error}");
    server.stop().await;
    assert!(!path.exists(), "the socket goes with the server");

    // A server that died leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    Server::start(&listen).await.stop().await;

    std::fs::write(&path, "a file").unwrap();
    let error = AdminServer::bind(&listen.parse().unwrap())
        .await
        .err()
        .expect("a file is not removed")
        .to_string();
    assert!(error.contains("no socket"), "{error}");
}
