//! Never comes back from a loop without host calls.

use std::hint::black_box;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    count_for_ever()
}

#[inline(never)]
fn count_for_ever() -> Result<()> {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}
