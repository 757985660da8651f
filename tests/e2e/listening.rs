//! Gathers that listen, where the server cannot: the flow is told why, and keys work.

use std::fs;
use std::path::Path;

use serde_json::Value;
use vireo_tests::Server;
use vireo_tests::server::{Setup, call};

use crate::{ended_call, records};

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
    let call = ended_call(server, newest["call_id"].as_str().unwrap());
    call.replies("media.gather")[0]["Ok"]["gather"].clone()
}

/// The gather's end without a key, and then with one.
fn told(server: &Server) -> (String, String) {
    let nothing = gathered(server, 1, &["expect-hangup"]);
    let key = gathered(server, 2, &["press:1", "expect-hangup"]);
    assert_eq!(key, serde_json::json!({ "Digits": "1" }));
    let field = |name: &str| {
        nothing["Unheard"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (field("reason"), field("text"))
}

/// A directory that looks like a model for speech of this rate; no program can read it.
fn model(rate: u32) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (file, content) in [
        ("am/final.mdl", "no model".to_owned()),
        (
            "graph/words.txt",
            "<eps> 0\n[unk] 1\nyes 2\nno 3\n".to_owned(),
        ),
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
    let model = model(44_100);
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
    let model = model(8_000);
    let (reason, text) = told(&server(Some(model.path())));
    let fits = match reason.as_str() {
        "NoModel" => text.starts_with("VR0201: "),
        "Failed" => text.starts_with("VR0202: "),
        _ => false,
    };
    assert!(fits, "{reason}: {text}");
}
