//! The table of `gather-options` in `sdk/wit/media.wit`, row by row.

use vireo_host::contract::{Grammar, Part, Recognition, SpeechOptions, Unheard, UnheardReason};

use super::*;

fn options() -> GatherOptions {
    GatherOptions {
        prompt: vec![Part::File("menu".into())],
        language: None,
        min_digits: 1,
        max_digits: 4,
        terminators: "#".into(),
        accept: Vec::new(),
        barge_in: BargeIn::On,
        type_ahead: Buffering::Keep,
        first_digit_timeout_ms: 5_000,
        inter_digit_timeout_ms: 2_000,
        attempts: 1,
        no_input_prompt: Vec::new(),
        no_match_prompt: Vec::new(),
        speech: None,
    }
}

fn recognition(text: &str) -> Recognition {
    Recognition {
        value: text.to_owned(),
        text: text.to_owned(),
        confidence: 0.9,
        grammar: 0,
        alternatives: Vec::new(),
    }
}

fn busy() -> Unheard {
    Unheard {
        reason: UnheardReason::Busy,
        text: "busy".into(),
        digits: String::new(),
    }
}

/// Writes an outcome down.
fn note(out: &mut Vec<String>, step: Step) {
    match step {
        Step::Wait => {}
        Step::Play(opening) => out.push(format!("play-{opening:?}").to_lowercase()),
        Step::StopPlaying => out.push("stop".into()),
        Step::Done(GatherResult::Digits(d)) => out.push(format!("digits({d})")),
        Step::Done(GatherResult::NoInput) => out.push("no-input".into()),
        Step::Done(GatherResult::NoMatch(d)) => out.push(format!("no-match({d})")),
        Step::Done(GatherResult::Speech(said)) => out.push(format!("speech({})", said.text)),
        Step::Done(GatherResult::Misheard(said)) => out.push(format!("misheard({})", said.text)),
        Step::Done(GatherResult::Unheard(why)) => {
            let reason = match why.reason {
                UnheardReason::Busy => "busy",
                UnheardReason::NoModel => "no-model",
                UnheardReason::Failed => "failed",
            };
            out.push(format!("unheard({reason},{})", why.digits));
        }
    }
}

/// Runs a script against a gather: `p` the prompt ends, `+N` N ms pass, `v` a key goes down,
/// `speech`, `match:TEXT`, `none:TEXT` and `lost` come from a recognizer, any other character is a
/// key. The outcome is written as it comes: `play`, `stop`, `listen`, `deaf`, a result.
fn run(options: GatherOptions, ahead: &str, script: &str) -> String {
    let mut buffer = TypeAhead::default();
    ahead.chars().for_each(|key| buffer.push(key));
    let mut now = Duration::ZERO;
    let mut out = Vec::new();
    let (mut gather, first) = Gather::start(options, &mut buffer, now);
    let mut listening = gather.listening();
    if listening.is_some() {
        out.push("listen".into());
    }
    note(&mut out, first);
    for word in script.split_whitespace() {
        let steps = match word.split_once(':').unwrap_or((word, "")) {
            ("p", _) => vec![gather.prompt_ended(&mut buffer, now)],
            ("v", _) => vec![gather.key_down(now)],
            ("speech", _) => vec![gather.speech_started(now)],
            ("match", text) => gather.said(Said::Match(recognition(text)), &mut buffer, now),
            ("none", text) => gather.said(Said::NoMatch(recognition(text)), &mut buffer, now),
            ("lost", _) => vec![gather.unheard(busy(), now)],
            (word, _) => match word.strip_prefix('+') {
                Some(time) => {
                    now += ms(time.parse().unwrap());
                    match gather.deadline() {
                        Some(deadline) if deadline <= now => vec![gather.timeout(&mut buffer, now)],
                        _ => Vec::new(),
                    }
                }
                None => (word.chars())
                    .flat_map(|key| gather.key(key, &mut buffer, now))
                    .collect(),
            },
        };
        steps.into_iter().for_each(|step| note(&mut out, step));
        if listening != gather.listening() {
            listening = gather.listening();
            out.push(
                if listening.is_some() {
                    "listen"
                } else {
                    "deaf"
                }
                .into(),
            );
        }
    }
    while let Some(left) = buffer.pop() {
        out.push(format!("left({left})"));
    }
    out.join(" ")
}

type Change = fn(&mut GatherOptions);

