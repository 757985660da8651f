//! What every `Store` does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use tempfile::TempDir;
use vireo_store::{
    Batch, MAX_KEY_BYTES, MAX_VALUE_BYTES, MemoryStore, Range, SledStore, Store, StoreError, Swap,
};

/// The suite, once for every implementation.
macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $case() { super::$case(&super::MemoryStore::new()); })*
        }
        mod sled {
            $(#[test] fn $case() {
                let dir = super::TempDir::new().unwrap();
                super::$case(&super::SledStore::open(dir.path().join("store")).unwrap());
            })*
        }
    };
}

suite!(
    reads_what_was_written,
    swaps_only_what_was_expected,
    sizes_are_limited,
    ranges,
    ranges_page,
    impossible_ranges_are_empty,
    batches_keep_their_order,
    a_batch_with_an_error_changes_nothing,
    logs_count_from_zero,
    logs_do_not_mix,
    many_writers_append_to_one_log,
    many_writers_swap_one_key,
    whoever_waits_is_told,
);

fn reads_what_was_written(store: &dyn Store) {
    assert_eq!(store.get(b"a").unwrap(), None);
    store.put(b"a", b"1").unwrap();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    store.put(b"a", b"").unwrap();
    assert_eq!(
        store.get(b"a").unwrap().as_deref(),
        Some(&b""[..]),
        "empty is not absent"
    );
    store.delete(b"a").unwrap();
    assert_eq!(store.get(b"a").unwrap(), None);
    store.delete(b"a").unwrap();
    store.put_durable(b"a", b"2").unwrap();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
}

fn swaps_only_what_was_expected(store: &dyn Store) {
    let conflict = |current: Option<&[u8]>| Swap::Conflict {
        current: current.map(<[u8]>::to_vec),
    };
    let swap = |expected, new| store.compare_and_swap(b"k", expected, new).unwrap();
    assert_eq!(swap(Some(b"1"), Some(b"2")), conflict(None));
    assert_eq!(swap(None, Some(b"1")), Swap::Done);
    assert_eq!(swap(None, Some(b"2")), conflict(Some(b"1")));
    assert_eq!(swap(Some(b"2"), None), conflict(Some(b"1")));
    assert_eq!(swap(Some(b"1"), Some(b"")), Swap::Done);
    assert_eq!(
        swap(None, Some(b"3")),
        conflict(Some(b"")),
        "empty is not absent"
    );
    assert_eq!(swap(Some(b""), None), Swap::Done);
    assert_eq!(store.get(b"k").unwrap(), None);
    assert_eq!(swap(None, None), Swap::Done);
}

fn sizes_are_limited(store: &dyn Store) {
    let longest_key = vec![b'k'; MAX_KEY_BYTES];
    let longest_value = vec![7; MAX_VALUE_BYTES];
    store.put(&longest_key, &longest_value).unwrap();
    assert_eq!(store.get(&longest_key).unwrap(), Some(longest_value));
    let key = vec![b'k'; MAX_KEY_BYTES + 1];
    let value = vec![7; MAX_VALUE_BYTES + 1];
    for key in [&b""[..], &key] {
        let is_refused =
            |result: Result<(), StoreError>| matches!(result, Err(StoreError::KeySize { .. }));
        assert!(is_refused(store.get(key).map(drop)));
        assert!(is_refused(store.put(key, b"")));
        assert!(is_refused(store.delete(key)));
        assert!(is_refused(
            store.compare_and_swap(key, None, Some(b"")).map(drop)
        ));
        assert!(is_refused(store.batch(Batch::new().put(key, b""))));
        assert!(is_refused(store.batch(Batch::new().delete(key))));
    }
    assert!(matches!(
        store.append(&longest_key, b""),
        Err(StoreError::KeySize { .. })
    ));
    let is_refused =
        |result: Result<(), StoreError>| matches!(result, Err(StoreError::ValueSize { .. }));
    assert!(is_refused(store.put(b"a", &value)));
    assert!(is_refused(
        store.compare_and_swap(b"a", None, Some(&value)).map(drop)
    ));
    assert!(is_refused(store.append(b"a", &value).map(drop)));
    assert!(is_refused(
        store.batch(Batch::new().put(b"a", value.clone()))
    ));
    assert_eq!(store.get(b"a").unwrap(), None);
}

fn keys(store: &dyn Store, range: &Range) -> Vec<String> {
    let pairs = store.range(range).unwrap();
    pairs
        .into_iter()
        .map(|(key, _)| String::from_utf8_lossy(&key).into_owned())
        .collect()
}

