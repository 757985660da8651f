//! Recorded words: made and checked by the command line, found by a call.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_audio::tone::{Tone, render};
use vireo_audio::wav::{self, Audio};
use vireo_audio::{Codec, SAMPLE_RATE};
use vireo_call::simulation::{Lookup, Played, Resolve};
use vireo_host::contract::{Error, Number, Part, SayAs};
use vireo_rtp::Segment;
use vireo_speech::say::Language;

fn tone(ms: u32, level_dbm0: i8) -> Vec<i16> {
    render(&Tone {
        frequency: 400,
        second_frequency: None,
        duration_ms: ms,
        level_dbm0,
    })
}

fn write(path: &Path, samples: Vec<i16>, rate: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let audio = Audio {
        rate,
        channels: 1,
        samples,
    };
    wav::write(path, &audio).unwrap();
}

/// A synthesizer that says every word as the same faint tone between silences, and nothing in the
/// voice "mute".
fn synthesizer(directory: &Path) -> PathBuf {
    let silence = vec![0; 2_000];
    let spoken = [silence.clone(), tone(200, -30), silence].concat();
    let sound = directory.join("spoken.wav");
    write(&sound, spoken, 16_000);
    let program = directory.join("speak");
    let script = format!(
        "#!/bin/sh\n[ \"$2\" != mute ] || {{ echo no such voice >&2; exit 1; }}\ncat {}\n",
        sound.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    program
}

/// Its exit code and all that it printed.
fn vireo(words: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vireo"))
        .args(words)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn words_are_made_once_and_what_is_wrong_with_them_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let program = synthesizer(directory.path());
    let prompts = directory.path().join("prompts");
    let at = |name: &str| prompts.join(format!("en/say/{name}.wav"));
    let out = prompts.to_str().unwrap();
    let program = program.to_str().unwrap();
    let build = [
        "prompts",
        "build",
        "--language",
        "en",
        "--out",
        out,
        "--program",
        program,
    ];
    let all = Language::English.lexicon().words().count();

    let (code, text) = vireo(&build);
    assert!(
        code == 0 && text.contains(&format!("{all} words made, 0 kept")),
        "{text}"
    );
    let (code, text) = vireo(&["prompts", "check", out]);
    assert_eq!((code, text), (0, format!("{all} words are good\n")));

    std::fs::remove_file(at("number/7")).unwrap();
    let mut clipped = tone(300, -14);
    clipped[1_000..1_010].fill(i16::MAX);
    write(&at("number/8"), clipped, SAMPLE_RATE);
    write(&at("number/9"), tone(300, -40), SAMPLE_RATE);
    write(
        &at("number/10"),
        [vec![0; 1_600], tone(300, -16), vec![0; 2_400]].concat(),
        SAMPLE_RATE,
    );
    write(&at("number/11"), tone(300, -16), 16_000);
    write(&at("number/12"), vec![0; 800], SAMPLE_RATE);
    let (code, text) = vireo(&["prompts", "check", out]);
    for told in [
        "number/7.wav   seven   missing",
        "number/8.wav   eight   clipped",
        "number/9.wav   nine    -40 dBm0; it should be -21 to -11",
        "number/10.wav  ten     begins with 200 ms of silence",
        "number/10.wav  ten     ends in 300 ms of silence",
        "number/11.wav  eleven  16000 Hz, 1 channels",
        "number/12.wav  twelve  silent",
        "error[VR0180]: 7 faults",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(code, 1, "{text}");

    let (code, text) = vireo(&build);
    assert!(code == 0 && text.contains("1 words made"), "{text}");
    let (code, text) = vireo(&[&build[..], &["--replace"]].concat());
    assert!(code == 0 && text.contains(", 0 kept"), "{text}");
    assert_eq!(vireo(&["prompts", "check", out]).0, 0);
}

#[test]
fn a_synthesizer_that_fails_and_a_directory_without_words_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let program = synthesizer(directory.path());
    let out = directory.path().to_str().unwrap();
    let build = [
        "prompts",
        "build",
        "--language",
        "ru",
        "--out",
        out,
        "--program",
    ];
    let (code, text) =
        vireo(&[&build[..], &[program.to_str().unwrap(), "--voice", "mute"]].concat());
    assert!(code == 1 && text.contains("error[VR0181]"), "{text}");
    assert!(text.contains("no such voice"), "{text}");
    let (code, text) = vireo(&[&build[..], &["/nowhere/speak"]].concat());
    assert!(code == 1 && text.contains("cannot be run"), "{text}");
    let (code, text) = vireo(&["prompts", "check", out]);
    assert!(
        code == 6 && text.contains("no words of any language"),
        "{text}"
    );
    let (code, text) = vireo(&["prompts", "words", "--language", "it"]);
    assert!(
        code == 2 && text.contains("no words of this language"),
        "{text}"
    );
    let (code, text) = vireo(&["prompts", "words", "--language", "zh"]);
    assert!(
        code == 0 && text.contains("zh\tsay/number/2-pair\t-\t两\n"),
        "{text}"
    );
}

fn number(value: &str) -> Vec<Part> {
    vec![Part::Say(SayAs::Number(Number {
        value: value.to_owned(),
        gender: None,
    }))]
}

#[test]
fn a_value_is_found_word_by_word_in_one_language() {
    let directory = tempfile::tempdir().unwrap();
    for (word, ms) in [
        ("en/say/number/20", 200),
        ("en/say/number/1", 100),
        ("fr/say/number/2", 300),
    ] {
        write(
            &directory.path().join(format!("{word}.wav")),
            tone(ms, -16),
            SAMPLE_RATE,
        );
    }
    let library = Library::open(LibraryConfig::new(directory.path())).unwrap();
    let played = Played::new();
    let resolve = |language: &str, value: &str| {
        let lookup = Lookup {
            library: &library,
            played: &played,
            language,
            codec: Codec::Pcma,
            speaker: None,
        };
        lookup.resolve(&number(value)).map(|segments| {
            let lengths = segments.iter().map(|segment| match segment {
                Segment::Prompt(prompt) => prompt.duration_ms(),
                other => panic!("{other:?}"),
            });
            lengths.collect::<Vec<_>>()
        })
    };
    assert_eq!(resolve("en", "21"), Ok(vec![200, 100]));
    assert_eq!(resolve("en-US", "21"), Ok(vec![200, 100]));
    // Neither a language without a grammar nor an absent one is silent: the default is English.
    assert_eq!(resolve("it", "21"), Ok(vec![200, 100]));
    assert_eq!(resolve("", "21"), Ok(vec![200, 100]));
    assert_eq!(resolve("fr", "2"), Ok(vec![300]));
    // "un" is no file of the French words, and the English "one" is not said in its place.
    for (language, value, told) in [
        (
            "fr",
            "1",
            "no recorded word \"un\" of \"fr\": record fr/say/number/1.wav",
        ),
        ("en", "22", "record en/say/number/2.wav"),
    ] {
        match resolve(language, value) {
            Err(Error::NotFound(text)) => assert!(text.contains(told), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    let many = vec![number("21").remove(0); 1_001];
    let lookup = Lookup {
        library: &library,
        played: &played,
        language: "en",
        codec: Codec::Pcma,
        speaker: None,
    };
    assert!(
        matches!(lookup.resolve(&many), Err(Error::Invalid(text)) if text.contains("2000 words"))
    );
}
