//! Gathers that listen, where the server cannot: the flow is told why, and keys work.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vireo_tests::rtp::{Peer, Sender};
use vireo_tests::server::{Setup, call};
use vireo_tests::sip::{Call, sdp};
use vireo_tests::{Server, flow, root, until};

use crate::speech::{gathering, signal, workers};
use crate::{assert_nothing_left, ended_call, records};

/// A server with this model of English, if any.
fn server(model: Option<&Path>) -> Server {
    let more = model
        .map(|directory| format!("[[asr.models]]\nlanguage = \"en\"\ndirectory = {directory:?}\n"));
    Server::start(&Setup {
        more: more.unwrap_or_default(),
        ..Setup::with_flows(&["listens"])
    })
}

/// What came of the gather of a call that does this.
fn gathered(server: &Server, calls: usize, steps: &[&str]) -> Value {
    let heard = server.directory().join(format!("heard-{calls}"));
    call(&format!("listens@{}", server.udp), &heard, steps);
    let newest = records(server, calls).remove(0);
    assert_eq!(newest["outcome"], "completed");
    result(server, &newest)
}

/// What came of the gather of a call.
pub(crate) fn result(server: &Server, record: &Value) -> Value {
    let call = ended_call(server, record["call_id"].as_str().unwrap());
    call.replies("media.gather")[0]["Ok"]["gather"].clone()
}