fn ranges(store: &dyn Store) {
    for key in ["b", "a", "b/2", "b/1", "b/10", "c", "ba"] {
        store.put(key.as_bytes(), key.as_bytes()).unwrap();
    }
    store.put(b"b/\xff", b"").unwrap();
    store.put(b"\xff\xff", b"").unwrap();
    for (range, expected) in [
        (
            Range::prefix("b/"),
            &["b/1", "b/10", "b/2", "b/\u{fffd}"][..],
        ),
        (
            Range::prefix("b/").backward(),
            &["b/\u{fffd}", "b/2", "b/10", "b/1"],
        ),
        (Range::prefix("b/").limit(2), &["b/1", "b/10"]),
        (Range::prefix("b/").backward().limit(1), &["b/\u{fffd}"]),
        (Range::prefix("b/").limit(0), &[]),
        (Range::prefix("x"), &[]),
        (Range::prefix(b"\xff"), &["\u{fffd}\u{fffd}"]),
        (Range::between("a", "b/10"), &["a", "b", "b/1"]),
        (Range::between("a", "b/10").backward(), &["b/1", "b", "a"]),
        (Range::between("aa", "ab"), &[]),
        (Range::prefix("b/").after("b/10"), &["b/2", "b/\u{fffd}"]),
        (Range::prefix("b/").backward().after("b/10"), &["b/1"]),
        (
            Range::prefix("b/").after("b/"),
            &["b/1", "b/10", "b/2", "b/\u{fffd}"],
        ),
    ] {
        assert_eq!(keys(store, &range), expected, "{range:?}");
    }
    assert_eq!(
        store.range(&Range::prefix("c")).unwrap(),
        [(b"c".to_vec(), b"c".to_vec())]
    );
}

fn ranges_page(store: &dyn Store) {
    for number in 0..100_u32 {
        store.put(format!("p/{number:03}").as_bytes(), b"").unwrap();
    }
    for backward in [false, true] {
        let first = if backward {
            Range::prefix("p/").backward()
        } else {
            Range::prefix("p/")
        };
        let whole = keys(store, &first);
        let mut range = first.limit(7);
        let mut paged = Vec::new();
        loop {
            let page = keys(store, &range);
            let Some(last) = page.last() else { break };
            range = range.after(last.as_str());
            paged.extend(page);
        }
        assert_eq!(paged.len(), 100);
        assert_eq!(paged, whole);
    }
}

fn impossible_ranges_are_empty(store: &dyn Store) {
    store.put(b"b", b"").unwrap();
    for range in [
        Range::between("c", "a"),
        Range::between("b", "b"),
        Range::prefix("b").after("x"),
        Range::prefix("b").backward().after("a"),
        Range::prefix("b").after("c"),
        Range::between("b", "c").backward().after("b"),
    ] {
        assert_eq!(store.range(&range).unwrap(), [], "{range:?}");
    }
}

fn batches_keep_their_order(store: &dyn Store) {
    store.put(b"gone", b"x").unwrap();
    let mut batch = Batch::new();
    batch
        .put(b"a", b"1")
        .put(b"a", b"2")
        .put(b"b", b"1")
        .delete(b"b")
        .delete(b"c")
        .put(b"c", b"1")
        .delete(b"gone");
    assert_eq!(batch.len(), 7);
    store.batch(&batch).unwrap();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(store.get(b"b").unwrap(), None);
    assert_eq!(store.get(b"c").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get(b"gone").unwrap(), None);
    store.batch(&Batch::new()).unwrap();
}

fn a_batch_with_an_error_changes_nothing(store: &dyn Store) {
    store.put(b"b", b"1").unwrap();
    let mut batch = Batch::new();
    batch.put(b"a", b"1").delete(b"b").put(b"", b"");
    assert!(store.batch(&batch).is_err());
    assert_eq!(store.get(b"a").unwrap(), None);
    assert_eq!(store.get(b"b").unwrap().as_deref(), Some(&b"1"[..]));
}

fn logs_count_from_zero(store: &dyn Store) {
    for index in 0..300_u64 {
        assert_eq!(store.append(b"log/", &index.to_be_bytes()).unwrap(), index);
    }
    let entries = store.range(&Range::prefix("log/")).unwrap();
    assert_eq!(entries.len(), 300);
    for ((key, value), index) in entries.iter().zip(0_u64..) {
        assert_eq!(key[4..], index.to_be_bytes());
        assert_eq!(value[..], index.to_be_bytes());
    }
}

