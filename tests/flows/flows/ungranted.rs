//! Uses `kv` and `http`; with neither granted, both must be refused with a text that names the grant.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    if let Err(refused) = http::get("http://127.0.0.1:9/").send() {
        warn!("http: {refused}");
    }
    kv::set("key", "value")
}
