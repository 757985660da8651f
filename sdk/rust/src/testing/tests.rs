use std::time::Duration;

use super::{Caller, End};
use crate::UnheardReason;
use crate::prelude::*;

/// One gather with what a test sets, by itself.
fn gathered(
    caller: Caller,
    set: impl FnOnce(crate::Gather<'_>) -> crate::Gather<'_>,
) -> (Result<Gathered>, Vec<String>) {
    let mut result = None;
    let call = caller.calls(|call| {
        result = Some(set(call.gather("menu").no_input("quiet").no_match("sorry")).collect());
        Ok(())
    });
    (result.unwrap(), call.heard().to_vec())
}

#[test]
fn a_gather_collects_by_its_table() {
    type Set = fn(crate::Gather<'_>) -> crate::Gather<'_>;
    type Row = (
        &'static str,
        Caller,
        Set,
        Result<Gathered>,
        &'static [&'static str],
    );
    let digits = |text: &str| Ok(Digits(text.to_owned()));
    let wrong = |text: &str| Ok(NoMatch(text.to_owned()));
    let new = Caller::new;
    #[rustfmt::skip]
    let table: [Row; 15] = [
        ("a menu", new().presses("1"), |g| g.accept(["1", "2"]), digits("1"), &["menu"]),
        ("a terminator", new().presses("123#"), |g| g, digits("123"), &["menu"]),
        ("the caller waits", new().presses("123"), |g| g, digits("123"), &["menu"]),
        ("full, and a terminator", new().presses("1234#"), |g| g.digits(4), digits("1234"), &["menu"]),
        ("too short", new().presses("12#"), |g| g.digits(4).attempts(1), wrong("12"), &["menu"]),
        ("too short, by time", new().presses("12"), |g| g.digits(4).attempts(1), wrong("12"), &["menu"]),
        ("a terminator alone", new().presses("#"), |g| g.attempts(1), Ok(NoInput), &["menu"]),
        ("nothing is enough", new().presses("#"), |g| g.min_digits(0), digits(""), &["menu"]),
        ("not on the menu, then on it", new().presses("9").presses("2"), |g| g.accept(["1", "2"]), digits("2"),
            &["menu", "sorry", "menu"]),
        ("silent, then not", new().silent().presses("2"), |g| g.accept(["1", "2"]), digits("2"), &["menu", "quiet", "menu"]),
        ("the last failure counts", new().presses("9").silent(), |g| g.accept(["1"]).attempts(2), Ok(NoInput),
            &["menu", "sorry", "menu"]),
        ("typed ahead for the next attempt", new().presses("91"), |g| g.accept(["1"]), digits("1"), &["menu"]),
        ("while it plays", new().presses_while_playing("1"), |g| g.max_digits(1), digits("1"), &["menu"]),
        ("to deaf ears", new().presses_while_playing("1").presses("2"), |g| g.max_digits(1).barge_in(BargeIn::Deaf),
            digits("2"), &["menu"]),
        ("hangs up", new().hangs_up(), |g| g, Err(Error::HungUp), &["menu"]),
    ];
    for (name, caller, set, result, heard) in table {
        assert_eq!(
            gathered(caller, set),
            (result, heard.iter().map(|&name| name.into()).collect()),
            "{name}"
        );
    }
    let open = |keys: &str| {
        gathered(Caller::new().presses(keys), |g| {
            g.accept(["9xx", "00."]).attempts(1)
        })
        .0
    };
    assert_eq!((open("912#"), open("00#")), (digits("912"), digits("00")));
    assert_eq!(
        (open("9123#"), open("91#"), open("0#")),
        (wrong("9123"), wrong("91"), wrong("0"))
    );
}

/// One gather that listens for two departments, four digits, yes and no.
fn answered(caller: Caller) -> (Result<Answer>, Vec<String>) {
    let mut result = None;
    let call = caller.calls(|call| {
        let speech = Speech::new()
            .phrases(["sales"])
            .phrase("the boss", "management")
            .digits(4)
            .yes_no();
        let menu = call.gather("menu").no_input("quiet").no_match("sorry");
        result = Some(menu.accept(["1"]).attempts(2).listen(speech).collect());
        Ok(())
    });
    (result.unwrap(), call.heard().to_vec())
}

#[test]
fn a_gather_understands_what_is_said() {
    let new = Caller::new;
    let none = || Answer::NoInput;
    let said = |value: &str, text: &str, grammar: usize| {
        Answer::Speech(crate::Recognition {
            value: value.to_owned(),
            text: text.to_owned(),
            confidence: 1.0,
            grammar,
            alternatives: Vec::new(),
        })
    };
    #[rustfmt::skip]
    let table: [(&str, Caller, Answer, &[&str]); 7] = [
        ("22 a phrase", new().says("Sales"), said("sales", "Sales", 0), &["menu"]),
        ("22 its value", new().says("the boss"), said("management", "the boss", 0), &["menu"]),
        ("22 digits", new().says("0421"), said("0421", "0421", 1), &["menu"]),
        ("19 keys win", new().presses("1"), Answer::Digits("1".into()), &["menu"]),
        ("23 once more", new().says("the moon").says("no"), said("no", "no", 2), &["menu", "sorry", "menu"]),
        ("15 says nothing at last", new().mumbles().silent(), none(), &["menu", "sorry", "menu"]),
        ("14 says nothing at first", new().silent().says("yes"), said("yes", "yes", 2), &["menu", "quiet", "menu"]),
    ];
    for (name, caller, result, heard) in table {
        let heard = heard.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(answered(caller), (Ok(result), heard), "{name}");
    }
}

#[test]
fn what_is_not_sure_enough_is_misheard() {
    let caller = Caller::new()
        .says("moon")
        .says_with_confidence("sales", 0.49);
    let (Ok(Answer::Misheard(said)), _) = answered(caller) else {
        panic!("not misheard");
    };
    assert_eq!(
        (said.text.as_str(), said.value.as_str()),
        ("sales", "sales")
    );
}

#[test]
fn a_recognizer_that_cannot_listen_leaves_the_keys() {
    let busy = || Caller::new().unheard(UnheardReason::Busy);
    assert_eq!(
        answered(busy().presses("1")).0,
        Ok(Answer::Digits("1".to_owned()))
    );
    let (Ok(Answer::Unheard(why)), heard) = answered(busy().silent()) else {
        panic!("heard after all");
    };
    assert_eq!((why.reason, why.digits.as_str()), (UnheardReason::Busy, ""));
    assert_eq!(heard, ["menu"], "no further attempt");
}

#[test]
fn a_message_ends_as_the_caller_ends_it() {
    let seconds = Duration::from_secs;
    let speaks = || Caller::new().speaks(seconds(3)).speaks(seconds(1));
    for (caller, length, end) in [
        (speaks().presses("5#"), 4, RecordEnd::Terminator),
        (speaks().silent(), 4, RecordEnd::Silence),
        (speaks(), 4, RecordEnd::HungUp),
        (
            Caller::new().speaks(seconds(20)),
            10,
            RecordEnd::MaxDuration,
        ),
        (Caller::new().presses("#"), 0, RecordEnd::Terminator),
    ] {
        let shown = format!("{caller:?}");
        let call = caller.calls(|call| {
            let message = call.record("speak").max_duration(seconds(10)).start()?;
            assert_eq!(
                (message.duration, message.ended_by),
                (seconds(length), end),
                "{shown}"
            );
            call.play(recording(&message))
        });
        let heard: &[&str] = match end {
            RecordEnd::HungUp => &["speak"],
            _ => &["speak", "recording"],
        };
        assert_eq!(call.heard(), heard, "{shown}");
        assert_eq!(call.messages(), [seconds(length)], "{shown}");
    }
    let discarded = speaks().silent().calls(|call| {
        let message = call.record("speak").start()?;
        call.discard(&message)?;
        assert!(matches!(call.discard(&message), Err(Error::NotFound(_))));
        Ok(())
    });
    assert!(discarded.messages().is_empty());
}

#[test]
fn calls_end_as_their_records_would_say() {
    type Flow = fn(&Call) -> Result<()>;
    let table: [(&str, Caller, Flow, End); 7] = [
        (
            "at its end",
            Caller::new(),
            |call| call.answer(),
            End::Completed,
        ),
        (
            "never answered",
            Caller::new(),
            |_| Ok(()),
            End::Rejected(Refusal::Unavailable),
        ),
        (
            "refused",
            Caller::new(),
            |call| call.reject(Refusal::Busy),
            End::Rejected(Refusal::Busy),
        ),
        (
            "in a prompt",
            Caller::new().hangs_up(),
            |call| call.play("long"),
            End::HungUpByCaller,
        ),
        (
            "while it rings",
            Caller::new().hangs_up(),
            |call| {
                call.ring()?;
                call.wait(Duration::from_secs(5)).map(|_| ())
            },
            End::AbandonedBeforeAnswer,
        ),
        (
            "an error",
            Caller::new(),
            |_| Err("no".into()),
            End::Failed(Error::Failed("no".into())),
        ),
        (
            "rings too late",
            Caller::new(),
            |call| {
                call.answer()?;
                call.ring()
            },
            End::Failed(Error::WrongState(
                "ring comes before early-media and answer".into(),
            )),
        ),
    ];
    for (name, caller, flow, end) in table {
        assert_eq!(caller.calls(flow).end(), &end, "{name}");
    }
}

#[test]
fn what_happens_is_waited_for() {
    let call = Caller::new().presses("7").holds().silent().calls(|call| {
        call.start_playing("music")?;
        loop {
            match call.wait(Duration::from_secs(30))? {
                Event::Digit(key) => info!("{key}"),
                Event::PlayingFinished => info!("finished"),
                Event::Held => info!("held"),
                Event::Resumed => info!("resumed"),
                Event::Timeout => return Ok(()),
            }
        }
    });
    assert_eq!(call.log(), ["finished", "7", "held", "resumed"]);
    assert_eq!((call.heard().len(), call.end()), (1, &End::Completed));
}

#[test]
fn a_key_cuts_a_prompt_short_and_answers_the_question_behind_it() {
    let call = Caller::new().presses_while_playing("02").calls(|call| {
        let end = call.prompt("notice").interrupt_keys("0").play()?;
        assert_eq!(end, crate::PlayEnd::Interrupted('0'));
        let entered = call.gather("menu").digits(2).collect()?;
        assert_eq!(entered, Digits("02".into()));
        Ok(())
    });
    assert_eq!(call.heard(), ["notice"]);
}

#[test]
fn services_are_those_of_the_test() {
    let url = "http://api.example.com/balance";
    let call = Caller::new()
        .number("+4930123")
        .called("555")
        .parameter("url", url)
        .header("X-Ticket", "7")
        .setting("tries", "2")
        .secret("key", "s3cret")
        .kv("name", "Li")
        .counter("calls", 41)
        .random([7])
        .http(url, 200, "12")
        .http(url, 500, "")
        .http_fails("http://down.example.com", "connection refused")
        .calls(|call| {
            assert_eq!(
                (call.caller(), call.called(), call.header("x-ticket").len()),
                ("+4930123", "555", 1)
            );
            assert_eq!(settings::parse::<u8>("tries")?, Some(2));
            assert_eq!(settings::secret("key")?.expose(), "s3cret");
            assert!(matches!(settings::secret("other"), Err(Error::NotFound(_))));
            assert_eq!(kv::increment("calls", 1)?, 42);
            assert!(matches!(kv::increment("name", 1), Err(Error::Invalid(_))));
            assert!(kv::compare_and_swap("name", Some(b"Li"), Some(b"Wei"))?);
            assert!(!kv::compare_and_swap("name", None, Some(b"Li"))?);
            kv::set("gone", "x")?;
            kv::delete("gone")?;
            assert_eq!(kv::keys("", 10)?, ["calls", "name"]);
            assert_eq!(clock::random(), 7);
            assert_ne!(clock::random(), clock::random());
            let ask = |url: &str| {
                http::get(url)
                    .header("x-key", "k")
                    .send()
                    .map(|answer| answer.status)
            };
            let parameter = call.parameter("url").ok_or("no url")?;
            assert_eq!(
                (ask(parameter)?, ask(parameter)?, ask(parameter)?),
                (200, 500, 500)
            );
            assert!(matches!(
                ask("http://down.example.com"),
                Err(Error::Failed(_))
            ));
            assert!(matches!(
                ask("http://other.example.com"),
                Err(Error::Failed(_))
            ));
            call.answer()
        });
    assert_eq!(
        (
            call.kv("calls").as_deref(),
            call.kv("name").as_deref(),
            call.kv("gone")
        ),
        (Some("42"), Some("Wei"), None)
    );
    assert_eq!(call.requests().len(), 5);
    assert_eq!(
        call.requests()[0].headers,
        [("x-key".to_owned(), "k".to_owned())]
    );
}

#[test]
fn the_clock_is_set() {
    let moment = |caller: Caller| {
        let mut moment = None;
        caller.calls(|_| {
            let now = clock::local_in("Asia/Shanghai")?;
            moment = Some((
                now.year,
                now.month,
                now.day,
                now.weekday,
                now.hour,
                now.minute,
            ));
            Ok(())
        });
        moment.unwrap()
    };
    assert_eq!(moment(Caller::new()), (2026, 1, 5, 1, 10, 0));
    for (year, month, day, weekday) in [
        (2026, 11, 22, 7),
        (2024, 2, 29, 4),
        (2000, 3, 1, 3),
        (1970, 1, 1, 4),
        (2100, 12, 31, 5),
    ] {
        let set = Caller::new().at(year, month, day, 2, 30);
        assert_eq!(moment(set), (year as i16, month, day, weekday, 2, 30));
    }
    Caller::new().silent().calls(|call| {
        let before = clock::now();
        call.wait(Duration::from_secs(90))?;
        assert_eq!(
            clock::now().duration_since(before).unwrap(),
            Duration::from_secs(90)
        );
        Ok(())
    });
}

#[test]
#[should_panic(expected = "before the caller could do this: press 2; heard: [\"welcome\"]")]
fn a_script_must_come_to_its_end() {
    Caller::new()
        .presses("2")
        .calls(|call| call.play("welcome"));
}

#[test]
#[should_panic(expected = "is not at its end")]
fn a_flow_must_come_to_its_end() {
    Caller::new().calls(|call| {
        loop {
            call.play("again")?;
        }
    });
}

#[test]
#[should_panic(expected = "there is no call here")]
fn no_verb_without_a_call() {
    let caught = std::panic::catch_unwind(|| Caller::new().calls(|_| panic!("the flow's own")));
    assert!(caught.is_err());
    // What a flow leaves behind that panics is no call.
    let _ = clock::now();
}
