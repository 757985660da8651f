//! The end-to-end harness: a real server as a child process, SIPp and RTP peers around it.
//!
//! Everything runs on loopback with ports that the kernel chose, is bounded in time, and is gone
//! when its value is dropped.

#![deny(missing_docs)]
// A test helper's way of failing is to panic with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod admin;
pub mod lossy;
pub mod rtp;
pub mod server;
pub mod sip;
pub mod sipp;
pub mod wav;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use server::Server;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A component that `scripts/build-flows.sh` made.
///
/// # Panics
/// It is not there; the message says how to make it.
pub fn flow(name: &str) -> PathBuf {
    let path = root().join(format!("target/flows/{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing: run scripts/build-flows.sh (make test does)",
        path.display()
    );
    path
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// There is none within `limit`.
pub fn until<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
