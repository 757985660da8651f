//! Many flows at the same time.

use std::sync::atomic::Ordering;

use vireo_host::{Host, HostConfig, HostError, Limits, Outcome, TrapKind};

use crate::script::{Gate, HELLO, PROBE, Script, all_grants, hello, host, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_does_not_keep_twenty_others_from_going_on() {
    let spins = tokio::spawn(run(Script::new("spin")));
    let good: Vec<_> = (0..20)
        .map(|_| tokio::spawn(run(Script::new("play").times(200))))
        .collect();
    for run in good {
        let (outcome, script, _) = run.await.unwrap();
        assert_eq!(outcome, Outcome::Completed);
        assert_eq!(script.requests().len(), 202);
    }
    let (outcome, ..) = spins.await.unwrap();
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::CpuLimit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_flows_of_all_kinds_run_side_by_side() {
    const KINDS: [(&str, u64); 5] = [
        ("survey", 50),
        ("park", 1),
        ("panic", 9),
        ("hog", 1),
        ("kv", 1),
    ];
    let gate = Gate::new();
    let runs: Vec<_> = (0..100)
        .map(|number| {
            let (what, times) = KINDS[number % KINDS.len()];
            let script = Script::new(what)
                .times(times)
                .seed(number as u64)
                .gate(&gate);
            (what, tokio::spawn(run(script)))
        })
        .collect();
    gate.wait_for(20).await;
    assert!(host().in_use().instances >= 20);
    gate.permits.add_permits(20);
    for (what, run) in runs {
        let (outcome, ..) = run.await.unwrap();
        match (what, &outcome) {
            ("panic", Outcome::Trapped(trap)) => assert_eq!(trap.kind, TrapKind::Panic),
            ("hog", Outcome::Trapped(trap)) => assert_eq!(trap.kind, TrapKind::OutOfMemory),
            _ => assert_eq!(outcome, Outcome::Completed, "{what}"),
        }
    }
}

#[tokio::test]
async fn a_full_pool_is_an_answer_and_cancelling_frees_a_place() {
    let host = Host::new(HostConfig {
        max_calls: 2,
        ..HostConfig::default()
    })
    .unwrap();
    let probe = host.compile(PROBE).unwrap();
    let gate = Gate::new();
    let park = || {
        let (probe, script) = (probe.clone(), Script::new("park").gate(&gate));
        tokio::spawn(async move { probe.run(script, all_grants(), Limits::default()).await.0 })
    };
    let (first, second) = (park(), park());
    gate.wait_for(2).await;
    assert_eq!(host.in_use().instances, 2);

    let Outcome::NotStarted(why) = park().await.unwrap() else {
        panic!("a third flow started")
    };
    assert!(why.contains("all 2 flow instances are in use"), "{why}");

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(host.in_use().instances, 1);
    let third = park();
    gate.wait_for(3).await;
    gate.permits.add_permits(2);
    assert_eq!(second.await.unwrap(), Outcome::Completed);
    assert_eq!(third.await.unwrap(), Outcome::Completed);
    assert_eq!(host.in_use().instances, 0);
    assert_eq!(gate.parked.load(Ordering::SeqCst), 3);
}

#[test]
fn more_calls_than_the_kernel_has_maps_for_are_refused_with_the_remedy() {
    let refused = Host::new(HostConfig {
        max_calls: u32::MAX / 8,
        ..HostConfig::default()
    });
    let Err(HostError::TooFewMaps {
        needed, advised, ..
    }) = &refused
    else {
        panic!("it started")
    };
    assert!(advised >= needed);
    let text = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        text.contains(&format!("sysctl -w vm.max_map_count={}", 1u64 << 32)),
        "{text}"
    );
}

#[tokio::test]
async fn a_new_version_is_compiled_beside_running_calls() {
    let version = host().compile_in_background(HELLO.to_vec()).await.unwrap();
    assert_eq!(version.digest(), hello().digest());
    let (outcome, script, _) = version
        .run(Script::new(""), all_grants(), Limits::default())
        .await;
    assert_eq!(outcome, Outcome::Completed);
    let verbs: Vec<_> = script
        .requests()
        .iter()
        .map(|request| request.verb())
        .collect();
    assert_eq!(
        verbs,
        [
            "call.answer",
            "media.play",
            "media.gather",
            "media.play",
            "call.hangup"
        ]
    );
    assert!(host().compile_in_background(b"no".to_vec()).await.is_err());
}
