//! The smallest useful flow: a menu, and a message.

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vireo_sdk::testing::{Caller, End};

    use super::*;

    #[test]
    fn one_says_when_we_are_open() {
        let call = Caller::new().presses("1").calls(main_menu);
        assert_eq!(
            call.heard(),
            ["welcome", "menu", "opening-hours", "goodbye"]
        );
        assert_eq!(call.end(), &End::Completed);
    }

    #[test]
    fn a_message_is_played_back() {
        let caller = Caller::new().presses("2").speaks(Duration::from_secs(4));
        let call = caller.presses("#").calls(main_menu);
        assert_eq!(
            call.heard()[2..],
            ["leave-message", "you-said", "recording", "goodbye"]
        );
        assert_eq!(call.messages(), [Duration::from_secs(4)]);
    }
}
