use std::sync::Mutex;

use vireo_audio::wav::Audio;

use super::*;

/// Hums for a millisecond a character, and remembers what it was asked.
#[derive(Default)]
struct Hum {
    asked: Mutex<Vec<Utterance>>,
}

impl Engine for Hum {
    fn name(&self) -> &str {
        "hum"
    }

    fn speak(&self, utterance: Utterance, _: Duration) -> Speaking<'_> {
        let samples = vec![7; utterance.text.chars().count() * 8];
        let broken = utterance.text == "broken";
        self.asked.lock().unwrap().push(utterance);
        Box::pin(async move {
            // Others get their turn, as with a real engine.
            tokio::task::yield_now().await;
            match broken {
                true => Err(EngineError::Answer {
                    engine: "hum".to_owned(),
                    what: "a cough".to_owned(),
                }),
                false => Ok(Audio {
                    rate: 8000,
                    channels: 1,
                    samples,
                }),
            }
        })
    }
}

fn voice(language: &str) -> Voice {
    Voice {
        language: language.to_owned(),
        engine: "hum".to_owned(),
        voice: format!("{language}-voice"),
        rate: 100,
    }
}

fn speech(hum: &Arc<Hum>, disk: Option<(PathBuf, u64)>) -> Speech {
    let config = SpeechConfig {
        voices: vec![voice("en"), voice("en-GB"), voice("zh")],
        engines: vec![Arc::clone(hum) as Arc<dyn Engine>],
        time: Duration::from_secs(1),
        memory_bytes: 1 << 20,
        disk,
    };
    Speech::new(config).unwrap()
}

fn spoken(passages: &[Passage]) -> Vec<&Sentence> {
    (passages.iter())
        .filter_map(|passage| match passage {
            Passage::Sentence(sentence) => Some(sentence),
            Passage::Pause(_) => None,
        })
        .collect()
}

#[test]
fn the_nearest_voice_speaks() {
    let speech = speech(&Arc::default(), None);
    for (language, name) in [
        ("en-US", "en-voice"),
        ("en-gb", "en-GB-voice"),
        ("en-GB-oxendict", "en-GB-voice"),
        ("zh-Hans-CN", "zh-voice"),
    ] {
        let passages = speech.passages("a", language).unwrap();
        assert_eq!(spoken(&passages)[0].takes[0].utterance.voice, name);
    }
    assert_eq!(
        speech.passages("a", "fr").unwrap_err().to_string(),
        "no voice is configured for the language \"fr\"; there are en, en-GB, zh"
    );
}

#[test]
fn a_text_becomes_sentences_and_pauses() {
    let speech = speech(&Arc::default(), None);
    let ssml = "<speak>One. Two<break time='1s'/><prosody rate='50%'>three</prosody></speak>";
    let passages = speech.passages(ssml, "en").unwrap();
    let told: Vec<String> = (passages.iter())
        .map(|passage| match passage {
            Passage::Sentence(sentence) => {
                format!("{} {}", sentence.text(), sentence.takes[0].utterance.rate)
            }
            Passage::Pause(ms) => format!("{ms} ms"),
        })
        .collect();
    assert_eq!(told, ["One. 100", "Two 100", "1000 ms", "three 50"]);
    let long = "a".repeat(LONGEST_TEXT + 1);
    assert!(matches!(
        speech.passages(&long, "en"),
        Err(SpeechError::TooLong { .. })
    ));
}

