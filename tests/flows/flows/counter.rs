//! Counts its calls in the key-value store and says the number.

use vireo_sdk::prelude::*;
use vireo_test_flows::spelled;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let calls = kv::increment("calls", 1)?;
    info!("call {calls}");
    call.play(spelled(&calls.to_string()))
}
