//! The call's state machine in virtual time.

use std::time::Duration;

use vireo_host::Reply;
use vireo_host::contract::{
    BargeIn, Error, Event, GatherOptions, GatherResult, Message, PlayEnd, RecordEnd as Ended,
};
use vireo_host::contract::{Refusal, TypeAhead as Buffering};
use vireo_rtp::{Repeat, Segment};

use super::*;
use crate::message::Spec;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn prompt() -> Vec<Segment> {
    vec![Segment::Silence { ms: 1_000 }]
}

/// Actions in short, notes left out: `Answer`, `Play 1`, `StopPlaying`...
fn actions(machine: &mut Machine) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(action) = machine.poll_action() {
        match action {
            Action::Note { .. } => {}
            Action::Play { id, .. } => all.push(format!("Play {id}")),
            Action::OpenRecording { slot, id, .. } => all.push(format!("Open {slot:?} {id}")),
            Action::StopRecording { slot, .. } => all.push(format!("Stop {slot:?}")),
            Action::SendDigits { digits, .. } => {
                all.push(format!(
                    "Send {}",
                    digits.iter().map(|d| d.digit).collect::<String>()
                ));
            }
            other => all.push(format!("{other:?}")),
        }
    }
    all
}

fn new(offer: Offer) -> Machine {
    Machine::new("c".into(), offer)
}

/// A call that is answered and acknowledged.
fn up() -> Machine {
    let mut machine = new(Offer::InInvite);
    machine.begin(Verb::Answer, at(0));
    machine.acknowledged(at(10));
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    assert_eq!(actions(&mut machine), ["Answer"]);
    machine
}

fn press(machine: &mut Machine, key: char, now: Duration) {
    machine.key_down(key, now);
    machine.key(key, 100, "rfc4733", now + at(100));
}

fn gather() -> Verb {
    Verb::Gather {
        options: Box::new(GatherOptions {
            prompt: vec![vireo_host::contract::Part::Silence(1_000)],
            language: None,
            min_digits: 1,
            max_digits: 2,
            terminators: "#".into(),
            accept: Vec::new(),
            barge_in: BargeIn::On,
            type_ahead: Buffering::Keep,
            first_digit_timeout_ms: 5_000,
            inter_digit_timeout_ms: 2_000,
            attempts: 2,
            no_input_prompt: Vec::new(),
            no_match_prompt: Vec::new(),
            speech: None,
        }),
        prompts: GatherPrompts {
            prompt: prompt(),
            ..GatherPrompts::default()
        },
    }
}

#[test]
fn the_answer_waits_for_the_ack_but_not_for_ever() {
    let mut machine = new(Offer::InInvite);
    machine.begin(Verb::Answer, at(0));
    assert_eq!(machine.take_answer(), None);
    assert_eq!(machine.deadline(), Some(at(500)));
    machine.timeout(at(500));
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    assert_eq!(machine.progress(), Progress::Answered);
    machine.acknowledged(at(600));
    assert_eq!(machine.progress(), Progress::Confirmed);
    machine.begin(Verb::Answer, at(700));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Done)),
        "answering twice is no error"
    );
    assert_eq!(actions(&mut machine), ["Answer"]);
}

#[test]
fn a_late_offer_has_to_wait_for_the_ack() {
    let mut machine = new(Offer::Late);
    machine.begin(Verb::EarlyMedia, at(0));
    assert!(matches!(
        machine.take_answer(),
        Some(Err(Error::WrongState(_)))
    ));
    machine.begin(
        Verb::Play {
            prompt: prompt(),
            interrupt_keys: String::new(),
        },
        at(0),
    );
    assert_eq!(actions(&mut machine), ["Answer"]);
    assert_eq!(machine.deadline(), None);
    machine.acknowledged(at(900));
    assert_eq!(actions(&mut machine), ["Play 1"]);
}

