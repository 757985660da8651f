//! A small HTTP client for the admin API: one request, one connection.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::admin::{OPERATOR, Problem, Token};
use crate::config::AdminListen;
use crate::explain::{Code, Coded};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole exchange may take: an upload and the compilation of a large component.
const EXCHANGE: Duration = Duration::from_secs(180);
/// The largest answer, bytes.
const LARGEST_ANSWER: usize = 64 << 20;

/// Why the server could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers.
    #[error("no server answers at {address}: {why}")]
    Unreachable {
        /// Where it should.
        address: String,
        /// What happened.
        why: String,
    },
    /// The server refused.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// What answers is no Vireo server of a matching version.
    #[error(
        "what answers at {address} does not answer as a Vireo server of this version does: {why}"
    )]
    NotUnderstood {
        /// Where.
        address: String,
        /// What is odd.
        why: String,
    },
    /// There is no token to show.
    #[error("there is no token for the admin API: {0}")]
    NoToken(String),
}

impl Coded for ClientError {
    fn code(&self) -> Code {
        match self {
            ClientError::Unreachable { .. } => Code::ServerUnreachable,
            ClientError::Refused(problem) => {
                problem.code.parse().unwrap_or(Code::AnswerNotUnderstood)
            }
            ClientError::NotUnderstood { .. } => Code::AnswerNotUnderstood,
            ClientError::NoToken(_) => Code::TokenMissing,
        }
    }
}

impl ClientError {
    /// What to do, one line each.
    pub(super) fn advice(&self) -> Vec<String> {
        let advice: &[&str] = match self {
            ClientError::Unreachable { .. } => &[
                "start it: vireo serve --config FILE",
                "if it listens elsewhere, name its configuration (--config FILE) or address (--admin ADDRESS)",
            ],
            ClientError::NoToken(_) => {
                &["name the server's configuration (--config FILE), or set VIREO_TOKEN"]
            }
            ClientError::NotUnderstood { .. } => &["compare `vireo --version` with the server's"],
            ClientError::Refused(problem) if problem.code == Code::Unauthorised.name() => &[
                "the token is taken from VIREO_TOKEN, or else from the token file of --config: are they this server's?",
            ],
            ClientError::Refused(_) => &[],
        };
        advice.iter().map(ToString::to_string).collect()
    }
}

/// The admin API of one server.
#[derive(Clone, Debug)]
pub struct Client {
    address: AdminListen,
    token: Result<Token, String>,
}

