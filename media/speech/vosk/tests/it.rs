//! The worker with the models that are in the repository, and what espeak-ng says.
#![allow(clippy::unwrap_used)] // Functions beside the tests use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use vireo_audio::prompt::Prompt;
use vireo_audio::wav;
use vireo_speech::asr::vosk::{VoskConfig, VoskEngine};
use vireo_speech::asr::{
    Answer, AsrError, Engine, Event, Grammar, Model, Options, Phrase, Recognition, Recognizers,
    Request,
};

fn ours(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models")
        .join(language)
}

fn config(program: &str) -> VoskConfig {
    VoskConfig {
        name: "vosk".to_owned(),
        program: program.into(),
        library: None,
        workers: 1,
        threads: 2,
        streams: 20,
    }
}

fn engine() -> Arc<VoskEngine> {
    Arc::new(VoskEngine::new(config(env!("CARGO_BIN_EXE_vireo-vosk"))))
}

fn recognizers(engine: &Arc<VoskEngine>, models: &[(&str, &Path)]) -> Recognizers {
    let models = models.iter().map(|(language, directory)| Model {
        language: (*language).to_owned(),
        engine: "vosk".to_owned(),
        directory: Some(directory.to_path_buf()),
    });
    let engine = Arc::clone(engine) as Arc<dyn Engine>;
    Recognizers::new(models.collect(), vec![engine]).unwrap()
}

fn phrases(phrases: &[&str]) -> Grammar {
    Grammar::Phrases(phrases.iter().map(|text| Phrase::new(text)).collect())
}

fn request(language: &str, grammar: Grammar) -> Request {
    Request {
        language: language.to_owned(),
        grammars: vec![grammar],
        today: date(2026, 11, 22),
        options: Options::default(),
    }
}

/// What a voice says, as a call carries it: a pause, the words, a pause.
fn spoken(voice: &str, text: &str) -> Vec<i16> {
    let command = Command::new("espeak-ng")
        .args(["--stdout", "-v", voice, "-s", "150", text])
        .output();
    let audio = wav::parse(&command.unwrap().stdout).unwrap();
    let speech = Prompt::from_audio(text, audio).unwrap().samples();
    let pause = || std::iter::repeat_n(0, 8_000);
    pause().chain(speech).chain(pause()).collect()
}

async fn heard(recognizers: &Recognizers, request: Request, sound: &[i16]) -> Vec<Event> {
    let (ears, mut heard) = match recognizers.start(request) {
        Ok(started) => started,
        Err(error) => return vec![Event::Failed(error)],
    };
    for piece in sound.chunks(800) {
        ears.hear(piece);
        tokio::task::yield_now().await;
    }
    drop(ears);
    let mut events = Vec::new();
    while let Some(event) = heard.next().await {
        events.push(event);
    }
    events
}

fn matched(events: &[Event]) -> &Answer {
    match events.last() {
        Some(Event::Done(Recognition::Match(answer))) => answer,
        _ => panic!("{events:?}"),
    }
}

