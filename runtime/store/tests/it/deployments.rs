//! Deployments: what serves, what served, and who was faster.

use std::thread;

use vireo_store::deployments::{
    Action, Canary, ComponentError, Deploy, DeployError, Deployment, Reason, Serving, Who,
};
use vireo_store::{Deployments, Digest, Range};

use crate::memory;

fn deploy(flow: &str, replaces: u64, serving: &[(Digest, u8)]) -> Deploy {
    Deploy {
        flow: flow.into(),
        replaces,
        serving: serving
            .iter()
            .map(|(digest, percent)| Serving {
                digest: *digest,
                percent: *percent,
            })
            .collect(),
        canary: None,
        action: Action::Deploy,
        reason: why(&format!("replaces {replaces}"), 1_000 + replaces % 1_000),
    }
}

fn why(note: &str, at_ms: u64) -> Reason {
    Reason {
        who: Who::claimed("anna@ops"),
        note: note.into(),
        at_ms,
    }
}

/// The same, with the last of `serving` as a canary for a route and a caller list.
fn canary(flow: &str, replaces: u64, serving: &[(Digest, u8)]) -> Deploy {
    Deploy {
        canary: serving.last().map(|(digest, _)| Canary {
            digest: *digest,
            routes: vec!["office".into()],
            callers: vec!["testers".into()],
        }),
        ..deploy(flow, replaces, serving)
    }
}

fn rollback(
    deployments: &Deployments,
    flow: &str,
    note: &str,
    at_ms: u64,
) -> Result<Deployment, DeployError> {
    let earlier = deployments.earlier(flow)?;
    deployments.restore(earlier, Action::Rollback, why(note, at_ms))
}

/// Three components and the room that holds them.
fn three() -> (Deployments, [Digest; 3]) {
    let deployments = Deployments::new(memory());
    let digests =
        ["a", "b", "c"].map(|text| deployments.components().put(text.as_bytes(), 1).unwrap());
    (deployments, digests)
}

fn serves(deployment: &Deployment) -> Vec<(Digest, u8)> {
    deployment
        .serving
        .iter()
        .map(|serving| (serving.digest, serving.percent))
        .collect()
}

#[test]
fn components_are_stored_by_digest() {
    let store = memory();
    let deployments = Deployments::new(store.clone());
    let components = deployments.components();
    let sizes = [0, 1, 48 * 1024, 48 * 1024 + 1, 1_000_000];
    for size in sizes {
        let bytes: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
        let digest = components.put(&bytes, 7).unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(components.put(&bytes, 8).unwrap(), digest);
        assert_eq!(components.get(digest).unwrap(), Some(bytes));
        assert!(components.contains(digest).unwrap());
    }
    let mut listed: Vec<_> = components
        .list()
        .unwrap()
        .iter()
        .map(|component| component.size)
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, sizes.map(u64::from));
    assert_eq!(components.get(Digest::of(b"none")).unwrap(), None);
    assert!(!components.contains(Digest::of(b"none")).unwrap());
}

#[test]
fn a_damaged_component_never_runs() {
    for damage in [Some(&b"other bytes"[..]), None] {
        let store = memory();
        let deployments = Deployments::new(store.clone());
        let components = deployments.components();
        let digest = components.put(&[1; 100_000], 1).unwrap();
        let piece = store
            .range(&Range::prefix("d/c/").backward().limit(1))
            .unwrap()
            .remove(0)
            .0;
        match damage {
            Some(bytes) => store.put(&piece, bytes).unwrap(),
            None => store.delete(&piece).unwrap(),
        }
        let error = components.get(digest).unwrap_err();
        assert!(matches!(error, ComponentError::Damaged { .. }), "{error}");
        // To upload it again is what the error says.
        components.put(&[1; 100_000], 1).unwrap();
        assert_eq!(components.get(digest).unwrap(), Some(vec![1; 100_000]));
    }
}