/// The gather's end without a key, and then with one.
fn told(server: &Server) -> (String, String) {
    let nothing = gathered(server, 1, &["expect-hangup"]);
    let key = gathered(server, 2, &["press:1", "expect-hangup"]);
    assert_eq!(key, json!({ "Digits": "1" }));
    let field = |name: &str| {
        nothing["Unheard"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (field("reason"), field("text"))
}

/// A directory that looks like a model for speech of this rate, with these words; no program can read it.
fn model(rate: u32, words: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let words = words.iter().zip(2..);
    let words: String = words.map(|(word, id)| format!("{word} {id}\n")).collect();
    for (file, content) in [
        ("am/final.mdl", "no model".to_owned()),
        ("graph/words.txt", format!("<eps> 0\n[unk] 1\n{words}")),
        ("conf/mfcc.conf", format!("--sample-frequency={rate}\n")),
    ] {
        let file = directory.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    directory
}

#[test]
fn a_server_without_models_says_so() {
    let (reason, text) = told(&server(None));
    assert_eq!(reason, "NoModel");
    assert!(
        text.starts_with("VR0201: this server recognises no speech"),
        "{text}"
    );
}

#[test]
fn a_model_that_is_missing_is_named() {
    let server = server(Some(Path::new("/does/not/exist")));
    let (reason, text) = told(&server);
    assert_eq!(reason, "NoModel");
    assert_eq!(
        text,
        "VR0201: the model /does/not/exist: there is no such directory"
    );
    assert!(server.log().contains("VR0201"), "{}", server.log());
}

#[test]
fn a_model_for_another_rate_is_refused() {
    let model = model(44_100, &["yes", "no"]);
    let (reason, text) = told(&server(Some(model.path())));
    assert_eq!(reason, "NoModel");
    let why = "is for speech of 44100 Hz; models for 8000 and 16000 Hz can be used";
    assert!(
        text.starts_with("VR0201: ") && text.ends_with(why),
        "{text}"
    );
}

/// The worker ends over this model; where it is not installed, that is what ends the recognition.
#[test]
fn an_engine_that_cannot_be_used_costs_no_call() {
    let model = model(8_000, &["yes", "no"]);
    let (reason, text) = told(&server(Some(model.path())));
    let fits = match reason.as_str() {
        "NoModel" => text.starts_with("VR0201: "),
        "Failed" => text.starts_with("VR0202: "),
        _ => false,
    };
    assert!(fits, "{reason}: {text}");
}

#[test]
fn words_that_no_model_knows_are_told_at_the_deploy_and_by_the_first_call() {
    let model = model(8_000, &["yes", "perhaps"]);
    let server = Server::start(&Setup {
        more: format!(
            "[flows.listens.phrases]\nen = [\"perhaps\", \"perhaps not\"]\nfr = [\"oui\"]\n\
             [[asr.models]]\nlanguage = \"en\"\ndirectory = {:?}\n",
            model.path()
        ),
        ..Setup::with_flows(&["listens"])
    });
    // What calls listen for is known by the tests that a component brings along.
    let scripts = server.directory().join("scripts");
    fs::create_dir(&scripts).unwrap();
    let script = "component = \"x.wasm\"\n\
                  steps = [{ says = \"yes\" }, { hears = [\"goodbye\"] }, { ends = \"completed\" }]\n";
    fs::write(scripts.join("listens.test.toml"), script).unwrap();
    let tested = server.directory().join("listens.wasm");
    let [from, scripts, to] =
        [flow("listens"), scripts, tested.clone()].map(|path| path.display().to_string());
    server.command(&["build", &from, "--with-tests", &scripts, "-o", &to]);
    let report = server.admin.deploy("listens", &tested);
    let findings = report["findings"].as_array().unwrap();
    let starts = [
        "yes and no in \"en\" is not going to be understood: the model ",
        "\"perhaps not\" in \"en\" is not going to be understood: the model ",
        "speech in \"fr\" is not going to be understood: no model is configured for the language \"fr\"",
    ];
    assert_eq!(findings.len(), starts.len(), "{report}");
    for (finding, start) in findings.iter().zip(starts) {
        let what = finding["what"].as_str().unwrap();
        assert!(what.starts_with(start), "{what}");
        assert_eq!(
            (&finding["severity"], &finding["check"]),
            (&json!("warning"), &json!("phrases"))
        );
    }
    let printed = server.command(&["flow", "preflight", "listens", &to]);
    assert!(
        printed.contains("warning: phrases: \"perhaps not\" in \"en\""),
        "{printed}"
    );
    let history = server.admin.get("/v1/flows/listens/history");
    let note = history[0]["note"].as_str().unwrap();
    assert!(note.starts_with(&format!("[{}", starts[0])) && note.ends_with("; 2 others neither]"));

    let (reason, text) = told(&server);
    assert_eq!(reason, "NoModel");
    assert!(
        text.starts_with("VR0201: the model ") && text.contains("does not know \"no\";"),
        "{text}"
    );
    let met = "vireo_asr_unknown_words_total{flow=\"listens\"}";
    assert_eq!(server.admin.metric(met), 2.0);
    let log = server.log();
    let lines = log.matches("the flow listens for words that the model does not know");
    assert_eq!(lines.count(), 1, "{log}");
}

/// A server with the model of the repository, and flows that wait so many seconds for an answer: the one
/// named first, and `patient` for ten times as long.
fn able(streams: u32, seconds: u32) -> Server {
    let directory = root().join("media/speech/models/en");
    let server = Server::start(&Setup {
        flows: ["listens", "patient"]
            .map(|name| (name.to_owned(), "listens".to_owned()))
            .into(),
        more: format!(
            "[flows.listens.settings]\nseconds = {seconds}\n\
             [flows.patient.settings]\nseconds = {}\n\
             [asr.engines.vosk]\nkind = \"vosk\"\nstreams = {streams}\n\
             [[asr.models]]\nlanguage = \"en\"\ndirectory = {directory:?}\n",
            seconds * 10
        ),
        ..Setup::default()
    });
    until(Duration::from_secs(60), "the model", || {
        server
            .log()
            .contains("speech can be understood")
            .then_some(())
    });
    server
}

/// A caller who is listened to.
pub(crate) struct Speaker {
    peer: Peer,
    call: Call,
    to: SocketAddr,
    sender: Sender,
}

impl Speaker {
    /// Calls a flow, and is in its gather.
    pub fn calls(server: &Server, flow: &str) -> Self {
        let peer = Peer::new();
        let mut call = Call::new(server.udp, flow);
        let ok = call.establish(&sdp(&peer, true));
        gathering(server);
        Self {
            to: ok.media().unwrap(),
            sender: Sender::new(7),
            peer,
            call,
        }
    }

    /// Says words, in the time that they take.
    pub fn says(&mut self, server: &Server, words: &str) {
        let spoken = server.directory().join("words.ulaw");
        let line = format!(
            "espeak-ng -v en-us -s 150 --stdout \"$0\" | sox -t wav - -t ul -r 8000 -c 1 {spoken:?}"
        );
        let status = Command::new("sh").args(["-c", &line, words]).status();
        assert!(status.unwrap().success(), "{line}");
        let mut due = Instant::now();
        for piece in fs::read(&spoken).unwrap().chunks(160) {
            self.peer.send(self.to, &self.sender.audio(0, piece));
            // On average as fast as a telephone, however late this thread is woken.
            due += Duration::from_millis(20);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Presses a key.
    fn presses(&mut self, key: char) {
        self.peer.press(self.to, &mut self.sender, 101, key, 100);
    }

    /// Waits until the flow has hung up.
    pub fn ends(mut self) {
        self.call.wait_for_bye(Duration::from_secs(30));
    }

    /// What came of the gather of the only call, in which nobody could listen.
    fn result(self, server: &Server) -> Value {
        self.ends();
        let record = records(server, 1).remove(0);
        assert_eq!(record["outcome"], "completed");
        let counts = json!({ "matched": 0, "unmatched": 0, "unheard": 1 });
        assert_eq!(record["recognitions"], counts);
        result(server, &record)
    }
}

/// Waits until the journal of the only call in progress has this event.
fn happened(server: &Server, event: &str) {
    until(Duration::from_secs(30), event, || {
        let calls = server.admin.get("/v1/calls");
        let id = calls[0]["call_id"].as_str()?;
        let (status, detail) = server.admin.request("GET", &format!("/v1/calls/{id}"), &[]);
        let detail: Value = serde_json::from_slice(&detail).ok()?;
        let mut timeline = detail["timeline"].as_array()?.iter();
        let there = timeline.any(|entry| entry["kind"]["event"]["name"] == event);
        (status == 200 && there).then_some(())
    });
}

/// The engine's process, which is not going to answer any more.
fn stopped_worker(server: &Server) -> i32 {
    let worker = until(Duration::from_secs(30), "the worker", || {
        workers(server, "vireo-vosk").first().copied()
    });
    signal(worker, libc::SIGSTOP);
    worker
}

/// What a caller says is not understood, because the engine stands still, and then this happens to it. Who
/// presses a key is answered; returned is what the flow is told of who does not.
fn unheard(then: impl Fn(i32)) -> String {
    let result = |flow: &str, key: Option<char>| {
        let server = able(50, 2);
        let worker = stopped_worker(&server);
        let mut speaker = Speaker::calls(&server, flow);
        speaker.says(&server, "one two three four");
        happened(&server, "speech");
        then(worker);
        if let Some(key) = key {
            happened(&server, "unheard");
            speaker.presses(key);
        }
        let result = speaker.result(&server);
        let failed = "vireo_asr_recognitions_total{end=\"failed\"}";
        assert_eq!(server.admin.metric(failed), 1.0);
        assert_nothing_left(&server);
        result
    };
    assert_eq!(result("patient", Some('1')), json!({ "Digits": "1" }));
    let unheard = &result("listens", None)["Unheard"];
    assert_eq!(unheard["reason"], "Failed");
    unheard["text"].as_str().unwrap().to_owned()
}

#[test]
fn an_engine_that_dies_in_the_midst_of_an_answer_leaves_keys() {
    let text = unheard(|worker| signal(worker, libc::SIGKILL));
    assert!(
        text.starts_with("VR0202: recognizer vosk: worker vosk died"),
        "{text}"
    );
}

#[test]
fn an_engine_that_does_not_come_to_an_end_leaves_keys() {
    let text = unheard(|_| {});
    assert_eq!(text, "VR0202: recognizer vosk is too slow: it does not end");
}

#[test]
fn a_caller_too_many_is_not_listened_to_and_has_keys() {
    let server = able(1, 2);
    let mut first = Speaker::calls(&server, "patient");
    let (reason, text) = told(&server);
    assert_eq!(reason, "Busy");
    assert_eq!(
        text,
        "VR0200: recognizer vosk is busy: 1 recognitions run already"
    );
    let busy = "vireo_asr_recognitions_total{end=\"busy\"}";
    assert_eq!(server.admin.metric(busy), 2.0);
    first.call.bye();
    assert_nothing_left(&server);
}

#[test]
fn what_is_understood_is_counted_and_timed() {
    let server = able(50, 20);
    let mut speaker = Speaker::calls(&server, "listens");
    speaker.says(&server, "yes");
    speaker.ends();
    let record = records(&server, 1).remove(0);
    let counts = json!({ "matched": 1, "unmatched": 0, "unheard": 0 });
    assert_eq!(record["recognitions"], counts);
    assert_eq!(result(&server, &record)["Speech"]["value"], "yes");
    let shown = server.command(&["cdr", "show", record["call_id"].as_str().unwrap()]);
    assert!(
        shown.contains("1 understood, 0 not, 0 not heard"),
        "{shown}"
    );
    for count in ["_bucket{le=\"+Inf\"}", "_count"] {
        let name = format!("vireo_asr_answer_seconds{count}");
        assert_eq!(server.admin.metric(&name), 1.0);
    }
}
