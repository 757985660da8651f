//! The key-value store of flows, as `sdk/wit/services.wit` describes it.

use std::thread;

use vireo_store::Kv;
use vireo_store::kv::{
    Item, Kind, KvError, MAX_KEY_BYTES, MAX_NAMESPACE_BYTES, MAX_VALUE_BYTES, Namespace, Wanted,
};

use crate::memory;

fn namespace() -> Namespace {
    Kv::new(memory()).namespace("flow").unwrap()
}

fn is_invalid<T>(result: Result<T, KvError>) -> bool {
    matches!(result, Err(KvError::Invalid(_)))
}

#[test]
fn get_set_delete() {
    let kv = namespace();
    assert_eq!(kv.get("a").unwrap(), None);
    kv.set("a", b"").unwrap();
    assert_eq!(kv.get("a").unwrap(), Some(vec![]));
    kv.set("a", b"\0\xff").unwrap();
    assert_eq!(kv.get("a").unwrap(), Some(b"\0\xff".to_vec()));
    kv.delete("a").unwrap();
    kv.delete("a").unwrap();
    assert_eq!(kv.get("a").unwrap(), None);
}

#[test]
fn namespaces_are_apart() {
    let kv = Kv::new(memory());
    let (a, ab) = (kv.namespace("a").unwrap(), kv.namespace("ab").unwrap());
    a.set("bk", b"1").unwrap();
    ab.set("k", b"2").unwrap();
    assert_eq!(a.get("k").unwrap(), None);
    assert_eq!(a.list_keys("", 1000).unwrap(), ["bk"]);
    assert_eq!(ab.list_keys("", 1000).unwrap(), ["k"]);
    assert_eq!(
        kv.namespace("a").unwrap().get("bk").unwrap(),
        Some(b"1".to_vec())
    );
    let long = "n".repeat(MAX_NAMESPACE_BYTES + 1);
    for name in ["", "a\0b", "a\nb", &long] {
        assert!(is_invalid(kv.namespace(name)), "{name:?}");
    }
}

#[test]
fn sizes() {
    let kv = namespace();
    let (key, value) = ("k".repeat(MAX_KEY_BYTES), vec![1; MAX_VALUE_BYTES]);
    kv.set(&key, &value).unwrap();
    assert_eq!(kv.get(&key).unwrap(), Some(value));
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    for key in ["", &long] {
        assert!(is_invalid(kv.get(key)));
        assert!(is_invalid(kv.set(key, b"")));
        assert!(is_invalid(kv.delete(key)));
        assert!(is_invalid(kv.increment(key, 1)));
        assert!(is_invalid(kv.compare_and_swap(key, None, None)));
    }
    let long = vec![1; MAX_VALUE_BYTES + 1];
    assert!(is_invalid(kv.set("a", &long)));
    assert!(is_invalid(kv.compare_and_swap("a", None, Some(&long))));
    assert_eq!(kv.get("a").unwrap(), None);
}

#[test]
fn counters() {
    let kv = namespace();
    assert_eq!(kv.increment("n", 5).unwrap(), 5);
    assert_eq!(kv.increment("n", -7).unwrap(), -2);
    assert_eq!(kv.get("n").unwrap(), Some(b"-2".to_vec()));
    kv.set("text", b"5").unwrap();
    assert!(
        is_invalid(kv.increment("text", 1)),
        "it was not written by increment"
    );
    assert_eq!(kv.get("text").unwrap(), Some(b"5".to_vec()));
    kv.increment("max", i64::MAX).unwrap();
    assert!(is_invalid(kv.increment("max", 1)));
    assert_eq!(kv.increment("max", 0).unwrap(), i64::MAX);
    kv.increment("min", i64::MIN).unwrap();
    assert!(is_invalid(kv.increment("min", -1)));
    kv.set("n", b"x").unwrap();
    assert!(is_invalid(kv.increment("n", 1)));
    kv.delete("n").unwrap();
    assert_eq!(kv.increment("n", 1).unwrap(), 1);
}

