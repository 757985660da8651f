//! An information line: opening hours, a balance, a message for the office.

use std::time::Duration;

use vireo_sdk::prelude::*;

pub fn flow(call: &Call) -> Result<()> {
    call.answer()?;
    let recording = call.start_recording()?;
    let number = kv::increment("calls", 1)?;
    info!(
        "call {number} from {}, recorded as {recording}",
        call.caller()
    );
    let office = settings::get("office").unwrap_or_else(|| "the office".into());
    info!("this is {office}");

    call.play("demo/welcome")?;
    while main_menu(call)? {}
    call.play("demo/goodbye")
}

/// Is the menu to be heard again?
fn main_menu(call: &Call) -> Result<bool> {
    let Some(choice) = choose(call, "demo/menu", &["1", "2", "3", "0"])? else {
        return Ok(false);
    };
    kv::set("last-choice", &choice)?;
    match choice.as_str() {
        "1" => call.play("demo/opening-hours")?,
        "2" => balance(call)?,
        "3" => {
            leave_message(call)?;
            return Ok(false);
        }
        _ => call.play("demo/operator")?,
    }
    Ok(true)
}

fn balance(call: &Call) -> Result<()> {
    let entered = call
        .gather("demo/enter-number")
        .min_digits(4)
        .max_digits(8)
        .first_digit_timeout(Duration::from_secs(6))
        .attempts(2)
        .no_match("demo/no-match")
        .collect()?;
    let Some(number) = entered.digits() else {
        return Ok(());
    };
    match kv::get_text(&format!("balance/{number}"))? {
        Some(amount) => call.play(("demo/balance", say::number(amount))),
        None => call.play("demo/no-such-number"),
    }
}

fn leave_message(call: &Call) -> Result<()> {
    loop {
        let message = call
            .record("demo/leave-message")
            .max_duration(Duration::from_secs(60))
            .silence(Duration::from_secs(3))
            .start()?;
        info!(
            "message {} of {} ms",
            message.id,
            message.duration.as_millis()
        );
        if keep(call, &message)? {
            kv::increment("messages", 1)?;
            return call.play("demo/message-kept");
        }
        call.discard(&message)?;
    }
}

/// Is the caller content with the message? A caller who says nothing about it is.
fn keep(call: &Call, message: &Message) -> Result<bool> {
    loop {
        match choose(call, "demo/keep-message", &["1", "2", "3"])?.as_deref() {
            Some("2") => call.play(("demo/you-said", recording(message)))?,
            Some("3") => return Ok(false),
            _ => return Ok(true),
        }
    }
}

/// Asks three times at most; `None` when the caller chose nothing that is on the menu.
fn choose(call: &Call, menu: &str, keys: &[&str]) -> Result<Option<String>> {
    let gathered = call
        .gather(menu)
        .accept(keys.iter().copied())
        .no_input("demo/no-input")
        .no_match("demo/no-match")
        .collect()?;
    if let NoMatch(pressed) = &gathered {
        info!("{menu}: {pressed} is not on the menu");
    }
    Ok(gathered.digits())
}
