//! Refuses the call. Parameter `why`: a refusal of the contract (default `busy`), or `hangup`.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    let why = match call.parameter("why").unwrap_or("busy") {
        "busy" => Refusal::Busy,
        "decline" => Refusal::Decline,
        "not-found" => Refusal::NotFound,
        "unavailable" => Refusal::Unavailable,
        "forbidden" => Refusal::Forbidden,
        "congested" => Refusal::Congested,
        "hangup" => {
            call.hangup();
            return Ok(());
        }
        other => return Err(Error::Invalid(format!("parameter `why` is {other:?}"))),
    };
    call.reject(why)
}
