//! The second flow of the load tests: a menu three deep, a 10 s recording, a key read and written.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

/// The menu's prompts, from the top down.
const MENU: [&str; 3] = [
    "test/eight-seconds",
    "test/four-seconds",
    "test/eight-seconds",
];

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let key = format!("calls/{}", call.caller());
    let calls: u64 = kv::get_text(&key)?.map_or(0, |text| text.parse().unwrap_or(0));
    for prompt in MENU {
        call.gather(prompt).max_digits(1).attempts(1).collect()?;
    }
    kv::set(&key, format!("{}", calls + 1))?;
    call.record("test/four-seconds")
        .without_beep()
        .max_duration(Duration::from_secs(10))
        .silence(Duration::ZERO)
        .terminators("")
        .start()?;
    call.hangup();
    Ok(())
}
