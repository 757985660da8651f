//! Many calls at once.

use serde_json::json;
use vireo_replay::{Class, Tally};

use crate::calls::{QUIET, job, numbered, place, record, replayer, text};

#[tokio::test]
async fn calls_that_part_alike_are_told_together() {
    let whole = record("hello", QUIET).await;
    let mut prompt = text(&whole);
    let play = place(&prompt, "media.play");
    prompt[play]["kind"]["verb"]["request"]["prompt"] = json!([{ "File": "hello-again" }]);
    // The same difference, later in the journal.
    let mut later = prompt.clone();
    let note =
        json!({ "seq": 0, "at_ms": 0, "kind": { "event": { "name": "ack", "detail": {} } } });
    later.insert(2, note);
    let mut gap = whole.clone();
    gap.remove(3);

    let mut jobs = vec![
        job("gap", gap),
        job("none", Vec::new()),
        job("stops", whole[..4].to_vec()),
    ];
    for number in 0..20 {
        jobs.push(job(&format!("same-{number}"), whole.clone()));
        jobs.push(job(&format!("prompt-{number}"), numbered(prompt.clone())));
    }
    jobs.push(job("later", numbered(later)));

    let verdicts = replayer("hello").replay_all(&jobs, None, 4).unwrap();
    let mut tally = Tally::default();
    for (job, verdict) in jobs.iter().zip(verdicts) {
        tally.add(&job.call_id, verdict);
    }
    assert_eq!((tally.count(Class::Same), tally.calls()), (21, 42));
    assert_eq!((tally.passed_over, tally.incomplete), (1, 1));
    assert!(!tally.is_all_same());
    let unusable: Vec<&str> = tally
        .unusable()
        .iter()
        .map(|(call, _)| call.as_str())
        .collect();
    assert_eq!(unusable, ["gap"]);
    let [group] = tally.groups()[..] else {
        panic!("{:?}", tally.groups())
    };
    assert_eq!((group.class, group.calls), (Class::DifferentPrompt, 21));
    assert_eq!(
        group.examples,
        ["prompt-0", "prompt-1", "prompt-2"],
        "in the order of calls"
    );
    let at = u32::try_from(play).unwrap();
    assert_eq!(group.entries, (at, at + 1));
}

#[tokio::test]
async fn another_flow_than_the_wanted_is_passed_over() {
    let jobs = [job("a", record("hello", QUIET).await)];
    let verdicts = replayer("hello")
        .replay_all(&jobs, Some("demo"), 1)
        .unwrap();
    let mut tally = Tally::default();
    for verdict in verdicts {
        tally.add("a", verdict);
    }
    assert_eq!((tally.calls(), tally.passed_over), (0, 1));
    assert!(tally.is_all_same(), "nothing was found to differ");
}
