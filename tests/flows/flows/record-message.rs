//! Records a message and plays it back. Parameters: `max-ms` (10000), `silence-ms` (2000),
//! `terminators` (#), `again` (0): so many recordings are discarded and made again.

use std::time::Duration;

use vireo_sdk::prelude::*;
use vireo_test_flows::parameter;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let again: u32 = parameter(call, "again", 0)?;
    for _ in 0..again {
        let message = record(call)?;
        call.discard(&message)?;
        info!("discarded {}", message.id);
    }
    let message = record(call)?;
    info!(
        "message {} of {} ms, ended by {:?}",
        message.id,
        message.duration.as_millis(),
        message.ended_by
    );
    call.play(recording(&message))?;
    call.play("goodbye")
}

fn record(call: &Call) -> Result<Message> {
    call.record("test/speak")
        .max_duration(Duration::from_millis(parameter(call, "max-ms", 10_000)?))
        .silence(Duration::from_millis(parameter(call, "silence-ms", 2_000)?))
        .terminators(call.parameter("terminators").unwrap_or("#"))
        .start()
}
