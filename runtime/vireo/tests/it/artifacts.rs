//! `vireo flow push | pull | deploy oci://...` against a registry that keeps what it gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::cli::ask;
use crate::fake::Server;

const HELLO: &[u8] = include_bytes!("../../../host/tests/fixtures/hello.wasm");

type Kept = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// An open registry (the whole of its protocol is tested with the client); returns its address.
async fn registry() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().fallback(answer).with_state(Kept::default());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn answer(State(kept): State<Kept>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let uri = parts.uri.to_string().replace("%3A", ":");
    let mut kept = kept.lock().unwrap();
    match parts.method {
        Method::POST => {
            let place = [(header::LOCATION, uri)];
            (StatusCode::ACCEPTED, place).into_response()
        }
        Method::PUT => {
            // Uploads are kept where they are asked for.
            let place = uri.replace("uploads/?digest=", "");
            kept.insert(place, body.to_vec());
            StatusCode::CREATED.into_response()
        }
        _ => match kept.get(&uri) {
            Some(bytes) => bytes.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

#[tokio::test]
async fn a_component_travels_through_a_registry() {
    let (server, registry) = (Server::tcp().await, registry().await);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("hello.wasm"), HELLO).unwrap();
    let reference = format!("{registry}/flows/hello:1");

    let run = ask(
        &server,
        &format!("flow push {} {reference} --json", path("hello.wasm")),
    )
    .await;
    assert_eq!(run.code, 0, "{}", run.err);
    let pushed: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let named = format!(
        "{registry}/flows/hello@{}",
        pushed["manifest"].as_str().unwrap()
    );

    let run = ask(
        &server,
        &format!("flow pull {reference} {}", path("back.wasm")),
    )
    .await;
    assert_eq!(
        (run.code, run.out),
        (
            0,
            format!("{}: {} bytes, of {named}\n", path("back.wasm"), HELLO.len())
        ),
    );
    assert_eq!(std::fs::read(path("back.wasm")).unwrap(), HELLO);

    let run = ask(&server, &format!("flow deploy demo oci://{reference}")).await;
    assert_eq!(run.code, 0, "{}", run.err);
    {
        let uploads = server.fake.uploads.lock().unwrap();
        assert_eq!(
            (&uploads[0].wasm[..], uploads[0].by.note.as_str()),
            (HELLO, named.as_str())
        );
    }

    for (line, code, expected) in [
        (
            format!("flow pull {registry}/flows/other {}", path("x")),
            6,
            "VR0190",
        ),
        (format!("flow pull hello {}", path("x")), 1, "VR0192"),
        (format!("flow deploy demo oci://{registry}/A"), 1, "VR0192"),
        (
            format!("flow pull 127.0.0.1:1/hello {}", path("x")),
            4,
            "VR0190",
        ),
        (format!("flow push demo {reference}"), 6, "VR0119"),
        (format!("flow export demo {}", path("x")), 6, "VR0119"),
        (format!("flow import {}", path("hello.wasm")), 1, "VR0191"),
        (format!("flow import {}", path("none")), 6, "VR0013"),
    ] {
        let run = ask(&server, &line).await;
        assert!(
            run.code == code && run.err.contains(expected),
            "{line}: {} {}",
            run.code,
            run.err
        );
    }
    assert!(!std::path::Path::new(&path("x")).exists());
    server.stop().await;
}
