//! Call detail records: written, found, listed, recovered, and deleted when they are old.

use serde_json::json;
use vireo_store::cdr::{
    Cdr, Direction, EndedBy, MediaStats, OpenCall, Outcome, Query, RecordingKind, RecordingRef,
    StreamStats,
};
use vireo_store::journal::{Entry, Json, Lines};
use vireo_store::retention::{Retention, Swept};
use vireo_store::{Cdrs, Digest, Journal, MAX_VALUE_BYTES, Range, StoreError};

use crate::memory;

fn call(id: &str, received_ms: u64) -> OpenCall {
    OpenCall {
        call_id: id.into(),
        node: "vireo-1".into(),
        direction: Direction::Inbound,
        trunk: "carrier".into(),
        route: Some("office".into()),
        caller: "+4930123456".into(),
        called: "96122".into(),
        flow: Some("menu".into()),
        version: Some(Digest::of(b"menu")),
        received_ms,
        answered_ms: Some(received_ms + 200),
    }
}

fn cdr(id: &str, received_ms: u64) -> Cdr {
    Cdr {
        ended_by: EndedBy::Flow,
        sip_status: Some(200),
        reason: Some("SIP ;cause=200 ;text=\"ok\"".into()),
        digits: 4,
        recordings: vec![RecordingRef {
            id: "r1".into(),
            path: "2026/11/22/r1.wav".into(),
            kind: RecordingKind::Message,
            duration_ms: 3_200,
        }],
        media: Some(MediaStats {
            received: StreamStats {
                packets: 250,
                lost: 1,
                jitter_ms: 1.5,
                mos: Some(4.25),
            },
            sent: StreamStats {
                packets: 251,
                lost: 0,
                jitter_ms: 0.0,
                mos: None,
            },
        }),
        ..Cdr::new(
            call(id, received_ms),
            received_ms + 5_000,
            Outcome::Completed,
        )
    }
}

fn ids(cdrs: &[Cdr]) -> Vec<&str> {
    cdrs.iter().map(|cdr| cdr.call.call_id.as_str()).collect()
}

#[test]
fn a_cdr_replaces_the_mark_of_its_call() {
    let cdrs = Cdrs::new(memory());
    let unanswered = OpenCall {
        answered_ms: None,
        ..call("a", 1_000)
    };
    cdrs.open(&unanswered).unwrap();
    cdrs.open(&call("a", 1_000)).unwrap();
    cdrs.open(&call("b", 1_500)).unwrap();
    assert_eq!(
        cdrs.open_calls().unwrap(),
        [call("a", 1_000), call("b", 1_500)]
    );
    assert_eq!(cdrs.get("a").unwrap(), None);
    cdrs.finish(cdr("a", 1_000)).unwrap();
    assert_eq!(cdrs.open_calls().unwrap(), [call("b", 1_500)]);
    assert_eq!(cdrs.get("a").unwrap(), Some(cdr("a", 1_000)));
    assert_eq!(cdrs.get("b").unwrap(), None);
}

#[test]
fn finish_then_tells_when_it_is_written() {
    let cdrs = Cdrs::new(memory());
    let (send, receive) = std::sync::mpsc::channel();
    for id in ["a", ""] {
        let send = send.clone();
        cdrs.finish_then(
            cdr(id, 1),
            &Lines::default(),
            Box::new(move |result| send.send(result).unwrap()),
        );
    }
    receive.recv().unwrap().unwrap();
    assert!(matches!(
        receive.recv().unwrap(),
        Err(StoreError::CallId(_))
    ));
}