#[test]
fn the_table_of_gather_options() {
    #[rustfmt::skip]
    let rows: &[(&str, Change, &str, &str, &str)] = &[
        ("1 flush", |o| o.type_ahead = Buffering::Flush, "12", "", "play-first"),
        ("2 keep, full entry", |_| {}, "1234", "", "digits(1234)"),
        ("2 keep, part of it", |_| {}, "12", "34", "digits(1234)"),
        ("2 keep, more than one entry", |o| o.max_digits = 1, "12", "", "digits(1) left(2)"),
        ("2 keep, barge-in off: prompt first", |o| o.barge_in = BargeIn::Off, "1234", "p", "play-first digits(1234)"),
        ("2 keep, deaf: prompt first", |o| o.barge_in = BargeIn::Deaf, "1234", "p", "play-first digits(1234)"),
        ("3 barge-in", |o| o.max_digits = 1, "", "7", "play-first stop digits(7)"),
        ("3 stops at the press", |o| o.max_digits = 1, "", "v +700 7", "play-first stop digits(7)"),
        ("4 off keeps", |o| o.barge_in = BargeIn::Off, "", "12 p 3#", "play-first digits(123)"),
        ("4 deaf drops", |o| o.barge_in = BargeIn::Deaf, "", "12 p 3#", "play-first digits(3)"),
        ("5, 10 first-digit timer from the end of the prompt", |_| {}, "", "+60000 p +4999 +1", "play-first no-input"),
        ("6 terminator", |_| {}, "", "p 12#", "play-first digits(12)"),
        ("6 terminator alone, nothing required", |o| o.min_digits = 0, "", "p #", "play-first digits()"),
        ("7 too short", |o| o.min_digits = 3, "", "p 12#", "play-first no-match(12)"),
        ("7 terminator alone", |_| {}, "", "p #", "play-first no-input"),
        ("8 timers", |_| {}, "", "p +4999 1 +1999 2 +1999 3#", "play-first digits(123)"),
        ("8 a long press holds the timers", |_| {}, "", "p 1 v +5000 2 #", "play-first digits(12)"),
        ("9 full", |_| {}, "", "p 12345", "play-first digits(1234) left(5)"),
        ("11 enough", |_| {}, "", "p 12 +2000", "play-first digits(12)"),
        ("11 too few", |o| o.min_digits = 3, "", "p 12 +2000", "play-first no-match(12)"),
        ("12 accepted", |o| o.accept = vec!["12".into(), "9x".into()], "", "p 95#", "play-first digits(95)"),
        ("13 not accepted", |o| o.accept = vec!["12".into()], "", "p 13#", "play-first no-match(13)"),
        ("14 again, then right", |o| { o.attempts = 3; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p +5000 p 2 p 1",
            "play-first play-noinput play-nomatch digits(1)"),
        ("15 the last failure counts", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p 2 p +5000",
            "play-first play-nomatch no-input"),
        ("15 no-match last", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "", "p +5000 p 2",
            "play-first play-noinput no-match(2)"),
        ("14 keys typed ahead answer the next attempt", |o| { o.attempts = 2; o.accept = vec!["1".into()]; o.max_digits = 1 }, "21", "",
            "digits(1)"),
        ("no prompt at all", |o| o.prompt.clear(), "", "+5000", "no-input"),
        ("a key that never comes up", |_| {}, "", "v +20000", "play-first stop no-input"),
    ];
    for (name, change, ahead, script, expected) in rows {
        let mut options = options();
        change(&mut options);
        assert_eq!(run(options, ahead, script), *expected, "{name}");
    }
}

#[test]
fn a_terminator_behind_a_full_entry_is_swallowed() {
    let mut buffer = TypeAhead::default();
    let (mut gather, _) = Gather::start(
        GatherOptions {
            max_digits: 2,
            ..options()
        },
        &mut buffer,
        Duration::ZERO,
    );
    gather.key('1', &mut buffer, Duration::ZERO);
    assert_eq!(gather.swallow(), None);
    gather.key('2', &mut buffer, Duration::ZERO);
    assert_eq!(gather.swallow(), Some(("#", ms(2_000))));
}

fn listens(options: &mut GatherOptions) {
    options.speech = Some(SpeechOptions {
        grammars: vec![Grammar::YesNo],
        language: None,
        min_confidence: 0.5,
        alternatives: 0,
        end_of_speech_ms: 1_000,
        longest_ms: 9_000,
        barge_in_ms: 300,
    });
}

fn patient(options: &mut GatherOptions) {
    listens(options);
    options.barge_in = BargeIn::Off;
}

fn twice(options: &mut GatherOptions) {
    listens(options);
    options.attempts = 2;
}

fn alone(options: &mut GatherOptions) {
    listens(options);
    options.max_digits = 0;
}

#[test]
fn the_table_of_speech() {
    #[rustfmt::skip]
    let rows: &[(&str, Change, &str, &str, &str)] = &[
        ("17 from the beginning of the prompt", listens, "", "", "listen play-first"),
        ("18 from its end", patient, "", "match:yes p match:no", "play-first listen speech(no) deaf"),
        ("18 no prompt", |o| { listens(o); o.prompt.clear() }, "", "", "listen"),
        ("18 keys were kept", patient, "", "1 p #", "play-first digits(1)"),
        ("19 a key, then keys alone", listens, "", "v +100 1 match:yes 2#", "listen play-first stop deaf digits(12)"),
        ("19 at its press", listens, "", "p v match:yes 1#", "listen play-first deaf digits(1)"),
        ("19 a key in the midst of speech", listens, "", "p speech 1 match:yes +2000", "listen play-first deaf digits(1)"),
        ("19 typed ahead", listens, "1", "", ""),
        ("20 stops the prompt", listens, "", "speech match:yes", "listen play-first stop speech(yes) deaf"),
        ("21 no timer while somebody speaks", listens, "", "p +4999 speech +9000 match:yes",
            "listen play-first speech(yes) deaf"),
        ("22 a short word in the prompt", listens, "", "match:yes", "listen play-first stop speech(yes) deaf"),
        ("22 its timer is over", listens, "", "p match:yes +60000", "listen play-first speech(yes) deaf"),
        ("23 nothing more", listens, "", "speech none:moon", "listen play-first stop misheard(moon) deaf"),
        ("23 again", twice, "", "speech none:moon p match:no",
            "listen play-first stop play-nomatch listen speech(no) deaf"),
        ("23 the last failure counts", twice, "", "speech none:moon p +5000",
            "listen play-first stop play-nomatch listen no-input deaf"),
        ("24 the prompt goes on", listens, "", "none: speech match:yes",
            "listen play-first listen stop speech(yes) deaf"),
        ("24 the timer goes on", listens, "", "p +3000 none: +2000", "listen play-first listen no-input deaf"),
        ("25 at once, keys go on", listens, "", "lost p 12#", "listen play-first deaf digits(12)"),
        ("25 the timer runs anew", listens, "", "speech +4000 lost +4999 1#", "listen play-first stop deaf digits(1)"),
        ("25 the prompt goes on", listens, "", "lost p +4999 1#", "listen play-first deaf digits(1)"),
        ("26 no input", twice, "", "lost p +5000", "listen play-first deaf unheard(busy,)"),
        ("26 keys that are not accepted", |o| { twice(o); o.accept = vec!["1".into()] }, "", "lost p 7#",
            "listen play-first deaf unheard(busy,7)"),
        ("26 the recognizer does not come back", listens, "", "p speech +20000 +5000",
            "listen play-first deaf unheard(failed,)"),
        ("27 keys do nothing", alone, "", "v 1 # p v 2 match:yes", "listen play-first speech(yes) deaf"),
        ("27 keys pressed before stay", alone, "12", "p +5000", "listen play-first no-input deaf left(1) left(2)"),
        ("27 nor are they kept", |o| { alone(o); o.barge_in = BargeIn::Off }, "", "1 p speech none:moon",
            "play-first listen misheard(moon) deaf"),
        ("28 after the prompt", alone, "", "lost +60000 p", "listen play-first deaf unheard(busy,)"),
        ("28 at once", alone, "", "p speech lost", "listen play-first unheard(busy,) deaf"),
        ("14 listens again", twice, "", "p +5000 match:yes", "listen play-first play-noinput listen stop speech(yes) deaf"),
        ("nothing is heard without being asked for", |_| {}, "", "speech match:yes lost p 1#", "play-first digits(1)"),
    ];
    for (name, change, ahead, script, expected) in rows {
        let mut options = options();
        change(&mut options);
        assert_eq!(run(options, ahead, script), *expected, "{name}");
    }
}
