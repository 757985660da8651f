//! The ready flows: [`menu`], [`survey`], [`message_box`] and [`notice`].
//!
//! Each is configured by a plan, a TOML text in a setting of the flow, and each is a function that
//! takes a call; the crates beside this one make components of them. A menu can lead into a message
//! box and a survey, so all of them live here.

#[cfg(test)]
mod documents;
pub mod hours;
pub mod language;
pub mod line;
pub mod list;
pub mod menu;
pub mod message_box;
pub mod notice;
pub mod pin;
pub mod plan;
pub mod results;
pub mod survey;
