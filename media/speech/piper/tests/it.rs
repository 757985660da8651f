//! The worker, with the library of ONNX Runtime that `scripts/build-workers.sh` puts beside it, and voices of tones.
#![allow(clippy::unwrap_used)] // Functions beside the tests use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use vireo_audio::wav::Audio;
use vireo_speech::tts::{Engine, EngineError, Utterance, WorkerEngine};
use vireo_worker::{Limits, Pool, WorkerConfig};

const TEXT: &str = "Please listen carefully.";

fn voices() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/voices")
}

/// The engine, with these settings beside the usual ones.
fn piper(settings: Value) -> WorkerEngine {
    let mut all = json!({ "directory": voices() });
    let more = settings.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    let pool = Pool::start(WorkerConfig {
        name: "piper".to_owned(),
        program: env!("CARGO_BIN_EXE_vireo-piper").into(),
        arguments: vec![all.to_string().into()],
        environment: Vec::new(),
        processes: 1,
        limits: Limits::default(),
    });
    WorkerEngine::new("piper", pool)
}

fn utterance(voice: &str) -> Utterance {
    Utterance {
        text: TEXT.to_owned(),
        phonemes: None,
        language: "en".to_owned(),
        voice: voice.to_owned(),
        rate: 100,
    }
}

async fn speak(piper: &WorkerEngine, utterance: Utterance) -> Result<Audio, EngineError> {
    piper.speak(utterance, Duration::from_secs(120)).await
}

async fn why(piper: &WorkerEngine, voice: &str) -> String {
    let error = speak(piper, utterance(voice)).await.unwrap_err();
    error.to_string()
}

fn loudest(sound: &Audio) -> u16 {
    let levels = sound.samples.iter().map(|sample| sample.unsigned_abs());
    levels.max().unwrap()
}

/// How often the sound passes zero: twice its frequency.
fn crossings(sound: &Audio) -> usize {
    let signs = |pair: &&[i16]| (pair[0] < 0) != (pair[1] < 0);
    sound.samples.windows(2).filter(signs).count()
}

#[tokio::test]
async fn it_speaks_at_the_speed_that_is_wanted() {
    let piper = piper(json!({}));
    let usual = speak(&piper, utterance("tones")).await.unwrap();
    assert_eq!(usual.rate, 22_050);
    assert!(loudest(&usual) > 3_000, "{}", loudest(&usual));
    let slow = Utterance {
        rate: 50,
        ..utterance("tones")
    };
    let slow = speak(&piper, slow).await.unwrap();
    assert_eq!(slow.samples.len(), 2 * usual.samples.len());
    // A longer text lasts longer, so phonemes were made of it.
    let longer = Utterance {
        text: format!("{TEXT} {TEXT} {TEXT}"),
        ..utterance("tones")
    };
    let longer = speak(&piper, longer).await.unwrap();
    assert!(longer.samples.len() > 2 * usual.samples.len());
    let phonemes = Utterance {
        phonemes: Some("plˈiːz".to_owned()),
        ..utterance("tones")
    };
    // Each with its padding, after a beginning and before an end; the length mark counts as well.
    let phonemes = speak(&piper, phonemes).await.unwrap();
    assert_eq!(phonemes.samples.len(), (1 + 2 * 6 + 1) * 1_400);
}

#[tokio::test]
async fn speakers_are_chosen_by_name_or_number() {
    let piper = piper(json!({}));
    let mut heard = Vec::new();
    for voice in ["duet", "duet#low", "duet#0", "duet#high", "duet#1"] {
        let sound = speak(&piper, utterance(voice)).await.unwrap();
        heard.push(crossings(&sound));
    }
    let [usual, low, zero, high, one] = heard[..] else {
        unreachable!()
    };
    assert_eq!((usual, low, high), (zero, zero, one));
    assert!((15..25).contains(&(high * 10 / low)), "{heard:?}");
    for (voice, speaker) in [("duet#2", "2"), ("duet#-1", "-1"), ("duet#tenor", "tenor")] {
        assert_eq!(
            why(&piper, voice).await,
            format!(
                r#"worker piper: the voice "duet" has no speaker {speaker:?}; it has high, low"#
            )
        );
    }
    assert_eq!(
        why(&piper, "tones#1").await,
        r#"worker piper: the voice "tones" has no speaker "1"; it has 0 to 0"#
    );
}

