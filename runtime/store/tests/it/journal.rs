//! Journals: written in batches, read whole.

use serde_json::json;
use vireo_store::cdr::{Cdr, OpenCall, Outcome};
use vireo_store::journal::{Entry, Json, Kind};
use vireo_store::{Cdrs, Journal, Range, StoreError};

use crate::memory;

fn entry(seq: u32) -> Entry {
    match seq % 2 {
        0 => Entry::verb(
            seq,
            u64::from(seq) * 20,
            "gather",
            Json::from(json!({ "max": 4, "prompt": ["menu"] })),
            Json::from_text(r#"{"ok": {"digits": "1"}}"#.into()).unwrap(),
        ),
        _ => Entry::event(
            seq,
            u64::from(seq) * 20,
            "digit",
            Json::of("1\n\"2\"").unwrap(),
        ),
    }
}

#[test]
fn batches_are_read_in_order() {
    let journal = Journal::new(memory());
    let entries: Vec<_> = (0..500).map(entry).collect();
    assert_eq!(journal.read("call").unwrap(), []);
    journal.append("call", &[]).unwrap();
    journal.append("call", &entries[..1]).unwrap();
    journal.append("call", &entries[1..11]).unwrap();
    for one in &entries[11..] {
        journal.append("call", std::slice::from_ref(one)).unwrap();
    }
    journal.append("call2", &entries[..3]).unwrap();
    assert_eq!(journal.read("call").unwrap(), entries);
    journal.delete("call").unwrap();
    assert_eq!(journal.read("call").unwrap(), []);
    assert_eq!(journal.read("call2").unwrap(), entries[..3]);
}

#[test]
fn json_is_kept_to_the_letter() {
    let journal = Journal::new(memory());
    let text = r#"{"a":1.50,  "b":[1e3, "\u00fc"]}"#;
    journal
        .append(
            "c",
            &[Entry::event(
                0,
                0,
                "x",
                Json::from_text(text.into()).unwrap(),
            )],
        )
        .unwrap();
    let read = journal.read("c").unwrap();
    let Kind::Event { detail, .. } = &read[0].kind else {
        panic!("{read:?}")
    };
    assert_eq!(detail.get(), text);
    assert_eq!(
        detail.parse::<serde_json::Value>().unwrap(),
        json!({ "a": 1.5, "b": [1000.0, "ü"] })
    );
    assert!(detail.parse::<u32>().is_err());
    assert_eq!(Json::null().get(), "null");
    for wrong in ["", "{", "1 2", "{\"a\":}"] {
        assert!(Json::from_text(wrong.into()).is_err(), "{wrong}");
    }
}

#[test]
fn json_over_several_lines_stays_one_entry() {
    let journal = Journal::new(memory());
    let pretty = Json::from_text("{\n  \"a\": 1,\n  \"b\": 2\n}".into()).unwrap();
    let entries = [Entry::event(0, 0, "x", pretty), entry(1)];
    journal.append("c", &entries).unwrap();
    let read = journal.read("c").unwrap();
    assert_eq!(read.len(), 2);
    let Kind::Event { detail, .. } = &read[0].kind else {
        panic!("{read:?}")
    };
    assert_eq!(
        detail.parse::<serde_json::Value>().unwrap(),
        json!({ "a": 1, "b": 2 })
    );
}

/// The CDR puts the records of a call together; a long call's are put together on the way.
#[test]
fn few_records_are_left_of_many_appends() {
    let store = memory();
    let journal = Journal::new(store.clone());
    let entries: Vec<_> = (0..700).map(entry).collect();
    for one in &entries {
        journal.append("c", std::slice::from_ref(one)).unwrap();
    }
    journal.append("d", &entries[..1]).unwrap();
    let open = |call: &str| {
        let range = Range::prefix(format!("j/o/{call}\0"));
        store.range(&range).unwrap().len()
    };
    assert_eq!((open("c"), open("d")), (700 - 513, 1));
    assert_eq!(journal.read("c").unwrap(), entries);
    let call = OpenCall {
        call_id: "c".into(),
        ..OpenCall::default()
    };
    Cdrs::new(store.clone())
        .finish(Cdr::new(call, 9, Outcome::Completed))
        .unwrap();
    assert_eq!((open("c"), open("d")), (0, 1));
    assert_eq!(journal.read("c").unwrap(), entries);
    assert_eq!(store.range(&Range::prefix("j/c/")).unwrap().len(), 3);
    journal.append("c", &[entry(700)]).unwrap();
    assert_eq!(journal.read("c").unwrap()[700], entry(700));
    journal.delete("c").unwrap();
    assert_eq!(journal.read("c").unwrap(), []);
}

/// An HTTP reply of 1 MiB is an entry, too.
#[test]
fn long_entries_go_into_several_records() {
    let store = memory();
    let journal = Journal::new(store.clone());
    let long = Entry::event(1, 5, "http", Json::of(&"ü".repeat(1_000_000)).unwrap());
    let entries = [entry(0), long, entry(2)];
    journal.append("c", &entries).unwrap();
    assert_eq!(journal.read("c").unwrap(), entries);
    assert!(store.range(&Range::prefix("j/c/c\0")).unwrap().len() > 20);
    journal.delete("c").unwrap();
    assert_eq!(store.range(&Range::prefix("j/")).unwrap(), []);
}

#[test]
fn a_batch_that_was_cut_short_is_left_out() {
    let store = memory();
    let journal = Journal::new(store.clone());
    let long = [Entry::event(
        1,
        5,
        "http",
        Json::of(&"x".repeat(300_000)).unwrap(),
    )];
    journal.append("c", &[entry(0)]).unwrap();
    journal.append("c", &long).unwrap();
    let last = store
        .range(&Range::prefix("j/c/c\0").backward().limit(1))
        .unwrap()
        .remove(0)
        .0;
    store.delete(&last).unwrap();
    assert_eq!(journal.read("c").unwrap(), [entry(0)]);
    // And what is written after the restart is read.
    journal.append("c", &[entry(2)]).unwrap();
    assert_eq!(journal.read("c").unwrap(), [entry(0), entry(2)]);
}

/// What a later version may add to the end of a line, and the objects of an earlier one.
#[test]
fn lines_of_other_versions_are_read() {
    let store = memory();
    let lines = br#"["v",1,2,"play",{},null,3]
["e",2,4,"digit",{"digit":"1"},"span",{}]
{"seq":3,"at_ms":5,"kind":{"verb":{"name":"play","request":{},"reply":null,"cost":3}},"span":"x"}
{"seq":4,"at_ms":6,"kind":{"event":{"name":"digit","detail":{"digit":"1"}}}}"#;
    store
        .put(b"j/c/c\0\0\0\0\x01\0\0\0\0", &[&[3], &lines[..]].concat())
        .unwrap();
    let read = Journal::new(store).read("c").unwrap();
    let played = |seq, at_ms| {
        let request = Json::from(json!({}));
        Entry::verb(seq, at_ms, "play", request, Json::null())
    };
    let pressed =
        |seq, at_ms| Entry::event(seq, at_ms, "digit", Json::from(json!({ "digit": "1" })));
    assert_eq!(
        read,
        [played(1, 2), pressed(2, 4), played(3, 5), pressed(4, 6)]
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let store = memory();
    let journal = Journal::new(store.clone());
    for text in [
        r#"{"seq":"#,
        r#"["e",1,2,"digit"]"#,
        r#"["x",1,2,"digit",{}]"#,
        "7",
    ] {
        store
            .put(b"j/c/c\0\0\0\0\0\0\0\0\0", format!("\x03{text}").as_bytes())
            .unwrap();
        let read = journal.read("c");
        assert!(matches!(read, Err(StoreError::Record { .. })), "{text}");
    }
    for id in ["", "a\0", "a\n", &"i".repeat(129)] {
        assert!(
            matches!(journal.append(id, &[entry(0)]), Err(StoreError::CallId(_))),
            "{id:?}"
        );
        assert!(
            matches!(journal.read(id), Err(StoreError::CallId(_))),
            "{id:?}"
        );
        assert!(
            matches!(journal.delete(id), Err(StoreError::CallId(_))),
            "{id:?}"
        );
    }
}
