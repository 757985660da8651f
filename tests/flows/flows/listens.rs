//! One gather that listens for yes and no, and takes the key 1. The journal has what came of it.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let answer = call
        .gather(Prompt::new())
        .accept(["1"])
        .first_digit_timeout(Duration::from_secs(2))
        .listen(Speech::new().yes_no())
        .collect()?;
    info!("result: {answer:?}");
    call.play("goodbye")
}
