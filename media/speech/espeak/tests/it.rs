//! The worker, with the library that `scripts/setup.sh` installs.
#![allow(clippy::unwrap_used)] // Functions beside the tests use it.

use std::sync::Arc;
use std::time::Duration;

use vireo_speech::tts::{Engine, Passage, Sentence, Speech, SpeechConfig, Voice, WorkerEngine};
use vireo_worker::{Limits, Pool, WorkerConfig};

const TIME: Duration = Duration::from_secs(60);

fn speech(processes: u16) -> Speech {
    let pool = Pool::start(WorkerConfig {
        name: "espeak".to_owned(),
        program: env!("CARGO_BIN_EXE_vireo-espeak").into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        processes,
        limits: Limits::default(),
    });
    let voice = |language: &str, voice: &str| Voice {
        language: language.to_owned(),
        engine: "espeak".to_owned(),
        voice: voice.to_owned(),
        rate: 100,
    };
    Speech::new(SpeechConfig {
        voices: vec![
            voice("en", "en-us"),
            voice("zh", "cmn-latn-pinyin"),
            voice("xx", "nobody"),
        ],
        engines: vec![Arc::new(WorkerEngine::new("espeak", pool)) as Arc<dyn Engine>],
        time: TIME,
        memory_bytes: 64 << 20,
        disk: None,
    })
    .unwrap()
}

fn sentences(speech: &Speech, text: &str, language: &str) -> Vec<Sentence> {
    let passages = speech.passages(text, language).unwrap();
    let sentence = |passage| match passage {
        Passage::Sentence(sentence) => Some(sentence),
        _ => None,
    };
    passages.into_iter().filter_map(sentence).collect()
}

async fn length(speech: &Speech, text: &str, language: &str) -> u32 {
    let sentences = sentences(speech, text, language);
    speech.speak(&sentences[0]).await.unwrap().duration_ms()
}

#[tokio::test]
async fn it_speaks_english_and_mandarin() {
    let speech = speech(1);
    let english = length(&speech, "Thank you for calling. ", "en").await;
    assert!((800..3_000).contains(&english), "{english} ms");
    // Read as English letters, these characters take three times as long.
    let mandarin = length(&speech, "感谢您的来电", "zh").await;
    assert!((800..3_000).contains(&mandarin), "{mandarin} ms");
}

#[tokio::test]
async fn the_rate_is_kept() {
    let speech = speech(1);
    let text = "Please listen carefully to the following choices";
    let usual = length(&speech, text, "en").await;
    let slow = length(
        &speech,
        &format!("<speak><prosody rate='50%'>{text}</prosody></speak>"),
        "en",
    )
    .await;
    assert!(
        (15..25).contains(&(slow * 10 / usual)),
        "{usual} ms, {slow} ms"
    );
}

#[tokio::test]
async fn a_voice_that_is_not_there_is_named() {
    let speech = speech(1);
    let error = speech
        .speak(&sentences(&speech, "a", "xx")[0])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "worker espeak: espeak-ng has no voice \"nobody\"; `espeak-ng --voices` lists those that it has"
    );
    assert!(length(&speech, "still alive", "en").await > 0);
}

#[tokio::test]
async fn many_sentences_at_once_are_all_spoken() {
    let speech = Arc::new(speech(2));
    let tasks: Vec<_> = (0..120)
        .map(|n| {
            let speech = Arc::clone(&speech);
            tokio::spawn(async move {
                length(&speech, &format!("You are number {n} in the queue"), "en").await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap() > 500);
    }
    assert_eq!(speech.counters().spoken, 120);
}
