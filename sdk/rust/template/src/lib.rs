//! A first flow: a menu, and a message.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main_menu);

fn main_menu(call: &Call) -> Result<()> {
    call.answer()?;
    call.play("welcome")?;
    match call
        .gather("menu")
        .accept(["1", "2"])
        .no_match("sorry")
        .collect()?
    {
        Digits(choice) if choice == "1" => call.play("opening-hours")?,
        Digits(_) => leave_message(call)?,
        NoInput | NoMatch(_) => info!("{} chose nothing", call.caller()),
    }
    call.play("goodbye")
}

fn leave_message(call: &Call) -> Result<()> {
    let message = call.record("leave-message").start()?;
    info!("message {} of {:?}", message.id, message.duration);
    call.play(("you-said", recording(&message)))
}
