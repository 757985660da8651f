//! `vireo test` and `vireo try`, as processes, with the flows that the host's own tests use.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::cli::{Run, command, finish};

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Directory(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text.replace("FIXTURES", &fixtures())).unwrap();
    }

    /// Runs `vireo` in this directory with nothing of this environment that it would listen to.
    fn vireo(&self, line: &str) -> Run {
        self.typed(line, "")
    }

    fn typed(&self, line: &str, keys: &str) -> Run {
        let line = line.replace("FIXTURES", &fixtures());
        let mut child = command(&line.split(' ').collect::<Vec<_>>())
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read is gone by now.
        let _ = child.stdin.take().unwrap().write_all(keys.as_bytes());
        finish(&child.wait_with_output().unwrap())
    }
}

/// The directory of the flows that the host's own tests use.
pub fn fixtures() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../host/tests/fixtures").canonicalize().unwrap();
    fixtures.display().to_string()
}

/// Without what a run takes.
fn steady(text: &str) -> String {
    let cut = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((head, tail)) if tail.ends_with(" s") => head,
        _ => line,
    });
    cut.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_call_that_goes_as_its_script_says() {
    let directory = Directory::new();
    directory.write(
        "menu.test.toml",
        r#"
component = "FIXTURES/hello.wasm"
steps = [
    { hears = ["welcome", "menu/welcome"] },
    { presses = "2" },
    { hears = "goodbye" },
    { ends = "completed" },
]
"#,
    );
    let run = directory.vireo("test .");
    assert_eq!(run.err, "");
    assert_eq!(
        steady(&run.out),
        "./menu.test.toml\n  ok    menu (9.6 s)\n\n1 passed, 0 failed: 10 s of calls\n"
    );
    assert_eq!(run.code, 0);
}

