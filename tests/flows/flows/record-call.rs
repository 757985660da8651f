//! Records the call in stereo: one second, a pause of one second, one second more, then stops and
//! plays a last second that is not recorded.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let id = call.start_recording()?;
    info!("recording {id}");
    call.play(tone(500, 1000))?;
    call.pause_recording()?;
    call.play(tone(700, 1000))?;
    call.resume_recording()?;
    call.play(tone(900, 1000))?;
    call.stop_recording()?;
    call.play(tone(1100, 1000))
}