fn failed(events: &[Event]) -> &AsrError {
    match events.last() {
        Some(Event::Failed(error)) => error,
        _ => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn english_words_are_understood_and_others_are_not() {
    let recognizers = recognizers(&engine(), &[("en", &ours("en"))]);
    assert!(recognizers.prepare().await.is_empty());
    let grammar = phrases(&["yes", "no", "operator", "main menu"]);
    for words in ["yes", "operator", "main menu"] {
        let events = heard(
            &recognizers,
            request("en", grammar.clone()),
            &spoken("en-us", words),
        )
        .await;
        assert_eq!(events.first(), Some(&Event::Speech));
        let answer = matched(&events);
        assert_eq!(answer.value, words);
        assert!((0.5..=1.0).contains(&answer.confidence), "{answer:?}");
    }
    let other = heard(
        &recognizers,
        request("en", grammar),
        &spoken("en-us", "delivery address"),
    )
    .await;
    assert!(
        matches!(other.last(), Some(Event::Done(Recognition::NoMatch(_)))),
        "{other:?}"
    );
}

/// What begins or ends like a word of the grammar, and words that the model never heard.
#[tokio::test]
async fn a_word_that_is_not_in_the_grammar_is_no_match() {
    let recognizers = recognizers(&engine(), &[("en", &ours("en"))]);
    let grammar = phrases(&["four", "six", "yes", "no"]);
    for words in ["forty", "sixteen", "pumpkin", "grandmother"] {
        let events = heard(
            &recognizers,
            request("en", grammar.clone()),
            &spoken("en-us", words),
        )
        .await;
        assert!(
            matches!(events.last(), Some(Event::Done(Recognition::NoMatch(_)))),
            "{words}: {events:?}"
        );
    }
}

/// Each model of the repository, with words that it must understand.
#[tokio::test]
async fn the_models_of_the_repository_understand_their_languages() {
    let models = fs::read_dir(ours(".")).unwrap().map(|entry| entry.unwrap());
    let models = models.filter(|entry| entry.path().is_dir());
    let languages = models.map(|entry| entry.file_name().into_string().unwrap());
    let mut understood = 0;
    for language in languages {
        let (voice, words) = match language.as_str() {
            "en" => ("en-us", ["operator", "main menu"]),
            "zh" => ("cmn-latn-pinyin", ["人工", "今天天气"]),
            other => panic!("{other}: say what its model understands"),
        };
        let recognizers = recognizers(&engine(), &[(&language, &ours(&language))]);
        for said in words {
            let request = request(&language, phrases(&words));
            let events = heard(&recognizers, request, &spoken(voice, said)).await;
            assert_eq!(matched(&events).value, said);
            understood += 1;
        }
        let unknown = recognizers.check(&language, &[phrases(&["鳜鱼", "kwyjibo"])]);
        let unknown = unknown.unwrap_err();
        assert!(
            matches!(unknown, AsrError::UnknownWords { .. }),
            "{unknown}"
        );
    }
    assert!(understood > 0);
}

#[tokio::test]
async fn alternatives_and_partial_results_come_when_they_are_wanted() {
    let recognizers = recognizers(&engine(), &[("en", &ours("en"))]);
    let mut request = request("en", phrases(&["five", "nine", "operator"]));
    request.options = Options {
        alternatives: 2,
        min_confidence: 0.0,
        partials: true,
        // It ends when it is told to.
        end_of_speech: Duration::from_secs(60),
        ..Options::default()
    };
    let (ears, mut heard) = recognizers.start(request).unwrap();
    ears.hear(&spoken("en-us", "operator"));
    while let Some(event) = heard.next().await
        && event != Event::Partial("operator".to_owned())
    {
        assert!(!matches!(event, Event::Done(_)), "{event:?}");
    }
    drop(ears);
    let mut last = Vec::new();
    while let Some(event) = heard.next().await {
        last.push(event);
    }
    assert_eq!(matched(&last).value, "operator");
}

#[tokio::test]
async fn many_at_once_are_all_understood_by_one_worker() {
    let engine = engine();
    let recognizers = recognizers(&engine, &[("en", &ours("en"))]);
    let sound = Arc::new(spoken("en-us", "operator"));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (recognizers, sound) = (recognizers.clone(), Arc::clone(&sound));
            let request = request("en", phrases(&["yes", "no", "operator"]));
            tokio::spawn(async move { heard(&recognizers, request, &sound).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(matched(&task.await.unwrap()).value, "operator");
    }
    assert_eq!(engine.running(), 0);
}

/// A copy of our model, to be broken.
fn copy() -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in [
        "am/final.mdl",
        "conf/mfcc.conf",
        "conf/model.conf",
        "graph/Gr.fst",
        "graph/HCLr.fst",
        "graph/words.txt",
        "graph/disambig_tid.int",
        "graph/phones/word_boundary.int",
    ] {
        let target = to.path().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(ours("en").join(file), target).unwrap();
    }
    to
}

#[tokio::test]
async fn a_broken_model_is_named_and_costs_no_other() {
    for (file, content) in [
        ("graph/HCLr.fst", &b"no transducer"[..]),
        ("am/final.mdl", b"\0Bno model"),
        (
            "conf/mfcc.conf",
            b"--sample-frequency=8000\n--no-such-option=1\n",
        ),
    ] {
        let broken = copy();
        fs::write(broken.path().join(file), content).unwrap();
        let models = [("en", broken.path()), ("xx", &ours("en"))];
        let recognizers = recognizers(&engine(), &models);
        let sound = spoken("en-us", "yes");
        let wrong = heard(&recognizers, request("en", phrases(&["yes"])), &sound).await;
        let error = failed(&wrong);
        assert!(
            matches!(error, AsrError::Model { .. } | AsrError::Engine { .. }),
            "{file}: {error}"
        );
        let right = heard(&recognizers, request("xx", phrases(&["yes", "no"])), &sound).await;
        assert_eq!(matched(&right).value, "yes", "{file}");
        let prepared = recognizers.prepare().await;
        assert_eq!(prepared.len(), 1, "{file}: {prepared:?}");
    }
}

/// Our model hears the same in speech of 16 kHz when it listens to its lower half, as loud as in 8 kHz.
fn wideband() -> tempfile::TempDir {
    let model = copy();
    let file = model.path().join("conf/mfcc.conf");
    let features = fs::read_to_string(&file).unwrap();
    let features = features.replace("frequency=8000", "frequency=16000");
    let features = features.replace("--high-freq=0", "--high-freq=4000");
    fs::write(&file, features).unwrap();
    model
}

#[tokio::test]
async fn a_model_for_16_khz_hears_calls() {
    let model = wideband();
    let recognizers = recognizers(&engine(), &[("en", model.path())]);
    assert!(recognizers.prepare().await.is_empty());
    for words in ["operator", "main menu", "yes"] {
        let grammar = phrases(&["yes", "no", "operator", "main menu"]);
        let sound = spoken("en-us", words);
        let events = heard(&recognizers, request("en", grammar), &sound).await;
        assert_eq!(matched(&events).value, words);
    }
}

/// A grammar with a table of its words behind its header, in OpenFST's format.
fn with_words(grammar: &[u8], words: &str) -> Vec<u8> {
    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as i32).to_le_bytes()[..], text.as_bytes()].concat()
    }
    // The header: a magic number, two texts, the version; then the flags and four numbers of 64 bits.
    let flags = 4 + text("const").len() + text("standard").len() + 4;
    let (head, states) = grammar.split_at(flags + 4 + 4 * 8);
    let mut whole = head.to_vec();
    assert_eq!(whole[flags..flags + 4], [0; 4]);
    whole[flags] = 2;
    whole.extend(2_125_658_996_i32.to_le_bytes());
    whole.extend(text("words"));
    whole.extend((words.lines().count() as i64).to_le_bytes().repeat(2));
    for line in words.lines() {
        let (word, id) = line.split_once(' ').unwrap();
        whole.extend(text(word));
        whole.extend(id.parse::<i64>().unwrap().to_le_bytes());
    }
    whole.extend(states);
    whole
}

