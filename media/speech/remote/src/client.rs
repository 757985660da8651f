//! What both protocols do alike: the HTTP client, what its failures mean, and asking again.

use std::future::Future;

use reqwest::{Client, StatusCode, redirect};
use tokio::time::Instant;

use crate::{Endpoint, Patience, RemoteError};

/// How much of a server's own words on an error is passed on, characters.
const LONGEST_EXCERPT: usize = 200;

/// Why an attempt came to nothing.
pub(crate) enum Failure {
    /// It may be better the next time.
    Passing(String),
    /// The server is wrong.
    Server(String),
    /// The server does not like this question.
    Question(String),
}

/// A client that follows no redirect and uses no proxy: what is configured is what is reached. TLS trusts
/// what the operating system trusts.
pub(crate) fn build(engine: &str, endpoint: &Endpoint) -> Result<Client, RemoteError> {
    // The second call of a process finds the provider installed, which is what it wants.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("vireo/", env!("CARGO_PKG_VERSION")))
        .default_headers(endpoint.headers(engine)?);
    client.build().map_err(|error| RemoteError::Client {
        engine: engine.to_owned(),
        why: error.to_string(),
    })
}

/// Attempts, and attempts again while it may help and there is time.
pub(crate) async fn retrying<T, F: Future<Output = Result<T, Failure>>>(
    patience: &Patience,
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure> {
    let mut pauses = patience.pauses();
    loop {
        let why = match attempt().await {
            Err(Failure::Passing(why)) => why,
            done => return done,
        };
        let again = pauses.next().map(|pause| Instant::now() + pause);
        match again.filter(|again| *again < deadline) {
            Some(again) => tokio::time::sleep_until(again).await,
            None => return Err(Failure::Passing(why)),
        }
    }
}

/// What an answer with this status means.
pub(crate) fn refusal(status: StatusCode, words: &[u8]) -> Failure {
    let why = format!("it answered {status}{}", excerpt(words));
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Failure::Passing(why)
        }
        // Whatever is asked, it would be the same.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            Failure::Server(why)
        }
        _ if status.is_client_error() => Failure::Question(why),
        _ => Failure::Server(why),
    }
}

/// The whole chain of causes, without the URL: it may carry a key in its query.
pub(crate) fn broken(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    Failure::Passing(text)
}

/// The beginning of a server's words, after a colon; nothing if it has none.
fn excerpt(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let words = words.trim();
    match words {
        "" => String::new(),
        _ => format!(
            ": {:?}",
            words.chars().take(LONGEST_EXCERPT).collect::<String>()
        ),
    }
}
