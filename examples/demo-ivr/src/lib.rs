//! A city's information line: opening hours, traffic news by region, a message for the office.
//!
//! ```text
//! welcome, main menu
//!   1  opening hours              -> main menu
//!   2  traffic news
//!        1 north  2 centre  3 south
//!        *                        -> main menu
//!   3  leave a message
//!        1 keep it                -> goodbye
//!        2 hear it  3 record it again
//!   0  operator                   -> main menu
//! ```
//!
//! Every menu asks three times; a caller who then has chosen nothing hears goodbye. The whole call
//! is recorded. Needs the grant `kv`.

use std::time::Duration;

use vireo_sdk::prelude::*;

vireo_sdk::flow!(information_line);

/// What the caller does after a menu entry.
enum Next {
    MainMenu,
    Goodbye,
}

fn information_line(call: &Call) -> Result<()> {
    call.answer()?;
    let recording = call.start_recording()?;
    let number = kv::increment("calls", 1)?;
    info!(
        "call {number}, from {:?}, recorded as {recording}",
        call.caller()
    );

    call.play("demo/welcome")?;
    while let Next::MainMenu = main_menu(call)? {}
    call.play("demo/goodbye")
}

fn main_menu(call: &Call) -> Result<Next> {
    let Some(choice) = choose(call, "demo/menu", &["1", "2", "3", "0"])? else {
        return Ok(Next::Goodbye);
    };
    kv::set("last-choice", &choice)?;
    match choice.as_str() {
        "1" => call.play("demo/opening-hours")?,
        "2" => return traffic_news(call),
        "3" => return leave_message(call),
        _ => call.play("demo/operator")?,
    }
    Ok(Next::MainMenu)
}

fn traffic_news(call: &Call) -> Result<Next> {
    loop {
        let Some(region) = choose(call, "demo/regions", &["1", "2", "3", "*"])? else {
            return Ok(Next::Goodbye);
        };
        match region.as_str() {
            "1" => call.play("demo/traffic/north")?,
            "2" => call.play("demo/traffic/centre")?,
            "3" => call.play("demo/traffic/south")?,
            _ => return Ok(Next::MainMenu),
        }
    }
}

fn leave_message(call: &Call) -> Result<Next> {
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
            call.play("demo/message-kept")?;
            return Ok(Next::Goodbye);
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
    if let NoMatch(keys) = &gathered {
        info!("{menu}: {keys:?} is not on the menu");
    }
    Ok(gathered.digits())
}