#[tokio::test]
async fn each_sentence_is_spoken_once() {
    let hum = Arc::new(Hum::default());
    let directory = tempfile::tempdir().unwrap();
    let disk = Some((directory.path().to_owned(), 1 << 20));
    let first = speech(&hum, disk.clone());
    let passages = first.passages("Hello. Hello. Bye.", "en").unwrap();
    let sentences = spoken(&passages);
    assert!(first.cached(sentences[0]).is_none());
    let (one, two) = tokio::join!(first.speak(sentences[0]), first.speak(sentences[1]));
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    assert_eq!(first.speak(sentences[2]).await.unwrap().duration_ms(), 4);
    assert!(first.cached(sentences[0]).is_some());
    let counters = Counters {
        from_memory: 2,
        spoken: 2,
        ..Counters::default()
    };
    assert_eq!(first.counters(), counters);
    let again = speech(&hum, disk);
    again.speak(sentences[0]).await.unwrap();
    assert_eq!(again.counters().from_disk, 1);
    assert_eq!(hum.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_failure_is_told_and_not_kept() {
    let hum = Arc::new(Hum::default());
    let speech = speech(&hum, None);
    let passages = speech.passages("broken", "en").unwrap();
    for _ in 0..2 {
        let error = speech.speak(spoken(&passages)[0]).await.unwrap_err();
        assert_eq!(error.to_string(), "engine hum answered with a cough");
    }
    assert_eq!(speech.counters().failed, 2);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_kept() {
    let hum = Arc::new(Hum::default());
    let speech = speech(&hum, None);
    let passages = speech.passages("Hello", "en").unwrap();
    let sentence = spoken(&passages)[0];
    for _ in 0..3 {
        // Polled once: the engine has been asked and has not answered.
        let asked = speech.speak(sentence);
        tokio::select! {
            biased;
            _ = asked => panic!("it takes a turn"),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(speech.memory.awaited(), 0);
    speech.speak(sentence).await.unwrap();
    assert_eq!(hum.asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn memory_is_limited_and_what_is_gone_is_made_again() {
    let hum = Arc::new(Hum::default());
    let small = Speech::new(SpeechConfig {
        voices: vec![voice("en")],
        engines: vec![Arc::clone(&hum) as Arc<dyn Engine>],
        time: Duration::from_secs(1),
        // Two of these sentences, at 4 bytes a sample and a bit.
        memory_bytes: 1_300,
        disk: None,
    })
    .unwrap();
    let passages = small.passages("One. Two. Ten.", "en").unwrap();
    let sentences = spoken(&passages);
    for sentence in [0, 1, 0, 2, 0, 1] {
        small.speak(sentences[sentence]).await.unwrap();
    }
    let asked: Vec<String> = (hum.asked.lock().unwrap().iter())
        .map(|utterance| utterance.text.clone())
        .collect();
    assert_eq!(asked, ["One.", "Two.", "Ten.", "Two."]);
}

#[test]
fn the_length_of_a_text_is_estimated() {
    let estimate = |text: &str| estimated_ms(&spans(text, "en").unwrap());
    assert_eq!(estimate("ten letter"), 650);
    assert_eq!(estimate("您好"), 500);
    let ssml = "<speak><prosody rate='50%'>a</prosody><break time='1s'/></speak>";
    assert_eq!(estimate(ssml), 1130);
}

#[test]
fn a_voice_needs_its_engine() {
    let config = SpeechConfig {
        voices: vec![voice("en")],
        engines: Vec::new(),
        time: Duration::from_secs(1),
        memory_bytes: 0,
        disk: None,
    };
    let error = Speech::new(config).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the voice for \"en\" names the engine \"hum\", which there is not"
    );
}

/// Speaks only what its voice may: any voice that is not called "mute".
struct Named(&'static str);

impl Engine for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn speak(&self, utterance: Utterance, _: Duration) -> Speaking<'_> {
        Box::pin(async move {
            match utterance.voice.as_str() {
                "mute" => Err(EngineError::Answer {
                    engine: self.0.to_owned(),
                    what: "nothing".to_owned(),
                }),
                _ => Ok(Audio {
                    rate: 8000,
                    channels: 1,
                    samples: vec![0; utterance.voice.len() * 8],
                }),
            }
        })
    }
}

fn of(engine: &str, language: &str, voice: &str) -> Voice {
    Voice {
        language: language.to_owned(),
        engine: engine.to_owned(),
        voice: voice.to_owned(),
        rate: 100,
    }
}

fn with_fallback(voices: Vec<Voice>) -> Speech {
    Speech::new(SpeechConfig {
        voices,
        engines: vec![Arc::new(Named("far")), Arc::new(Named("near"))],
        time: Duration::from_secs(1),
        memory_bytes: 1 << 20,
        disk: None,
    })
    .unwrap()
}

#[tokio::test]
async fn the_next_voice_speaks_when_one_cannot() {
    let speech = with_fallback(vec![
        of("far", "en", "mute"),
        of("near", "zh", "other"),
        of("near", "en", "four"),
        of("far", "en-GB", "mute"),
    ]);
    // The voices of the region, then those of the language.
    for language in ["en", "en-GB"] {
        let passages = speech.passages("Hello.", language).unwrap();
        let sentence = spoken(&passages)[0];
        assert_eq!(speech.speak(sentence).await.unwrap().duration_ms(), 4);
        // The first voice is asked again the next time.
        assert!(speech.cached(sentence).is_none());
    }
    let counters = Counters {
        from_memory: 1,
        spoken: 1,
        ..Counters::default()
    };
    assert_eq!(speech.counters(), counters);
    let counters = |engine: &str, spoken, failed| EngineCounters {
        engine: engine.to_owned(),
        spoken,
        failed,
    };
    assert_eq!(
        speech.engines(),
        [counters("far", 0, 3), counters("near", 1, 0)]
    );
}

#[tokio::test]
async fn when_no_voice_can_the_error_is_the_first_ones() {
    let speech = with_fallback(vec![of("far", "en", "mute"), of("near", "en", "mute")]);
    let passages = speech.passages("Hello.", "en").unwrap();
    let error = speech.speak(spoken(&passages)[0]).await.unwrap_err();
    assert_eq!(error.to_string(), "engine far answered with nothing");
    assert_eq!(speech.counters().failed, 1);
}
