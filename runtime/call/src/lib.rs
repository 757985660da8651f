//! A call: brings its legs, its flow and its media together.
//!
//! ```text
//!   IncomingCall (vireo-sip) ─► route ─► flow version ─► Actor, one task a call
//!                                                          │  is the flow's Control
//!            SIP events, media events, the clock ─► Machine (sans-IO) ─► SIP and media commands
//!                                                          │
//!                                       journal entries, CDR (vireo-store)
//! ```
//!
//! [`Runtime`] is the whole of it for a server; [`machine`] and [`gather`] are what a call does,
//! without sockets or clock.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod actor;
mod call;
pub mod canary;
pub mod client;
pub mod deploy;
mod digits;
mod gather;
pub mod hearing;
mod http;
mod id;
mod journal;
mod live;
mod machine;
mod media_map;
mod message;
mod party;
mod prompts;
pub mod route;
mod runtime;
mod say;
mod services;
pub mod settings;
mod shared;
pub mod simulation;
pub mod speech;
mod stats;
mod unknown_words;
mod verbs;

pub use live::{Command, LiveCall, LiveCalls};
pub use runtime::{Runtime, RuntimeConfig, StartError};
