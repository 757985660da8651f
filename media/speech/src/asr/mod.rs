//! Speech recognition: what a caller said, within what was asked.
//!
//! [`Recognizers::start`] gives two ends: [`Ears`] take the caller's sound, [`Heard`] tells what comes of
//! it. Between them, one task per recognition:
//!
//! ```text
//!   Ears ─ sound ─► Session (sans-IO) ─ speech only ─► Stream of an Engine
//!   Heard ◄ events ─┘      ▲─────────── words ──────────┘
//! ```
//!
//! A session finds where speech begins and ends, and puts the engine's words into a value by the request's
//! grammars. An engine hears only what may be speech.

mod candidates;
mod delays;
mod engine;
mod error;
mod grammar;
mod keep;
mod listening;
mod recognizers;
mod request;
mod scripted;
mod session;
pub mod vosk;

pub use delays::{DELAY_CLASSES_MS, Delays};
pub use engine::{
    Engine, Hypothesis, Model, Next, Output, Preparing, Stream, Task, UNKNOWN, Vocabulary, Word,
};
pub use error::AsrError;
pub use keep::Keeper;
pub use listening::{Ears, Heard};
pub use recognizers::{Counters, Recognizers};
pub use request::{Alternative, Answer, Event, Grammar, Options, Phrase, Recognition, Request};
pub use scripted::{Scripted, Step};
