//! Recognitions by an engine that follows a script, in the order of their sound.

use std::sync::Arc;

use jiff::civil::date;
use vireo_speech::asr::{
    AsrError, Counters, Engine, Event, Grammar, Heard, Keeper, Model, Options, Phrase, Recognition,
    Recognizers, Request, Scripted, Step,
};

fn model(language: &str, engine: &str) -> Model {
    Model {
        language: language.to_owned(),
        engine: engine.to_owned(),
        directory: None,
    }
}

fn recognizers(engine: &Arc<Scripted>) -> Recognizers {
    let engines = vec![Arc::new(Arc::clone(engine)) as Arc<dyn Engine>];
    Recognizers::new(vec![model("en", engine.name())], engines).unwrap()
}

fn request(language: &str, phrases: &[&str]) -> Request {
    let phrases = phrases.iter().map(|text| Phrase::new(text)).collect();
    Request {
        language: language.to_owned(),
        grammars: vec![Grammar::Phrases(phrases)],
        today: date(2026, 11, 22),
        options: Options::default(),
    }
}

/// A quiet line, then somebody who speaks for a second.
fn sound() -> Vec<i16> {
    let voice = (0..8_000).map(|n| (8000.0 * (n as f32 * 0.4).sin()) as i16);
    std::iter::repeat_n(0, 4_000).chain(voice).collect()
}

async fn events(mut heard: Heard) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = heard.next().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn what_was_said_is_told_in_order() {
    let engine = Arc::new(Scripted::new("script", 1));
    engine.hears([Step::words(700, "yes", 0.9)]);
    let recognizers = recognizers(&engine);
    let (ears, heard) = recognizers.start(request("en-GB", &["yes", "no"])).unwrap();
    for piece in sound().chunks(160) {
        ears.hear(piece);
    }
    drop(ears);
    let events = events(heard).await;
    let [Event::Speech, Event::Done(Recognition::Match(answer))] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((answer.value.as_str(), answer.grammar), ("yes", 0));
    let counters = recognizers.counters();
    assert_eq!((counters.started, counters.matched), (1, 1));
    assert_eq!(counters.delays.classes.iter().sum::<u64>(), 1);
    assert_eq!(
        engine.tasks()[0].phrases,
        Some(vec!["no".to_owned(), "yes".to_owned()])
    );
    assert_eq!(engine.running(), 0);
}

#[tokio::test]
async fn no_more_run_than_the_engine_carries() {
    let engine = Arc::new(Scripted::new("script", 1));
    let recognizers = recognizers(&engine);
    let (ears, heard) = recognizers.start(request("en", &["yes"])).unwrap();
    let busy = recognizers.start(request("en", &["yes"])).unwrap_err();
    assert_eq!(
        busy.to_string(),
        "recognizer script is busy: 1 recognitions run already"
    );
    assert_eq!(recognizers.counters().busy, 1);
    drop(ears);
    events(heard).await;
    assert!(recognizers.start(request("en", &["yes"])).is_ok());
}

#[tokio::test]
async fn the_next_engine_of_a_language_takes_what_the_first_cannot() {
    let [first, second] = ["first", "second"].map(|name| Arc::new(Scripted::new(name, 1)));
    let engines = [&first, &second].map(|engine| Arc::new(Arc::clone(engine)) as Arc<dyn Engine>);
    let models = vec![model("en", "first"), model("en", "second")];
    let recognizers = Recognizers::new(models, engines.into()).unwrap();
    let running: Vec<_> = (0..2)
        .map(|_| recognizers.start(request("en", &["yes"])).unwrap())
        .collect();
    assert_eq!(
        (first.running(), second.running(), running.len()),
        (1, 1, 2)
    );
    let busy = recognizers.start(request("en", &["yes"])).unwrap_err();
    assert!(busy.to_string().contains("first"), "{busy}");
}

/// What comes of a second of speech when the first of two engines fails like this.
async fn passed_on(fails: Step, second: Step) -> (Counters, Vec<Event>) {
    let engines = ["first", "second"].map(|name| Arc::new(Scripted::new(name, 1)));
    engines[0].hears([Step::words(100, "yes", 0.9), fails]);
    engines[1].hears([Step::words(900, "no", 0.9), second]);
    let models = engines.each_ref().map(|engine| model("en", engine.name()));
    let engines = engines.map(|engine| Arc::new(engine) as Arc<dyn Engine>);
    let recognizers = Recognizers::new(models.into(), engines.into()).unwrap();
    let (ears, heard) = recognizers.start(request("en", &["yes", "no"])).unwrap();
    ears.hear(&sound());
    drop(ears);
    let events = events(heard).await;
    (recognizers.counters(), events)
}