#[test]
fn a_call_that_does_not_is_shown_beside_its_script() {
    let directory = Directory::new();
    directory.write(
        "menu.test.toml",
        r#"
component = "FIXTURES/hello.wasm"
[[cases]]
name = "opening hours"
steps = [
    { hears = ["welcome", "menu/welcome"] },
    { presses = "2" },
    { hears = "opening-hours" },
]
"#,
    );
    let run = directory.vireo("test menu.test.toml --junit junit.xml");
    assert_eq!(run.code, 1);
    assert_eq!(run.err, "error[VR0170]: 1 of 1 flow tests did not pass\n");
    assert_eq!(
        steady(&run.out),
        "menu.test.toml
  FAIL  opening hours
    +0.000  server  200 OK
    +0.000  flow    plays welcome (3.0 s)
    +3.000  flow    plays menu/welcome (3.0 s)            | hears welcome, menu/welcome
    +6.500  caller  key 2                                 | presses 2
    +6.600  flow    gather menu/welcome: digits 2, 3.6 s
    +6.600  flow    plays goodbye (3.0 s)                 x hears opening-hours
        expected  hears opening-hours   menu.test.toml:8
        but       hears goodbye at 6.6s

0 passed, 1 failed: 7 s of calls
"
    );
    let junit = std::fs::read_to_string(directory.path("junit.xml")).unwrap();
    assert!(
        junit.contains(r#"<testsuites tests="1" failures="1">"#),
        "{junit}"
    );
    assert!(
        junit.contains(r#"message="expected  hears opening-hours"#),
        "{junit}"
    );
}

#[test]
fn a_call_that_ends_too_early_or_goes_on() {
    let directory = Directory::new();
    let steps = [
        (
            r#"{ hears = ["welcome", "menu/welcome"] }, { ends = "completed" }"#,
            "hears menu/welcome",
        ),
        (
            r#"{ hears = "welcome" }, { presses = "1" }"#,
            "hears menu/welcome",
        ),
        (
            r#"{ hears = "welcome" }, { silent = "4s" }"#,
            "hears menu/welcome",
        ),
        (
            r#"{ hears = ["welcome", "menu/welcome"] }, { presses = "1" }, { hears = "goodbye" }, { hears = "x" }"#,
            "the call ends: completed",
        ),
        (
            r#"{ hears = "welcome" }, { presses = "1", while-playing = true, after = "5s" }"#,
            "the prompt has ended",
        ),
        (
            r#"{ hears = "welcome" }, { kv = { a = 1 } }, { hears = "menu/welcome" }"#,
            "kv a is absent",
        ),
        (
            r#"{ hears = { matches = "^wel" } }, { hears = { matches = "^x" } }"#,
            "hears menu/welcome",
        ),
        (
            r#"{ hears = "welcome" }, { hangs-up = true, while-playing = true }, { ends = "completed" }"#,
            "the call ends: hung-up-by-caller",
        ),
    ];
    for (steps, actual) in steps {
        let script = format!("component = \"FIXTURES/hello.wasm\"\nsteps = [{steps}]\n");
        directory.write("a.test.toml", &script);
        let run = directory.vireo("test a.test.toml --json");
        let report: Value = serde_json::from_str(&run.out).unwrap();
        let troubles = report["cases"][0]["troubles"].to_string();
        assert!(
            troubles.contains(&format!("but       {actual} at")),
            "{steps}: {troubles}"
        );
        assert_eq!(
            (run.code, &report["failed"]),
            (1, &Value::from(1)),
            "{steps}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_script_is_told_with_its_place() {
    let directory = Directory::new();
    directory.write(
        "a.test.toml",
        r#"
component = "FIXTURES/hello.wasm"
[[cases]]
name = "one"
steps = [
    { heras = "welcome" },
    { presses = "1x" },
    { silent = "5" },
    { ends = "complete" },
]
"#,
    );
    directory.write(
        "b.test.toml",
        r#"
component = "no-such.wasm"
steps = [
    { presses = "1", hears = "welcome" },
    { hears = "welcome", after = "1s" },
    { ends = "completed" },
    { hangs-up = true },
]
"#,
    );
    directory.write(
        "c.test.toml",
        "component = \"no-such.wasm\"\nsteps = [{ hears = \"x\" }]\n",
    );
    let run = directory.vireo("test .");
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    for expected in [
        "./a.test.toml:6:7",
        "unknown key `heras` in [[cases]] number 1 steps number 1",
        "did you mean `hears`?",
        "./a.test.toml:7:17",
        "write keys: 0 to 9, *, #, A to D",
        "./a.test.toml:8:16",
        "write a number and its unit",
        "did you mean \"completed\"?",
        "./b.test.toml:4:5",
        "the step has both `hears` and `presses`",
        "./b.test.toml:5:34",
        "`after` has no meaning here",
        "steps follow the end of the call",
        "./c.test.toml:1:13",
        "build it first",
    ] {
        assert!(run.err.contains(expected), "{expected}\n{}", run.err);
    }
}

#[test]
fn a_flow_that_fails_is_reported_as_a_server_would() {
    let directory = Directory::new();
    for (what, script, expected) in [
        (
            "panic",
            "",
            &["panic: ", "index out of bounds", "in probe::choose_a_menu"][..],
        ),
        ("hog", "", &["out of memory", "in probe::hog"]),
        (
            "kv",
            "grants = {}",
            &["this flow has no such grant", "add `kv = true`"],
        ),
        (
            "http",
            "grants = { http = [\"api.example.com\"] }",
            &["no [[http]] of the script answers POST"],
        ),
        (
            "secret",
            "grants = { secrets = [\"pin\"] }",
            &["the script has none of that name"],
        ),
    ] {
        let script = format!(
            "component = \"FIXTURES/probe.wasm\"\nsettings = {{ do = {what:?}, times = 7 }}\n{script}\n\
             steps = [{{ ends = \"rejected\" }}]\n"
        );
        directory.write("a.test.toml", &script);
        let run = directory.vireo("test a.test.toml");
        assert_eq!(run.code, 1, "{what}");
        for expected in expected {
            assert!(
                run.out.contains(expected),
                "{what}: {expected}\n{}",
                run.out
            );
        }
    }
}

#[test]
fn missing_prompts_are_named_with_the_files_that_were_looked_for() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path("prompts")).unwrap();
    directory.write(
        "a.test.toml",
        "component = \"FIXTURES/hello.wasm\"\nsteps = [{ ends = \"failed-flow\" }]\n",
    );
    let passing = directory.vireo("test a.test.toml --prompts prompts");
    assert_eq!(passing.code, 0, "{}", passing.out);
    directory.write(
        "a.test.toml",
        "component = \"FIXTURES/hello.wasm\"\nsteps = [{ hears = \"welcome\" }]\n",
    );
    let run = directory.vireo("test a.test.toml --prompts prompts");
    assert_eq!(run.code, 1);
    assert!(
        run.out
            .contains("there is no prompt \"welcome\"; looked for prompts/en/welcome.wav"),
        "{}",
        run.out
    );
}

#[test]
fn coverage_says_what_no_case_has_reached() {
    let directory = Directory::new();
    directory.write(
        "a.test.toml",
        "component = \"FIXTURES/hello.wasm\"\nsteps = [{ hears = [\"welcome\", \"menu/welcome\"] }]\n",
    );
    let run = directory.vireo("test a.test.toml --coverage");
    assert!(
        run.out
            .contains("  functions  3 reached; never called: call.hangup\n"),
        "{}",
        run.out
    );
    let run = directory.vireo("test a.test.toml --json");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        report["coverage"][0]["functions_never_called"][0],
        "call.hangup"
    );
}

#[test]
fn the_settings_of_a_configuration_hold() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path("prompts")).unwrap();
    directory.write(
        "vireo.toml",
        "[flows.probe]\nsettings = { do = \"kv\" }\nlimits = { host-calls = 3 }\n",
    );
    directory.write(
        "a.test.toml",
        "flow = \"probe\"\nsteps = [{ ends = \"failed-flow\", why = \"no such grant\" }]\n",
    );
    let flow = "--config vireo.toml --flow probe=FIXTURES/probe.wasm";
    let run = directory.vireo(&format!("test a.test.toml {flow}"));
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    directory.write(
        "a.test.toml",
        "flow = \"porbe\"\ncomponent = \"FIXTURES/probe.wasm\"\nsteps = [{ ends = \"completed\" }]\n",
    );
    let run = directory.vireo(&format!("test a.test.toml {flow}"));
    assert_eq!(run.code, 2);
    assert!(run.err.contains("has no [flows.porbe]"), "{}", run.err);
}

