//! Answers and waits for the caller to hang up: signalling without media.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    loop {
        call.wait(Duration::from_secs(3600))?;
    }
}
