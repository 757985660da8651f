//! Answers and logs every event until the caller hangs up.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    loop {
        match call.wait(Duration::from_secs(60))? {
            Event::Digit(key) => info!("digit {key}"),
            Event::PlayingFinished => info!("playing finished"),
            Event::Held => info!("held"),
            Event::Resumed => info!("resumed"),
            Event::Timeout => info!("timeout"),
        }
    }
}
