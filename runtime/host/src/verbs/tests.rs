//! Every range that `sdk/wit` states, through the imports themselves: `invalid`, in words, before
//! the control is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::contract::{
    BargeIn, Error, GatherOptions, GatherResult, Grammar, Part, PlayOptions, RecordOptions,
    SpeechOptions, Tone, TypeAhead, call, clock, http, kv, media,
};
use crate::control::Control;
use crate::grants::Grants;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::request::{Answer, Reply, Request};
use crate::state::{Imported, State};

struct Spy(Arc<AtomicUsize>);

impl Control for Spy {
    async fn perform(&mut self, request: Request) -> Answer {
        self.0.fetch_add(1, Relaxed);
        Ok(match request {
            Request::Gather(_) => Reply::Gather(GatherResult::NoInput),
            _ => Reply::Done,
        })
    }
}

fn state() -> (State, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let grants = Grants {
        kv: Some("ns".to_owned()),
        http: vec!["a.example".to_owned()],
        ..Grants::default()
    };
    let meter = Arc::new(Meter::new());
    let spy = Box::new(Spy(asked.clone()));
    (
        State::new(spy, Arc::new(grants), Limits::default(), meter),
        asked,
    )
}

/// The text of `invalid`.
fn refused<T: std::fmt::Debug>(result: Imported<T>) -> String {
    match result {
        Ok(Err(Error::Invalid(text))) => text,
        other => panic!("not refused: {other:?}"),
    }
}

fn file(name: &str) -> Part {
    Part::File(name.to_owned())
}

fn tone() -> Tone {
    Tone {
        frequency: 440,
        second_frequency: None,
        duration_ms: 100,
        level_dbm0: -10,
    }
}

fn gather() -> GatherOptions {
    GatherOptions {
        prompt: vec![file("menu/welcome")],
        language: Some("zh-CN".to_owned()),
        min_digits: 0,
        max_digits: 64,
        terminators: "#*".to_owned(),
        accept: vec![
            "9xxx".to_owned(),
            "00.".to_owned(),
            ".".to_owned(),
            "ABCD*#".to_owned(),
        ],
        barge_in: BargeIn::Deaf,
        type_ahead: TypeAhead::Flush,
        first_digit_timeout_ms: 100,
        inter_digit_timeout_ms: 600_000,
        attempts: 10,
        no_input_prompt: vec![Part::Silence(60_000)],
        no_match_prompt: vec![Part::Tone(tone())],
        speech: None,
    }
}

fn speech() -> SpeechOptions {
    SpeechOptions {
        grammars: vec![Grammar::YesNo],
        language: None,
        min_confidence: 0.5,
        alternatives: 0,
        end_of_speech_ms: 700,
        longest_ms: 10_000,
        barge_in_ms: 300,
    }
}

