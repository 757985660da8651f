use super::super::{Grammar, Phrase, Step, UNKNOWN, Vocabulary};
use super::*;

/// A second of a loud syllable and a pause, again and again.
fn voice(ms: usize) -> Vec<i16> {
    let syllable = |n: usize| match (n / 8) % 200 {
        ..160 => (8000.0 * (n as f32 * 0.4).sin()) as i16,
        _ => 0,
    };
    (0..ms * 8).map(syllable).collect()
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

fn options() -> Options {
    Options {
        end_of_speech: Duration::from_millis(600),
        barge_in: Duration::from_millis(300),
        ..Options::default()
    }
}

fn session(options: Options) -> Session {
    let phrases = ["yes", "no", "main menu"].map(Phrase::new);
    let grammars = [Grammar::Phrases(phrases.into())];
    let vocabulary = Vocabulary::of(["yes", "no", "main", "menu"]);
    let rules = Rules::of(
        "en",
        &grammars,
        jiff::civil::date(2026, 11, 22),
        &"models/en",
        Some(&vocabulary),
    );
    Session::new(rules.unwrap(), options)
}

/// What was done, and how much the engine has heard, ms.
fn done(session: &mut Session) -> (Vec<Action>, usize) {
    let mut actions = Vec::new();
    let mut samples = 0;
    while let Some(action) = session.action() {
        match action {
            Action::Audio(sound) => samples += sound.len(),
            action => actions.push(action),
        }
    }
    (actions, samples / 8)
}

fn segment(text: &str, confidence: f32) -> Output {
    Step::words(0, text, confidence).output.unwrap()
}

fn speech() -> Action {
    Action::Tell(Event::Speech)
}

fn answer(actions: Vec<Action>) -> Recognition {
    match actions.as_slice() {
        [Action::Tell(Event::Done(recognition))] => recognition.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn silence_is_not_given_to_the_engine() {
    let mut session = session(options());
    session.audio(&silence(5_000));
    assert_eq!(done(&mut session), (vec![], 0));
}

#[test]
fn an_answer_ends_with_silence_and_is_understood() {
    let mut session = session(options());
    session.audio(&silence(1_000));
    session.audio(&voice(1_000));
    let (actions, heard) = done(&mut session);
    assert_eq!(actions, [speech()]);
    // Some of the silence before comes with it.
    assert!((1_300..=1_400).contains(&heard), "{heard} ms");
    session.audio(&silence(500));
    assert_eq!(done(&mut session).0, []);
    session.audio(&silence(200));
    assert_eq!(done(&mut session).0, [Action::Finish]);
    session.audio(&voice(100));
    session.output(segment("main menu", 0.9));
    session.output(Output::End);
    let (actions, heard) = done(&mut session);
    assert_eq!(heard, 0);
    let Recognition::Match(answer) = answer(actions) else {
        panic!("no match");
    };
    assert_eq!(
        (answer.value.as_str(), answer.confidence),
        ("main menu", 0.9)
    );
}

#[test]
fn a_cough_is_forgotten() {
    let mut session = session(options());
    for _ in 0..3 {
        session.audio(&silence(1_000));
        session.audio(&voice(120));
        session.audio(&silence(900));
        assert_eq!(done(&mut session).0, [Action::Finish]);
        session.output(segment(UNKNOWN, 1.0));
        session.output(Output::End);
        assert_eq!(done(&mut session).0, [Action::Restart]);
    }
}

#[test]
fn coughs_one_after_the_other_are_no_long_speech() {
    let mut session = session(options());
    session.audio(&silence(1_000));
    for _ in 0..4 {
        session.audio(&voice(120));
        session.audio(&silence(400));
    }
    session.audio(&silence(400));
    assert_eq!(done(&mut session).0, [Action::Finish]);
}

#[test]
fn a_short_answer_counts_when_it_is_a_match() {
    for (confidence, counts) in [(0.9, true), (0.4, false)] {
        let mut session = session(options());
        session.audio(&silence(1_000));
        session.audio(&voice(150));
        session.audio(&silence(900));
        session.output(segment("no", confidence));
        session.output(Output::End);
        let (actions, _) = done(&mut session);
        match counts {
            true => assert_eq!(actions[..2], [Action::Finish, speech()]),
            false => assert_eq!(actions, [Action::Finish, Action::Restart]),
        }
    }
}

#[test]
fn what_is_said_while_the_engine_is_asked_is_not_lost() {
    let mut session = session(options());
    session.audio(&silence(1_000));
    session.audio(&voice(120));
    session.audio(&silence(900));
    done(&mut session);
    session.audio(&voice(600));
    assert_eq!(done(&mut session), (vec![], 0));
    session.output(Output::End);
    let (actions, heard) = done(&mut session);
    assert_eq!(actions, [Action::Restart]);
    assert!(heard >= 600, "{heard} ms");
    session.audio(&voice(300));
    assert_eq!(done(&mut session).0, [speech()]);
}

#[test]
fn steady_noise_from_the_start_is_no_speech() {
    let mut session = session(options());
    let mut state = 1u32;
    let noise: Vec<i16> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 21) as i16 - 1024
    })
    .take(5_000 * 8)
    .collect();
    session.audio(&noise);
    assert_eq!(done(&mut session), (vec![], 0));
}

