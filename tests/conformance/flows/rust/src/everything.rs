//! Every function of the contract.

use std::time::{Duration, SystemTime};

use vireo_sdk::clock::LocalTime;
use vireo_sdk::prelude::*;
use vireo_sdk::say::{DateStyle, Gender, Hours};
use vireo_sdk::{Part, PlayEnd, Recognition, UnheardReason};

pub fn flow(call: &Call) -> Result<()> {
    the_call(call)?;
    prompts(call)?;
    keys(call)?;
    speech(call)?;
    recordings(call)?;
    services()?;
    call.hangup();
    call.reject(Refusal::Congested)
}

fn the_call(call: &Call) -> Result<()> {
    let about = call.info();
    info!("{} {} {}", about.call_id, about.flow, about.version);
    info!("{} {} {}", about.trunk, about.route, about.language);
    info!("{} {}", about.caller, about.called);
    info!("{}", about.caller_name.as_deref().unwrap_or("no name"));
    info!("{}", about.diverted_by.join(" "));
    info!("{}", ms(about.started_at));
    info!("[{}]", call.parameter("empty").unwrap_or("absent"));
    info!("[{}]", call.parameter("absent").unwrap_or("absent"));
    info!("{}", call.header("X-Colour").join(" "));
    call.ring()?;
    call.early_media()?;
    call.answer()?;
    for _ in 0..5 {
        match call.wait(Duration::from_millis(1500))? {
            Event::Digit(key) => info!("key {key}"),
            Event::PlayingFinished => info!("playing finished"),
            Event::Held => info!("held"),
            Event::Resumed => info!("resumed"),
            Event::Timeout => info!("timeout"),
        }
    }
    Ok(())
}

fn prompts(call: &Call) -> Result<()> {
    let parts: Vec<Part> = vec![
        file("menu/welcome"),
        Part::Recording(call.start_recording()?),
        silence(300),
        tone(440, 200).into(),
        tone(350, 1000).and(440).level(-20).into(),
        beep(),
    ];
    let end = call
        .prompt(parts)
        .language("zh-CN")
        .interruptible()
        .play()?;
    match end {
        PlayEnd::Finished => info!("finished"),
        PlayEnd::Interrupted(key) => info!("interrupted by {key}"),
    }
    call.play(("goodbye", text("<speak>Grüße, <break/>世界.</speak>")))?;
    call.play([
        say::number(-21).gender(Gender::Feminine),
        say::number("3.50"),
        say::ordinal(3).gender(Gender::Neuter),
        say::digits("407*"),
        say::date(2024, 2, 29),
        say::date(2026, 11, 22).style(DateStyle::WeekdayDayMonth),
        say::time(14, 5),
        say::time(24, 0).hours(Hours::TwentyFour),
        say::duration(Duration::from_millis(3_661_500)),
        say::currency("12.50", "EUR"),
        say::telephone("+49 30 123"),
        say::characters("aé-1"),
    ])?;
    call.start_playing(["a", "b"])?;
    call.repeat_playing("music")?;
    call.stop_playing()
}

fn keys(call: &Call) -> Result<()> {
    let gathered = call
        .gather(("a", silence(20)))
        .language("de")
        .min_digits(0)
        .max_digits(12)
        .terminators("*#")
        .accept(["1", "9xxx", "00."])
        .barge_in(BargeIn::Deaf)
        .type_ahead(TypeAhead::Flush)
        .first_digit_timeout(Duration::from_secs(8))
        .inter_digit_timeout(Duration::from_millis(1500))
        .attempts(2)
        .no_input(["b", "c"])
        .no_match("d")
        .collect()?;
    show(gathered);
    show(
        call.gather(Prompt::new())
            .barge_in(BargeIn::Off)
            .collect()?,
    );
    show(call.gather("menu").accept(["1", "9xxx"]).collect()?);
    call.flush_digits()?;
    call.send_digits("12,#")
}

fn show(gathered: Gathered) {
    match gathered {
        Digits(digits) => info!("digits [{digits}]"),
        NoInput => info!("no input"),
        NoMatch(pressed) => info!("no match [{pressed}]"),
    }
}

