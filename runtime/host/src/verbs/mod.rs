//! One module for each interface of the contract: argument ranges, grants, and the request that
//! a function becomes.

mod call;
mod check;
mod clock;
mod http;
mod kv;
mod log;
mod media;
mod say;
mod settings;
mod speech;
#[cfg(test)]
mod tests;

use crate::contract::types;
use crate::state::State;

impl types::Host for State {}

/// Evaluates to the closure that takes the one reply that belongs to a request.
macro_rules! takes {
    ($pattern:pat => $value:expr) => {
        |reply| match reply {
            $pattern => Ok($value),
            other => Err(Box::new(other)),
        }
    };
}

/// Returns from an import with an error of the contract when a check failed.
macro_rules! checked {
    ($check:expr) => {
        match $check {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}

use {checked, takes};
