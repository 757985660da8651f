//! Worker processes: native engines (speech, fax) run in children of their own, so that a crash costs
//! the requests in flight, licences stay apart, and the server builds without any of their libraries.
//!
//! ```text
//!   Pool ── ask ──► lane ─► Supervisor (sans-IO) ─► process ══ socket pair ══ child::connect
//!    └─ Exchange: input, finish, next ◄─ parts, end ─┘              (its standard input)
//! ```
//!
//! A worker is asked by [`Pool::ask`]; the [`Exchange`] carries more input there and the answer back, in
//! pieces. Everything is bounded: frames, answers, exchanges that wait, the time of each. A worker that
//! dies, hangs or sends what is no frame is ended, its exchanges fail with its name and the reason, and it
//! is started again after a pause that grows.

#![deny(unsafe_code, missing_docs)]

pub mod child;
mod frame;
mod pool;
mod process;
mod supervisor;

pub use frame::LARGEST_BODY;
pub use pool::{Exchange, Piece, Pool, WorkerConfig};
pub use supervisor::{Counters, ExchangeError, Limits};
