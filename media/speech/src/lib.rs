//! Speech: what a call says that is not recorded.
//!
//! [`say`] turns numbers, dates, times and amounts into the names of recorded words and into text; it is
//! pure. [`tts`] has engines speak text, and keeps what they said. [`asr`] has engines listen to callers.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod asr;
pub mod say;
pub mod tts;
