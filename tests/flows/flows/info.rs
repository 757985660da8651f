//! Logs what is known of the call, and the headers that the parameter `headers` lists.

use vireo_sdk::prelude::*;
use vireo_test_flows::list;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    let known = call.info();
    info!(
        "trunk {} route {} flow {}",
        known.trunk, known.route, known.flow
    );
    info!(
        "caller {} name {:?} called {}",
        known.caller, known.caller_name, known.called
    );
    info!(
        "diverted by {:?} language {}",
        known.diverted_by, known.language
    );
    for (name, value) in &known.parameters {
        info!("parameter {name} = {value}");
    }
    for name in list(call, "headers") {
        info!("header {name}: {:?}", call.header(&name));
    }
    call.answer()?;
    call.play("goodbye")
}
