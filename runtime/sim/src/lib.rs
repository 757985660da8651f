//! Runs a flow in virtual time.
//!
//! ```text
//!   a script, or a keyboard ─► Caller ─► SimCall ─► Machine (vireo-call, sans-IO)
//!                                          │  is the flow's Control
//!                    the component, in the real host (vireo-host)
//! ```
//!
//! [`SimCall`] stands where a server's call actor stands: the same state machine decides what a
//! verb does, the same checks, limits and prompts hold, and only packets, disk and clock are
//! missing. The [`Caller`] says what the other side does: [`Follower`] follows a test script,
//! `vireo try` a keyboard.

#![deny(unsafe_code, missing_docs)]

mod call;
mod caller;
mod case;
mod coverage;
mod failure;
mod follower;
mod log;
mod media;
mod run;
mod script;
mod span;
mod speech;
mod terminal;
mod words;
mod world;

pub use call::SimCall;
pub use caller::{Act, Caller, Notice, Turn};
pub use case::{Asked, Case, Deed, Fault, Step, Strict, Stub, Suite, What, When};
pub use coverage::{Coverage, Gathered};
pub use follower::{Done, Follower, Mismatch};
pub use log::{Happened, Heard, HeardKind, Listener, Record, SaidBy};
pub use media::Prompts;
pub use run::{Ended, Listened, Stage, Trouble, Verdict, check, check_all, play, way};
pub use script::{
    CallFacts, CaseText, End, Grants, HearsPattern, HearsText, HttpStub, HttpText, RecordEnd,
    RecordsText, Script, Setting, StepText, True, Value, check_format, schema,
};
pub use span::{NoSpan, Span};
pub use speech::Saying;
pub use terminal::Keypad;
pub use world::World;
