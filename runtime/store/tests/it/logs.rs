//! The commit log of the embedded store: what it holds is neither lost nor doubled.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use vireo_store::{Batch, Range, SledOptions, SledStore, Store};

/// Copies a store that is open: what a power cut would leave behind.
fn snapshot(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            snapshot(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn all(store: &SledStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let range = Range::between("a", "z").limit(usize::MAX);
    store.range(&range).unwrap()
}

fn logs(dir: &Path) -> usize {
    fs::read_dir(dir.join("log")).unwrap().count()
}

#[test]
fn what_was_flushed_is_there_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let store = SledStore::open(dir.path().join("store")).unwrap();
    let mut batch = Batch::new();
    batch.put("a", "1").put("b", "2").put("c/o/call", "running");
    store.batch_durable(&batch).unwrap();
    store.put(b"a", b"3").unwrap();
    store.delete(b"b").unwrap();
    store.append(b"log\0", b"x").unwrap();
    store.flush().unwrap();
    let whole = dir.path().join("whole");
    snapshot(&dir.path().join("store"), &whole);
    let reopened = SledStore::open(&whole).unwrap();
    assert_eq!(all(&reopened), all(&store));
    assert_eq!(reopened.get(b"a").unwrap(), Some(b"3".to_vec()));
    assert_eq!(reopened.append(b"log\0", b"y").unwrap(), 1);
    // The last flush did not get to its end: it is as if it had never been.
    let cut = dir.path().join("cut");
    snapshot(&dir.path().join("store"), &cut);
    let log = fs::read_dir(cut.join("log"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    let reopened = SledStore::open(&cut).unwrap();
    let pairs = [("a", "1"), ("b", "2"), ("c/o/call", "running")];
    assert_eq!(
        all(&reopened),
        pairs.map(|(key, value)| (key.into(), value.into()))
    );
}

#[test]
fn merges_lose_and_double_nothing() {
    let dir = TempDir::new().unwrap();
    let options = || {
        SledOptions::new(dir.path())
            .merge_bytes(4_000)
            .flush_interval(Duration::from_millis(1))
    };
    let model = vireo_store::MemoryStore::new();
    for round in 0..4_u32 {
        let store = options().open().unwrap();
        for step in 0..400_u32 {
            let number = round * 1_000 + step;
            let key = format!("k/{:04}", number.wrapping_mul(2_654_435_761) % 700);
            let mark = format!("c/o/{}", number % 50);
            for store in [&store as &dyn Store, &model] {
                match number % 5 {
                    0 => store.delete(key.as_bytes()).unwrap(),
                    _ => store.put(key.as_bytes(), &number.to_be_bytes()).unwrap(),
                }
                match number % 3 {
                    0 => store.delete(mark.as_bytes()).unwrap(),
                    _ => store.put(mark.as_bytes(), &[7; 40]).unwrap(),
                }
                store.append(b"log\0", &number.to_be_bytes()).unwrap();
            }
            if step % 20 == 0 {
                store.flush().unwrap();
                let range = Range::between("k/03", "k/05").limit(30);
                assert_eq!(store.range(&range).unwrap(), model.range(&range).unwrap());
                let range = Range::prefix("c/o/").backward();
                assert_eq!(store.range(&range).unwrap(), model.range(&range).unwrap());
            }
        }
        let everything = Range::between("a", "z").limit(usize::MAX);
        assert_eq!(
            all(&store),
            model.range(&everything).unwrap(),
            "round {round}"
        );
        assert!(store.size_on_disk().unwrap() > 0);
        drop(store);
        assert_eq!(logs(dir.path()), 1, "marks are left, and nothing else");
        let store = options().open().unwrap();
        assert_eq!(
            all(&store),
            model.range(&everything).unwrap(),
            "round {round}"
        );
    }
}

#[test]
fn a_store_that_was_closed_in_peace_leaves_no_log() {
    let dir = TempDir::new().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    store.put(b"a", b"1").unwrap();
    drop(store);
    assert_eq!(logs(dir.path()), 0);
}
