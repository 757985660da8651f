//! The process that compiles components.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use vireo_host::{
    CacheConfig, Compiler, CompilerCommand, CompilerLimits, ComponentError, Host, HostConfig,
    Origins,
};

const HELLO: &[u8] = include_bytes!("../../../host/tests/fixtures/hello.wasm");
const PROBE: &[u8] = include_bytes!("../../../host/tests/fixtures/probe.wasm");

fn command(limits: CompilerLimits) -> CompilerCommand {
    CompilerCommand {
        program: env!("CARGO_BIN_EXE_vireo").into(),
        arguments: vec![vireo::serve::COMPILER.to_owned()],
        limits,
    }
}

fn host(compiler: Compiler, directory: Option<&Path>) -> Host {
    Host::new(HostConfig {
        max_calls: 1,
        compiler,
        cache: directory.map(|directory| CacheConfig {
            directory: directory.to_owned(),
            max_bytes: 10 << 20,
        }),
        ..HostConfig::default()
    })
    .unwrap()
}

fn origins(compiled: u64, kept: u64, unusable: u64) -> Origins {
    let mut origins = Origins::default();
    (origins.compiled, origins.kept, origins.unusable) = (compiled, kept, unusable);
    origins
}

#[test]
fn what_the_process_compiles_is_what_this_one_would() {
    let child = host(Compiler::Child(command(CompilerLimits::default())), None);
    let own = host(Compiler::InProcess, None);
    let version = child.compile(HELLO).unwrap();
    assert_eq!(
        version.inspection(),
        own.compile(HELLO).unwrap().inspection()
    );
    assert_eq!(child.origins(), origins(1, 0, 0));
    // As long as somebody holds it, equal bytes are the same version.
    child.compile(HELLO).unwrap();
    assert_eq!(child.origins(), origins(1, 0, 0));
}

#[test]
fn a_component_that_cannot_be_compiled_is_refused_with_the_compilers_words() {
    let mut broken = HELLO.to_vec();
    broken.truncate(HELLO.len() / 2);
    let refused = |compiler| match host(compiler, None).compile(&broken) {
        Err(ComponentError::Compile(why)) => why,
        other => panic!("{other:?}"),
    };
    let child = refused(Compiler::Child(command(CompilerLimits::default())));
    assert!(child.contains("failed to parse WebAssembly"), "{child}");
    assert_eq!(child, refused(Compiler::InProcess));
}

#[test]
fn a_process_without_memory_is_an_error_of_the_compiler() {
    let limits = CompilerLimits {
        memory_bytes: 1 << 20,
        ..CompilerLimits::default()
    };
    let refused = host(Compiler::Child(command(limits)), None).compile(HELLO);
    assert!(
        matches!(refused, Err(ComponentError::Compiler(_))),
        "{refused:?}"
    );
}

#[test]
fn code_is_kept_for_the_next_start_and_damaged_code_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let compiled = directory.path().join("compiled");
    let start = || {
        let compiler = Compiler::Child(command(CompilerLimits::default()));
        let host = host(compiler, Some(&compiled));
        let digests = [HELLO, PROBE].map(|wasm| host.compile(wasm).unwrap().digest().to_owned());
        (host.origins(), digests)
    };
    let (first, digests) = start();
    assert_eq!(first, origins(2, 0, 0));
    assert_eq!(start(), (origins(0, 2, 0), digests.clone()));
    let files = std::fs::read_dir(&compiled).unwrap();
    let of_hello = files
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains(&digests[0]))
        .unwrap();
    let mut bytes = std::fs::read(&of_hello).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&of_hello, bytes).unwrap();
    assert_eq!(start(), (origins(1, 1, 1), digests.clone()));
    assert_eq!(start(), (origins(0, 2, 0), digests));
}

/// A field of `/proc/PID/FILE` that begins with `name`.
fn field(pid: u32, file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn the_process_stands_back_and_has_limits() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vireo"))
        .arg(vireo::serve::COMPILER)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let limits = r#"{"cpu_s":77,"time_s":600,"memory_bytes":8589934592}"#;
    writeln!(
        input,
        r#"{{"component_bytes":8,"memory_bytes":65536,"limits":{limits}}}"#
    )
    .unwrap();
    let pid = child.id();
    // It has read this line once its limits are those of the line; then it waits for the component.
    while !field(pid, "limits", "Max address space").starts_with("8589934592 ") {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        std::thread::yield_now();
    }
    let cpu = field(pid, "limits", "Max cpu time");
    assert!(cpu.starts_with("77 "), "{cpu}");
    let cores = field(pid, "status", "Cpus_allowed_list:");
    assert!(cores.parse::<u32>().is_ok(), "one core: {cores}");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    // proc(5): nice is field 19, the policy field 41; SCHED_BATCH is 3.
    assert_eq!((fields[18], fields[40]), ("19", "3"));
    drop(input);
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert!(said.contains("unexpected end of file"), "{said}");
    assert!(!child.wait().unwrap().success());
}
