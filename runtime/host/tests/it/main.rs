//! The host, with real components.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod contract;
mod crowd;
mod inspection;
mod limits;
mod measure;
mod replay;
mod script;
