//! Sends a request to the URL of the parameter `url` and logs what came back.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let url = call
        .parameter("url")
        .ok_or("the route has no parameter `url`")?;
    match http::get(url).header("accept", "text/plain").send() {
        Ok(response) => info!("status {}: {}", response.status, response.text()?),
        Err(error) => warn!("{error}"),
    }
    call.play("goodbye")
}
