//! Plays a prompt before the call is answered; then answers and plays another, or refuses the call
//! (parameter `then`: `answer` or `reject`).

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.ring()?;
    call.early_media()?;
    call.play("welcome")?;
    match call.parameter("then").unwrap_or("answer") {
        "reject" => call.reject(Refusal::Busy),
        _ => {
            call.answer()?;
            call.play("goodbye")
        }
    }
}
