//! Every function of the contract, grants and secrets, and how a run can end.

use std::sync::Arc;

use vireo_host::contract::{Error, Level};
use vireo_host::{Grant, Grants, Limits, Outcome, Reply, Request, TrapKind};

use crate::script::{Script, all_grants, hello, probe, run};

/// What the probe's `everything` asks, without the log, in its order.
const EVERYTHING: &[&str] = &[
    "settings.get",
    "settings.get",
    "call.get-info",
    "call.header",
    "call.ring",
    "call.early-media",
    "call.answer",
    "call.wait",
    "media.play",
    "media.gather",
    "media.record",
    "media.start-playing",
    "media.stop-playing",
    "media.flush-digits",
    "media.send-digits",
    "media.start-recording",
    "media.pause-recording",
    "media.resume-recording",
    "media.stop-recording",
    "media.discard-recording",
    "kv.get",
    "kv.set",
    "kv.delete",
    "kv.increment",
    "kv.compare-and-swap",
    "kv.list-keys",
    "settings.get",
    "settings.secret",
    "clock.now",
    "clock.local",
    "clock.random",
    "http.send",
    "call.hangup",
    "call.reject",
];

#[tokio::test]
async fn every_function_reaches_the_control_and_its_reply_the_flow() {
    let script = Script::new("everything").setting("colour", "blue").seed(1);
    let (outcome, script, usage) = run(script).await;
    assert_eq!(outcome, Outcome::Completed);
    let verbs: Vec<&str> = script.requests().iter().map(Request::verb).collect();
    let without_log: Vec<&str> = verbs
        .iter()
        .copied()
        .filter(|verb| *verb != "log.write")
        .collect();
    assert_eq!(without_log, EVERYTHING);
    assert_eq!(usage.host_calls, verbs.len() as u64);
    assert_eq!(
        script.log_lines(),
        [
            r#""c-1""#,
            r#"["value of X-Colour"]"#,
            "Event::Digit('7')",
            "PlayEnd::Finished",
            r#"GatherResult::Digits("1")"#,
            r#"Message { id: "r-1", duration-ms: 1234, ended-by: RecordEnd::Terminator }"#,
            r#""r-2""#,
            "Some([98, 108, 117, 101])",
            "-2",
            "true",
            r#"["a", "b"]"#,
            r#"Some("blue")"#,
            r#""[redacted]""#,
            "1795000000000",
            "LocalTime { year: 2026, month: 11, day: 22, weekday: 7, hour: 20, minute: 30, \
             second: 1, utc-offset-s: 28800 }",
            "97109012204693",
            r#"Response { status: 418, headers: [("Server", "teapot")], body: [115, 104, 111, 114, 116] }"#,
        ]
    );
}

