//! Gathers digits (parameter `digits`: how many, default 4), stores them under `digits/<caller>`
//! and reads them back.

use vireo_sdk::prelude::*;
use vireo_test_flows::{parameter, spelled};

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    let count = parameter(call, "digits", 4)?;
    call.answer()?;
    let key = format!("digits/{}", call.caller());
    match call.gather("test/enter-digits").digits(count).collect()? {
        Digits(digits) => {
            info!("digits {digits}");
            kv::set(&key, &digits)?;
            call.play(spelled(&digits))?;
        }
        NoInput => kv::set(&key, "no-input")?,
        NoMatch(keys) => kv::set(&key, format!("no-match {keys}"))?,
    }
    call.play("goodbye")
}