/// The runtime's identifiers begin with the time of the call.
#[test]
fn an_identifier_with_the_time_needs_no_index() {
    let store = memory();
    let cdrs = Cdrs::new(store.clone());
    // 1_763_800_000_000 ms, in Crockford's base 32.
    let id = "01kanar9g0zzzzzzzzzzzzzzzz";
    cdrs.finish(cdr(id, 1_763_800_000_000)).unwrap();
    assert_eq!(store.range(&Range::prefix("c/i/")).unwrap(), []);
    assert_eq!(cdrs.get(id).unwrap(), Some(cdr(id, 1_763_800_000_000)));
    assert_eq!(cdrs.get("01kanar9g0zzzzzzzzzzzzzzzy").unwrap(), None);
    cdrs.delete(id).unwrap();
    assert_eq!(cdrs.get(id).unwrap(), None);
    // The same identifier of a call at another time.
    cdrs.finish(cdr(id, 5)).unwrap();
    assert_eq!(cdrs.get(id).unwrap(), Some(cdr(id, 5)));
    cdrs.delete(id).unwrap();
    assert_eq!(store.range(&Range::prefix("c/")).unwrap(), []);
}

#[test]
fn writing_a_cdr_again_replaces_it() {
    let store = memory();
    let cdrs = Cdrs::new(store.clone());
    cdrs.finish(cdr("a", 1_000)).unwrap();
    cdrs.finish(cdr("a", 2_000)).unwrap();
    assert_eq!(cdrs.list(&Query::default()).unwrap(), [cdr("a", 2_000)]);
    assert_eq!(store.range(&Range::prefix("c/")).unwrap().len(), 2);
    cdrs.delete("a").unwrap();
    cdrs.delete("a").unwrap();
    assert_eq!(store.range(&Range::prefix("c/")).unwrap(), []);
}

#[test]
fn a_list_goes_on_where_a_page_has_ended() {
    let cdrs = Cdrs::new(memory());
    // Three of one moment, which their ids put in order.
    for (id, received_ms) in [("a", 1_000), ("b", 1_000), ("c", 1_000), ("d", 500)] {
        cdrs.finish(cdr(id, received_ms)).unwrap();
    }
    for limit in [1, 2, 3] {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let query = Query {
                limit,
                before,
                ..Query::default()
            };
            let page = cdrs.list(&query).unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.call.received_ms, last.call.call_id.clone()));
            seen.extend(page.into_iter().map(|cdr| cdr.call.call_id));
        }
        assert_eq!(seen, ["c", "b", "a", "d"], "{limit} at a time");
    }
    let ended_before = Query {
        until_ms: Some(1_000),
        before: Some((1_000, "b".into())),
        ..Query::default()
    };
    assert_eq!(ids(&cdrs.list(&ended_before).unwrap()), ["d"]);
}

#[test]
fn versions_are_found_by_how_they_begin() {
    let cdrs = Cdrs::new(memory());
    for (id, digit) in [("a", "1"), ("b", "2"), ("c", "")] {
        let mut cdr = cdr(id, 1_000);
        cdr.call.version = digit.repeat(64).parse().ok();
        cdrs.finish(cdr).unwrap();
    }
    for (version, found) in [("1", vec!["a"]), ("22", vec!["b"]), ("12", vec![])] {
        let query = Query {
            version: Some(version.into()),
            ..Query::default()
        };
        assert_eq!(ids(&cdrs.list(&query).unwrap()), found, "{version}");
    }
}