#[test]
fn media_verbs_answer_by_themselves() {
    let mut machine = new(Offer::InInvite);
    machine.begin(gather(), at(0));
    assert_eq!(actions(&mut machine), ["Answer"]);
    machine.acknowledged(at(20));
    assert_eq!(actions(&mut machine), ["Play 1"]);
}

#[test]
fn early_media_needs_no_answer() {
    let mut machine = new(Offer::InInvite);
    machine.begin(Verb::Ring, at(0));
    machine.begin(Verb::EarlyMedia, at(1));
    machine.begin(
        Verb::Play {
            prompt: prompt(),
            interrupt_keys: String::new(),
        },
        at(2),
    );
    assert_eq!(
        actions(&mut machine),
        ["Provisional(180)", "Provisional(183)", "Play 1"]
    );
    machine.play_finished(1, 1_000, Heard::Finished, at(1_002));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::PlayEnd(PlayEnd::Finished)))
    );
    machine.begin(Verb::Ring, at(1_003));
    assert!(matches!(
        machine.take_answer(),
        Some(Err(Error::WrongState(_)))
    ));
    machine.begin(Verb::Reject(Refusal::Congested), at(1_004));
    assert_eq!(actions(&mut machine), ["Reject(503)"]);
    machine.begin(Verb::Answer, at(1_005));
    assert_eq!(machine.take_answer(), Some(Err(Error::HungUp)));
}

#[test]
fn every_verb_ends_when_the_caller_hangs_up() {
    let verbs: Vec<(&str, Verb)> = vec![
        (
            "play",
            Verb::Play {
                prompt: prompt(),
                interrupt_keys: String::new(),
            },
        ),
        ("gather", gather()),
        (
            "wait",
            Verb::Wait {
                timeout: at(60_000),
            },
        ),
        ("send-digits", Verb::SendDigits("1".into())),
        (
            "record, in its prompt",
            Verb::Record(Spec {
                prompt: prompt(),
                max_duration_ms: 1_000,
                silence_ms: None,
                terminators: String::new(),
            }),
        ),
    ];
    for (name, verb) in verbs {
        let mut machine = up();
        machine.begin(verb, at(100));
        assert_eq!(machine.take_answer(), None, "{name} takes time");
        machine.ended();
        assert_eq!(machine.take_answer(), Some(Err(Error::HungUp)), "{name}");
        machine.begin(Verb::FlushDigits, at(200));
        assert_eq!(
            machine.take_answer(),
            Some(Err(Error::HungUp)),
            "after {name}"
        );
    }
}

#[test]
fn a_text_that_cannot_be_spoken_fails_its_verb() {
    let play = || Verb::Play {
        prompt: prompt(),
        interrupt_keys: "1".into(),
    };
    for verb in [play(), gather()] {
        let mut machine = up();
        machine.begin(verb, at(100));
        machine.play_failed(1, 40, "tts: down".into());
        let failed = Some(Err(Error::Failed("tts: down".into())));
        assert_eq!(machine.take_answer(), failed);
    }
    // The caller was faster.
    let mut machine = up();
    machine.begin(play(), at(100));
    machine.key_down('1', at(200));
    machine.play_failed(1, 40, "tts: down".into());
    machine.key('1', 100, "rfc4733", at(300));
    let interrupted = Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted('1'))));
    assert_eq!(machine.take_answer(), interrupted);
    // In the background nobody waits for it but `wait`.
    let background = Verb::StartPlaying {
        prompt: prompt(),
        repeat: Repeat::Once,
    };
    machine.begin(background, at(400));
    machine.take_answer();
    machine.play_failed(2, 0, "tts: down".into());
    machine.begin(Verb::FlushDigits, at(500));
    machine.begin(Verb::Wait { timeout: at(0) }, at(600));
    let ended = Some(Ok(Reply::Event(Event::PlayingFinished)));
    assert_eq!(machine.take_answer(), ended);
}

