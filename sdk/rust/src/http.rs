//! HTTP requests to hosts that the flow was granted (`http = ["api.example.com"]`).
//!
//! ```no_run
//! # use vireo_sdk::prelude::*;
//! # fn example() -> Result<()> {
//! let response = http::get("http://api.example.com/balance").send()?.ok()?;
//! info!("balance: {}", response.text()?);
//! # Ok(())
//! # }
//! ```
//!
//! While a request is under way the caller hears nothing: start a prompt first
//! ([`Call::start_playing`](crate::Call::start_playing)) when it may take long.

use std::time::Duration;

use crate::host::http as wit;
use crate::prompt::milliseconds;
use crate::{Error, Result};

/// A request; [`Request::send`] carries it out.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send`"]
pub struct Request(wit::Request);

/// GET. `url` is absolute.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// POST with a body of at most 1 MiB: text or bytes.
pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", url).body(body)
}

impl Request {
    /// "GET", "POST", "PUT", "PATCH", "DELETE" or "HEAD", to an absolute URL. The whole exchange
    /// may take 5 s unless [`Request::timeout`] says otherwise.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self(wit::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: 5_000,
        })
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// The body, at most 1 MiB: text or bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// How long the whole exchange may take, 1 ms to 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = milliseconds(timeout);
        self
    }

    /// Sends the request and waits for the response. A response of any status is a success, and
    /// redirects are not followed.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] when the host was not granted; [`Error::Invalid`] when the request is
    /// malformed; [`Error::Failed`] when there was no response in time.
    pub fn send(self) -> Result<Response> {
        let response = wit::send(&self.0)?;
        Ok(Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }
}

/// What the other side answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status code, 100 to 599.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Response {
    /// The response itself when its status is 200 to 299.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] otherwise.
    pub fn ok(self) -> Result<Self> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(Error::Failed(format!("HTTP status {status}"))),
        }
    }

    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_what_was_set() {
        let Request(request) = post("http://api.example.com/x", "{}")
            .header("content-type", "application/json")
            .timeout(Duration::from_millis(700));
        assert_eq!((request.method.as_str(), request.timeout_ms), ("POST", 700));
        assert_eq!(request.body, b"{}");
        assert_eq!(
            request.headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
    }

    #[test]
    fn a_status_decides_what_is_ok() {
        let response = |status| Response {
            status,
            headers: vec![("Content-Type".into(), "text/plain".into())],
            body: b"hello".to_vec(),
        };
        assert!(response(204).ok().is_ok());
        for status in [199, 302, 404, 500] {
            assert_eq!(
                response(status).ok().map(|r| r.status),
                Err(Error::Failed(format!("HTTP status {status}")))
            );
        }
        assert_eq!(response(200).header("content-type"), Some("text/plain"));
        assert_eq!(response(200).text(), Ok("hello"));
    }
}
