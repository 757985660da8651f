//! The opening handshake of RFC 6455, section 4, by the HTTP client that everything else uses, so that
//! TLS and headers are the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Server;
use crate::client::{Failure, broken, refusal};

/// The largest message of a server, bytes.
const LARGEST_MESSAGE: usize = 1 << 20;
/// RFC 6455, section 1.3.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Connects.
pub(super) async fn open(server: &Server) -> Result<WebSocketStream<Upgraded>, Failure> {
    let key = STANDARD.encode(rand::random::<[u8; 16]>());
    let request = server
        .client
        .get(server.url.clone())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let response = request.send().await.map_err(broken)?;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(match refusal(status, b"") {
            // There is no question yet that it could dislike.
            Failure::Question(why) => Failure::Server(why),
            failure => failure,
        });
    }
    let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|accepted| accepted.as_bytes() != accept(&key).as_bytes()) {
        return Err(Failure::Server("it did not speak WebSocket".to_owned()));
    }
    let connection = response.upgrade().await.map_err(broken)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
}

/// What the server makes of the key, to show that it speaks WebSocket.
fn accept(key: &str) -> String {
    let text = format!("{key}{ACCEPT}");
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        // RFC 6455, section 1.3.
        assert_eq!(
            super::accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