#[test]
fn a_key_cuts_a_prompt_short_when_it_goes_down() {
    let mut machine = up();
    machine.begin(
        Verb::Play {
            prompt: prompt(),
            interrupt_keys: "12".into(),
        },
        at(100),
    );
    press(&mut machine, '3', at(200));
    assert_eq!(actions(&mut machine), ["Play 1"], "3 does not interrupt");
    machine.key_down('2', at(400));
    assert_eq!(actions(&mut machine), ["StopPlaying"]);
    machine.play_finished(1, 300, Heard::Stopped, at(420));
    assert_eq!(machine.take_answer(), None, "the key is still down");
    machine.key('2', 900, "rfc4733", at(1_300));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted('2'))))
    );
    machine.begin(Verb::Wait { timeout: at(0) }, at(1_400));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Event(Event::Digit('3')))),
        "both stayed in the buffer"
    );
}

#[test]
fn a_gather_plays_again_after_no_input() {
    let mut machine = up();
    machine.begin(gather(), at(0));
    machine.play_finished(1, 1_000, Heard::Finished, at(1_000));
    machine.timeout(at(5_999));
    assert_eq!(actions(&mut machine), ["Play 1"]);
    machine.timeout(at(6_000));
    assert_eq!(actions(&mut machine), ["Play 2"]);
    press(&mut machine, '4', at(6_100));
    assert_eq!(actions(&mut machine), ["StopPlaying"]);
    // The stopped prompt's end comes in late and must not start a timer or end anything.
    machine.play_finished(2, 200, Heard::Stopped, at(6_250));
    press(&mut machine, '2', at(6_500));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Gather(GatherResult::Digits("42".into()))))
    );
    // The terminator of habit is not typed ahead for the next question.
    press(&mut machine, '#', at(7_000));
    machine.begin(Verb::Wait { timeout: at(10) }, at(7_200));
    assert_eq!(machine.take_answer(), None);
    machine.timeout(at(7_210));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Event(Event::Timeout)))
    );
}

fn record() -> Verb {
    Verb::Record(Spec {
        prompt: prompt(),
        max_duration_ms: 30_000,
        silence_ms: Some(3_000),
        terminators: "#".into(),
    })
}

#[test]
fn a_message_ends_by_its_terminator() {
    let mut machine = up();
    machine.begin(record(), at(0));
    press(&mut machine, '5', at(300));
    machine.play_finished(1, 1_000, Heard::Finished, at(1_000));
    assert_eq!(
        actions(&mut machine),
        ["Play 1", "Open Message c-message-1"]
    );
    press(&mut machine, '1', at(2_000));
    assert_eq!(
        actions(&mut machine),
        Vec::<String>::new(),
        "other keys are ignored"
    );
    press(&mut machine, '#', at(5_000));
    assert_eq!(actions(&mut machine), ["Stop Message"]);
    machine.record_finished(
        RecordSlot::Message,
        "c-message-1".into(),
        3_940,
        RecordEnd::Stopped,
    );
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Message(Message {
            id: "c-message-1".into(),
            duration_ms: 3_940,
            ended_by: Ended::Terminator
        })))
    );
    machine.begin(Verb::Wait { timeout: at(0) }, at(5_200));
    machine.timeout(at(5_200));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Event(Event::Timeout))),
        "no key is left over"
    );
}

#[test]
fn the_key_that_ends_a_message_is_no_answer_to_the_next_question() {
    let mut machine = up();
    machine.begin(record(), at(0));
    machine.play_finished(1, 1_000, Heard::Finished, at(1_000));
    machine.key_down('#', at(3_000));
    let finished = |machine: &mut Machine, name: &str| {
        let id = format!("c-message-{name}");
        machine.record_finished(RecordSlot::Message, id, 1_940, RecordEnd::Stopped);
        assert!(matches!(machine.take_answer(), Some(Ok(Reply::Message(_)))));
    };
    // The file is complete before the key comes up.
    finished(&mut machine, "1");
    machine.begin(gather(), at(3_010));
    machine.key('#', 100, "rfc4733", at(3_100));
    assert_eq!(machine.keys_pressed(), 1);
    press(&mut machine, '7', at(4_000));
    press(&mut machine, '#', at(5_000));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Gather(GatherResult::Digits("7".into()))))
    );
    // A release that never came does not cost the next press.
    machine.begin(record(), at(6_000));
    machine.play_finished(3, 1_000, Heard::Finished, at(7_000));
    machine.key_down('#', at(8_000));
    finished(&mut machine, "2");
    machine.begin(Verb::Wait { timeout: at(9_000) }, at(8_010));
    press(&mut machine, '#', at(12_000));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Event(Event::Digit('#'))))
    );
}

