//! Sends the digits of the parameter `digits` to the caller.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    call.send_digits(call.parameter("digits").unwrap_or("0123456789*#ABCD"))?;
    call.play(silence(200))
}
