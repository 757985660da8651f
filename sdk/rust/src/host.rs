//! What the functions of this crate call: in a flow the server, in a test the caller of
//! [`crate::testing`].

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::contract::vireo::flow::{call, clock, http, kv, log, media, settings};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::{call, clock, http, kv, log, media, settings};
