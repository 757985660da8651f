//! Logs for ever.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let mut lines = 0_u64;
    loop {
        lines = lines.wrapping_add(1);
        info!("line {lines}: a flow that talks and talks and does not listen");
    }
}
