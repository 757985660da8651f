//! Speaks the texts of its settings, one verb each: `first`, `second`, then a number, which is said.
//! What fails is only logged. In the end it waits for a key.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    for key in ["first", "second"] {
        if let Some(words) = settings::get(key) {
            told(call.prompt(text(words)).interruptible().play().map(|_| ()))?;
        }
    }
    if let Some(number) = settings::get("number") {
        told(call.play(say::number(number)))?;
    }
    call.gather(Prompt::new()).digits(1).attempts(1).collect()?;
    Ok(())
}

/// Goes on after a failure, but not without the caller.
fn told(spoken: Result<()>) -> Result<()> {
    match spoken {
        Err(Error::Failed(why) | Error::NotFound(why) | Error::Invalid(why)) => info!("{why}"),
        other => other?,
    }
    Ok(())
}
