//! The library against a real directory.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use super::*;
use crate::wav;

struct Fixture {
    directory: tempfile::TempDir,
    library: Library,
}

impl Fixture {
    /// Looks for changes at every find.
    fn new(max_cached_bytes: usize) -> Self {
        Self::rechecking(max_cached_bytes, Duration::ZERO)
    }

    fn rechecking(max_cached_bytes: usize, recheck_after: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = LibraryConfig {
            max_cached_bytes,
            recheck_after,
            ..LibraryConfig::new(directory.path())
        };
        let library = Library::open(config).unwrap();
        Fixture { directory, library }
    }

    fn path(&self, file: &str) -> PathBuf {
        let path = self.directory.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn wav(&self, file: &str, samples: Vec<i16>) {
        let audio = Audio {
            rate: 8000,
            channels: 1,
            samples,
        };
        wav::write(&self.path(file), &audio).unwrap();
    }

    fn raw(&self, file: &str, octets: &[u8]) {
        std::fs::write(self.path(file), octets).unwrap();
    }
}

#[test]
fn the_best_language_is_found() {
    let fixture = Fixture::new(1 << 20);
    fixture.wav("zh/menu.wav", vec![1; 80]);
    fixture.wav("en/menu.wav", vec![2; 160]);
    fixture.wav("menu.wav", vec![3; 240]);
    fixture.wav("beep.wav", vec![4; 320]);
    let table = [
        ("zh-CN", "menu", "zh", 10),
        ("fr", "menu", "en", 20),
        ("", "menu", "en", 20),
        ("zh", "beep", "", 40),
    ];
    for (language, name, found_in, ms) in table {
        let prompt = fixture.library.find(language, name).unwrap();
        assert_eq!(
            (prompt.language(), prompt.duration_ms()),
            (found_in, ms),
            "{language} {name}"
        );
        assert_eq!(prompt.name(), name);
    }
    let error = fixture
        .library
        .find("zh-CN", "nothing")
        .unwrap_err()
        .to_string();
    for file in [
        "zh-CN/nothing.wav",
        "zh/nothing.ulaw",
        "en/nothing.alaw",
        "nothing.wav",
    ] {
        assert!(error.contains(file), "{error}");
    }
}

#[test]
fn a_prompt_is_encoded_once_and_shared() {
    let fixture = Fixture::new(1 << 20);
    let samples: Vec<i16> = (0..800).map(|n| n * 40).collect();
    fixture.wav("en/a.wav", samples.clone());
    let prompt = fixture.library.find("en", "a").unwrap();
    assert!(Arc::ptr_eq(
        &prompt,
        &fixture.library.find("en", "a").unwrap()
    ));
    for codec in Codec::ALL {
        let octets = prompt.encoded(codec);
        assert!(Arc::ptr_eq(&octets, &prompt.encoded(codec)));
        assert_eq!(octets[..], codec.encode_all(&samples));
    }
    assert_eq!(prompt.samples(), samples);
}

#[test]
fn raw_g711_is_sent_as_it_is() {
    let fixture = Fixture::new(1 << 20);
    let octets: Vec<u8> = (0..=255).collect();
    for (suffix, own, other) in [
        ("ulaw", Codec::Pcmu, Codec::Pcma),
        ("alaw", Codec::Pcma, Codec::Pcmu),
    ] {
        fixture.raw(&format!("en/{suffix}-prompt.{suffix}"), &octets);
        let prompt = fixture
            .library
            .find("en", &format!("{suffix}-prompt"))
            .unwrap();
        assert_eq!(prompt.encoded(own)[..], octets);
        assert_eq!(
            prompt.encoded(other)[..],
            other.encode_all(&own.decode_all(&octets))
        );
        assert_eq!(
            (prompt.length(), prompt.samples()),
            (256, own.decode_all(&octets))
        );
    }
}

#[test]
fn stereo_is_mixed_and_any_usual_rate_becomes_8_khz() {
    let fixture = Fixture::new(1 << 24);
    for rate in [7000, 16_000, 22_050, 44_100, 48_000] {
        let stereo = (0..rate * 2)
            .map(|n| if n % 2 == 0 { 3000 } else { 1000 })
            .collect();
        let audio = Audio {
            rate,
            channels: 2,
            samples: stereo,
        };
        wav::write(&fixture.path(&format!("en/r{rate}.wav")), &audio).unwrap();
        let prompt = fixture.library.find("en", &format!("r{rate}")).unwrap();
        assert_eq!(prompt.duration_ms(), 1000, "{rate}");
        assert!((prompt.samples()[4000] - 2000).abs() < 20, "{rate}");
    }
}

#[test]
fn a_changed_new_or_deleted_file_is_noticed() {
    let fixture = Fixture::new(1 << 20);
    assert!(fixture.library.find("en", "a").is_err());
    fixture.wav("en/a.wav", vec![1; 80]);
    let first = fixture.library.find("en", "a").unwrap();
    assert_eq!(first.length(), 80);
    fixture.wav("en/a.wav", vec![2; 88]);
    assert_eq!(fixture.library.find("en", "a").unwrap().length(), 88);
    assert_eq!(first.samples(), [1; 80], "who plays the old one keeps it");
    fixture.wav("en-GB/a.wav", vec![3; 96]);
    assert_eq!(fixture.library.find("en-GB", "a").unwrap().length(), 96);
    std::fs::remove_file(fixture.path("en/a.wav")).unwrap();
    assert!(matches!(
        fixture.library.find("en", "a"),
        Err(PromptError::NotFound { .. })
    ));
    fixture.raw("en/a.wav", b"no sound at all");
    let error = fixture.library.find("en", "a").unwrap_err().to_string();
    assert!(
        error.contains("not a WAV file") && error.contains("sox"),
        "{error}"
    );
    fixture.wav("en/a.wav", vec![4; 80]);
    assert_eq!(fixture.library.find("en", "a").unwrap().length(), 80);
}

#[test]
fn the_disk_is_not_asked_again_too_soon() {
    let fixture = Fixture::rechecking(1 << 20, Duration::from_secs(3600));
    assert!(fixture.library.find_cached("en", "a").is_none());
    fixture.wav("en/a.wav", vec![1; 80]);
    fixture.library.find("en", "a").unwrap();
    std::fs::remove_file(fixture.path("en/a.wav")).unwrap();
    assert_eq!(fixture.library.find("en", "a").unwrap().length(), 80);
    assert_eq!(
        fixture
            .library
            .find_cached("en", "a")
            .unwrap()
            .unwrap()
            .length(),
        80
    );
    assert!(fixture.library.find("en", "b").is_err());
    fixture.wav("en/b.wav", vec![1; 80]);
    assert!(fixture.library.find("en", "b").is_err());
    assert!(fixture.library.find_cached("en", "b").unwrap().is_err());
}

#[test]
fn memory_is_bounded_and_the_least_used_goes_first() {
    let fixture = Fixture::rechecking(20_000, Duration::from_secs(3600));
    for n in 0..10 {
        // About 4.5 kB each.
        fixture.wav(&format!("en/p{n}.wav"), vec![n; 1000]);
    }
    fixture.library.find("en", "p0").unwrap();
    for n in 1..10 {
        fixture.library.find("en", &format!("p{n}")).unwrap();
        fixture.library.find("en", "p0").unwrap();
        let (_, bytes) = fixture.library.cached();
        assert!(bytes <= 20_000, "{bytes}");
    }
    assert_eq!(fixture.library.cached().0, 4);
    assert!(
        fixture.library.find_cached("en", "p0").is_some(),
        "used all the time"
    );
    assert!(
        fixture.library.find_cached("en", "p1").is_none(),
        "used longest ago"
    );
    assert_eq!(
        fixture.library.find("en", "p1").unwrap().samples()[0],
        1,
        "loaded again"
    );

    fixture.wav("en/huge.wav", vec![1; 100_000]);
    assert_eq!(
        fixture.library.find("en", "huge").unwrap().length(),
        100_000
    );
    assert!(fixture.library.cached().1 <= 20_000, "played, but not kept");
}

#[test]
fn finds_at_the_same_time_load_once() {
    let fixture = Fixture::new(1 << 24);
    fixture.wav("en/a.wav", vec![1; 400_000]);
    let barrier = Barrier::new(8);
    let prompts: Vec<Arc<Prompt>> = std::thread::scope(|scope| {
        let find = || {
            barrier.wait();
            fixture.library.find("en", "a").unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(find)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        prompts
            .iter()
            .all(|prompt| Arc::ptr_eq(prompt, &prompts[0]))
    );
    assert_eq!(fixture.library.cached().0, 1);
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    let fixture = Fixture::new(1 << 20);
    for name in ["../secret", "/etc/passwd", "a/../../b"] {
        assert!(
            matches!(
                fixture.library.find("en", name),
                Err(PromptError::Name { .. })
            ),
            "{name}"
        );
    }
    assert!(matches!(
        fixture.library.find("../..", "a"),
        Err(PromptError::Language(_))
    ));
}

#[test]
fn a_directory_that_cannot_be_read_is_said_so() {
    let config = LibraryConfig::new(Path::new("/nowhere/at/all"));
    let error = Library::open(config).unwrap_err().to_string();
    assert!(
        error.contains("/nowhere/at/all") && error.contains("create it"),
        "{error}"
    );
}