/// Like the small models that are published: no list of words, but a grammar that has them in itself.
#[tokio::test]
async fn a_model_with_its_words_in_the_grammar_is_used() {
    let model = copy();
    let (words, grammar) = (
        model.path().join("graph/words.txt"),
        model.path().join("graph/Gr.fst"),
    );
    let embedded = with_words(
        &fs::read(&grammar).unwrap(),
        &fs::read_to_string(&words).unwrap(),
    );
    fs::write(grammar, embedded).unwrap();
    fs::remove_file(words).unwrap();
    let recognizers = recognizers(&engine(), &[("en", model.path())]);
    let unknown = recognizers.check("en", &[phrases(&["operator", "kwyjibo"])]);
    let AsrError::UnknownWords { words, .. } = unknown.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(words, ["kwyjibo"]);
    let request = request("en", phrases(&["yes", "operator"]));
    let events = heard(&recognizers, request, &spoken("en-us", "operator")).await;
    assert_eq!(matched(&events).value, "operator");
}

#[tokio::test]
async fn a_missing_model_and_a_wrong_rate_are_told_before_anyone_speaks() {
    let missing = Path::new("/does/not/exist");
    let recognizers = recognizers(&engine(), &[("en", missing)]);
    let error = recognizers.check("en", &[phrases(&["yes"])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model /does/not/exist: there is no such directory"
    );
    let other = copy();
    let features = other.path().join("conf/mfcc.conf");
    fs::write(features, "--sample-frequency=44100\n").unwrap();
    let recognizers = crate::recognizers(&engine(), &[("en", other.path())]);
    let error = recognizers
        .start(request("en", phrases(&["yes"])))
        .err()
        .unwrap();
    assert!(
        matches!(error, AsrError::Rate { rate: 44_100, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_worker_that_is_killed_fails_its_recognitions_and_the_next_works() {
    let model = copy();
    let recognizers = recognizers(&engine(), &[("en", model.path())]);
    assert!(recognizers.prepare().await.is_empty());
    let (ears, mut listening) = recognizers.start(request("en", phrases(&["yes"]))).unwrap();
    ears.hear(&spoken("en-us", "yes"));
    let worker = worker_of(model.path());
    let killed = Command::new("kill").args(["-9", &worker]).status();
    assert!(killed.unwrap().success());
    let mut last = None;
    while let Some(event) = listening.next().await {
        last = Some(event);
    }
    let Some(Event::Failed(error)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(
        error.to_string(),
        "recognizer vosk: worker vosk died: it was ended by signal 9"
    );
    let next = heard(
        &recognizers,
        request("en", phrases(&["yes", "no"])),
        &spoken("en-us", "yes"),
    )
    .await;
    assert_eq!(matched(&next).value, "yes");
}

/// The process of this test's worker: other tests have theirs.
fn worker_of(model: &Path) -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let lists =
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap());
    let all: String = lists.collect();
    let of_model = |id: &&str| {
        let command = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        command.contains(model.to_str().unwrap())
    };
    all.split_whitespace().find(of_model).unwrap().to_owned()
}

#[tokio::test]
async fn without_the_worker_the_reason_is_told() {
    let recognizers = recognizers(
        &Arc::new(VoskEngine::new(config("/does/not/exist"))),
        &[("en", &ours("en"))],
    );
    let events = heard(
        &recognizers,
        request("en", phrases(&["yes"])),
        &spoken("en-us", "yes"),
    )
    .await;
    assert_eq!(
        failed(&events).to_string(),
        "recognizer vosk: worker vosk is down: it could not be started: No such file or directory (os error 2)"
    );
}