#[test]
fn a_message_survives_the_hang_up() {
    let mut machine = up();
    machine.begin(record(), at(0));
    machine.play_finished(1, 1_000, Heard::Finished, at(1_000));
    actions(&mut machine);
    machine.ended();
    assert_eq!(actions(&mut machine), ["Stop Message"]);
    assert_eq!(machine.take_answer(), None);
    machine.record_finished(
        RecordSlot::Message,
        "c-message-1".into(),
        7_000,
        RecordEnd::Stopped,
    );
    assert!(matches!(
        machine.take_answer(),
        Some(Ok(Reply::Message(Message {
            ended_by: Ended::HungUp,
            duration_ms: 7_000,
            ..
        })))
    ));
    machine.begin(Verb::Discard("c-message-1".into()), at(9_000));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Done)),
        "it can still be thrown away"
    );
}

#[test]
fn recording_the_call() {
    let mut machine = up();
    machine.begin(Verb::PauseRecording, at(0));
    assert!(matches!(
        machine.take_answer(),
        Some(Err(Error::WrongState(_)))
    ));
    machine.begin(Verb::StartRecording, at(0));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Id("c-call-1".into())))
    );
    machine.begin(Verb::StartRecording, at(0));
    assert!(matches!(
        machine.take_answer(),
        Some(Err(Error::WrongState(_)))
    ));
    machine.begin(Verb::PauseRecording, at(1));
    machine.begin(Verb::PauseRecording, at(2));
    machine.begin(Verb::ResumeRecording, at(3));
    assert_eq!(
        actions(&mut machine),
        ["Open Call c-call-1", "PauseRecording", "ResumeRecording"]
    );
    machine.ended();
    assert_eq!(
        actions(&mut machine),
        ["Stop Call"],
        "the recording ends with the call"
    );
    machine.record_finished(RecordSlot::Call, "c-call-1".into(), 500, RecordEnd::Stopped);
    machine.take_answer();
    machine.begin(Verb::Discard("c-call-1".into()), at(4));
    assert_eq!(actions(&mut machine), ["Discard(\"c-call-1\")"]);
    machine.take_answer();
    machine.begin(Verb::Discard("c-call-1".into()), at(5));
    assert!(matches!(
        machine.take_answer(),
        Some(Err(Error::NotFound(_)))
    ));
}

#[test]
fn background_music_and_events() {
    let mut machine = up();
    machine.begin(
        Verb::StartPlaying {
            prompt: prompt(),
            repeat: Repeat::Once,
        },
        at(0),
    );
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    machine.begin(Verb::Wait { timeout: at(5_000) }, at(0));
    machine.play_finished(1, 1_000, Heard::Finished, at(1_000));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::Event(Event::PlayingFinished)))
    );
    machine.hold(Event::Held);
    machine.hold(Event::Resumed);
    for expected in [Event::Held, Event::Resumed] {
        machine.begin(Verb::Wait { timeout: at(0) }, at(1_100));
        assert_eq!(machine.take_answer(), Some(Ok(Reply::Event(expected))));
    }
    machine.begin(Verb::StopPlaying, at(1_200));
    assert_eq!(
        actions(&mut machine),
        ["Play 1"],
        "there was nothing left to stop"
    );
}