#[tokio::test]
async fn gather_options() {
    type Break = fn(&mut GatherOptions);
    let table: &[(Break, &str)] = &[
        (|o| o.max_digits = 0, "max-digits is 0; it must be 1 to 64"),
        (
            |o| (o.max_digits, o.speech) = (0, Some(speech())),
            "accept has entries, and max-digits is 0: no key is taken",
        ),
        (
            |o| o.max_digits = 65,
            "max-digits is 65; it must be 1 to 64",
        ),
        (
            |o| (o.min_digits, o.max_digits) = (5, 4),
            "min-digits is 5; it must be 0 to 4",
        ),
        (
            |o| o.terminators = "x".to_owned(),
            "terminators has 'x'; the keys are 0123456789*#ABCD",
        ),
        (
            |o| o.terminators = "1".repeat(17),
            "terminators has 17 keys; there are only 16",
        ),
        (
            |o| o.accept = vec![String::new()],
            "accept has \"\"; an entry is keys",
        ),
        (
            |o| o.accept = vec!["1.2".to_owned()],
            "accept has \"1.2\"; an entry is keys",
        ),
        (
            |o| o.accept = vec!["1X".to_owned()],
            "accept has \"1X\"; an entry is keys",
        ),
        (|o| o.accept = vec!["1".repeat(66)], "accept has"),
        (
            |o| o.accept = vec!["1".to_owned(); 1_001],
            "accept has 1001 entries; at most 1000",
        ),
        (
            |o| o.first_digit_timeout_ms = 99,
            "first-digit-timeout-ms is 99; it must be 100 to",
        ),
        (
            |o| o.first_digit_timeout_ms = 600_001,
            "first-digit-timeout-ms is 600001",
        ),
        (
            |o| o.inter_digit_timeout_ms = 99,
            "inter-digit-timeout-ms is 99; it must be 100 to",
        ),
        (
            |o| o.inter_digit_timeout_ms = 600_001,
            "inter-digit-timeout-ms is 600001",
        ),
        (|o| o.attempts = 0, "attempts is 0; it must be 1 to 10"),
        (|o| o.attempts = 11, "attempts is 11; it must be 1 to 10"),
        (
            |o| o.language = Some(String::new()),
            "language is \"\"; it must be a tag",
        ),
        (
            |o| o.language = Some("../en".to_owned()),
            "language is \"../en\"; it must be a tag",
        ),
        (
            |o| o.prompt = vec![Part::Silence(0)],
            "silence is 0; it must be 1 to 60000",
        ),
        (
            |o| o.no_input_prompt = vec![file("/a")],
            "no-input-prompt names the file \"/a\"",
        ),
        (
            |o| o.no_match_prompt = vec![file("a/../b")],
            "no-match-prompt names the file",
        ),
    ];
    for (spoil, text) in table {
        let (mut state, asked) = state();
        let mut options = gather();
        spoil(&mut options);
        let said = refused(media::Host::gather(&mut state, options).await);
        assert!(said.starts_with(text), "{said}");
        assert_eq!(asked.load(Relaxed), 0, "{text}");
        assert_eq!(state.usage.host_calls, 1, "a refused call is a call");
    }
    let speech_alone = GatherOptions {
        min_digits: 1,
        max_digits: 0,
        accept: Vec::new(),
        speech: Some(speech()),
        ..gather()
    };
    for options in [gather(), speech_alone] {
        let (mut state, asked) = state();
        let good = media::Host::gather(&mut state, options).await;
        assert_eq!(good.unwrap(), Ok(GatherResult::NoInput));
        assert_eq!(asked.load(Relaxed), 1);
    }
}

