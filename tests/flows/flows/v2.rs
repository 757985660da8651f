//! Version two of a flow that is swapped under load; it differs from v1 in its prompt alone.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    call.gather("test/version-two")
        .max_digits(1)
        .attempts(1)
        .collect()?;
    call.play("test/version-two")
}
