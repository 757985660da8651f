//! Speaks two sentences that have the called number in them, then hangs up: each number is another
//! text. Parameter `language`: that of its voice.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let words = format!(
        "Thank you for calling, caller {0}. All of our agents are busy at the moment: you are number {0} in the queue.",
        call.called()
    );
    let language = call.parameter("language").unwrap_or("en").to_owned();
    call.prompt(text(words)).language(language).play()?;
    Ok(())
}
