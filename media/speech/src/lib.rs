//! What a call says that is no sentence of its own: numbers, dates, times, amounts.
//!
//! Pure: nothing here knows of files, of sound or of a call. [`say`] turns a value into the names
//! of recorded words and into text.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod say;
