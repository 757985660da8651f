//! Tests of flows without a server: a caller who follows a script.
//!
//! ```
//! # use vireo_sdk::prelude::*;
//! # fn main_menu(call: &Call) -> Result<()> {
//! #     call.play("welcome")?;
//! #     if let Digits(_) = call.gather("menu").accept(["1"]).collect()? {
//! #         call.play("opening-hours")?;
//! #     }
//! #     call.play("goodbye")
//! # }
//! use vireo_sdk::testing::{Caller, End};
//!
//! let call = Caller::new().presses("1").calls(main_menu);
//! assert_eq!(call.heard(), ["welcome", "menu", "opening-hours", "goodbye"]);
//! assert_eq!(call.end(), &End::Completed);
//! ```
//!
//! The flow runs natively, so a `#[test]` can stop in it, and a panic shows its line. What is
//! imitated is the contract without its time: a gather collects by its table
//! (`sdk/wit/media.wit`), keys are typed ahead, messages are recorded, but prompts have no length
//! and every prompt exists. Grants, limits, ranges of options and the files of prompts are the
//! matter of `vireo test`, which runs the component itself.

mod caller;
pub(crate) mod host;
mod media;
mod services;
mod speech;
mod state;
#[cfg(test)]
mod tests;

pub use caller::Caller;
pub use state::{End, Ended};

pub use crate::contract::vireo::flow::http::Request as HttpRequest;
