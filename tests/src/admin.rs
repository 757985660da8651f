//! The admin API, called the plainest way: one HTTP/1.1 request a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// For an answer: a deploy compiles, which takes a quarter of a minute of CPU for Python, on a busy
/// machine minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A client of a server's admin API.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    token: String,
}

impl Admin {
    /// A client for this address and token.
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request; returns status and body.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: vireo\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
             Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n",
            self.token,
            body.len()
        )
        .unwrap();
        // A server that refuses early may close before it has read everything; its answer counts.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a complete HTTP head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("an HTTP status");
        let body = &answer[end + 4..];
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        (
            status,
            if chunked {
                unchunk(body)
            } else {
                body.to_vec()
            },
        )
    }

    /// A GET that has to succeed, as JSON.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, &[]);
        assert_eq!(
            status,
            200,
            "GET {path}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).unwrap()
    }

    /// A POST that has to succeed, as JSON.
    pub fn post(&self, path: &str, body: &[u8]) -> Value {
        let (status, body) = self.request("POST", path, body);
        assert!(
            (200..300).contains(&status),
            "POST {path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    /// Deploys a component.
    pub fn deploy(&self, flow: &str, component: &Path) -> Value {
        self.post(
            &format!("/v1/flows/{flow}/deployments"),
            &std::fs::read(component).unwrap(),
        )
    }

    /// Metrics by name, labels included as they are printed.
    pub fn metric(&self, name: &str) -> f64 {
        let (status, body) = self.request("GET", "/metrics", &[]);
        assert_eq!(status, 200);
        let text = String::from_utf8(body).unwrap();
        text.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .find(|(key, _)| *key == name)
            .unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
            .1
            .parse()
            .unwrap()
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size =
            usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    whole
}
