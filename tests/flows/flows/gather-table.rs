//! One gather with every option taken from the route's parameters. The result stands in the log
//! and, where `kv` is granted, under the key `result`:
//! `digits 12`, `no-input`, `no-match 7`.

use std::time::Duration;

use vireo_sdk::prelude::*;
use vireo_test_flows::{list, parameter};

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    let wait_before = parameter(call, "wait-before-ms", 0)?;
    if wait_before > 0 {
        call.play(silence(wait_before))?;
    }
    let result = match gather(call)? {
        Digits(digits) => format!("digits {digits}"),
        NoInput => "no-input".to_owned(),
        NoMatch(keys) => format!("no-match {keys}"),
    };
    info!("result: {result}");
    match kv::set("result", &result) {
        Err(Error::Denied(_)) => {}
        other => other?,
    }
    call.play("goodbye")
}

fn gather(call: &Call) -> Result<Gathered> {
    let mut gather = call
        .gather(list(call, "prompt").into_iter().collect::<Prompt>())
        .min_digits(parameter(call, "min-digits", 1)?)
        .max_digits(parameter(call, "max-digits", 4)?)
        .accept(list(call, "accept"))
        .attempts(parameter(call, "attempts", 1)?)
        .first_digit_timeout(milliseconds(call, "first-digit-timeout-ms", 2_000)?)
        .inter_digit_timeout(milliseconds(call, "inter-digit-timeout-ms", 1_000)?)
        .no_input(
            list(call, "no-input-prompt")
                .into_iter()
                .collect::<Prompt>(),
        )
        .no_match(
            list(call, "no-match-prompt")
                .into_iter()
                .collect::<Prompt>(),
        );
    if let Some(keys) = call.parameter("terminators") {
        gather = gather.terminators(keys);
    }
    gather = match call.parameter("barge-in").unwrap_or("on") {
        "on" => gather.barge_in(BargeIn::On),
        "off" => gather.barge_in(BargeIn::Off),
        "deaf" => gather.barge_in(BargeIn::Deaf),
        other => return Err(Error::Invalid(format!("parameter `barge-in` is {other:?}"))),
    };
    gather = match call.parameter("type-ahead").unwrap_or("keep") {
        "keep" => gather.type_ahead(TypeAhead::Keep),
        "flush" => gather.type_ahead(TypeAhead::Flush),
        other => {
            return Err(Error::Invalid(format!(
                "parameter `type-ahead` is {other:?}"
            )));
        }
    };
    gather.collect()
}

fn milliseconds(call: &Call, name: &str, default: u64) -> Result<Duration> {
    Ok(Duration::from_millis(parameter(call, name, default)?))
}
