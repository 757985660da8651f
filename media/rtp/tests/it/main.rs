//! Streams in virtual time, and the engine over loopback.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod digits;
mod engine;
mod line;
mod listening;
mod recording;
mod resting;
mod rtcp;
mod sending;
mod silence;
mod sources;