#[test]
fn many_calls_count_together() {
    let kv = namespace();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert!(kv.increment("n", 1).is_ok())));
        }
    });
    assert_eq!(kv.increment("n", 0).unwrap(), 800);
}

#[test]
fn compare_and_swap() {
    let kv = namespace();
    assert!(!kv.compare_and_swap("k", Some(b"1"), Some(b"2")).unwrap());
    assert!(kv.compare_and_swap("k", None, Some(b"1")).unwrap());
    assert!(!kv.compare_and_swap("k", None, Some(b"2")).unwrap());
    assert!(kv.compare_and_swap("k", Some(b"1"), Some(b"")).unwrap());
    assert!(!kv.compare_and_swap("k", None, None).unwrap());
    assert!(kv.compare_and_swap("k", Some(b""), None).unwrap());
    assert_eq!(kv.get("k").unwrap(), None);
    // A counter is compared with what get shows of it.
    kv.increment("n", 12).unwrap();
    assert!(kv.compare_and_swap("n", Some(b"12"), Some(b"13")).unwrap());
    assert!(is_invalid(kv.increment("n", 1)));
}

#[test]
fn list_keys() {
    let kv = namespace();
    for number in 0..200 {
        kv.set(&format!("k{number:03}"), &[0; 10]).unwrap();
    }
    kv.set("j", b"").unwrap();
    kv.set("ü", b"").unwrap();
    assert_eq!(kv.list_keys("k", 1000).unwrap().len(), 200);
    assert_eq!(kv.list_keys("k", 2).unwrap(), ["k000", "k001"]);
    assert_eq!(kv.list_keys("k19", 1000).unwrap().len(), 10);
    assert_eq!(kv.list_keys("ü", 1).unwrap(), ["ü"]);
    assert_eq!(kv.list_keys("", 1).unwrap(), ["j"]);
    assert_eq!(kv.list_keys("zz", 1).unwrap(), [""; 0]);
    for limit in [0, 1001, u32::MAX] {
        assert!(is_invalid(kv.list_keys("k", limit)), "{limit}");
    }
    assert!(is_invalid(kv.list_keys(&"k".repeat(513), 1)));
}

#[test]
fn items_come_in_pages() {
    let kv = namespace();
    for number in 0..70 {
        kv.set(&format!("k/{number:02}"), &[number]).unwrap();
    }
    kv.increment("n", 7).unwrap();
    assert_eq!(
        kv.item("n").unwrap(),
        Some(Item {
            key: "n".to_owned(),
            value: b"7".to_vec(),
            kind: Kind::Counter
        })
    );
    assert_eq!(kv.item("m").unwrap(), None);
    let page = |prefix: &str, after: Option<&str>, limit| {
        let items = kv.items(&Wanted {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        });
        let keys: Vec<String> = items.unwrap().into_iter().map(|item| item.key).collect();
        keys
    };
    assert_eq!(page("k/", None, 1000).len(), 70);
    assert_eq!(page("k/", Some("k/67"), 1000), ["k/68", "k/69"]);
    assert_eq!(
        page("k/", Some("k/675"), 1),
        ["k/68"],
        "a key that is not there"
    );
    assert_eq!(
        page("k/", Some("a"), 1),
        ["k/00"],
        "a key before the prefix"
    );
    assert_eq!(page("k/", Some("z"), 1000), [""; 0], "a key behind it");
    assert_eq!(page("", Some("k/69"), 1000), ["n"]);
    assert!(is_invalid(kv.items(&Wanted::default())), "a limit of 0");
}

#[test]
fn a_page_of_items_has_few_bytes() {
    let kv = namespace();
    for number in 0..70 {
        kv.set(&format!("{number:02}"), &vec![0; MAX_VALUE_BYTES])
            .unwrap();
    }
    let mut wanted = Wanted {
        limit: 1000,
        ..Wanted::default()
    };
    let page = kv.items(&wanted).unwrap();
    assert_eq!(page.len() * MAX_VALUE_BYTES, 4 << 20);
    wanted.after = page.last().map(|item| item.key.clone());
    assert_eq!(kv.items(&wanted).unwrap().len(), 70 - page.len());
}
