//! The flows of the suite in Rust; the other languages say the same.

mod demo;
mod errors;
mod everything;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    match call.parameter("flow") {
        Some("demo") => demo::flow(call),
        Some("errors") => errors::flow(call),
        Some("everything") => everything::flow(call),
        Some("bench") => bench(call),
        _ => Err("no such flow".into()),
    }
}

/// For the measurements: so many host calls of one kind.
fn bench(call: &Call) -> Result<()> {
    let times: u32 = settings::parse("times")?.unwrap_or(0);
    let verb = settings::get("verb").unwrap_or_default();
    for _ in 0..times {
        match verb.as_str() {
            "now" => {
                let _ = clock::now();
            }
            "play" => call.play("welcome")?,
            "gather" => {
                call.gather("menu").accept(["1", "2"]).collect()?;
            }
            _ => {
                call.wait(std::time::Duration::from_secs(60))?;
            }
        }
    }
    Ok(())
}
