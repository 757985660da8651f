//! Recurses until the stack ends.

use std::hint::black_box;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    info!("came back from depth {}", recurse(0));
    Ok(())
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(depth.wrapping_add(1)).wrapping_add(frame[7])
}
