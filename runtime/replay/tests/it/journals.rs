//! What is wrong with a journal is said.

use serde_json::json;
use vireo_replay::{JournalError, Recorded};
use vireo_store::journal::Entry;

use crate::calls::{QUIET, numbered, place, probe, record, replay, text};

fn error(entries: &[Entry]) -> String {
    Recorded::read(entries, None).unwrap_err().to_string()
}

#[tokio::test]
async fn broken_journals_say_where() {
    let whole = record("hello", "steps = [{ presses = \"1\" }]").await;
    let entries = text(&whole);
    let play = place(&entries, "media.play");

    let mut gap = whole.clone();
    gap.drain(play..play + 2);
    let missing = format!("entries {play} to {} are missing in the journal", play + 1);
    assert_eq!(error(&gap), missing);
    let mut turned = whole.clone();
    turned.swap(play, play + 1);
    assert!(error(&turned).contains("is missing"), "{}", error(&turned));
    let mut twice = whole.clone();
    twice.insert(play, whole[play - 1].clone());
    assert_eq!(
        error(&twice),
        format!("entry {} of the journal is out of order", play - 1)
    );

    let changed = |what: &dyn Fn(&mut serde_json::Value)| {
        let mut entries = entries.clone();
        what(&mut entries[play]["kind"]["verb"]);
        error(&numbered(entries))
    };
    let unknown = changed(&|verb| {
        *verb = json!({ "name": "fax.send", "request": { "verb": "fax-send" }, "reply": { "Ok": "done" } });
    });
    assert!(
        unknown.starts_with(&format!(
            "entry {play} of the journal (fax.send) is not understood: "
        )),
        "{unknown}"
    );
    let named = changed(&|verb| verb["name"] = "media.gather".into());
    assert!(
        named.contains("its arguments are those of media.play"),
        "{named}"
    );
    let silent = changed(&|verb| verb["reply"] = json!({ "took_ms": 3 }));
    assert!(silent.ends_with("it has no answer"), "{silent}");
    let odd = changed(&|verb| verb["reply"] = json!({ "Ok": { "pages": 2 } }));
    assert!(odd.contains("pages"), "{odd}");

    assert_eq!(Recorded::read(&[], None).unwrap_err(), JournalError::Empty);
    let nowhere = numbered(entries[2..].to_vec());
    assert_eq!(
        Recorded::read(&nowhere, None).unwrap_err(),
        JournalError::NoFlow
    );
    let other = Recorded::read(&whole, Some("demo")).unwrap_err();
    assert_eq!(other, JournalError::OtherFlow("demo".to_owned()));
}

#[tokio::test]
async fn an_answer_that_the_verb_cannot_have_is_no_fault_of_the_flow() {
    let mut entries = text(&record("hello", QUIET).await);
    let play = place(&entries, "media.play");
    entries[play]["kind"]["verb"]["reply"] = json!({ "Ok": { "count": 3 } });
    let error = replay("hello", &numbered(entries)).await.unwrap_err();
    assert!(
        matches!(&error, JournalError::Answer(why) if why.contains("media.play")),
        "{error}"
    );
}

#[tokio::test]
async fn a_call_holds_the_runs_of_two_flows() {
    let mut entries = text(&probe("panic", "").await);
    let ended = entries
        .iter()
        .position(|entry| entry["kind"]["event"]["name"] == "flow-ended")
        .unwrap();
    let second = text(&record("hello", QUIET).await);
    let mut fallback = second[1].clone();
    fallback["kind"]["event"]["name"] = "fallback".into();
    let rest = second[2..].to_vec();
    entries.splice(ended + 1.., std::iter::once(fallback).chain(rest));
    let entries = numbered(entries);
    let read = |flow| Recorded::read(&entries, flow).unwrap();
    assert_eq!(read(None).flow(), "probe");
    let hello = read(Some("hello"));
    assert_eq!((hello.flow(), hello.len()), ("hello", 5));
}

#[tokio::test]
async fn a_flow_that_found_no_room_has_nothing_to_compare() {
    let mut entries = text(&record("hello", QUIET).await);
    let ended = entries.len() - 3;
    entries[ended]["kind"]["event"]["detail"]["outcome"] = "not started: no room".into();
    let error = Recorded::read(&numbered(entries), None).unwrap_err();
    assert_eq!(error, JournalError::NotStarted("no room".to_owned()));
}