#[test]
fn deploys_follow_each_other() {
    let (deployments, [a, b, _]) = three();
    assert_eq!(deployments.current("menu").unwrap(), None);
    let first = deployments.deploy(deploy("menu", 0, &[(a, 100)])).unwrap();
    assert_eq!((first.revision, serves(&first)), (1, vec![(a, 100)]));
    let on_trial = deployments
        .deploy(canary("menu", 1, &[(a, 90), (b, 10)]))
        .unwrap();
    assert_eq!(deployments.current("menu").unwrap(), Some(on_trial.clone()));
    assert_eq!(
        (on_trial.revision, serves(&on_trial)),
        (2, vec![(a, 90), (b, 10)])
    );
    assert_eq!(
        (on_trial.version(), on_trial.canary_percent()),
        (Some(a), 10)
    );
    deployments
        .deploy(deploy("menu.2", 0, &[(b, 100)]))
        .unwrap();
    deployments.deploy(deploy("a", 0, &[(b, 100)])).unwrap();
    let flows: Vec<_> = deployments
        .list()
        .unwrap()
        .into_iter()
        .map(|d| (d.flow, d.revision))
        .collect();
    assert_eq!(
        flows,
        [("a".into(), 1), ("menu".into(), 2), ("menu.2".into(), 1)]
    );
    let history = deployments.history("menu", 10).unwrap();
    let lines: Vec<_> = history
        .iter()
        .map(|c| (c.revision, c.at_ms, c.action, c.note.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (2, 1_001, Action::Deploy, "replaces 1"),
            (1, 1_000, Action::Deploy, "replaces 0")
        ]
    );
    assert_eq!(history[0].who, Some(Who::claimed("anna@ops")));
    assert_eq!(deployments.history("menu", 1).unwrap().len(), 1);
    assert_eq!(deployments.history("none", 1).unwrap(), []);
}

#[test]
fn whoever_is_slower_is_told() {
    let (deployments, [a, b, _]) = three();
    deployments.deploy(deploy("menu", 0, &[(a, 100)])).unwrap();
    for replaces in [0, 2, u64::MAX] {
        let error = deployments
            .deploy(deploy("menu", replaces, &[(b, 100)]))
            .unwrap_err();
        assert!(
            matches!(error, DeployError::Conflict { expected, found: 1, .. } if expected == replaces),
            "{error}"
        );
    }
    assert_eq!(
        serves(&deployments.current("menu").unwrap().unwrap()),
        [(a, 100)]
    );
    // Eight at once: one wins.
    let won = thread::scope(|scope| {
        let deploys: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| deployments.deploy(deploy("menu", 1, &[(b, 100)])).is_ok()))
            .collect();
        deploys
            .into_iter()
            .map(|deploy| usize::from(deploy.join().unwrap()))
            .sum::<usize>()
    });
    assert_eq!(won, 1);
    assert_eq!(deployments.current("menu").unwrap().unwrap().revision, 2);
}

#[test]
fn rollbacks_go_further_back_each_time() {
    let (deployments, [a, b, c]) = three();
    assert!(matches!(
        rollback(&deployments, "menu", "", 1),
        Err(DeployError::NothingBefore { .. })
    ));
    for (replaces, digest) in [(0, a), (1, b), (2, c)] {
        deployments
            .deploy(deploy("menu", replaces, &[(digest, 100)]))
            .unwrap();
    }
    let to_b = rollback(&deployments, "menu", "c is broken", 50).unwrap();
    assert_eq!((to_b.revision, serves(&to_b)), (4, vec![(b, 100)]));
    let change = deployments.history("menu", 1).unwrap().remove(0);
    assert_eq!(
        (change.action, change.restores, change.note.as_str()),
        (Action::Rollback, Some(2), "c is broken")
    );
    let to_a = rollback(&deployments, "menu", "", 51).unwrap();
    assert_eq!((to_a.revision, serves(&to_a)), (5, vec![(a, 100)]));
    assert!(matches!(
        rollback(&deployments, "menu", "", 52),
        Err(DeployError::NothingBefore { .. })
    ));
    // A deploy after a rollback is undone to what the rollback had restored.
    deployments.deploy(deploy("menu", 5, &[(c, 100)])).unwrap();
    assert_eq!(
        serves(&rollback(&deployments, "menu", "", 53).unwrap()),
        [(a, 100)]
    );
}

#[test]
fn a_rollback_passes_over_canaries() {
    let (deployments, [a, b, c]) = three();
    let serve = |deploy| drop(deployments.deploy(deploy).unwrap());
    serve(deploy("menu", 0, &[(a, 100)]));
    serve(deploy("menu", 1, &[(b, 100)]));
    // While there is a canary, a rollback takes it away and nothing else.
    serve(canary("menu", 2, &[(b, 95), (c, 5)]));
    serve(canary("menu", 3, &[(b, 50), (c, 50)]));
    let back = rollback(&deployments, "menu", "", 9).unwrap();
    assert_eq!((back.revision, serves(&back)), (5, vec![(b, 100)]));
    assert_eq!(back.canary, None);
    assert_eq!(deployments.history("menu", 1).unwrap()[0].restores, Some(2));
    // Once it has become the version, a rollback leads to the one before it, not to a share.
    serve(canary("menu", 5, &[(b, 99), (c, 1)]));
    serve(Deploy {
        action: Action::Promote,
        ..deploy("menu", 6, &[(c, 100)])
    });
    assert_eq!(
        serves(&rollback(&deployments, "menu", "", 10).unwrap()),
        [(b, 100)]
    );
    assert_eq!(
        serves(&rollback(&deployments, "menu", "", 11).unwrap()),
        [(a, 100)]
    );
    // What was looked for before somebody else deployed is not brought back.
    serve(deploy("menu", 9, &[(b, 100)]));
    let earlier = deployments.earlier("menu").unwrap();
    assert_eq!((earlier.replaces(), earlier.serving()[0].digest), (10, a));
    serve(deploy("menu", 10, &[(c, 100)]));
    assert!(matches!(
        deployments.restore(earlier, Action::AutomaticRollback, why("", 12)),
        Err(DeployError::Conflict { found: 11, .. })
    ));
}