fn logs_do_not_mix(store: &dyn Store) {
    store.put(b"l/a", b"").unwrap();
    store.put(b"l/b\0", b"").unwrap();
    assert_eq!(store.append(b"l/a\0", b"").unwrap(), 0);
    assert_eq!(store.append(b"l/b\0", b"").unwrap(), 0);
    assert_eq!(store.append(b"l/a\0", b"").unwrap(), 1);
    assert_eq!(store.append(b"l/aa\0", b"").unwrap(), 0);
    assert_eq!(store.append(b"l/a\0", b"").unwrap(), 2);
    store.put(b"l/a\0 of another length", b"").unwrap();
    assert_eq!(store.append(b"l/a\0", b"").unwrap(), 3);
}

fn many_writers_append_to_one_log(store: &dyn Store) {
    let places: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..50)
                        .map(|_| store.append(b"l\0", b"x").unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let mut places = places;
    places.sort_unstable();
    assert_eq!(places, (0..400).collect::<Vec<_>>());
}

fn many_writers_swap_one_key(store: &dyn Store) {
    let conflicts = AtomicUsize::new(0);
    let add = || {
        let mut current = store.get(b"n").unwrap();
        loop {
            let number = current
                .as_deref()
                .map_or(0, |value| u32::from_be_bytes(value.try_into().unwrap()));
            let new = (number + 1).to_be_bytes();
            match store
                .compare_and_swap(b"n", current.as_deref(), Some(&new))
                .unwrap()
            {
                Swap::Done => return,
                Swap::Conflict { current: other } => current = other,
            }
            conflicts.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..200).for_each(|_| add()));
        }
    });
    assert_eq!(
        store.get(b"n").unwrap().as_deref(),
        Some(&1600_u32.to_be_bytes()[..])
    );
}

fn whoever_waits_is_told(store: &dyn Store) {
    store.flush().unwrap();
    store.put(b"a", b"1").unwrap();
    let (send, receive) = mpsc::channel();
    for number in 0..100 {
        let send = send.clone();
        store.on_durable(Box::new(move |result| {
            send.send((number, result.is_ok())).unwrap()
        }));
    }
    drop(send);
    let mut told: Vec<_> = receive.iter().collect();
    told.sort_unstable();
    assert_eq!(
        told,
        (0..100).map(|number| (number, true)).collect::<Vec<_>>()
    );
}

/// The same random operations on both, in which every answer is compared.
#[test]
fn both_answer_the_same() {
    let dir = TempDir::new().unwrap();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new()),
        Arc::new(SledStore::open(dir.path().join("store")).unwrap()),
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..20_000 {
        let key = format!("{:b}", random(200)).into_bytes();
        let other = format!("{:b}", random(200)).into_bytes();
        let value = vec![b'v'; random(40) as usize];
        let expected = (random(2) == 0).then(|| vec![b'v'; random(40) as usize]);
        let operation = random(9);
        let backward = random(2) == 0;
        let limit = random(20) as usize;
        let [memory, sled] = stores.each_ref().map(|store| match operation {
            0 | 1 => format!("{:?}", store.put(&key, &value)),
            2 => format!("{:?}", store.delete(&key)),
            3 => format!("{:?}", store.get(&key)),
            4 => format!(
                "{:?}",
                store.compare_and_swap(&key, expected.as_deref(), Some(&value))
            ),
            5 => format!("{:?}", store.compare_and_swap(&key, Some(&value), None)),
            6 => format!(
                "{:?}",
                store.append(&[b"log/", key.as_slice(), b"\0"].concat(), &value)
            ),
            7 => format!(
                "{:?}",
                store.batch(
                    Batch::new()
                        .put(key.clone(), value.clone())
                        .delete(other.clone())
                )
            ),
            _ => {
                let range = if is_prefix_round(&key) {
                    Range::prefix(key.clone())
                } else {
                    Range::between(key.clone(), other.clone())
                };
                let range = range.limit(limit);
                format!(
                    "{:?}",
                    store.range(&if backward { range.backward() } else { range })
                )
            }
        });
        assert_eq!(memory, sled, "operation {operation} in round {round}");
    }
}

/// Whether a range over this key is one over a prefix: for every other length.
fn is_prefix_round(key: &[u8]) -> bool {
    key.len().is_multiple_of(2)
}