#[tokio::test]
async fn prompts() {
    let with = |change: fn(&mut Tone)| {
        let mut tone = tone();
        change(&mut tone);
        Part::Tone(tone)
    };
    let too_many = vec![Part::Silence(1); 501];
    let table = [
        (
            vec![Part::Silence(60_001)],
            "silence is 60001; it must be 1 to 60000",
        ),
        (
            vec![with(|t| t.frequency = 49)],
            "frequency is 49; it must be 50 to 3800",
        ),
        (
            vec![with(|t| t.frequency = 3_801)],
            "frequency is 3801; it must be 50 to 3800",
        ),
        (
            vec![with(|t| t.second_frequency = Some(49))],
            "second-frequency is 49",
        ),
        (
            vec![with(|t| t.second_frequency = Some(3_801))],
            "second-frequency is 3801",
        ),
        (
            vec![with(|t| t.duration_ms = 0)],
            "duration-ms is 0; it must be 1 to 60000",
        ),
        (
            vec![with(|t| t.duration_ms = 60_001)],
            "duration-ms is 60001",
        ),
        (
            vec![with(|t| t.level_dbm0 = -2)],
            "level-dbm0 is -2; it must be -60 to -3",
        ),
        (
            vec![with(|t| t.level_dbm0 = -61)],
            "level-dbm0 is -61; it must be -60 to -3",
        ),
        (
            vec![file("")],
            "the name of a prompt file has 0 bytes; it must have 1 to 512",
        ),
        (vec![file("a\\b")], "prompt names the file"),
        (vec![file("a\0")], "prompt names the file"),
        (
            vec![file("..")],
            "prompt names the file \"..\"; it must be a plain path below",
        ),
        (vec![file("./a")], "prompt names the file"),
        (vec![file("a//b")], "prompt names the file"),
        (vec![file("a/")], "prompt names the file"),
        (
            vec![Part::Recording(String::new())],
            "the id of a recording has 0 bytes",
        ),
        (too_many, "prompt has 501 parts; at most 500"),
    ];
    for (prompt, text) in table {
        let (mut state, asked) = state();
        let options = PlayOptions {
            language: None,
            interrupt_keys: String::new(),
        };
        let played = media::Host::play(&mut state, prompt.clone(), options).await;
        assert!(refused(played).starts_with(text), "play: {text}");
        let started = media::Host::start_playing(&mut state, prompt, None, false).await;
        assert!(refused(started).starts_with(text), "start-playing: {text}");
        assert_eq!(asked.load(Relaxed), 0);
    }
    let (mut state, _) = state();
    for language in ["e n", "en_US", "-", "en--us", "toolongtag1", "en/.."] {
        let language = Some(language.to_owned());
        let started = media::Host::start_playing(&mut state, vec![], language, false).await;
        assert!(refused(started).starts_with("language is"));
    }
    let options = PlayOptions {
        language: None,
        interrupt_keys: "12,".to_owned(),
    };
    let played = media::Host::play(&mut state, vec![], options).await;
    assert!(refused(played).starts_with("interrupt-keys has ','"));
}

#[tokio::test]
async fn record_options() {
    type Break = fn(&mut RecordOptions);
    let table: &[(Break, &str)] = &[
        (
            |o| o.max_duration_ms = 99,
            "max-duration-ms is 99; it must be 100 to 3600000",
        ),
        (
            |o| o.max_duration_ms = 3_600_001,
            "max-duration-ms is 3600001",
        ),
        (
            |o| o.silence_ms = 60_001,
            "silence-ms is 60001; it must be 0 to 60000",
        ),
        (|o| o.terminators = "a".to_owned(), "terminators has 'a'"),
        (|o| o.prompt = vec![file("../x")], "prompt names the file"),
        (|o| o.language = Some("?".to_owned()), "language is \"?\""),
    ];
    for (spoil, text) in table {
        let (mut state, asked) = state();
        let mut options = RecordOptions {
            prompt: vec![],
            language: None,
            beep: false,
            max_duration_ms: 100,
            silence_ms: 0,
            terminators: "#".to_owned(),
        };
        spoil(&mut options);
        let said = refused(media::Host::record(&mut state, options).await);
        assert!(said.starts_with(text), "{said}");
        assert_eq!(asked.load(Relaxed), 0);
    }
}

