//! The audit log: everything, in order, unchanged.

use std::thread;

use vireo_store::Audit;
use vireo_store::audit::{Act, Entry, Who};

use crate::memory;

fn entry(at_ms: u64, subject: &str) -> Entry {
    Entry {
        at_ms,
        who: Who::claimed("anna@ops"),
        act: Act::Deploy,
        subject: subject.into(),
        detail: String::new(),
    }
}

#[test]
fn entries_come_back_newest_first() {
    let store = memory();
    let audit = Audit::new(store.clone());
    assert_eq!(audit.list(0, 10).unwrap(), []);
    for at_ms in 0..200 {
        assert_eq!(audit.add(entry(at_ms, "menu")).unwrap(), at_ms);
    }
    let times = |since, limit| -> Vec<u64> {
        let entries = audit.list(since, limit).unwrap();
        (entries.into_iter())
            .map(|(number, entry)| {
                assert_eq!(number, entry.at_ms);
                number
            })
            .collect()
    };
    assert_eq!(times(0, 3), [199, 198, 197]);
    assert_eq!(times(198, 10), [199, 198]);
    assert_eq!(times(0, 1000), (0..200).rev().collect::<Vec<_>>());
    assert!(times(0, 0).is_empty());
    // Another look at the same store: as after a restart.
    assert_eq!(Audit::new(store).add(entry(200, "menu")).unwrap(), 200);
}

#[test]
fn nobody_loses_an_entry_to_somebody_else() {
    let audit = Audit::new(memory());
    thread::scope(|scope| {
        for writer in 0..4 {
            let audit = &audit;
            scope.spawn(move || {
                for at_ms in 0..25 {
                    audit.add(entry(at_ms, &writer.to_string())).unwrap();
                }
            });
        }
    });
    let entries = audit.list(0, 1000).unwrap();
    let mut seen: Vec<_> = (entries.iter())
        .map(|(_, entry)| (entry.subject.clone(), entry.at_ms))
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100);
}

#[test]
fn texts_are_cut_and_cannot_draw_on_a_terminal() {
    let audit = Audit::new(memory());
    audit
        .add(Entry {
            who: Who::claimed(&format!("a\u{1b}[2J{}", "ü".repeat(200))),
            detail: "x\ny".repeat(10_000),
            ..entry(1, "menu")
        })
        .unwrap();
    let (_, entry) = audit.list(0, 1).unwrap().remove(0);
    assert!(entry.who.name.starts_with("a [2J") && entry.who.name.len() <= 128);
    assert!(entry.who.claimed);
    assert!(entry.detail.starts_with("x yx y") && entry.detail.len() <= 2048);
    assert_eq!(serde_json::to_value(entry.act).unwrap(), entry.act.name());
}