/// A change as it was written before there were canaries and names.
#[test]
fn an_old_change_is_understood() {
    let store = memory();
    let deployments = Deployments::new(store.clone());
    let digest = deployments.components().put(b"a", 1).unwrap();
    let old = format!(
        "{{\"revision\":1,\"at_ms\":7,\"action\":\"deploy\",\"serving\":[{{\"digest\":\"{digest}\",\"percent\":100}}]}}"
    );
    store
        .put(b"d/f/menu\0\0\0\0\0\0\0\0\x01", old.as_bytes())
        .unwrap();
    let change = deployments.history("menu", 1).unwrap().remove(0);
    assert_eq!((change.who, change.canary), (None, None));
    let current = deployments.current("menu").unwrap().unwrap();
    assert_eq!(
        (current.version(), current.canary_percent()),
        (Some(digest), 0)
    );
}

#[test]
fn what_cannot_serve_is_refused() {
    let (deployments, [a, b, c]) = three();
    let missing = Digest::of(b"missing");
    let refused =
        |serving: &[(Digest, u8)]| deployments.deploy(deploy("menu", 0, serving)).unwrap_err();
    for serving in [
        &[][..],
        &[(a, 99)],
        &[(a, 100), (b, 1)],
        &[(a, 100), (b, 0)],
        &[(a, 50), (a, 50)],
        &[(a, 255), (b, 101)],
        // Which of them is the canary?
        &[(a, 90), (b, 10)],
    ] {
        let error = refused(serving);
        assert!(matches!(error, DeployError::Shares { .. }), "{error}");
    }
    let wordy = |names: usize, long: usize| {
        let mut deploy = canary("menu", 0, &[(a, 90), (b, 10)]);
        if let Some(canary) = &mut deploy.canary {
            canary.routes = vec!["r".repeat(long); names];
        }
        deploy
    };
    for deploy in [
        canary("menu", 0, &[(a, 100)]),
        canary("menu", 0, &[(a, 0), (b, 100)]),
        canary("menu", 0, &[(a, 80), (c, 10), (b, 10)]),
        wordy(65, 1),
        wordy(1, 257),
    ] {
        let error = deployments.deploy(deploy).unwrap_err();
        assert!(matches!(error, DeployError::Shares { .. }), "{error}");
    }
    assert!(
        matches!(refused(&[(missing, 100)]), DeployError::NoComponent { digest } if digest == missing)
    );
    let long = "f".repeat(65);
    for flow in ["", "a b", "a/b", "ü", "a\0", &long] {
        let error = deployments
            .deploy(deploy(flow, 0, &[(a, 100)]))
            .unwrap_err();
        assert!(matches!(error, DeployError::FlowName(_)), "{error}");
        assert!(deployments.current(flow).is_err());
    }
    assert_eq!(deployments.list().unwrap(), []);
    let mut wordy = deploy("menu", 0, &[(a, 100)]);
    wordy.reason.note = "ü".repeat(100_000);
    deployments.deploy(wordy).unwrap();
    assert_eq!(deployments.history("menu", 1).unwrap()[0].note.len(), 1024);
}

#[test]
fn components_that_nobody_needs_are_pruned() {
    let (deployments, [a, b, c]) = three();
    for (replaces, digest) in [(0, a), (1, b), (2, c)] {
        deployments
            .deploy(deploy("menu", replaces, &[(digest, 100)]))
            .unwrap();
    }
    deployments.deploy(deploy("other", 0, &[(a, 100)])).unwrap();
    assert_eq!(deployments.prune(2).unwrap(), []);
    assert_eq!(deployments.prune(0).unwrap(), [b]);
    assert_eq!(deployments.components().get(b).unwrap(), None);
    assert!(
        matches!(rollback(&deployments, "menu", "", 1), Err(DeployError::NoComponent { digest }) if digest == b)
    );
    assert_eq!(
        deployments.components().get(c).unwrap(),
        Some(b"c".to_vec())
    );
}