#[test]
fn who_does_not_stop_is_stopped() {
    let mut session = session(Options {
        longest: Duration::from_secs(3),
        ..options()
    });
    session.audio(&silence(500));
    session.audio(&voice(2_900));
    assert_eq!(done(&mut session).0, [speech()]);
    session.audio(&voice(300));
    assert_eq!(done(&mut session).0, [Action::Finish]);
}

#[test]
fn segments_are_put_together() {
    let mut session = session(options());
    session.audio(&silence(500));
    session.audio(&voice(600));
    session.output(segment("main", 0.8));
    session.audio(&voice(600));
    session.output(segment("menu", 0.7));
    session.finish();
    session.output(Output::End);
    let (mut actions, _) = done(&mut session);
    assert_eq!(actions[..2], [speech(), Action::Finish]);
    let Recognition::Match(answer) = answer(actions.split_off(2)) else {
        panic!("no match");
    };
    assert_eq!(
        (answer.text.as_str(), answer.confidence),
        ("main menu", 0.7)
    );
}

#[test]
fn outside_of_the_grammar_and_below_the_confidence_are_no_match() {
    for (heard, confidence, value, text) in [
        ("menu main", 0.9, "", "menu main"),
        ("[unk]", 0.9, "", ""),
        ("[unk] yes", 0.9, "", "yes"),
        ("yes", 0.4, "yes", "yes"),
        ("", 0.9, "", ""),
    ] {
        let mut session = session(options());
        session.audio(&silence(500));
        session.audio(&voice(600));
        session.finish();
        session.output(segment(heard, confidence));
        session.output(Output::End);
        let (mut actions, _) = done(&mut session);
        let Recognition::NoMatch(answer) = answer(actions.split_off(2)) else {
            panic!("{heard} matches");
        };
        assert_eq!(
            (answer.value.as_str(), answer.text.as_str()),
            (value, text),
            "{heard}"
        );
    }
}

#[test]
fn other_hypotheses_are_alternatives_when_they_fit() {
    let mut session = session(Options {
        alternatives: 2,
        min_confidence: 0.3,
        ..options()
    });
    session.audio(&silence(500));
    session.audio(&voice(600));
    session.finish();
    let several =
        [("menu", 0.2), ("no", 0.5), ("yes", 0.2), ("no", 0.1)].map(
            |(text, weight)| match segment(text, 1.0) {
                Output::Segment(mut one) => Hypothesis {
                    weight,
                    ..one.remove(0)
                },
                other => panic!("{other:?}"),
            },
        );
    session.output(Output::Segment(several.into()));
    session.output(Output::End);
    let (mut actions, _) = done(&mut session);
    let Recognition::Match(answer) = answer(actions.split_off(2)) else {
        panic!("no match");
    };
    assert_eq!((answer.value.as_str(), answer.confidence), ("no", 0.5));
    let others: Vec<_> = (answer.alternatives.iter())
        .map(|other| (other.value.as_str(), other.confidence))
        .collect();
    assert_eq!(others, [("yes", 0.2)]);
}

#[test]
fn partial_results_are_told_when_they_change() {
    let mut session = session(Options {
        partials: true,
        ..options()
    });
    session.audio(&silence(500));
    session.output(Output::Partial("no".to_owned()));
    session.audio(&voice(600));
    for text in ["main", "main", "main menu"] {
        session.output(Output::Partial(text.to_owned()));
    }
    session.output(segment("main menu", 0.9));
    session.output(Output::Partial("[unk] yes".to_owned()));
    let partials = ["main", "main menu", "main menu yes"];
    let expected = partials.map(|text| Action::Tell(Event::Partial(text.to_owned())));
    let (actions, _) = done(&mut session);
    assert_eq!(actions[..1], [speech()]);
    assert_eq!(actions[1..], expected);
}

#[test]
fn nothing_said_is_no_match() {
    let mut session = session(options());
    session.audio(&silence(500));
    session.finish();
    session.finish();
    let recognition = answer(done(&mut session).0);
    assert_eq!(recognition, Recognition::NoMatch(Answer::default()));
}
