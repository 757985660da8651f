//! Logs the time, the time in the zone of the parameter `zone`, and random numbers.

use std::time::SystemTime;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    let since_epoch = clock::now().duration_since(SystemTime::UNIX_EPOCH);
    info!(
        "now {}",
        since_epoch.map_err(|e| e.to_string())?.as_millis()
    );
    let local = clock::local_in(call.parameter("zone").unwrap_or("Asia/Shanghai"))?;
    info!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} {:+} weekday {}",
        local.year,
        local.month,
        local.day,
        local.hour,
        local.minute,
        local.second,
        local.utc_offset_s,
        local.weekday
    );
    info!("random {} {}", clock::random(), clock::random_below(10));
    call.answer()
}
