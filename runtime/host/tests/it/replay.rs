//! A call that is taken up again from its journal.

use vireo_host::contract::{Error, GatherResult};
use vireo_host::{Limits, Outcome, Replay, Reply, Request, TrapKind};

use crate::script::{Gate, Script, all_grants, probe, run};

/// A whole survey: its journal and outcome.
async fn survey(seed: u64) -> Vec<(Request, vireo_host::Answer)> {
    let (outcome, script, _) = run(Script::new("survey").times(20).seed(seed)).await;
    assert_eq!(outcome, Outcome::Completed);
    script.journal().lock().unwrap().clone()
}

#[tokio::test]
async fn a_fresh_instance_goes_on_where_the_journal_ends() {
    let whole = survey(4).await;
    for kept in [0, 1, 2, whole.len() / 2, whole.len() - 1, whole.len()] {
        // As in another process: the journal is read back, and what the random numbers would have
        // been is not known to the new control, whose seed is that of the first one after as many
        // numbers.
        let json = serde_json::to_string(&whole[..kept]).unwrap();
        let recorded: Vec<(Request, vireo_host::Answer)> = serde_json::from_str(&json).unwrap();
        let mut inner = Script::new("survey").times(20).seed(4);
        let randoms = recorded
            .iter()
            .filter(|(request, _)| matches!(request, Request::Random))
            .count();
        inner = inner.skip_random(randoms);
        let replay = Replay::new(inner, recorded);
        let (outcome, replay, usage) = probe().run(replay, all_grants(), Limits::default()).await;
        assert_eq!(outcome, Outcome::Completed, "{kept}");
        assert_eq!((replay.replayed(), replay.left()), (kept, 0));
        assert_eq!(usage.host_calls, whole.len() as u64);
        let live = replay.into_inner().journal().lock().unwrap().clone();
        assert_eq!(
            live,
            whole[kept..],
            "{kept}: only what is new was performed, and as before"
        );
    }
}

#[tokio::test]
async fn a_killed_call_goes_on_in_a_fresh_instance() {
    let gate = Gate::new();
    let script = Script::new("park").gate(&gate);
    let journal = script.journal();
    let call = tokio::spawn(run(script));
    gate.wait_for(1).await;
    call.abort();
    assert!(call.await.is_err());
    let recorded = journal.lock().unwrap().clone();
    assert_eq!(
        recorded.len(),
        2,
        "both settings; the wait was not answered"
    );

    let replay = Replay::new(Script::new("park"), recorded);
    let (outcome, replay, _) = probe().run(replay, all_grants(), Limits::default()).await;
    assert_eq!(outcome, Outcome::Completed);
    assert_eq!(
        replay.into_inner().requests(),
        [Request::Wait { timeout_ms: 1_000 }]
    );
}

#[tokio::test]
async fn a_flow_that_asks_something_else_is_stopped_before_it_sees_an_answer() {
    let mut recorded = survey(4).await;
    let asked = recorded
        .iter()
        .position(|(request, _)| matches!(request, Request::Gather(_)));
    let at = asked.unwrap();
    let Request::Gather(options) = &mut recorded[at].0 else {
        unreachable!()
    };
    options.attempts = 9;
    let replay = Replay::new(Script::new("survey").times(20), recorded);
    let (outcome, replay, usage) = probe().run(replay, all_grants(), Limits::default()).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::Diverged);
    assert!(
        trap.message
            .starts_with(&format!("at request {at} the journal holds")),
        "{trap}"
    );
    assert!(
        trap.message.contains("attempts: 9") && trap.message.contains("attempts: 3"),
        "{trap}"
    );
    assert_eq!((usage.host_calls, replay.replayed()), (at as u64 + 1, at));
    assert_eq!(replay.into_inner().requests(), [], "nothing was performed");
}

#[tokio::test]
async fn another_answer_leads_elsewhere() {
    let mut recorded = survey(4).await;
    for (_, answer) in &mut recorded {
        if let Ok(Reply::Gather(GatherResult::Digits(digits))) = answer {
            digits.push('2');
        }
    }
    let replay = Replay::new(Script::new("survey").times(20), recorded);
    let (outcome, ..) = probe().run(replay, all_grants(), Limits::default()).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::Diverged);
}

#[tokio::test]
async fn errors_and_secrets_are_replayed() {
    let script = Script::new("play").answer("media.play", Err(Error::HungUp));
    let (_, script, _) = run(script).await;
    let recorded = script.journal().lock().unwrap().clone();
    let replay = Replay::new(Script::new("unused"), recorded);
    let (outcome, ..) = probe().run(replay, all_grants(), Limits::default()).await;
    assert_eq!(outcome, Outcome::HungUp);

    let (_, script, _) = run(Script::new("secret")).await;
    let json = serde_json::to_string(&*script.journal().lock().unwrap()).unwrap();
    let recorded: Vec<(Request, vireo_host::Answer)> = serde_json::from_str(&json).unwrap();
    let replay = Replay::new(Script::new("unused"), recorded);
    let (outcome, replay, _) = probe().run(replay, all_grants(), Limits::default()).await;
    assert_eq!(
        outcome,
        Outcome::Completed,
        "redacted requests equal redacted requests"
    );
    assert_eq!(replay.left(), 0);
}
