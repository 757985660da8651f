//! The admin API and the command line, over real sockets, with a server behind them that only
//! pretends.

// Everything here is a test: a panic is how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api;
mod artifacts;
mod cli;
mod compiler;
mod fake;
mod flowtest;
mod keys;
mod replay;
mod results;
mod words;