impl Client {
    /// The server at `address`; a missing token is an error of the first request that needs one.
    #[must_use]
    pub fn new(address: AdminListen, token: Result<Token, String>) -> Self {
        Client { address, token }
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, "", Bytes::new()).await
    }

    /// Sends a body to a path.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn post(
        &self,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        self.send(Method::POST, path, media_type, body).await
    }

    /// Puts bytes at a path.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn put(&self, path: &str, body: Bytes) -> Result<Answer, ClientError> {
        self.send(Method::PUT, path, "application/octet-stream", body)
            .await
    }

    /// Puts JSON at a path.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn put_json(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Answer, ClientError> {
        self.send(
            Method::PUT,
            path,
            "application/json",
            Bytes::from(body.to_string()),
        )
        .await
    }

    /// Deletes what is at a path.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::DELETE, path, "", Bytes::new()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        // Connected first: that no server is there is the better thing to hear than that there is
        // no token for it.
        let exchange = async {
            match &self.address {
                AdminListen::Tcp(address) => {
                    let stream = self.connect(TcpStream::connect(address)).await?;
                    self.exchange(stream, self.request(method, path, media_type, body)?)
                        .await
                }
                AdminListen::Unix(socket) => {
                    let stream = self.connect(UnixStream::connect(socket)).await?;
                    self.exchange(stream, self.request(method, path, media_type, body)?)
                        .await
                }
            }
        };
        match tokio::time::timeout(EXCHANGE, exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(self.unreachable(format!("it gave no answer for {} s", EXCHANGE.as_secs())))
            }
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let token = self
            .token
            .as_ref()
            .map_err(|why| ClientError::NoToken(why.clone()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "vireo")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        if let Some(operator) = operator() {
            request = request.header(OPERATOR, operator);
        }
        if !media_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        // The paths are ours and encoded; what can be wrong is the token.
        request
            .body(Full::new(body))
            .map_err(|error| ClientError::NoToken(format!("it is not usable in a header: {error}")))
    }

    async fn connect<S>(
        &self,
        connecting: impl Future<Output = std::io::Result<S>>,
    ) -> Result<S, ClientError> {
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(error.to_string())),
            Err(_) => {
                Err(self.unreachable(format!("no connection within {} s", CONNECT.as_secs())))
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.not_understood(error.to_string()))?;
        let connection = tokio::spawn(connection);
        let answer = match sender.send_request(request).await {
            Ok(response) => self.read(response).await,
            Err(error) => Err(self.not_understood(error.to_string())),
        };
        connection.abort();
        answer
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, ClientError> {
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| self.not_understood(error.to_string()))?
            .to_bytes();
        if status.is_success() {
            return Ok(Answer {
                body,
                address: self.address.to_string(),
            });
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(self.not_understood(format!("status {status}"))),
        }
    }

    fn unreachable(&self, why: String) -> ClientError {
        ClientError::Unreachable {
            address: self.address.to_string(),
            why,
        }
    }

    fn not_understood(&self, why: String) -> ClientError {
        ClientError::NotUnderstood {
            address: self.address.to_string(),
            why,
        }
    }
}

/// Who runs this command, as the audit log shall say: "anna@ops-1". None if it cannot be written in a
/// header.
fn operator() -> Option<HeaderValue> {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user
        .ok()
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = format!("{user}@{}", host.trim());
    HeaderValue::from_bytes(name.as_bytes()).ok()
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The JSON text.
    pub body: Bytes,
    address: String,
}

impl Answer {
    /// The answer as a value of the API.
    ///
    /// # Errors
    /// It is none.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| ClientError::NotUnderstood {
            address: self.address.clone(),
            why: error.to_string(),
        })
    }
}

/// The address that reaches a server which listens at `listen`: loopback for the wildcard.
pub(super) fn reachable(listen: AdminListen) -> AdminListen {
    match listen {
        AdminListen::Tcp(address) if address.ip().is_unspecified() => {
            let loopback = if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            };
            AdminListen::Tcp(SocketAddr::new(loopback, address.port()))
        }
        other => other,
    }
}

/// A path from a template and a parameter in it.
pub(super) fn path(before: &str, name: &str, after: &str) -> String {
    format!("{before}{}{after}", encode(name))
}

/// A path with a query of those parameters that have a value.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut all = path.to_owned();
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (index, (name, value)) in given.enumerate() {
        all.push(if index == 0 { '?' } else { '&' });
        // Writing to a String cannot fail.
        let _ = write!(all, "{name}={}", encode(value));
    }
    all
}

/// Percent-encodes everything that is not unreserved (RFC 3986, 2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_cannot_leave_their_place() {
        assert_eq!(
            path("/v1/calls/", "a/b?c%é", "/x"),
            "/v1/calls/a%2Fb%3Fc%25%C3%A9/x"
        );
        let query = with_query(
            "/v1/cdrs",
            &[("a", Some("1&b=2")), ("c", None), ("d", Some("+49 1"))],
        );
        assert_eq!(query, "/v1/cdrs?a=1%26b%3D2&d=%2B49%201");
        assert_eq!(with_query("/v1/cdrs", &[("a", None)]), "/v1/cdrs");
    }

    #[test]
    fn the_wildcard_is_reached_by_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("10.0.0.1:3", "10.0.0.1:3"),
            ("unix:/a", "unix:/a"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
