//! Errors are told apart, and carry their text.

use vireo_sdk::prelude::*;

pub fn flow(call: &Call) -> Result<()> {
    report(call.play("missing"));
    report(kv::set("key", "value"));
    report(call.ring());
    report(call.gather("menu").max_digits(200).collect());
    report(call.send_digits("1"));
    Err("the timetable is empty".into())
}

fn report<T>(result: Result<T>) {
    match result {
        Ok(_) => info!("no error"),
        Err(Error::HungUp) => info!("hung up"),
        Err(Error::Denied(text)) => info!("denied: {text}"),
        Err(Error::Invalid(text)) => info!("invalid: {text}"),
        Err(Error::NotFound(text)) => info!("not found: {text}"),
        Err(Error::WrongState(text)) => info!("wrong state: {text}"),
        Err(Error::Failed(text)) => info!("failed: {text}"),
        Err(other) => info!("another: {other}"),
    }
}