#[test]
fn the_same_calls_on_one_core_and_on_several() {
    let directory = Directory::new();
    let case =
        "{ hears = [\"welcome\", \"menu/welcome\"] }, { presses = \"1\" }, { hears = \"goodbye\" }";
    let mut script = "component = \"FIXTURES/hello.wasm\"\n".to_owned();
    for number in 0..50 {
        script.push_str(&format!(
            "[[cases]]\nname = \"{number}\"\nsteps = [{case}]\n"
        ));
    }
    directory.write("a.test.toml", &script);
    let runs = ["1", "4"].map(|jobs| directory.vireo(&format!("test a.test.toml -v -j {jobs}")));
    assert_eq!(steady(&runs[0].out), steady(&runs[1].out));
    assert_eq!(runs.map(|run| run.code), [0, 0]);
    let filtered = directory.vireo("test a.test.toml --filter 49");
    assert!(
        filtered.out.contains("1 passed, 0 failed"),
        "{}",
        filtered.out
    );
    let none = directory.vireo("test a.test.toml --filter nothing");
    assert_eq!(none.code, 6, "{}", none.err);
}

#[test]
fn a_flow_is_tried_from_a_pipe() {
    let directory = Directory::new();
    directory.write(
        "texts.tsv",
        "en\twelcome\t-\tWelcome.\nen\tgoodbye\t-\tGoodbye.\n",
    );
    let run = directory.typed("try FIXTURES/hello.wasm --texts texts.tsv", "2\n");
    assert_eq!(run.err, "");
    assert_eq!(
        run.out,
        "    +0.000  server  200 OK
    +0.000  flow    plays welcome (3.0 s)
                    \"Welcome.\"
    +3.000  flow    plays menu/welcome (3.0 s)
    +6.500  caller  key 2
    +6.600  flow    gather menu/welcome: digits 2, 3.6 s
    +6.600  flow    plays goodbye (3.0 s)
                    \"Goodbye.\"
    +9.600  server  BYE

record: completed, ended by flow, 9.6 s talked; 5 host calls, 1152 KiB of memory
"
    );
    assert_eq!(run.code, 0);
    // A space lets time pass; the end of the keys is the end of the call.
    let run = directory.typed("try FIXTURES/hello.wasm", " ");
    assert!(
        run.out.contains("+11.000  flow    plays menu/welcome"),
        "{}",
        run.out
    );
    assert!(
        run.out
            .contains("record: hung-up-by-caller, ended by caller"),
        "{}",
        run.out
    );
    let run = directory.typed(
        "try FIXTURES/probe.wasm --setting do=panic --setting times=7",
        "",
    );
    assert_eq!(run.code, 1);
    assert!(run.err.contains("in probe::choose_a_menu"), "{}", run.err);
}