fn speech(call: &Call) -> Result<()> {
    let speech = Speech::new()
        .phrases(["sales"])
        .phrase("客服", "service")
        .digits_between(2, 4)
        .number()
        .yes_no()
        .date()
        .dictation()
        .language("zh-CN")
        .min_confidence(0.25)
        .alternatives(2)
        .end_of_speech(Duration::from_millis(900))
        .longest(Duration::from_secs(20))
        .barge_in(Duration::ZERO);
    answered(&call.gather("ask").attempts(1).listen(speech).collect()?);
    let yes_no = || Speech::new().yes_no();
    answered(&call.ask("sure", yes_no()).collect()?);
    answered(
        &call
            .gather("menu")
            .accept(["1"])
            .listen(yes_no())
            .collect()?,
    );
    Ok(())
}

fn answered(answer: &Answer) {
    match answer {
        Answer::Speech(said) => info!("said {}", told(said)),
        Answer::Misheard(said) => info!("misheard {}", told(said)),
        Answer::Unheard(why) => {
            let reason = match why.reason {
                UnheardReason::Busy => "busy",
                UnheardReason::NoModel => "no model",
                UnheardReason::Failed => "failed",
            };
            info!("unheard, {reason}: {} [{}]", why.text, why.digits);
        }
        Answer::Digits(_) | Answer::NoInput | Answer::NoMatch(_) => info!("keys"),
    }
}

fn told(said: &Recognition) -> String {
    let mut text = format!(
        "[{}] [{}] {} {}",
        said.value,
        said.text,
        said.confidence * 100.0,
        said.grammar
    );
    for other in &said.alternatives {
        text += &format!(
            ", [{}] [{}] {}",
            other.value,
            other.text,
            other.confidence * 100.0
        );
    }
    text
}

fn recordings(call: &Call) -> Result<()> {
    let message = call
        .record("speak")
        .language("fr")
        .without_beep()
        .max_duration(Duration::from_secs(30))
        .silence(Duration::ZERO)
        .terminators("0123456789*#")
        .start()?;
    let end = match message.ended_by {
        RecordEnd::Terminator => "terminator",
        RecordEnd::Silence => "silence",
        RecordEnd::MaxDuration => "max duration",
        RecordEnd::HungUp => "hung up",
        RecordEnd::Failed => "failed",
    };
    info!("{} {} {end}", message.id, message.duration.as_millis());
    call.record("again").start()?;
    call.pause_recording()?;
    call.resume_recording()?;
    call.stop_recording()?;
    call.discard(&message)
}

fn services() -> Result<()> {
    let value = kv::get("bytes")?.unwrap_or_default();
    info!("{} bytes, the first {}", value.len(), value[0]);
    info!(
        "{}",
        if kv::get("absent")?.is_none() {
            "absent"
        } else {
            "there"
        }
    );
    kv::set("bytes", [0, 255, 10])?;
    kv::set("text", "grün")?;
    kv::set("empty", "")?;
    kv::delete("text")?;
    info!("{}", kv::increment("count", -5)?);
    info!("{}", kv::compare_and_swap("k", None, Some(b"a"))?);
    info!("{}", kv::compare_and_swap("k", Some(b"a"), None)?);
    info!("{}", kv::keys("p/", 10)?.join(" "));

    info!("{}", settings::get("colour").as_deref().unwrap_or("absent"));
    info!("{}", settings::get("absent").as_deref().unwrap_or("absent"));
    info!("{}", settings::secret("pin")?.expose().len());
    debug!("ä \"quoted\"");
    warn!("电话");
    error!("");

    info!("{}", ms(clock::now()));
    at(clock::local()?);
    at(clock::local_in("Asia/Shanghai")?);
    info!("{}", clock::random());

    let response = http::post("http://api.example.com/x", "{\"a\":1}")
        .header("content-type", "application/json")
        .header("x-empty", "")
        .timeout(Duration::from_millis(2500))
        .send()?;
    let server = response.header("server").unwrap_or("none").to_owned();
    info!("{} {server} {}", response.status, response.text()?);
    info!("{}", http::get("http://api.example.com/").send()?.status);
    Ok(())
}

fn at(time: LocalTime) {
    info!(
        "{} {} {} {} {} {} {} {}",
        time.year,
        time.month,
        time.day,
        time.weekday,
        time.hour,
        time.minute,
        time.second,
        time.utc_offset_s
    );
}

fn ms(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
