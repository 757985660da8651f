//! Texts that are spoken, and what happens to calls when nobody can.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use vireo_tests::rtp::{Peer, Sender};
use vireo_tests::server::Setup;
use vireo_tests::sip::{Call, sdp};
use vireo_tests::{Server, until, wav};

use crate::{assert_nothing_left, only_call};

pub(crate) const GREETING: &str = "Thank you for calling. Your call is important to us.";

/// Sentences that wait for the engine or are being made.
const OPEN: &str = "vireo_tts_worker_requests_open{engine=\"one\"}";
/// Sentences that the engine has made.
const ANSWERED: &str = "vireo_tts_worker_requests_total{engine=\"one\",end=\"answered\"}";

/// The flow `speak` with these settings, and one process of espeak-ng that takes so long at most.
pub(crate) fn setup(settings: &str, timeout_ms: u32) -> Setup {
    Setup {
        more: format!(
            "[flows.speak]\ngrants = {{ kv = true }}\n[flows.speak.settings]\n{settings}\n\
             [tts]\ntimeout-ms = {timeout_ms}\n[tts.engines.one]\nkind = \"espeak\"\nprocesses = 1\n\
             [[tts.voices]]\nlanguage = \"en\"\nengine = \"one\"\nvoice = \"en-us\"\n"
        ),
        ..Setup::with_flows(&["speak"])
    }
}

/// What espeak-ng itself says, at 8 kHz.
fn spoken(directory: &Path, voice: &str, sentence: &str) -> Vec<i16> {
    let (raw, file) = (directory.join("raw.wav"), directory.join("spoken.wav"));
    let run = |program: &str, args: &[&std::ffi::OsStr]| {
        let status = Command::new(program).args(args).status().unwrap();
        assert!(status.success(), "{program} {args:?}");
    };
    run(
        "espeak-ng",
        &[
            "-v".as_ref(),
            voice.as_ref(),
            "-w".as_ref(),
            raw.as_ref(),
            "--".as_ref(),
            sentence.as_ref(),
        ],
    );
    run(
        "sox",
        &[
            raw.as_ref(),
            "-r".as_ref(),
            "8000".as_ref(),
            "-b".as_ref(),
            "16".as_ref(),
            file.as_ref(),
        ],
    );
    sound(&wav::Wav::read(&file).samples)
}

/// Without the silence around it.
fn sound(samples: &[i16]) -> Vec<i16> {
    let loud = |sample: &i16| sample.unsigned_abs() > 300;
    let start = samples.iter().position(loud).unwrap();
    let end = samples.iter().rposition(loud).unwrap();
    samples[start..end].to_vec()
}

/// What the server keeps on the disk of what its engine has said: as long as what espeak-ng says by
/// itself, whose samples depend on what it said before.
pub(crate) fn kept(server: &Server, voice: &str, sentence: &str) -> Vec<i16> {
    let alone = spoken(server.directory(), voice, sentence);
    until(Duration::from_secs(20), "a sentence on the disk", || {
        let files = std::fs::read_dir(server.directory().join("data/speech")).ok()?;
        let sounds = files.filter_map(|file| {
            let bytes = std::fs::read(file.ok()?.path()).ok()?;
            let samples = bytes.get(12..)?.as_chunks::<2>().0.iter();
            Some(sound(
                &samples
                    .map(|pair| i16::from_le_bytes(*pair))
                    .collect::<Vec<_>>(),
            ))
        });
        let alike = |sound: &Vec<i16>| sound.len().abs_diff(alone.len()) < alone.len() / 20;
        sounds.into_iter().find(alike)
    })
}

/// Waits until what the caller has heard is like this speech.
pub(crate) fn hears(peer: &Peer, speech: &[i16]) {
    until(Duration::from_secs(20), "the speech", || {
        let heard = peer.audio();
        (heard.len() > speech.len() && wav::find(speech, &heard).1 > 0.95).then_some(())
    });
}

pub(crate) fn call(server: &Server, peer: &Peer) -> (Call, SocketAddr) {
    let mut call = Call::new(server.udp, "speak");
    let ok = call.establish(&sdp(peer, true));
    let to = ok.media().unwrap();
    (call, to)
}

/// Presses 1, which interrupts a text, or ends the flow.
pub(crate) fn press(peer: &Peer, to: SocketAddr) -> Sender {
    let mut sender = Sender::new(7);
    // The path is open, and the source known, before the first key.
    for _ in 0..10 {
        peer.send(to, &sender.audio(0, &[0xff; 160]));
        std::thread::sleep(Duration::from_millis(20));
    }
    peer.press(to, &mut sender, 101, '1', 100);
    sender
}

/// The processes of this program that the server has started.
pub(crate) fn workers(server: &Server, program: &str) -> Vec<i32> {
    let mut pids = server.children();
    pids.retain(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == program
    });
    pids
}

