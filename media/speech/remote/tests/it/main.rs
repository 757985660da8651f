//! Engines against small servers on the loopback interface.
#![allow(clippy::unwrap_used)] // Functions beside the tests use it.

mod http;
mod server;
mod speaker;
mod websocket;