/// The script that the documentation shows is understood; only its component is not here.
#[test]
fn the_script_of_the_documentation_is_understood() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/flow-testing.md");
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("```").map(|(script, _)| script));
    let blocks: Vec<&str> = blocks.filter(|block| block.contains("steps = [")).collect();
    assert_eq!(blocks.len(), 1);
    let directory = Directory::new();
    directory.write("a.test.toml", blocks[0]);
    let run = directory.vireo("test a.test.toml");
    assert_eq!(run.err.matches("error[").count(), 1, "{}", run.err);
    assert!(run.err.contains("build it first"), "{}", run.err);
}

#[test]
fn a_prompt_stands_still_while_the_call_is_on_hold() {
    let directory = Directory::new();
    directory.write(
        "a.test.toml",
        r#"
component = "FIXTURES/hello.wasm"
steps = [
    { hears = "welcome" },
    { holds = "5s", while-playing = true, after = "1s" },
    { hears = "menu/welcome" },
    { holds = "2s" },
    { presses = "2" },
    { hears = "goodbye" },
    { ends = "completed" },
]
"#,
    );
    let run = directory.vireo("test a.test.toml -v");
    assert_eq!(
        steady(&run.out),
        "a.test.toml
  ok    a (17.1 s)
    +0.000  server  200 OK
    +0.000  flow    plays welcome (3.0 s)                 | hears welcome
    +1.000  caller  holds                                 | holds for 5s while it plays
    +6.000  caller  takes the call back
    +8.000  flow    plays menu/welcome (3.0 s)            | hears menu/welcome
   +11.500  caller  holds                                 | holds for 2s
   +13.500  caller  takes the call back
   +14.000  caller  key 2                                 | presses 2
   +14.100  flow    gather menu/welcome: digits 2, 6.1 s
   +14.100  flow    plays goodbye (3.0 s)                 | hears goodbye
   +17.100  server  BYE                                   | ends completed

1 passed, 0 failed: 17 s of calls
"
    );
}

#[test]
fn a_failed_flow_is_followed_by_apology_and_fallback() {
    let directory = Directory::new();
    let script = |steps: &str| {
        format!(
            "component = \"FIXTURES/probe.wasm\"\nsettings = {{ do = \"kv\" }}\ngrants = {{}}\n\
             apology = \"sorry\"\nfallback = \"FIXTURES/hello.wasm\"\nsteps = [{steps}]\n"
        )
    };
    let steps = "{ hears = [\"sorry\", \"welcome\", \"menu/welcome\"] }, { presses = \"1\" }, \
                 { hears = \"goodbye\" }, { ends = \"failed-flow\", why = \"no such grant\" }";
    directory.write("a.test.toml", &script(steps));
    let run = directory.vireo("test a.test.toml");
    assert_eq!(run.code, 0, "{}", run.out);
    // Whoever does not expect it is told both: what was heard, and why.
    directory.write("a.test.toml", &script("{ ends = \"completed\" }"));
    let run = directory.vireo("test a.test.toml");
    for expected in [
        "but       hears sorry",
        "the flow failed: ",
        "no such grant",
    ] {
        assert!(run.out.contains(expected), "{expected}\n{}", run.out);
    }
    assert_eq!(run.code, 1);
}

#[test]
fn the_schema_is_printed_for_editors() {
    let run = Directory::new().vireo("test --schema");
    let schema: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(schema["title"], "Vireo flow tests");
    assert!(schema["properties"]["cases"].is_object());
}
