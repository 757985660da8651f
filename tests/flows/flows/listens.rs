//! One gather that listens for yes and no, and takes the key 1, within the setting `seconds`. The journal
//! has what came of it.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let seconds = settings::get("seconds").and_then(|seconds| seconds.parse().ok());
    let answer = call
        .gather(Prompt::new())
        .accept(["1"])
        .first_digit_timeout(Duration::from_secs(seconds.unwrap_or(2)))
        .listen(Speech::new().yes_no())
        .collect()?;
    info!("result: {answer:?}");
    call.play("goodbye")
}
