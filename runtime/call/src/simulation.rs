//! What a simulation of a call is made of: the very code that calls run on, without sockets, tasks
//! or clock. `vireo-sim` drives it in virtual time.

pub use crate::gather::Said;
pub use crate::machine::{Action, Heard, Machine, Offer, Progress, RecordEnd, RecordSlot};
pub use crate::prompts::{Lookup, Named, Played, Resolve, parts};
pub use crate::say::{said, written};
pub use crate::services::{local_time_at, operate};
pub use crate::speech::spoken_ms;
pub use crate::verbs::verb;