#[test]
fn lists_are_newest_first_and_filtered() {
    let cdrs = Cdrs::new(memory());
    for number in 0..300_u64 {
        let mut cdr = cdr(&format!("c{number:03}"), 1_000 * number);
        if number % 3 == 0 {
            cdr.call.caller = "+961".into();
            cdr.outcome = Outcome::HungUpByCaller;
        }
        if number % 5 == 0 {
            cdr.call.flow = None;
            cdr.call.trunk = "other".into();
            cdr.call.called = "1".into();
        }
        cdrs.finish(cdr).unwrap();
    }
    let list = |query: Query| cdrs.list(&query).unwrap();
    let all = || Query {
        limit: 1_000,
        ..Query::default()
    };
    assert_eq!(list(Query::default()).len(), 100);
    assert_eq!(
        ids(&list(Query { limit: 3, ..all() })),
        ["c299", "c298", "c297"]
    );
    assert_eq!(list(Query { limit: 0, ..all() }), []);
    assert_eq!(list(all()).len(), 300);
    let two = Query {
        from_ms: Some(10_000),
        until_ms: Some(12_000),
        ..all()
    };
    assert_eq!(ids(&list(two)), ["c011", "c010"]);
    assert_eq!(
        list(Query {
            from_ms: Some(299_001),
            ..all()
        }),
        []
    );
    assert_eq!(
        list(Query {
            from_ms: Some(2),
            until_ms: Some(1),
            ..all()
        }),
        []
    );
    assert_eq!(
        list(Query {
            from_ms: Some(u64::MAX),
            ..all()
        }),
        []
    );
    assert_eq!(
        list(Query {
            caller: Some("+961".into()),
            ..all()
        })
        .len(),
        100
    );
    assert_eq!(
        list(Query {
            outcome: Some(Outcome::HungUpByCaller),
            ..all()
        })
        .len(),
        100
    );
    assert_eq!(
        list(Query {
            flow: Some("menu".into()),
            ..all()
        })
        .len(),
        240
    );
    assert_eq!(
        list(Query {
            trunk: Some("other".into()),
            ..all()
        })
        .len(),
        60
    );
    assert_eq!(
        list(Query {
            called: Some("1".into()),
            caller: Some("+961".into()),
            ..all()
        })
        .len(),
        20
    );
    assert_eq!(
        ids(&list(Query {
            called: Some("1".into()),
            limit: 1,
            ..all()
        })),
        ["c295"]
    );
}

#[test]
fn calls_that_died_with_the_process_are_recovered() {
    let store = memory();
    let cdrs = Cdrs::new(store.clone());
    let journal = Journal::new(store);
    cdrs.open(&call("ended", 1_000)).unwrap();
    cdrs.finish(cdr("ended", 1_000)).unwrap();
    cdrs.open(&OpenCall {
        answered_ms: None,
        ..call("ringing", 2_000)
    })
    .unwrap();
    cdrs.open(&call("talking", 3_000)).unwrap();
    let entries = [10, 7_000].map(|at| Entry::event(0, at, "digit", Json::null()));
    journal.append("talking", &entries).unwrap();
    let lost = cdrs.recover(99_000).unwrap();
    assert_eq!(ids(&lost), ["ringing", "talking"]);
    for cdr in &lost {
        assert_eq!(cdr.outcome, Outcome::LostInCrash);
        assert_eq!(cdr.recovered_ms, Some(99_000));
        assert_eq!(cdrs.get(&cdr.call.call_id).unwrap().as_ref(), Some(cdr));
    }
    assert_eq!(lost[0].ended_ms, 2_000);
    assert_eq!(lost[1].ended_ms, 10_000);
    assert_eq!(cdrs.open_calls().unwrap(), []);
    assert_eq!(cdrs.recover(100_000).unwrap(), []);
    assert_eq!(cdrs.get("ended").unwrap(), Some(cdr("ended", 1_000)));
}

/// No peer can prevent its own CDR from being written, whatever it sends.
#[test]
fn a_cdr_of_any_size_fits() {
    let store = memory();
    let cdrs = Cdrs::new(store.clone());
    for long in ["ü".repeat(100_000), "\u{1}".repeat(100_000)] {
        let mut huge = cdr("huge", 1);
        let OpenCall {
            node,
            trunk,
            route,
            caller,
            called,
            flow,
            ..
        } = &mut huge.call;
        for text in [node, trunk, caller, called] {
            text.clone_from(&long);
        }
        (*route, *flow) = (Some(long.clone()), Some(long.clone()));
        huge.reason = Some(long.clone());
        let recording = RecordingRef {
            id: long.clone(),
            path: long.clone(),
            ..RecordingRef::default()
        };
        huge.recordings = vec![recording; 1_000];
        huge.media = Some(MediaStats {
            received: StreamStats {
                jitter_ms: f32::NAN,
                mos: Some(f32::INFINITY),
                ..StreamStats::default()
            },
            ..MediaStats::default()
        });
        cdrs.open(&huge.call).unwrap();
        cdrs.finish(huge).unwrap();
        let read = cdrs.get("huge").unwrap().unwrap();
        assert!(long.starts_with(&read.call.caller) && read.call.caller.len() > 200);
        assert!(read.recordings.len() > 5);
        assert_eq!(read.media.unwrap().received, StreamStats::default());
    }
    let pairs = store.range(&Range::prefix("c/t/")).unwrap();
    assert!(
        pairs
            .iter()
            .all(|(_, value)| value.len() <= MAX_VALUE_BYTES)
    );
}

