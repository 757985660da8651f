//! A registry that keeps everything in memory, and has faults on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use vireo_registry::Reference;

/// Whom it lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    #[default]
    Open,
    /// user:pass
    Basic,
    /// A token of its own token server, which wants user:pass.
    Bearer,
    /// The same, but the token server is elsewhere without TLS.
    BearerElsewhere,
}

/// What it does wrong with blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// One byte is another.
    Changed,
    /// The last byte is missing.
    Short,
    /// There is one more.
    Long,
    /// They are at another server.
    Redirected,
    /// They are at another server without TLS, not on this machine.
    RedirectedAway,
    /// They are where they are.
    Circle,
    /// An error that is written down.
    Failing,
}

#[derive(Default)]
pub struct Kept {
    pub door: Door,
    pub fault: Fault,
    pub blobs: HashMap<String, Vec<u8>>,
    pub manifests: HashMap<String, Vec<u8>>,
    /// Requests: method, path and query, Authorization.
    pub asked: Vec<(String, String)>,
    address: String,
    /// Where blobs are when they are elsewhere.
    elsewhere: String,
}

#[derive(Clone)]
pub struct Pretended(pub Arc<Mutex<Kept>>);

impl Pretended {
    pub async fn start(door: Door) -> Self {
        let listen = || async { tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap() };
        let (own, other) = (listen().await, listen().await);
        let this = Pretended(Arc::default());
        {
            let mut kept = this.0.lock().unwrap();
            kept.door = door;
            kept.address = own.local_addr().unwrap().to_string();
            kept.elsewhere = other.local_addr().unwrap().to_string();
        }
        let app = Router::new().fallback(answer).with_state(this.clone());
        let store = Router::new().fallback(store).with_state(this.clone());
        tokio::spawn(async move { axum::serve(own, app).await.unwrap() });
        tokio::spawn(async move { axum::serve(other, store).await.unwrap() });
        this
    }

    pub fn reference(&self, rest: &str) -> Reference {
        let address = self.0.lock().unwrap().address.clone();
        format!("oci://{address}/{rest}").parse().unwrap()
    }
}

/// The other server: gives every blob to everybody who shows nothing.
async fn store(State(this): State<Pretended>, request: Request) -> Response {
    let kept = this.0.lock().unwrap();
    if request.headers().contains_key(header::AUTHORIZATION) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let digest = request.uri().path().trim_start_matches('/');
    kept.blobs[digest].clone().into_response()
}

async fn answer(State(this): State<Pretended>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut kept = this.0.lock().unwrap();
    let path = parts.uri.path().to_owned();
    let shown = parts.headers.get(header::AUTHORIZATION);
    let shown = shown.map_or("", |value| value.to_str().unwrap()).to_owned();
    kept.asked
        .push((format!("{} {}", parts.method, parts.uri), shown.clone()));
    if path == "/token" {
        return token(&parts.uri.to_string(), &shown);
    }
    if let Some(refused) = guard(&kept, &shown) {
        return refused;
    }
    let rest = path.strip_prefix("/v2/flows/hotline/").unwrap_or_default();
    match (&parts.method, rest.split_once('/')) {
        (&Method::GET, Some(("manifests", name))) => match kept.manifests.get(name) {
            Some(manifest) => manifest.clone().into_response(),
            None => (
                StatusCode::NOT_FOUND,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
            )
                .into_response(),
        },
        (&Method::PUT, Some(("manifests", name))) => {
            let kind = parts.headers[header::CONTENT_TYPE].to_str().unwrap();
            assert_eq!(kind, "application/vnd.oci.image.manifest.v1+json");
            kept.manifests.insert(name.to_owned(), body.to_vec());
            StatusCode::CREATED.into_response()
        }
        (&Method::HEAD, Some(("blobs", digest))) => match kept.blobs.contains_key(digest) {
            true => StatusCode::OK.into_response(),
            false => StatusCode::NOT_FOUND.into_response(),
        },
        (&Method::GET, Some(("blobs", digest))) => blob(&kept, digest),
        (&Method::POST, Some(("blobs", "uploads/"))) => (
            StatusCode::ACCEPTED,
            [(
                header::LOCATION,
                "/v2/flows/hotline/blobs/uploads/7?state=x",
            )],
        )
            .into_response(),
        (&Method::PUT, Some(("blobs", "uploads/7"))) => {
            uploaded(&mut kept, &parts.uri.to_string(), &body)
        }
        other => panic!("{other:?}"),
    }
}

fn uploaded(kept: &mut Kept, uri: &str, body: &Bytes) -> Response {
    let digest = uri.strip_prefix("/v2/flows/hotline/blobs/uploads/7?state=x&digest=");
    let digest = digest.unwrap().replace("%3A", ":");
    kept.blobs.insert(digest, body.to_vec());
    StatusCode::CREATED.into_response()
}

/// user:pass
const USER: &str = "Basic dXNlcjpwYXNz";

fn guard(kept: &Kept, shown: &str) -> Option<Response> {
    let address = match kept.door {
        Door::BearerElsewhere => "registry.invalid",
        _ => &kept.address,
    };
    let (wanted, challenge) = match kept.door {
        Door::Open => return None,
        Door::Basic => (USER, "Basic realm=\"r\"".to_owned()),
        Door::Bearer | Door::BearerElsewhere => (
            "Bearer let-me-in",
            format!("Bearer realm=\"http://{address}/token\",service=\"r\""),
        ),
    };
    (shown != wanted).then(|| {
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        (StatusCode::UNAUTHORIZED, headers).into_response()
    })
}

fn token(uri: &str, shown: &str) -> Response {
    assert!(uri.contains("service=r"), "{uri}");
    assert!(
        uri.contains("scope=repository%3Aflows%2Fhotline%3Apull"),
        "{uri}"
    );
    match shown {
        USER => r#"{"token": "let-me-in"}"#.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn blob(kept: &Kept, digest: &str) -> Response {
    let mut bytes = kept.blobs[digest].clone();
    let to = |place: String| (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]);
    match kept.fault {
        Fault::None => {}
        Fault::Changed => bytes[9] ^= 1,
        Fault::Short => drop(bytes.pop()),
        Fault::Long => bytes.push(0),
        Fault::Redirected => {
            return to(format!("http://{}/{digest}", kept.elsewhere)).into_response();
        }
        Fault::RedirectedAway => return to("http://store.invalid/x".to_owned()).into_response(),
        Fault::Circle => return to(format!("./{digest}")).into_response(),
        Fault::Failing => {
            let said =
                "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"wait\\u001b[31m\"}]}";
            return (StatusCode::TOO_MANY_REQUESTS, said).into_response();
        }
    }
    bytes.into_response()
}