#[tokio::test]
async fn the_noise_scales_are_passed_on() {
    let mut levels = Vec::new();
    for settings in [
        json!({ "noise-scale": 0.0, "noise-w": 0.0 }),
        json!({ "noise-scale": 1.0, "noise-w": 0.0, "threads": 2 }),
        json!({ "noise-scale": 1.0, "noise-w": 1.0 }),
    ] {
        let sound = speak(&piper(settings), utterance("tones")).await.unwrap();
        levels.push(u32::from(loudest(&sound)) * 100 / 32_767);
    }
    // The test voices halve their level with each.
    let [full, half, quarter] = levels[..] else {
        unreachable!()
    };
    assert!(
        full.abs_diff(2 * half) <= 2 && full.abs_diff(4 * quarter) <= 4,
        "{levels:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_voice_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let settings = std::fs::read_to_string(voices().join("tones.onnx.json")).unwrap();
    let write = |name: &str, settings: &str, model: &[u8]| {
        std::fs::write(at(&format!("{name}.onnx.json")), settings).unwrap();
        std::fs::write(at(&format!("{name}.onnx")), model).unwrap();
    };
    write("cut", &settings, b"\x08\x08\x12");
    write("nothing", "{", b"");
    let pinyin = settings.replace(
        "\"phoneme_type\": \"espeak\"",
        "\"phoneme_type\": \"pinyin\"",
    );
    write("pinyin", &pinyin, b"");
    std::fs::write(at("half.onnx.json"), &settings).unwrap();
    let piper = piper(json!({ "directory": directory.path() }));
    for (voice, beginning) in [
        ("cut", format!("the voice \"cut\" cannot be used: {}: ", at("cut.onnx").display())),
        (
            "nothing",
            format!("the voice \"nothing\" cannot be used: {}: EOF", at("nothing.onnx.json").display()),
        ),
        (
            "pinyin",
            "the voice \"pinyin\" cannot be used: its phonemes are \"pinyin\"; only those of espeak are known".to_owned(),
        ),
        (
            "half",
            format!("there is no voice \"half\": {} cannot be read: No such file", at("half.onnx").display()),
        ),
        (
            "absent",
            format!("there is no voice \"absent\": {} cannot be read: No such file", at("absent.onnx.json").display()),
        ),
        (
            "../tones",
            "\"../tones\" is no name of a voice: NAME or NAME#SPEAKER".to_owned(),
        ),
    ] {
        let why = why(&piper, voice).await;
        assert!(why.starts_with(&format!("worker piper: {beginning}")), "{why}");
    }
}

/// What it says on standard error where it does not start.
fn refusal(arguments: &[String]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vireo-piper"))
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_keeps_it_from_starting_is_told() {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let libc = "libc.so.6";
    for (settings, expected) in [
        (
            json!({}),
            "the settings of vireo-piper are not understood: missing field `directory`",
        ),
        (
            json!({ "directory": "/", "library": "/nowhere/libonnxruntime.so" }),
            "ONNX Runtime's library /nowhere/libonnxruntime.so cannot be used: ",
        ),
        (
            json!({ "directory": "/", "library": text }),
            "ONNX Runtime's library ",
        ),
        (
            json!({ "directory": "/", "library": libc }),
            "libc.so.6 is no library of ONNX Runtime",
        ),
        (
            json!({ "directory": "/", "espeak": "/nowhere" }),
            "espeak-ng-data is in none of /nowhere; install espeak-ng-data",
        ),
        (
            json!({ "directory": "/", "speed": 1 }),
            "the settings of vireo-piper are not understood: unknown field `speed`",
        ),
    ] {
        let told = refusal(&[settings.to_string()]);
        assert!(told.starts_with(expected), "{told}");
    }
    assert!(refusal(&[]).starts_with("vireo-piper is started by a Vireo server"));
}
