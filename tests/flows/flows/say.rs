//! Says values: a number that it counts up, and one of each other kind.

use std::time::Duration;

use vireo_sdk::prelude::*;
use vireo_sdk::say::{DateStyle, Gender, Hours};

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let calls = kv::increment("calls", 1)?;
    call.play((
        "you-are-caller",
        say::number(calls).gender(Gender::Feminine),
    ))?;
    let day: u8 = call.parameter("day").unwrap_or("29").parse().unwrap_or(0);
    let said = call.play([
        say::ordinal(3),
        say::digits("407*"),
        say::date(2024, 2, day).style(DateStyle::WeekdayFull),
        say::time(24, 0).hours(Hours::TwentyFour),
        say::duration(Duration::from_secs(93_784)),
        say::currency("12.50", "EUR"),
        say::telephone("+49 30 123"),
        say::characters("a-1"),
    ]);
    if let Err(Error::Invalid(text)) = &said {
        info!("invalid: {text}");
        return call.play("sorry");
    }
    said
}