#[tokio::test]
async fn the_next_engine_hears_all_of_what_one_that_fails_has_heard() {
    let broken = |engine: &str| AsrError::Engine {
        engine: engine.to_owned(),
        reason: "it died".to_owned(),
    };
    let nothing = || Step::partial(950, "");
    // In the midst of the sound, and behind its end.
    for after in [500, 5_000] {
        let (counters, events) = passed_on(Step::fails(after, broken("first")), nothing()).await;
        assert_eq!(events.first(), Some(&Event::Speech));
        let Some(Event::Done(Recognition::Match(answer))) = events.last() else {
            panic!("{events:?}");
        };
        // Nothing is left of what the first one understood.
        assert_eq!((answer.text.as_str(), events.len()), ("no", 2));
        let told = (counters.passed_on, counters.matched, counters.failed);
        assert_eq!(told, (1, 1, 0));
    }
    let second = Step::fails(950, broken("second"));
    let (counters, events) = passed_on(Step::fails(500, broken("first")), second).await;
    assert_eq!(events.last(), Some(&Event::Failed(broken("second"))));
    let told = (counters.passed_on, counters.matched, counters.failed);
    assert_eq!(told, (1, 0, 1));
}

#[tokio::test]
async fn an_engine_that_fails_is_told_and_the_next_recognition_works() {
    let engine = Arc::new(Scripted::new("script", 1));
    let broken = AsrError::Engine {
        engine: "script".to_owned(),
        reason: "it died".to_owned(),
    };
    engine.hears([Step::fails(100, broken.clone())]);
    let recognizers = recognizers(&engine);
    let (ears, heard) = recognizers.start(request("en", &["yes"])).unwrap();
    ears.hear(&sound());
    let told = events(heard).await;
    assert_eq!(told.last(), Some(&Event::Failed(broken)));
    engine.hears([Step::words(0, "yes", 0.9)]);
    let (ears, heard) = recognizers.start(request("en", &["yes"])).unwrap();
    ears.hear(&sound());
    drop(ears);
    let told = events(heard).await;
    assert!(
        matches!(told.last(), Some(Event::Done(Recognition::Match(_)))),
        "{told:?}"
    );
}

#[tokio::test]
async fn sound_that_finds_no_room_ends_it() {
    let engine = Arc::new(Scripted::new("script", 1));
    let recognizers = recognizers(&engine);
    let (ears, heard) = recognizers.start(request("en", &["yes"])).unwrap();
    // Nothing else runs in this thread until the end is awaited.
    for _ in 0..2_000 {
        ears.hear(&[0; 160]);
    }
    let told = events(heard).await;
    assert!(
        matches!(told.as_slice(), [Event::Failed(AsrError::TooSlow { .. })]),
        "{told:?}"
    );
}

#[tokio::test]
async fn nobody_who_waits_is_nothing_to_do() {
    let engine = Arc::new(Scripted::new("script", 1));
    let recognizers = recognizers(&engine);
    let (_ears, heard) = recognizers.start(request("en", &["yes"])).unwrap();
    drop(heard);
    while engine.running() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_heard_is_kept_when_somebody_spoke() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Arc::new(Scripted::new("script", 1));
    engine.hears([Step::words(700, "yes", 0.9)]);
    let keeper = Keeper::open(directory.path(), 1 << 20).unwrap();
    let recognizers = recognizers(&engine).keeping(keeper);
    for sound in [sound(), vec![0; 8_000]] {
        let (ears, heard) = recognizers.start(request("en", &["yes", "no"])).unwrap();
        ears.hear(&sound);
        drop(ears);
        events(heard).await;
    }
    let kept = || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().unwrap() == "json")
    };
    let file = loop {
        match kept() {
            Some(file) => break file,
            None => tokio::task::yield_now().await,
        }
    };
    let sound = vireo_audio::wav::read(&file.with_extension("wav")).unwrap();
    // The second of speech, and some silence before it.
    assert!((8_000..12_000).contains(&sound.samples.len()));
    drop(recognizers);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_heard_is_an_error_that_says_why() {
    let engine = Arc::new(Scripted::new("script", 1).knowing(["main", "menu", "yes"]));
    let recognizers = recognizers(&engine);
    let check = |language: &str, phrases: &[&str]| {
        let request = request(language, phrases);
        let error = recognizers.check(language, &request.grammars).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        check("fr", &["oui"]),
        "no model is configured for the language \"fr\"; there are en"
    );
    assert_eq!(
        check("en", &["main menu", "kwyjibo", "no kwyjibo"]),
        "the model of script for \"en\" does not know \"kwyjibo\", \"no\"; use other words, or a larger model"
    );
    assert_eq!(check("en", &[]), "grammar 1: it has no phrases");
    assert_eq!(check("en", &["yes", "?"]), "grammar 1: \"?\" has no words");
    let none = recognizers.check("en", &[]).unwrap_err();
    assert_eq!(
        none.to_string(),
        "grammar 1: there is none; say what the caller may say"
    );
    assert!(
        recognizers
            .check("en-US", &request("en", &["Main menu"]).grammars)
            .is_ok()
    );
    let lost = Recognizers::new(vec![model("en", "nobody")], Vec::new())
        .err()
        .unwrap();
    assert_eq!(
        lost.to_string(),
        "the model for \"en\" names the engine \"nobody\", which there is not"
    );
}
