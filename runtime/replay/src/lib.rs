//! Recorded calls against another version of their flow.
//!
//! ```text
//!   journal of a call ─► Recorded ─► Comparison, the flow's Control ─► Verdict ─► Tally
//!                                        │  answers what the journal holds
//!                        the new version, in the real host (vireo-host)
//! ```
//!
//! A journal holds everything that a flow learned, so a version that asks the same is told the same
//! and nothing is done for real. A [`Verdict`] says where a version parts from what happened; a
//! [`Tally`] puts those together that part alike.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod comparison;
mod recorded;
mod run;
mod tally;
mod verdict;

pub use recorded::{JournalError, Recorded};
pub use run::{Job, Replayer};
pub use tally::{Group, Tally};
pub use verdict::{Class, Logs, Point, Side, Verdict};
