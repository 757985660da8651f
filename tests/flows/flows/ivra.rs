//! The flow of the load tests: an 8 s prompt that a digit cuts short, a 4 s prompt, hang-up.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    call.gather("test/eight-seconds")
        .max_digits(1)
        .attempts(1)
        .collect()?;
    call.play("test/four-seconds")?;
    call.hangup();
    Ok(())
}
