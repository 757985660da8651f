//! What is said of a component before it runs.

use vireo_host::{ComponentError, Import, Inspection};

use crate::script::{HELLO, PROBE, hello, host};

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a component")
}

fn problems(text: &str) -> String {
    let inspection = host().inspect(&component(text)).unwrap();
    let texts: Vec<String> = inspection
        .problems
        .iter()
        .map(ToString::to_string)
        .collect();
    texts.join("\n")
}

#[test]
fn a_good_flow_is_described() {
    let hello = host().inspect(HELLO).unwrap();
    assert_eq!(hello.problems, []);
    assert_eq!(hello.size, HELLO.len() as u64);
    assert_eq!(hello.contract.as_deref(), Some("0.1.0"));
    assert_eq!(hello.grants, [""; 0]);
    let functions = |name: &str| -> &Import {
        hello
            .imports
            .iter()
            .find(|import| import.interface == name)
            .unwrap()
    };
    assert_eq!(
        functions("vireo:flow/call@0.1.0").functions,
        ["answer", "hangup"]
    );
    assert_eq!(
        functions("vireo:flow/media@0.1.0").functions,
        ["play", "gather"]
    );
    assert_eq!(hello.resources.memories, 1);
    assert!(hello.uses("media", "play") && !hello.uses("media", "record"));

    let probe = host().inspect(PROBE).unwrap();
    assert_eq!(probe.grants, ["kv", "http", "secrets"]);
}

#[test]
fn the_digest_is_sha_256_of_the_bytes() {
    let digest = hello().digest().to_owned();
    assert!(digest.len() == 64 && digest.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    let mut other = HELLO.to_vec();
    // A custom section changes nothing but the digest.
    other.extend_from_slice(&[0, 3, 1, b'v', 1]);
    let other = host().compile(&other).unwrap();
    assert_ne!(other.digest(), digest);
    assert_eq!(other.inspection().imports, hello().inspection().imports);
}

#[test]
fn what_is_no_component_is_refused_in_words() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (b"#!/bin/sh", "this is not WebAssembly"),
        (
            b"\0asm\x01\0\0\0",
            "a core WebAssembly module, not a component",
        ),
        (b"\0asm\x63\0\0\0", "a version that is not known"),
        (b"\0as", "this is not WebAssembly"),
    ] {
        let error = host().inspect(bytes).unwrap_err();
        assert!(
            matches!(error, ComponentError::NotAComponent(_)),
            "{error:?}"
        );
        assert!(error.to_string().contains(words), "{error}");
    }
    let broken = host().compile(b"\0asm\x0d\0\x01\0\xff\xff").unwrap_err();
    assert!(matches!(broken, ComponentError::Compile(_)), "{broken:?}");
    for end in (8..HELLO.len()).step_by(611) {
        assert!(host().compile(&HELLO[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn each_problem_is_named_with_its_remedy() {
    for (text, words) in [
        (
            "(component)",
            &["exports no function `run`", "the Rust SDK's `flow!`"][..],
        ),
        (
            r#"(component (import "wasi:cli/stdout@0.2.3" (instance)))"#,
            &[
                "`wasi:cli/stdout@0.2.3`; flows get no WASI",
                "componentize-qjs --stub-wasi",
            ],
        ),
        (
            r#"(component (import "vireo:flow/call@0.9.0" (instance)))"#,
            &[
                "built for vireo:flow@0.9.0; this server serves vireo:flow@0.1.0",
                "SDK",
            ],
        ),
        (
            r#"(component (import "vireo:flow/call@1.0.0" (instance)))"#,
            &["built for vireo:flow@1.0.0"],
        ),
        (
            r#"(component (import "vireo:flow/fax@0.1.0" (instance)))"#,
            &["has no interface `fax`", "there are: types, call, media"],
        ),
        (
            r#"(component (import "acme:crm/people" (instance)))"#,
            &["`acme:crm/people`, which no server provides"],
        ),
        (&run_with(""), &[]),
        // `run` of another type.
        (
            r#"(component
                (core module $m (func (export "run")))
                (core instance $i (instantiate $m))
                (func (export "run") (canon lift (core func $i "run"))))"#,
            &[
                "does not fit the contract",
                "build it anew against the WIT package",
            ],
        ),
        // A function that the interface does not have.
        (
            &run_with(r#"(import "vireo:flow/call@0.1.0" (instance (export "levitate" (func))))"#),
            &["does not fit the contract", "levitate"],
        ),
        (
            &run_with("(core module $b (memory 256)) (core instance (instantiate $b))"),
            &[],
        ),
    ] {
        let said = problems(text);
        assert_eq!(said.is_empty(), words.is_empty(), "{text}: {said}");
        for words in words {
            assert!(said.contains(words), "{text}: {said}");
        }
        let compiled = host().compile(&component(text));
        match words {
            [] => assert!(compiled.is_ok()),
            _ => assert!(
                matches!(compiled, Err(ComponentError::Problems(_))),
                "{compiled:?}"
            ),
        }
    }
}

#[test]
fn what_does_not_fit_the_pool_is_refused() {
    let five = "(core instance (instantiate $b))".repeat(5);
    for (more, words) in [
        (
            "(core module $b (memory 300)) (core instance (instantiate $b))".to_owned(),
            "it is too large: memory has a minimum byte size of 19660800",
        ),
        (
            format!("(core module $b (memory 1)) {five}"),
            "6 Wasm linear memories",
        ),
        (
            format!("(core module $b (table 1 funcref)) {five}"),
            "5 tables, which exceeds",
        ),
    ] {
        let error = host().compile(&component(&run_with(&more))).unwrap_err();
        assert!(matches!(error, ComponentError::Problems(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains("make it smaller"),
            "{text}"
        );
    }
}

#[test]
fn a_later_patch_of_the_contract_is_served() {
    let text = run_with(r#"(import "vireo:flow/call@0.1.7" (instance (export "hangup" (func))))"#);
    assert_eq!(problems(&text), "");
}

#[test]
fn an_inspection_can_be_sent() {
    let inspection = host().inspect(PROBE).unwrap();
    let json = serde_json::to_string(&inspection).unwrap();
    assert_eq!(
        serde_json::from_str::<Inspection>(&json).unwrap(),
        inspection
    );
}

/// A component whose `run` returns a pointer to zeros (no error), and that has `more`.
pub fn run_with(more: &str) -> String {
    format!(
        r#"(component
            {more}
            (type $error (variant
                (case "hung-up") (case "denied" string) (case "invalid" string)
                (case "not-found" string) (case "wrong-state" string) (case "failed" string)))
            (core module $main
                (memory (export "memory") 1)
                (func (export "run") (result i32) i32.const 16))
            (core instance $main (instantiate $main))
            (export $named "error" (type $error))
            (func (export "run") (result (result (error $named)))
                (canon lift (core func $main "run") (memory (core memory $main "memory")))))"#
    )
}
