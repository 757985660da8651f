//! Outbound HTTP for flows. The host has checked method, sizes and grant before it comes here.

use std::time::Duration;

use reqwest::{Client, Method, Url, redirect};
use vireo_host::contract::Error;
use vireo_host::{HttpRequest, HttpResponse, Scheme, Wire};

/// Largest response body that a flow is given (`sdk/wit/services.wit`).
const LARGEST_BODY: usize = 1 << 20;

/// The HTTP client that all calls share: one connection pool.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
}

impl HttpClient {
    /// A client that follows no redirect and uses no proxy, so that a granted host is the only one
    /// that is reached. TLS trusts what the operating system trusts.
    ///
    /// # Errors
    /// The TLS back-end could not be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        // The second call of a process finds the provider installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("vireo/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Sends one request; a response of any status is a success.
    ///
    /// # Errors
    /// `invalid` for what cannot be sent, `failed` for what was tried and did not work.
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Error> {
        let Some(wire) = request.wire() else {
            return Err(Error::Failed(
                "http: the request was read from a journal and cannot be sent".into(),
            ));
        };
        let limit = Duration::from_millis(request.timeout_ms.into());
        match tokio::time::timeout(limit, self.exchange(&request.method, wire)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Failed(format!(
                "http: no complete response within {} ms",
                limit.as_millis()
            ))),
        }
    }

    async fn exchange(&self, method: &str, wire: &Wire) -> Result<HttpResponse, Error> {
        let scheme = match wire.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let url = Url::parse(&format!("{scheme}://{}{}", wire.authority(), wire.target))
            .map_err(|why| Error::Invalid(format!("http: url: {why}")))?;
        // The grant was checked against `wire.host`: a second parser must not see another one.
        if url.host_str().map(|host| host.trim_matches(['[', ']'])) != Some(wire.host.as_str()) {
            return Err(Error::Invalid(format!(
                "http: the host {:?} is not written plainly",
                wire.host
            )));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::Invalid(format!("http: method {method:?}")))?;
        let mut builder = self.client.request(method, url).body(wire.body.clone());
        for (name, value) in &wire.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(Error::Failed(format!(
                    "http: the response is longer than {LARGEST_BODY} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse {
            status,
            headers,
            body: body.into(),
        })
    }
}

/// The whole chain of causes, without the URL: it may carry a key in its query.
fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut text = format!("http: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    Error::Failed(text)
}
