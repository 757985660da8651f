//! The Vireo server around the calls: its configuration, its command line, its admin API and its
//! error codes.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod admin;
mod call;
mod check;
pub mod cli;
pub mod config;
mod demo;
pub mod engine;
pub mod explain;
mod flowtest;
pub mod logging;
pub mod moment;
mod phrases;
mod recognition;
mod replay;
pub mod results;
pub mod serve;
mod speech;
pub mod timeline;
mod trace;
mod wordset;
