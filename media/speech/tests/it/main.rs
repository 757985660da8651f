//! What each language says, against tables that were written by hand; and its words, against what
//! its grammar can say.

#![allow(clippy::unwrap_used)]

mod plurals;
mod recognizers;
mod tables;
mod words;
