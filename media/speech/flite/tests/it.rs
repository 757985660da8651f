//! The worker, with the libraries that `scripts/setup.sh` installs.
#![allow(clippy::unwrap_used)] // Functions beside the tests use it.

use std::time::Duration;

use vireo_audio::wav::Audio;
use vireo_speech::tts::{Engine, EngineError, Utterance, WorkerEngine};
use vireo_worker::{Limits, Pool, WorkerConfig};

const TEXT: &str = "Please listen carefully to the following choices.";

fn flite() -> WorkerEngine {
    let pool = Pool::start(WorkerConfig {
        name: "flite".to_owned(),
        program: env!("CARGO_BIN_EXE_vireo-flite").into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        processes: 1,
        limits: Limits::default(),
    });
    WorkerEngine::new("flite", pool)
}

async fn speak(
    flite: &WorkerEngine,
    text: &str,
    voice: &str,
    rate: u16,
) -> Result<Audio, EngineError> {
    let utterance = Utterance {
        text: text.to_owned(),
        phonemes: None,
        language: "en".to_owned(),
        voice: voice.to_owned(),
        rate,
    };
    flite.speak(utterance, Duration::from_secs(60)).await
}

#[tokio::test]
async fn every_voice_speaks() {
    let flite = flite();
    for (voice, rate) in [
        ("awb", 16_000),
        ("kal", 8_000),
        ("kal16", 16_000),
        ("rms", 16_000),
        ("slt", 16_000),
    ] {
        let sound = speak(&flite, TEXT, voice, 100).await.unwrap();
        assert_eq!(sound.rate, rate, "{voice}");
        let ms = sound.duration_ms();
        assert!((2_000..5_000).contains(&ms), "{voice}: {ms} ms");
        let loudest = sound
            .samples
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max();
        assert!(loudest > Some(3_000), "{voice}: {loudest:?}");
    }
}

#[tokio::test]
async fn the_rate_is_kept_for_its_sentence_alone() {
    let flite = flite();
    let mut lengths = Vec::new();
    for rate in [100, 50, 200, 100] {
        let sound = speak(&flite, TEXT, "kal16", rate).await.unwrap();
        lengths.push(sound.duration_ms());
    }
    let [usual, slow, fast, again] = lengths[..] else {
        unreachable!()
    };
    assert_eq!(usual, again);
    assert!((18..22).contains(&(slow * 10 / usual)), "{lengths:?}");
    assert!((18..22).contains(&(usual * 10 / fast)), "{lengths:?}");
}

#[tokio::test]
async fn what_it_cannot_speak_is_named() {
    let flite = flite();
    for (text, voice, why) in [
        (
            TEXT,
            "../kal",
            r#"flite has no voice "../kal"; it has awb, kal, kal16, rms, slt"#,
        ),
        (
            "感谢您的来电。",
            "kal",
            r#"flite speaks English, and no letter or digit of it is in "感谢您的来电。""#,
        ),
        ("a\0b", "kal", "there is a NUL in the text"),
    ] {
        let error = speak(&flite, text, voice, 100).await.unwrap_err();
        assert_eq!(error.to_string(), format!("worker flite: {why}"));
    }
    assert!(speak(&flite, "Still alive.", "kal", 100).await.is_ok());
}
