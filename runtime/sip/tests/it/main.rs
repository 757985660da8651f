//! Tests of the crate from outside: whole messages and real sockets.
// The helpers of tests may panic as the tests themselves may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cost;
mod framer;
mod fuzz;
mod torture;
mod transport;
mod vocabulary;