#[tokio::test]
async fn requests_and_answers_survive_a_journal() {
    let (_, script, _) = run(Script::new("everything")).await;
    let journal = script.journal().lock().unwrap().clone();
    let json = serde_json::to_string(&journal).unwrap();
    let back: Vec<(Request, vireo_host::Answer)> = serde_json::from_str(&json).unwrap();
    assert_eq!(back, journal);
    assert!(
        json.contains(r#"{"verb":"kv-set","key":"k","value":{"text":"v"}}"#),
        "{json}"
    );
}

#[tokio::test]
async fn how_a_run_ends() {
    let hung_up = |verb| Script::new("play").answer(verb, Err(Error::HungUp));
    let (outcome, ..) = run(hung_up("media.play")).await;
    assert_eq!(outcome, Outcome::HungUp);

    let (outcome, ..) = run(Script::new("fail")).await;
    assert_eq!(
        outcome,
        Outcome::Failed(Error::Failed("the coffee is out".to_owned()))
    );
    assert_eq!(outcome.to_string(), "failed: the coffee is out");

    let missing = Error::NotFound("there is no prompt \"welcome\"".to_owned());
    let (outcome, ..) = run(Script::new("play").answer("media.play", Err(missing.clone()))).await;
    assert_eq!(outcome, Outcome::Failed(missing));
    assert!(!outcome.is_normal());
}

#[tokio::test]
async fn a_reply_that_does_not_fit_ends_the_flow() {
    for (what, verb, answer) in [
        ("play", "media.play", Ok(Reply::Count(1))),
        ("now", "clock.now", Err(Error::HungUp)),
    ] {
        let (outcome, ..) = run(Script::new(what).answer(verb, answer)).await;
        let Outcome::Trapped(trap) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(trap.kind, TrapKind::Host);
        assert!(trap.message.contains(verb), "{}", trap.message);
    }
}

#[tokio::test]
async fn what_is_not_granted_is_denied_before_the_control_sees_it() {
    for (what, grant) in [
        ("kv", "add `kv = true` under"),
        ("http", "add `http = [\"api.example.com\"]` under"),
        ("secret", "add `secrets = [\"pin\"]` under"),
    ] {
        let none = Arc::new(Grants::default());
        let (outcome, script, _) = probe()
            .run(Script::new(what), none, Limits::default())
            .await;
        let Outcome::Failed(Error::Denied(text)) = outcome else {
            panic!("{what}: {outcome:?}")
        };
        assert!(text.contains(grant), "{what}: {text}");
        let asked = script.requests();
        assert!(
            asked
                .iter()
                .all(|request| matches!(request, Request::SettingsGet { .. }))
        );

        let (outcome, ..) = run(Script::new(what)).await;
        assert_eq!(outcome, Outcome::Completed, "{what}, granted");
    }
}

#[test]
fn grants_are_checked_at_deploy_time() {
    let missing = probe().check_grants(&Grants::default());
    let named: Vec<_> = missing
        .iter()
        .map(|missing| (missing.grant.as_str(), missing.needed_by.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("kv", "kv"),
            ("http", "http.send"),
            ("secrets", "settings.secret")
        ]
    );
    assert!(missing[0].advice.contains("kv = true"));
    assert_eq!(probe().check_grants(&all_grants()), []);
    assert_eq!(hello().check_grants(&Grants::default()), []);
}

#[test]
fn what_is_withheld_in_so_many_words_is_not_asked_for() {
    let grants = Grants {
        withheld: vec![Grant::Kv, Grant::Secrets],
        ..Grants::default()
    };
    let missing = probe().check_grants(&grants);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].grant, "http");
    assert!(
        missing[0]
            .advice
            .contains("`http = []` if it only imports it")
    );
}

#[tokio::test]
async fn a_secret_is_in_no_request_that_is_shown() {
    let (outcome, script, _) = run(Script::new("secret")).await;
    assert_eq!(outcome, Outcome::Completed);
    let json = serde_json::to_string(&*script.journal().lock().unwrap()).unwrap();
    let debug = format!("{:?}", script.requests());
    for shown in [&json, &debug] {
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("aGVsbG86MTIz"),
            "{shown}"
        );
    }
    assert_eq!(script.log_lines(), ["the pin is [redacted]"]);

    let requests = script.requests();
    let Some(Request::HttpSend(request)) = requests.last() else {
        panic!("{requests:?}")
    };
    assert_eq!(request.url, "http://api.example.com/?pin=[redacted]");
    let wire = request.wire().unwrap();
    assert_eq!(wire.target, "/?pin=s3cr3t-pin");
    assert_eq!(wire.body, b"s3cr3t-pin");
    assert_eq!(wire.authority(), "api.example.com");
    assert!(
        wire.headers
            .contains(&("X-Pin".to_owned(), "s3cr3t-pin".to_owned()))
    );
}

#[tokio::test]
async fn credentials_of_sip_are_no_header_of_a_flow() {
    let (outcome, script, _) = run(Script::new("header")).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(
        !script
            .requests()
            .iter()
            .any(|request| matches!(request, Request::Header { .. }))
    );
}

#[tokio::test]
async fn log_lines_are_cut_and_tidied() {
    let (_, script, _) = run(Script::new("log")).await;
    assert_eq!(script.log_lines(), ["a\u{fffd}[2Jb\nc"]);
    let (_, script, _) = run(Script::new("flood").times(1)).await;
    let requests = script.requests();
    let Some(Request::Log { level, message }) = requests.last() else {
        panic!("{requests:?}")
    };
    assert_eq!((*level, message.len()), (Level::Info, 4_096));
}
