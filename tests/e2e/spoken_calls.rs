//! Texts in SIPp's calls: heard, and what becomes of the calls when nobody speaks.

use std::time::Duration;

use vireo_tests::rtp::Peer;
use vireo_tests::server::Setup;
use vireo_tests::sipp::Run;
use vireo_tests::{Server, until};

use crate::speech::{GREETING, hears, kept, setup, signal, stopped_worker};
use crate::{assert_nothing_left, ended_call, only_call, records};

/// What each call's flow was told of its texts, in the order in which the calls ended last.
fn told(server: &Server, calls: usize) -> Vec<String> {
    let records = records(server, calls);
    let replies = records.iter().map(|record| {
        assert_eq!(record["outcome"], "completed");
        let call = ended_call(server, record["call_id"].as_str().unwrap());
        let replies = call.replies("media.play").into_iter();
        replies.map(ToString::to_string).collect()
    });
    replies.collect()
}

#[test]
fn a_text_and_a_value_are_heard() {
    let settings = "[flows.speak.settings]\nfirst = \"Guten Tag.\"\nnumber = 21\n";
    let server = Server::start(&Setup {
        routes: Some(
            "[[routes]]\nname = \"de\"\ncalled = \"speak\"\nflow = \"speak\"\nlanguage = \"de\"\n"
                .into(),
        ),
        more: format!("[flows.speak]\ngrants = {{ kv = true }}\n{settings}"),
        ..Setup::with_flows(&["speak"])
    });
    let peer = Peer::new();
    let port = peer.address().port().to_string();
    let run = Run::new("media-elsewhere", "speak").args(&["-key", "audio_port", &port]);
    std::thread::scope(|scope| {
        scope.spawn(|| run.succeed(server.udp));
        for sentence in ["Guten Tag.", "einundzwanzig"] {
            hears(&peer, &kept(&server, "de", sentence));
        }
    });
    let call = only_call(&server);
    for reply in call.replies("media.play") {
        assert!(reply.to_string().contains("Finished"), "{reply}");
    }
    assert_eq!(call.outcome(), "completed");
    assert_nothing_left(&server);
}

#[test]
fn calls_go_on_when_their_engine_dies() {
    const CALLS: usize = 5;
    let settings = format!("first = \"This is lost.\"\nsecond = {GREETING:?}");
    let server = Server::start(&setup(&settings, 60_000));
    let worker = stopped_worker(&server);
    std::thread::scope(|scope| {
        let run = Run::new("server-bye", "speak").calls(CALLS as u32, 50.0);
        let udp = server.udp;
        scope.spawn(move || run.succeed(udp));
        until(Duration::from_secs(20), "all to wait for a text", || {
            let calls = server.admin.get("/v1/calls").to_string();
            (calls.matches("media.play").count() == CALLS).then_some(())
        });
        signal(worker, libc::SIGKILL);
    });
    // Who waited for the same sentence asks once more.
    let told = told(&server, CALLS);
    let lost = told.iter().filter(|replies| {
        replies.contains("tts: worker espeak died") && replies.contains("(VR0155)")
    });
    assert_eq!(lost.count(), 1, "{told:?}");
    let spoken: usize = told
        .iter()
        .map(|told| told.matches("Finished").count())
        .sum();
    assert_eq!(spoken, 2 * CALLS - 1, "{told:?}");
    assert_nothing_left(&server);
}

#[test]
fn calls_go_on_without_a_voice() {
    let mut setup = setup(&format!("first = {GREETING:?}"), 5000);
    setup.more = setup.more.replace("\"en-us\"", "\"no-such-voice\"");
    let route = |called: &str, language: &str| {
        format!(
            "[[routes]]\nname = \"{called}\"\ncalled = \"{called}\"\nflow = \"speak\"\nlanguage = \"{language}\"\n"
        )
    };
    setup.routes = Some(route("engine-lacks", "en") + &route("nobody-has", "sw"));
    let server = Server::start(&setup);
    for (calls, (called, parts)) in (1..).zip([
        ("engine-lacks", ["Failed", "no-such-voice", "(VR0155)"]),
        ("nobody-has", ["NotFound", "\\\"sw\\\"", "(VR0156)"]),
    ]) {
        Run::new("server-bye", called).succeed(server.udp);
        let told = told(&server, calls).remove(0);
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    assert!(server.log().contains("VR0155"), "{}", server.log());
    assert_nothing_left(&server);
}
