//! The directory of the embedded store: created, found again, and refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use vireo_store::{SledOptions, SledStore, Store, StoreError};

#[test]
fn what_was_written_is_found_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a/b/store");
    for round in 0..5_u8 {
        let store = SledStore::open(&path).unwrap();
        for earlier in 0..round {
            assert_eq!(
                store.get(&[earlier]).unwrap(),
                Some(vec![earlier; 1000]),
                "{earlier} in round {round}"
            );
        }
        store.put(&[round], &[round; 1000]).unwrap();
        assert!(store.size_on_disk().unwrap() > 0);
        // Dropping it flushes: nobody waited for this.
    }
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = TempDir::new().unwrap();
    let first = SledStore::open(dir.path()).unwrap();
    let error = SledStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(first);
    SledStore::open(dir.path()).unwrap();
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("letter.txt"), "Dear").unwrap();
    let error = SledStore::open(dir.path()).unwrap_err();
    assert!(
        matches!(&error, StoreError::NotAStore { found, .. } if found == "letter.txt"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn another_format_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    fs::write(dir.path().join("FORMAT"), "vireo-store 1\n").unwrap();
    let error = SledStore::open(dir.path()).unwrap_err();
    assert!(
        matches!(&error, StoreError::ForeignVersion { found, .. } if found == "vireo-store 1"),
        "{error}"
    );
    assert!(error.to_string().contains("vireo-store 3"), "{error}");
    // Put back, it is as it was.
    fs::write(dir.path().join("FORMAT"), "vireo-store 3\n").unwrap();
    SledStore::open(dir.path()).unwrap();
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    let dir = TempDir::new().unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    fs::write(dir.path().join("FORMAT.new"), "vire").unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    store.put(b"a", b"1").unwrap();
    drop(store);
    assert_eq!(
        fs::read_to_string(dir.path().join("FORMAT")).unwrap(),
        "vireo-store 3\n"
    );
    assert!(!dir.path().join("FORMAT.new").exists());
}

/// sled takes most damage for an interrupted write and comes back empty; that must not pass for a new
/// store.
#[test]
fn damage_is_told() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("sled is gone", |dir| {
            fs::remove_dir_all(dir.join("sled")).unwrap()
        }),
        ("the file is empty", |dir| {
            fs::write(dir.join("sled/db"), "").unwrap()
        }),
        ("the file is noise", |dir| {
            fs::write(dir.join("sled/db"), noise(3_000_000)).unwrap()
        }),
        ("the file begins with noise", |dir| {
            let mut file = fs::read(dir.join("sled/db")).unwrap();
            let noise = noise(100_000);
            file.splice(..noise.len().min(file.len()), noise);
            fs::write(dir.join("sled/db"), file).unwrap();
        }),
        ("the settings are noise", |dir| {
            fs::write(dir.join("sled/conf"), noise(100)).unwrap()
        }),
    ];
    for (name, damage) in damages {
        let dir = TempDir::new().unwrap();
        let store = SledStore::open(dir.path()).unwrap();
        for number in 0..1000_u32 {
            store.put(&number.to_be_bytes(), &[7; 100]).unwrap();
        }
        drop(store);
        damage(dir.path());
        match SledStore::open(dir.path()) {
            Err(error @ StoreError::Corrupt { .. }) => {
                assert!(error.to_string().contains("backup"), "{name}: {error}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

#[test]
fn an_unusable_path_is_told() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.join("below"), file] {
        let error = SledStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    }
}

#[test]
fn flushes_keep_their_distance() {
    let dir = TempDir::new().unwrap();
    let interval = Duration::from_millis(300);
    let store = SledOptions::new(dir.path())
        .flush_interval(interval)
        .cache_bytes(1 << 20)
        .open()
        .unwrap();
    store.put_durable(b"a", b"0").unwrap();
    let begin = std::time::Instant::now();
    for _ in 0..3 {
        store.put_durable(b"a", b"1").unwrap();
    }
    // The first flush may have begun as long before.
    assert!(
        begin.elapsed() >= interval / 10 * 2,
        "{:?}",
        begin.elapsed()
    );
}
