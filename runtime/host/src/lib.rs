//! Runs flows.
//!
//! A flow is a WebAssembly component that imports the contract `vireo:flow` (`sdk/wit`) and
//! exports `run`. [`Host`] compiles it to a [`Version`]; [`Version::run`] makes a fresh instance
//! for a call and runs it. Everything that the flow asks becomes a [`Request`], which a
//! [`Control`] answers: the host knows nothing of SIP, media or the store. It checks arguments
//! and [`Grants`] before, and enforces [`Limits`].
//!
//! Nothing reaches a flow but the answers, so a run can be repeated from its journal: [`Replay`].
#![deny(unsafe_code, missing_docs)]

mod bytes;
mod cache;
mod code;
mod compiler;
pub mod contract;
mod control;
mod engine;
mod grants;
mod host;
mod http;
mod inspect;
mod limits;
mod meter;
mod outcome;
mod replay;
mod request;
mod secrets;
mod state;
mod sys;
mod timing;
mod trap;
mod url;
mod verbs;
mod version;

pub use bytes::Bytes;
pub use cache::{CacheConfig, CacheError};
pub use code::Origins;
pub use compiler::{Compiler, CompilerCommand, CompilerError, CompilerLimits, run_compiler};
pub use control::{Control, Secret};
pub use grants::{Grant, Grants, MissingGrant};
pub use host::{Host, HostConfig, HostError, InUse};
pub use http::{HttpRequest, HttpResponse, REDACTED, Scheme, Wire};
pub use inspect::{CONTRACT, ComponentError, Import, Inspection, Problem, Resources};
pub use limits::Limits;
pub use outcome::{Divergence, Frame, Outcome, Trap, TrapKind, Usage, describe};
pub use replay::Replay;
pub use request::{Answer, Reply, Request};
pub use version::Version;

/// The contract's error, under the name that does not clash with `std::error::Error`.
pub use contract::Error as FlowError;