#[test]
fn sending_digits_takes_as_long_as_it_takes() {
    let mut machine = up();
    machine.begin(Verb::SendDigits("1,2".into()), at(0));
    assert_eq!(actions(&mut machine), ["Send 1,2"]);
    assert_eq!(machine.take_answer(), None);
    machine.digits_sent(1);
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
}

fn start_call_recording(machine: &mut Machine) -> String {
    machine.begin(Verb::StartRecording, at(0));
    match machine.take_answer() {
        Some(Ok(Reply::Id(id))) => id,
        other => panic!("{other:?}"),
    }
}

fn call_recorded(machine: &mut Machine, id: &str) {
    machine.record_finished(RecordSlot::Call, id.into(), 500, RecordEnd::Stopped);
}

#[test]
fn a_stopped_recording_can_be_used_at_once() {
    let mut machine = up();
    let id = start_call_recording(&mut machine);
    machine.begin(Verb::StopRecording, at(100));
    assert_eq!(machine.take_answer(), None, "its file is not complete");
    call_recorded(&mut machine, &id);
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    machine.begin(Verb::Discard(id.clone()), at(100));
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    assert_eq!(
        actions(&mut machine),
        ["Open Call c-call-1", "Stop Call", "Discard(\"c-call-1\")"]
    );
}

#[test]
fn a_recording_that_runs_is_stopped_to_be_discarded() {
    let mut machine = up();
    let id = start_call_recording(&mut machine);
    machine.begin(Verb::Discard(id.clone()), at(100));
    assert_eq!(actions(&mut machine), ["Open Call c-call-1", "Stop Call"]);
    machine.ended();
    assert_eq!(machine.take_answer(), None, "the hang-up changes nothing");
    call_recorded(&mut machine, &id);
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
    assert_eq!(actions(&mut machine), ["Discard(\"c-call-1\")"]);
}

#[test]
fn a_recording_can_be_discarded_right_after_the_hang_up() {
    let mut machine = up();
    let id = start_call_recording(&mut machine);
    machine.ended();
    machine.begin(Verb::Discard(id.clone()), at(100));
    assert_eq!(machine.take_answer(), None, "its file is not complete");
    call_recorded(&mut machine, &id);
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
}

#[test]
fn the_end_of_a_recording_is_not_that_of_the_next() {
    let mut machine = up();
    let first = start_call_recording(&mut machine);
    machine.begin(Verb::StopRecording, at(100));
    // The verb was given up by whoever asked; the next recording begins before the first's file is
    // complete.
    start_call_recording(&mut machine);
    call_recorded(&mut machine, &first);
    machine.begin(Verb::PauseRecording, at(200));
    assert_eq!(machine.take_answer(), Some(Ok(Reply::Done)));
}

#[test]
fn a_call_is_not_answered_for_what_needs_no_media() {
    let verbs = [
        (Verb::StopPlaying, true),
        (Verb::FlushDigits, true),
        (Verb::PauseRecording, false),
        (Verb::ResumeRecording, false),
        (Verb::StopRecording, false),
        (Verb::Discard("c-call-1".into()), false),
    ];
    for (verb, succeeds) in verbs {
        let mut machine = new(Offer::InInvite);
        let name = format!("{verb:?}");
        machine.begin(verb, at(0));
        let answer = machine.take_answer().expect("an answer at once");
        assert_eq!(answer.is_ok(), succeeds, "{name}: {answer:?}");
        assert_eq!(actions(&mut machine), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_key_that_never_comes_up_does_not_hold_a_prompt_for_ever() {
    let mut machine = up();
    machine.begin(
        Verb::Play {
            prompt: prompt(),
            interrupt_keys: "1".into(),
        },
        at(0),
    );
    machine.key_down('1', at(100));
    machine.play_finished(1, 100, Heard::Stopped, at(120));
    assert_eq!(machine.deadline(), Some(at(20_100)));
    machine.timeout(at(20_100));
    assert_eq!(
        machine.take_answer(),
        Some(Ok(Reply::PlayEnd(PlayEnd::Interrupted('1'))))
    );
}
