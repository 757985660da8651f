//! Plays a prompt again and again until the caller presses a key or hangs up.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    call.repeat_playing("test/four-seconds")?;
    while !matches!(call.wait(Duration::from_secs(600))?, Event::Digit(_)) {}
    call.stop_playing()
}
