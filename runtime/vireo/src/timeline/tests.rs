use super::*;
use serde_json::json;
use vireo_store::journal::Json;

fn shown(entries: &[Entry], detail: Detail) -> Vec<String> {
    lines(entries, detail)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn verb(seq: u32, at_ms: u64, name: &str, request: Value, reply: Value) -> Entry {
    Entry::verb(seq, at_ms, name, Json::from(request), Json::from(reply))
}

#[test]
fn a_call_reads_like_a_story() {
    let entries = [
        Entry::event(
            0,
            0,
            "invite",
            Json::from(
                json!({ "called": "96122", "caller": "1000", "trunk": "local", "source": "127.0.0.1:40112", "sip_call_id": "x" }),
            ),
        ),
        Entry::event(
            1,
            0,
            "route",
            Json::from(json!({ "route": "line", "flow": "demo", "version": "0123456789abcdef" })),
        ),
        Entry::event(2, 3, "answer", Json::from(json!({ "status": 200 }))),
        verb(
            3,
            2,
            "call.answer",
            json!({ "verb": "answer" }),
            json!({ "took_ms": 1, "Ok": "done" }),
        ),
        verb(
            4,
            4,
            "call.get-info",
            json!({ "verb": "get-info" }),
            json!({ "took_ms": 0, "Ok": { "info": {} } }),
        ),
        verb(
            5,
            5,
            "media.play",
            json!({ "verb": "play", "prompt": [
                { "File": "demo/welcome" }, { "Silence": 500 },
                { "Say": { "Number": { "value": "21", "gender": null } } },
            ] }),
            json!({ "took_ms": 3250, "Ok": { "play-end": "Finished" } }),
        ),
        Entry::event(
            6,
            4100,
            "digit",
            Json::from(json!({ "digit": "1", "duration_ms": 90, "source": "rfc4733" })),
        ),
        verb(
            7,
            3300,
            "media.gather",
            json!({ "verb": "gather", "prompt": [{ "File": "demo/menu" }] }),
            json!({ "took_ms": 900, "Ok": { "gather": { "Digits": "1" } } }),
        ),
        verb(
            8,
            4300,
            "kv.increment",
            json!({ "verb": "kv-increment", "key": "calls", "by": 1 }),
            json!({ "took_ms": 0, "Ok": { "count": 7 } }),
        ),
        verb(
            9,
            4400,
            "media.record",
            json!({ "verb": "record", "prompt": [] }),
            json!({ "took_ms": 5000, "Ok": { "message": { "id": "m1", "duration_ms": 4200, "ended_by": "Terminator" } } }),
        ),
        verb(
            10,
            9500,
            "media.play",
            json!({ "verb": "play", "prompt": [{ "File": "x" }] }),
            json!({ "took_ms": 0, "Err": { "NotFound": "there is no prompt \"x\"" } }),
        ),
        Entry::event(
            11,
            9600,
            "bye-received",
            Json::from(json!({ "by": "peer", "reason": null })),
        ),
        verb(
            12,
            9600,
            "call.wait",
            json!({ "verb": "wait", "timeout_ms": 1000 }),
            json!({ "took_ms": 0, "Err": "HungUp" }),
        ),
    ];
    assert_eq!(
        shown(&entries, Detail::Story),
        [
            "    +0.000  caller  INVITE 96122 from 1000, trunk local, from 127.0.0.1:40112",
            "    +0.000  server  route line: flow demo, version 0123456789ab",
            "    +0.002  flow    answer",
            "    +0.003  server  200 OK",
            "    +0.005  flow    play demo/welcome, 500 ms of silence, number 21: finished, 3.2 s",
            "    +3.300  flow    gather demo/menu: digits 1, 0.9 s",
            "    +4.100  caller  key 1, 90 ms, rfc4733",
            "    +4.300  flow    kv increment calls: 7",
            "    +4.400  flow    record: message m1 of 4.2 s, ended by terminator, 5.0 s",
            "    +9.500  flow    play x: not found: there is no prompt \"x\"",
            "    +9.600  caller  BYE",
            "    +9.600  flow    wait, 1.0 s at most: hung up",
        ]
    );
    assert_eq!(shown(&entries, Detail::Everything).len(), entries.len());
}

#[test]
fn every_event_reads_as_a_sentence() {
    let why = "panic: no entry (in ivr::menu)";
    for (name, detail, expected) in [
        (
            "cdr",
            json!({ "outcome": "completed", "ended_by": "flow", "talk_ms": 45_049 }),
            "record: completed, ended by flow, 45.0 s talked",
        ),
        (
            "cdr",
            json!({ "outcome": "abandoned-before-answer", "ended_by": "caller", "talk_ms": 0 }),
            "record: abandoned before answer, ended by caller",
        ),
        (
            "flow-failed",
            json!({ "flow": "ivr", "why": why, "backtrace": ["std::panic", "ivr::menu", "ivr::menu", "run"] }),
            "flow ivr failed: panic: no entry (in ivr::menu); by way of ivr::menu (2 times) < run",
        ),
        (
            "flow-failed",
            json!({ "flow": "ivr", "why": "failed: no timetable", "backtrace": [] }),
            "flow ivr failed: no timetable",
        ),
        (
            "flow-ended",
            json!({ "outcome": why, "host_calls": 3, "cpu_us": 2198 }),
            "flow ended: panic; 3 host calls, 2.2 ms of CPU",
        ),
        (
            "fallback",
            json!({ "flow": "hello", "version": "0123456789abcdef" }),
            "fallback flow hello, version 0123456789ab",
        ),
        ("held", json!({}), "puts the call on hold"),
        (
            "cancel",
            json!({ "reason": "SIP;cause=200" }),
            "CANCEL, SIP;cause=200",
        ),
        ("rejected", json!({ "status": 486 }), "486 Busy Here"),
        ("rejected", json!({ "status": 499 }), "499"),
        (
            "reinvite-refused",
            json!({ "status": 488, "reason": "no codec" }),
            "the re-INVITE is refused: 488 Not Acceptable Here, no codec; the call goes on as it was",
        ),
        (
            "media-refused",
            json!({ "reason": "no codec" }),
            "the offer is refused, no codec",
        ),
        (
            "no-media",
            json!({ "for_ms": 60_000 }),
            "no audio from the caller for 60.0 s",
        ),
        (
            "max-call",
            json!({ "limit_s": 7200 }),
            "a call may last 7200 s at most, and has",
        ),
    ] {
        let entry = Entry::event(0, 0, name, Json::from(detail));
        let lines = lines(&[entry], Detail::Everything);
        assert_eq!(lines[0].text, expected, "{name}");
    }
}

#[test]
fn a_verb_stands_before_what_it_did_and_the_record_at_the_end() {
    let event = |seq, at_ms, name| Entry::event(seq, at_ms, name, Json::from(json!({})));
    let verb = |seq, at_ms, name| verb(seq, at_ms, name, json!({}), json!({ "Ok": "done" }));
    let entries = [
        event(0, 0, "ack"),
        event(1, 0, "provisional"),
        verb(2, 0, "call.ring"),
        event(3, 0, "media"),
        event(4, 0, "answer"),
        verb(5, 0, "call.answer"),
        event(6, 1, "answer"),
        verb(7, 2, "call.answer"),
        event(8, 3, "cdr"),
        event(9, 4, "heard"),
    ];
    let texts: Vec<String> = lines(&entries, Detail::Everything)
        .into_iter()
        .map(|line| line.text)
        .collect();
    let first: Vec<&str> = texts
        .iter()
        .filter_map(|text| text.split([' ', ',', ':']).next())
        .collect();
    assert_eq!(
        first,
        [
            "ACK", "ring", "null", "answer", "audio", "200", "200", "answer", "prompt", "record"
        ]
    );
}

#[test]
fn what_is_unknown_is_shown_as_it_is() {
    let entries = [
        Entry::event(0, 1, "fax-page", Json::from(json!({ "page": 3 }))),
        verb(
            1,
            2,
            "fax.send",
            json!({ "verb": "fax-send", "document": "a" }),
            json!({ "took_ms": 5, "Ok": { "pages": 2 } }),
        ),
        Entry::event(2, 3, "digit", Json::null()),
        verb(3, 4, "media.play", json!(5), json!("what")),
    ];
    assert_eq!(
        shown(&entries, Detail::Story),
        [
            "    +0.001  server  fax-page {\"page\":3}",
            "    +0.002  flow    send {\"document\":\"a\"}: 2",
            "    +0.003  caller  key , null ms, ",
            "    +0.004  flow    play",
        ]
    );
}

#[test]
fn what_callers_send_cannot_steer_a_terminal() {
    let entry = Entry::event(
        0,
        0,
        "bye-received",
        Json::from(json!({ "reason": "\u{1b}[2J\r\nroot" })),
    );
    let line = shown(&[entry], Detail::Story).remove(0);
    assert!(!line.chars().any(char::is_control), "{line:?}");
}
