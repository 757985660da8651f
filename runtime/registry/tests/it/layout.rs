//! Artifacts in a file.

use vireo_registry::{ArtifactError, CREATED, DESCRIPTION, TITLE, read_layout, write_layout};

use super::artifact;

const LIMIT: u64 = 1 << 20;

#[test]
fn an_artifact_survives_a_file() {
    let file = write_layout(&artifact()).unwrap();
    assert_eq!(
        file,
        write_layout(&artifact()).unwrap(),
        "the same bytes again"
    );
    let back = read_layout(&file, LIMIT).unwrap();
    assert_eq!(back, artifact());
    assert_eq!(back.annotations[TITLE], "hotline");
    assert_eq!(back.annotations[CREATED], "2026-11-22T20:00:00Z");
    assert!(
        !back.annotations.contains_key(DESCRIPTION),
        "empty ones are left out"
    );
}

#[test]
fn each_damaged_byte_is_found_or_without_effect() {
    let file = write_layout(&artifact()).unwrap();
    let mut refused = 0;
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x20;
        match read_layout(&damaged, LIMIT) {
            Err(_) => refused += 1,
            // Padding, times and owners of the archive.
            Ok(back) => assert_eq!(back, artifact(), "byte {at}"),
        }
    }
    assert!(refused > artifact().component.len(), "{refused}");
    // At the end stand 1024 zeros, and before them less than 512 that fill the last block.
    for size in 0..=file.len() - 1024 - 512 {
        assert!(read_layout(&file[..size], LIMIT).is_err(), "{size} bytes");
    }
}

#[test]
fn what_is_no_layout_is_refused_in_words() {
    let error = read_layout(b"\0asm\x0d\0\x01\0", LIMIT)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("the file is not understood: "), "{error}");
    let file = write_layout(&artifact()).unwrap();
    assert!(matches!(
        read_layout(&file, 10),
        Err(ArtifactError::TooLarge { limit: 10, .. })
    ));
}
