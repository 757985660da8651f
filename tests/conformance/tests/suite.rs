//! Every case in every language that `scripts/build-conformance.sh` has built.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use vireo_conformance::{Case, LANGUAGES, MEMORY, components};
use vireo_host::{Host, HostConfig};

/// The language whose journal `VIREO_BLESS=1` writes down.
const REFERENCE: &str = "rust";

fn host() -> Host {
    Host::new(HostConfig {
        max_calls: 4,
        memory_bytes: MEMORY,
        ..HostConfig::default()
    })
    .expect("the host starts")
}

/// The component of a language, or why there is none.
fn component(language: &str) -> Result<Vec<u8>, String> {
    let file = components().join(format!("{language}.wasm"));
    fs::read(&file).map_err(|_| {
        let why = fs::read_to_string(file.with_extension("skipped"));
        why.map_or_else(
            |_| "not built: run scripts/build-conformance.sh".to_owned(),
            |why| why.trim().to_owned(),
        )
    })
}

async fn conforms(language: &str) {
    let wasm = match component(language) {
        Ok(wasm) => wasm,
        Err(why) => {
            println!("SKIPPED {language}: {why}");
            return;
        }
    };
    let version = host().compile(&wasm).expect("the component compiles");
    let cases = Case::all();
    let mut failures = Vec::new();
    for case in &cases {
        if let Some(why) = case.script.not_in.get(language) {
            println!("{language}: without case {}: {why}", case.name);
            continue;
        }
        let (journal, _) = case.run(&version).await;
        if language == REFERENCE && std::env::var_os("VIREO_BLESS").is_some() {
            fs::write(case.expected_file(), journal.join("\n") + "\n").unwrap();
        }
        let expected = fs::read_to_string(case.expected_file()).unwrap_or_default();
        let expected: Vec<&str> = expected.lines().collect();
        if let Some(difference) = difference(&expected, &journal) {
            failures.push(format!("{language}, case {}: {difference}", case.name));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    println!("{language}: agrees");
}

/// The first line that differs, both sides.
fn difference(expected: &[&str], journal: &[String]) -> Option<String> {
    let longest = expected.len().max(journal.len());
    (0..longest).find_map(|number| {
        let wanted = expected.get(number).copied().unwrap_or("(nothing more)");
        let got = journal.get(number).map_or("(nothing more)", String::as_str);
        (wanted != got)
            .then(|| format!("line {}\n  expected {wanted}\n  got      {got}", number + 1))
    })
}

macro_rules! languages {
    ($($language:ident),+) => {
        $(#[tokio::test]
        async fn $language() {
            conforms(stringify!($language)).await;
        })+

        #[test]
        fn every_language_is_tested() {
            assert_eq!([$(stringify!($language)),+], LANGUAGES);
        }
    };
}

languages!(rust, c, cpp, js, python, go);

#[test]
fn a_difference_names_its_line() {
    let journal = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(difference(&["a", "b"], &journal(&["a", "b"])), None);
    for (got, line) in [
        (&["a"][..], "line 2"),
        (&["x", "b"], "line 1"),
        (&["a", "b", "c"], "line 3"),
    ] {
        assert!(
            difference(&["a", "b"], &journal(got))
                .unwrap()
                .starts_with(line)
        );
    }
}
