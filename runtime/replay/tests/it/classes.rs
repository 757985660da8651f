//! Every way in which a version can part from what happened, and those in which it does not.

use serde_json::{Value, json};
use vireo_host::Request;
use vireo_replay::{Class, Logs, Point, Side, Verdict};

use crate::calls::{numbered, place, probe, record, replay, replayer, text};

const HELLO: &str = r#"
strict = false
steps = [{ hears = "menu/welcome" }, { presses = "1" }, { ends = "completed" }]
"#;

/// What a flow that reads a secret and sends it somewhere needs.
const AROUND: &str = r#"
[secrets]
pin = "s3cr3t-pin"
[[http]]
url-matches = "."
"#;

fn verb(name: &str, request: Value, answer: Value) -> Value {
    let mut reply = answer;
    reply["took_ms"] = 1.into();
    json!({ "seq": 0, "at_ms": 5, "kind": { "verb": { "name": name, "request": request, "reply": reply } } })
}

fn verbs(point: &Point) -> (String, String) {
    let name = |side: &Side| match side {
        Side::Asks(request) => request.verb().to_owned(),
        Side::Ends(outcome) => outcome.clone(),
    };
    (name(&point.then), name(&point.now))
}

fn parts(verdict: &Verdict, class: Class, then: &str, now: &str) {
    let point = verdict.point.as_ref().expect("they part");
    assert_eq!(
        (verdict.class, verbs(point)),
        (class, (then.to_owned(), now.to_owned())),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_version_does_what_it_did() {
    for what in [
        "everything",
        "survey",
        "panic",
        "secret",
        "http",
        "kv",
        "log",
        "fail",
        "wild",
        "nonsense",
    ] {
        let journal = probe(what, AROUND).await;
        let verdict = replay("probe", &journal).await.unwrap();
        assert_eq!(verdict.class, Class::Same, "{what}: {verdict:?}");
        assert_eq!(verdict.logs, Logs::Same, "{what}");
        assert_eq!(verdict.point, None, "{what}");
        assert!(!verdict.incomplete && verdict.answered > 0, "{what}");
    }
}

#[tokio::test]
async fn another_prompt_is_told_and_the_rest_is_compared() {
    let mut entries = text(&record("hello", HELLO).await);
    let play = place(&entries, "media.play");
    let gather = place(&entries, "media.gather");
    entries[play]["kind"]["verb"]["request"]["prompt"] = json!([{ "File": "hello-again" }]);
    entries[gather]["kind"]["verb"]["request"]["no_match_prompt"] = json!([{ "Silence": 5 }]);
    entries[gather]["kind"]["verb"]["request"]["language"] = json!("zh-CN");
    let verdict = replay("hello", &numbered(entries.clone())).await.unwrap();
    parts(&verdict, Class::DifferentPrompt, "media.play", "media.play");
    assert_eq!(verdict.prompts.len(), 2);
    assert_eq!(
        verdict.prompts[1].entry as usize, gather,
        "numbered as in the journal"
    );

    // Barge-in is no prompt.
    entries[gather]["kind"]["verb"]["request"]["barge_in"] = json!("Deaf");
    let verdict = replay("hello", &numbered(entries)).await.unwrap();
    parts(
        &verdict,
        Class::DifferentBranch,
        "media.gather",
        "media.gather",
    );
    assert_eq!(verdict.prompts.len(), 1, "a prompt before that differs too");
}

#[tokio::test]
async fn another_verb_or_other_arguments_end_the_comparison() {
    let mut entries = text(&record("hello", HELLO).await);
    let gather = place(&entries, "media.gather");
    entries[gather]["kind"]["verb"]["request"]["attempts"] = 9.into();
    let verdict = replay("hello", &numbered(entries.clone())).await.unwrap();
    parts(
        &verdict,
        Class::DifferentBranch,
        "media.gather",
        "media.gather",
    );
    assert_eq!(verdict.answered, 2);

    entries.remove(gather);
    let verdict = replay("hello", &numbered(entries)).await.unwrap();
    parts(
        &verdict,
        Class::DifferentBranch,
        "media.play",
        "media.gather",
    );
}

#[tokio::test]
async fn what_no_recorded_call_asked_for_cannot_be_answered() {
    let mut entries = text(&probe("now", "").await);
    let now = place(&entries, "clock.now");
    entries.remove(now);
    let verdict = replay("probe", &numbered(entries.clone())).await.unwrap();
    parts(&verdict, Class::NotInJournal, "completed", "clock.now");

    // The same with an entry left that is not asked for.
    entries.insert(
        now,
        verb(
            "call.answer",
            json!({ "verb": "answer" }),
            json!({ "Ok": "done" }),
        ),
    );
    let verdict = replay("probe", &numbered(entries)).await.unwrap();
    parts(&verdict, Class::NotInJournal, "call.answer", "clock.now");

    // A setting that the recorded version did not read.
    let entries = text(&record("hello", HELLO).await);
    let verdict = replay("probe", &numbered(entries)).await.unwrap();
    parts(&verdict, Class::NotInJournal, "call.answer", "settings.get");
}

#[tokio::test]
async fn a_version_ends_earlier_or_otherwise() {
    let mut entries = text(&record("hello", HELLO).await);
    let hangup = place(&entries, "call.hangup");
    let again = verb(
        "call.ring",
        json!({ "verb": "ring" }),
        json!({ "Ok": "done" }),
    );
    entries.insert(hangup + 1, again);
    let verdict = replay("hello", &numbered(entries.clone())).await.unwrap();
    parts(&verdict, Class::EndsOtherwise, "call.ring", "completed");

    entries.remove(hangup + 1);
    let ended = entries
        .iter_mut()
        .find(|entry| entry["kind"]["event"]["name"] == "flow-ended")
        .unwrap();
    ended["kind"]["event"]["detail"]["outcome"] = "failed: no timetable".into();
    let verdict = replay("hello", &numbered(entries)).await.unwrap();
    parts(
        &verdict,
        Class::EndsOtherwise,
        "failed: no timetable",
        "completed",
    );
}

#[tokio::test]
async fn a_trap_is_told_unless_the_recorded_run_had_the_same() {
    let mut entries = text(&probe("wild", "").await);
    let ended = entries
        .iter_mut()
        .find(|entry| entry["kind"]["event"]["name"] == "flow-ended")
        .unwrap();
    ended["kind"]["event"]["detail"]["outcome"] = "completed".into();
    let verdict = replay("probe", &numbered(entries)).await.unwrap();
    assert_eq!(verdict.class, Class::Traps);
    let point = verdict.point.unwrap();
    assert_eq!(point.then, Side::Ends("completed".to_owned()));
    assert!(
        matches!(point.now, Side::Ends(why) if why.contains("trap")),
        "the reason"
    );
}

#[tokio::test]
async fn log_lines_and_facts_in_another_order_are_no_difference() {
    let mut entries = text(&probe("survey", "").await);
    let log = place(&entries, "log.write");
    entries[log]["kind"]["verb"]["request"]["message"] = "sum and substance".into();
    let verdict = replay("probe", &numbered(entries.clone())).await.unwrap();
    assert_eq!((verdict.class, verdict.logs), (Class::Same, Logs::Differ));
    entries.remove(log);
    let verdict = replay("probe", &numbered(entries.clone())).await.unwrap();
    assert_eq!((verdict.class, verdict.logs), (Class::Same, Logs::Differ));

    // The recorded version read its settings the other way round, and one that is no longer read.
    let first = place(&entries, "settings.get");
    entries.swap(first, first + 1);
    let other = verb(
        "settings.get",
        json!({ "verb": "settings-get", "key": "colour" }),
        json!({ "Ok": { "text": null } }),
    );
    entries.insert(first, other);
    let verdict = replay("probe", &numbered(entries)).await.unwrap();
    assert_eq!(verdict.class, Class::Same, "{verdict:?}");
}

#[tokio::test]
async fn a_journal_that_stops_is_compared_as_far_as_it_goes() {
    let entries = record("hello", HELLO).await;
    let gather = place(&text(&entries), "media.gather");
    let verdict = replay("hello", &entries[..=gather]).await.unwrap();
    assert_eq!((verdict.class, verdict.incomplete), (Class::Same, true));
    assert_eq!(verdict.answered, 3);
}

#[tokio::test]
async fn secrets_are_given_or_stood_in_for() {
    let journal = probe("secret", AROUND).await;
    let told = serde_json::to_string(&journal).unwrap();
    assert!(!told.contains("s3cr3t"), "{told}");
    let verdict = replay("probe", &journal).await.unwrap();
    let names: Vec<&str> = verdict.placeholders.iter().map(String::as_str).collect();
    assert_eq!((verdict.class, names), (Class::Same, vec!["pin"]));

    let mut replayer = replayer("probe");
    replayer.secrets = std::sync::Arc::new([("pin".to_owned(), "other".to_owned())].into());
    let recorded = vireo_replay::Recorded::read(&journal, None).unwrap();
    let verdict = replayer.replay(recorded).await.unwrap();
    assert!(verdict.placeholders.is_empty());
    assert_eq!(
        verdict.class,
        Class::Same,
        "what is shown of a request has no secret"
    );
}

#[tokio::test]
async fn a_side_says_what_it_asks() {
    let side = Side::Asks(Box::new(Request::Wait { timeout_ms: 5 }));
    assert_eq!(
        serde_json::to_value(&side).unwrap(),
        json!({ "verb": "call.wait", "request": { "verb": "wait", "timeout_ms": 5 } })
    );
    let ends = serde_json::to_value(Side::Ends("completed".to_owned())).unwrap();
    assert_eq!(ends, json!({ "ends": "completed" }));
}
