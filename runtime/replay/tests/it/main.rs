//! Calls that were recorded with one version, replayed on another. The flow of most tests does what
//! its setting `do` says, so that journals which say different things in that place are those of
//! different versions.

// Everything here is a test: a panic is how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod calls;
mod classes;
mod journals;
mod many;