#[test]
fn records_of_other_versions_are_read() {
    let store = memory();
    let cdrs = Cdrs::new(store.clone());
    cdrs.finish(cdr("a", 5)).unwrap();
    let (key, value) = store.range(&Range::prefix("c/t/")).unwrap().remove(0);
    let mut later: serde_json::Value = serde_json::from_slice(&value).unwrap();
    later["outcome"] = json!("taken-over");
    later["ended_by"] = json!("a robot");
    later["recordings"][0]["kind"] = json!("video");
    later["price"] = json!({ "currency": "LBP" });
    store.put(&key, later.to_string().as_bytes()).unwrap();
    let read = cdrs.get("a").unwrap().unwrap();
    assert_eq!(
        (read.outcome, read.ended_by),
        (Outcome::Other, EndedBy::Unknown)
    );
    assert_eq!(read.recordings[0].kind, RecordingKind::Other);
    assert_eq!(read.call, call("a", 5));
    // An earlier version knew less.
    store
        .put(&key, br#"{"call_id":"a","received_ms":5}"#)
        .unwrap();
    let read = cdrs.get("a").unwrap().unwrap();
    assert_eq!(
        (read.call.received_ms, read.media, read.digits),
        (5, None, 0)
    );
    // What is damaged is told by get and left out by list.
    store.put(&key, b"{").unwrap();
    cdrs.finish(cdr("b", 6)).unwrap();
    assert!(matches!(cdrs.get("a"), Err(StoreError::Record { .. })));
    assert_eq!(ids(&cdrs.list(&Query::default()).unwrap()), ["b"]);
}

#[test]
fn what_is_old_is_deleted() {
    let store = memory();
    let (cdrs, journal) = (Cdrs::new(store.clone()), Journal::new(store.clone()));
    let add = |id: &str, received: u64| {
        journal
            .append(id, &[Entry::event(0, 0, "x", Json::null())])
            .unwrap();
        cdrs.finish(cdr(id, received)).unwrap();
    };
    for number in 0..1_000_u64 {
        add(&format!("c{number:03}"), number);
    }
    cdrs.open(&call("running", 1)).unwrap();
    journal
        .append("running", &[Entry::event(0, 0, "x", Json::null())])
        .unwrap();
    let has = |id: &str| {
        (
            !journal.read(id).unwrap().is_empty(),
            cdrs.get(id).unwrap().is_some(),
        )
    };

    let keep = Retention {
        journals_ms: Some(300),
        cdrs_ms: Some(600),
    };
    assert_eq!(
        Retention::default().sweep(&store, 1_000).unwrap(),
        Swept::default()
    );
    assert_eq!(
        keep.sweep(&store, 1_000).unwrap(),
        Swept {
            journals: 400 + 300,
            cdrs: 400
        }
    );
    assert_eq!(has("c399"), (false, false));
    assert_eq!(has("c400"), (false, true));
    assert_eq!(has("c699"), (false, true));
    assert_eq!(has("c700"), (true, true));
    assert!(!journal.read("running").unwrap().is_empty());
    assert_eq!(cdrs.open_calls().unwrap().len(), 1);
    // Journals that are gone are not looked for again, and a clock that is set back harms nothing.
    assert_eq!(
        keep.sweep(&store, 1_001).unwrap(),
        Swept {
            journals: 2,
            cdrs: 1
        }
    );
    assert_eq!(keep.sweep(&store, 900).unwrap(), Swept::default());
    assert_eq!(
        keep.sweep(&store, 1_002).unwrap(),
        Swept {
            journals: 2,
            cdrs: 1
        }
    );
    // A call that ran longer than journals are kept loses its journal with its CDR.
    add("long", 500);
    assert_eq!(keep.sweep(&store, 1_002).unwrap(), Swept::default());
    keep.sweep(&store, 1_101).unwrap();
    assert_eq!(has("long"), (false, false));
}