pub(crate) fn signal(pid: i32, signal: i32) {
    // SAFETY: a signal to a worker of our own server, which reaps it only after it has died.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// The engine has said its first word, and stands still from now on.
pub(crate) fn stopped_worker(server: &Server) -> i32 {
    until(Duration::from_secs(20), "the first word", || {
        let log = server.log();
        log.contains("texts can be spoken").then_some(())
    });
    let pid = workers(server, "vireo-espeak")[0];
    signal(pid, libc::SIGSTOP);
    pid
}

fn asked(server: &Server) {
    until(
        Duration::from_secs(10),
        "a sentence that is being made",
        || (server.admin.metric(OPEN) > 0.0).then_some(()),
    );
}

/// The flow has come to its last verb.
pub(crate) fn gathering(server: &Server) {
    until(Duration::from_secs(20), "the flow's last verb", || {
        let calls = server.admin.get("/v1/calls").to_string();
        calls.contains("media.gather").then_some(())
    });
}

#[test]
fn a_text_is_heard_as_the_engine_speaks_it() {
    let server = Server::start(&setup(&format!("first = {GREETING:?}"), 5000));
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    for sentence in ["Thank you for calling.", "Your call is important to us."] {
        hears(&peer, &kept(&server, "en-us", sentence));
    }
    gathering(&server);
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(10));
    let record = only_call(&server);
    let reply = record.replies("media.play")[0].to_string();
    assert!(reply.contains("Finished"), "{reply}");
    // The next caller's are in memory.
    let before = server.admin.metric(ANSWERED);
    let mut again = Call::new(server.udp, "speak");
    let ok = again.establish(&sdp(&peer, true));
    peer.clear();
    hears(&peer, &kept(&server, "en-us", "Thank you for calling."));
    press(&peer, ok.media().unwrap());
    again.wait_for_bye(Duration::from_secs(20));
    assert_eq!(server.admin.metric(ANSWERED), before);
    assert_nothing_left(&server);
}

#[test]
fn constant_texts_are_spoken_before_anybody_calls() {
    let mut setup = setup(&format!("first = {GREETING:?}"), 5000);
    setup.more += &format!("[flows.speak.prefetch]\nen = [{GREETING:?}]\n");
    let server = Server::start(&setup);
    until(Duration::from_secs(20), "both sentences", || {
        let made = "vireo_tts_sentences_total{origin=\"engine\"}";
        (server.admin.metric(made) == 2.0).then_some(())
    });
}

#[test]
fn a_value_without_recorded_words_is_spoken() {
    let setup = Setup {
        routes: Some(
            "[[routes]]\nname = \"de\"\ncalled = \"speak\"\nflow = \"speak\"\nlanguage = \"de-AT\"\n".into(),
        ),
        more: "[flows.speak]\ngrants = { kv = true }\n[flows.speak.settings]\nnumber = 21\n".into(),
        ..Setup::with_flows(&["speak"])
    };
    let server = Server::start(&setup);
    let peer = Peer::new();
    let (mut call, _) = call(&server, &peer);
    hears(&peer, &kept(&server, "de", "einundzwanzig"));
    call.bye();
}

#[test]
fn a_key_is_heard_while_nobody_speaks() {
    let server = Server::start(&setup(&format!("first = {GREETING:?}"), 60_000));
    let worker = stopped_worker(&server);
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    asked(&server);
    let mut sender = press(&peer, to);
    peer.press(to, &mut sender, 101, '2', 100);
    call.wait_for_bye(Duration::from_secs(10));
    signal(worker, libc::SIGCONT);
    let record = only_call(&server);
    let reply = record.replies("media.play")[0].to_string();
    assert!(reply.contains(r#"{"Interrupted":"1"}"#), "{reply}");
    assert_nothing_left(&server);
    // Nobody waits for the sentence any more.
    until(Duration::from_secs(10), "the queue to be empty", || {
        (server.admin.metric(OPEN) == 0.0).then_some(())
    });
}

#[test]
fn a_slow_engine_fails_the_text_and_not_the_call() {
    let server = Server::start(&setup(&format!("first = {GREETING:?}"), 300));
    let worker = stopped_worker(&server);
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    gathering(&server);
    signal(worker, libc::SIGCONT);
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(10));
    let record = only_call(&server);
    let reply = record.replies("media.play")[0].to_string();
    assert!(
        reply.contains("tts: worker espeak did not answer in time") && reply.contains("(VR0155)"),
        "{reply}"
    );
    assert_eq!(record.outcome(), "completed");
}

#[test]
fn an_engine_that_dies_costs_its_sentence_and_speaks_again() {
    let settings = format!("first = \"This is lost.\"\nsecond = {GREETING:?}");
    let server = Server::start(&setup(&settings, 60_000));
    let worker = stopped_worker(&server);
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    asked(&server);
    signal(worker, libc::SIGKILL);
    hears(&peer, &kept(&server, "en-us", "Thank you for calling."));
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(20));
    let record = only_call(&server);
    let replies = record.replies("media.play");
    let first = replies[0].to_string();
    assert!(first.contains("tts: worker espeak died"), "{first}");
    assert!(replies[1]["Ok"].is_object(), "{}", replies[1]);
    assert_eq!(record.outcome(), "completed");
}

#[test]
fn without_its_program_an_engine_is_named_and_calls_work() {
    // The server alone, in a directory of its own.
    let alone = tempfile::tempdir().unwrap();
    let copy = format!(
        "cp \"$0\" {0}/vireo && exec {0}/vireo \"$@\"",
        alone.path().display()
    );
    let setup = Setup {
        starter: vec!["sh".into(), "-c".into(), copy],
        ..setup(&format!("first = {GREETING:?}"), 5000)
    };
    let server = Server::start(&setup);
    until(Duration::from_secs(20), "the error in the log", || {
        server.log().contains("VR0155").then_some(())
    });
    let peer = Peer::new();
    let (mut call, to) = call(&server, &peer);
    gathering(&server);
    press(&peer, to);
    call.wait_for_bye(Duration::from_secs(10));
    let record = only_call(&server);
    let reply = record.replies("media.play")[0].to_string();
    assert!(reply.contains("tts: worker espeak"), "{reply}");
    assert_eq!(record.outcome(), "completed");
}