#[tokio::test]
async fn other_arguments() {
    let (mut state, asked) = state();
    let key = || "k".to_owned();
    let big = || vec![0u8; (64 << 10) + 1];
    let said = [
        refused(call::Host::wait(&mut state, 86_400_001).await),
        refused(media::Host::send_digits(&mut state, String::new()).await),
        refused(media::Host::send_digits(&mut state, "12w".to_owned()).await),
        refused(media::Host::send_digits(&mut state, "1".repeat(257)).await),
        refused(media::Host::discard_recording(&mut state, String::new()).await),
        refused(kv::Host::get(&mut state, String::new()).await),
        refused(kv::Host::set(&mut state, "k".repeat(513), vec![]).await),
        refused(kv::Host::set(&mut state, key(), big()).await),
        refused(kv::Host::delete(&mut state, String::new()).await),
        refused(kv::Host::increment(&mut state, String::new(), 1).await),
        refused(kv::Host::compare_and_swap(&mut state, key(), Some(big()), None).await),
        refused(kv::Host::compare_and_swap(&mut state, key(), None, Some(big())).await),
        refused(kv::Host::list_keys(&mut state, "k".repeat(513), 1).await),
        refused(kv::Host::list_keys(&mut state, key(), 0).await),
        refused(kv::Host::list_keys(&mut state, key(), 1_001).await),
        refused(clock::Host::local(&mut state, Some(String::new())).await),
    ];
    assert_eq!(
        said,
        [
            "timeout-ms is 86400001; it must be 0 to 86400000",
            "digits has 0 bytes; it must have 1 to 256",
            "digits has 'w'; it may have 0123456789*#ABCD and `,` for a pause",
            "digits has 257 bytes; it must have 1 to 256",
            "the id of a recording has 0 bytes; it must have 1 to 512",
            "key has 0 bytes; it must have 1 to 512",
            "key has 513 bytes; it must have 1 to 512",
            "value has 65537 bytes; at most 65536",
            "key has 0 bytes; it must have 1 to 512",
            "key has 0 bytes; it must have 1 to 512",
            "expected has 65537 bytes; at most 65536",
            "new has 65537 bytes; at most 65536",
            "prefix has 513 bytes; it must have 0 to 512",
            "limit is 0; it must be 1 to 1000",
            "limit is 1001; it must be 1 to 1000",
            "zone has 0 bytes; it must have 1 to 64",
        ]
    );
    assert_eq!(asked.load(Relaxed), 0);
}

#[tokio::test]
async fn http_requests() {
    type Break = fn(&mut http::Request);
    let table: &[(Break, &str)] = &[
        (
            |r| r.method = "get".to_owned(),
            "method is \"get\"; it must be GET, POST, PUT, PATCH",
        ),
        (|r| r.method = "CONNECT".to_owned(), "method is \"CONNECT\""),
        (
            |r| r.url = "a.example/x".to_owned(),
            "the URL must start with http:// or https://",
        ),
        (
            |r| r.url = "http://a.example@b.example/".to_owned(),
            "the URL has user-info",
        ),
        (
            |r| r.body = vec![0; (1 << 20) + 1],
            "body has 1048577 bytes; at most 1048576",
        ),
        (
            |r| r.timeout_ms = 0,
            "timeout-ms is 0; it must be 1 to 60000",
        ),
        (
            |r| r.timeout_ms = 60_001,
            "timeout-ms is 60001; it must be 1 to 60000",
        ),
        (|r| push(r, "", "x"), "\"\" is no header name"),
        (|r| push(r, "a b", "x"), "\"a b\" is no header name"),
        (|r| push(r, "a:", "x"), "\"a:\" is no header name"),
        (
            |r| push(r, "X", "a\r\nB: c"),
            "the value of the header X has a control character",
        ),
        (
            |r| push(r, "X", "a\0"),
            "the value of the header X has a control character",
        ),
        (
            |r| push(r, "HOST", "b.example"),
            "the header HOST is set by the server",
        ),
        (
            |r| push(r, "Transfer-Encoding", "chunked"),
            "the header Transfer-Encoding is set by",
        ),
        (
            |r| push(r, "content-length", "5"),
            "the header content-length is set by",
        ),
        (
            |r| push(r, "X", &"x".repeat(16 << 10)),
            "the headers have 16385 bytes; at most 16384",
        ),
        (
            |r| (0..65).for_each(|_| push(r, "X", "")),
            "there are 65 headers; at most 64",
        ),
    ];
    for (spoil, text) in table {
        let (mut state, asked) = state();
        let mut request = http::Request {
            method: "GET".to_owned(),
            url: "http://a.example/".to_owned(),
            headers: vec![],
            body: vec![],
            timeout_ms: 1,
        };
        spoil(&mut request);
        let said = refused(http::Host::send(&mut state, request).await);
        assert!(said.starts_with(text), "{said}");
        assert_eq!(asked.load(Relaxed), 0);
    }
}

fn push(request: &mut http::Request, name: &str, value: &str) {
    request.headers.push((name.to_owned(), value.to_owned()));
}
