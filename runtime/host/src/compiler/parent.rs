//! The side that has something compiled.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use super::{CompilerCommand, CompilerError, CompilerLimits, Order, Verdict};

/// The most that a component may be compiled to, bytes.
const LARGEST: u64 = 1 << 30;

/// What is kept of the child's standard error, bytes.
const LONGEST_SAID: usize = 2048;

/// Has a component compiled for a host with this `memory_bytes`; blocks. `Ok(Err(_))`: the compiler
/// refused it, and says why.
pub(crate) fn compile(
    command: &CompilerCommand,
    memory_bytes: usize,
    wasm: &[u8],
) -> Result<Result<Vec<u8>, String>, CompilerError> {
    let order = Order {
        component_bytes: wasm.len() as u64,
        memory_bytes,
        limits: command.limits,
    };
    let order =
        serde_json::to_string(&order).map_err(|error| CompilerError::Start(error.to_string()))?;
    let (mut child, input, output, errors) =
        start(command).map_err(|error| CompilerError::Start(error.to_string()))?;
    let (answer, said) = thread::scope(|scope| {
        // A child that ends early breaks the pipe; how it ended says more.
        scope.spawn(move || give(input, &order, wasm));
        let said = scope.spawn(move || last_words(errors));
        let answer = answer(output);
        if answer.is_err() {
            // It may be writing still, and would wait for ever.
            let _ = child.kill();
        }
        (answer, said.join().unwrap_or_default())
    });
    let status = child
        .wait()
        .map_err(|error| CompilerError::Answer(error.to_string()))?;
    match answer {
        Ok(answer) if status.success() => Ok(answer),
        // A reason of its own comes before the answer that is missing because of it, but not before one
        // that is wrong: its pipe is closed then, which also ends it.
        Err(error)
            if status.success()
                || killed(status)
                || error.kind() != io::ErrorKind::UnexpectedEof =>
        {
            Err(CompilerError::Answer(error.to_string()))
        }
        _ => Err(ended(status, said, &command.limits)),
    }
}

fn start(command: &CompilerCommand) -> io::Result<(Child, ChildStdin, ChildStdout, ChildStderr)> {
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(input), Some(output), Some(errors)) => Ok((child, input, output, errors)),
        _ => Err(io::Error::other("it has no pipes")),
    }
}

fn give(mut input: ChildStdin, order: &str, wasm: &[u8]) {
    let _ = writeln!(input, "{order}").and_then(|()| input.write_all(wasm));
}

fn answer(output: ChildStdout) -> io::Result<Result<Vec<u8>, String>> {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.by_ref().take(1 << 20).read_line(&mut line)?;
    match serde_json::from_str(&line)? {
        Verdict::Refused(why) => Ok(Err(why)),
        Verdict::Compiled(size) if size > LARGEST => Err(io::Error::other(format!(
            "the compiled code has {size} bytes; {LARGEST} are allowed"
        ))),
        Verdict::Compiled(size) => {
            let mut compiled = Vec::new();
            output.take(size).read_to_end(&mut compiled)?;
            match compiled.len() as u64 == size {
                true => Ok(Ok(compiled)),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

/// Reads to the end, so that the child never waits for it, and keeps the last part in one line.
fn last_words(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(size @ 1..) = errors.read(&mut piece) {
        kept.extend_from_slice(&piece[..size]);
        kept.drain(..kept.len().saturating_sub(LONGEST_SAID));
    }
    let text = String::from_utf8_lossy(&kept);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn killed(status: ExitStatus) -> bool {
    status.signal() == Some(libc::SIGKILL)
}

fn ended(status: ExitStatus, said: String, limits: &CompilerLimits) -> CompilerError {
    match status.signal() {
        Some(libc::SIGXCPU) => CompilerError::CpuTime(limits.cpu_s),
        Some(libc::SIGALRM) => CompilerError::Time(limits.time_s),
        // What Rust says before it aborts.
        Some(libc::SIGABRT) if said.contains("memory allocation of") => {
            CompilerError::Memory(limits.memory_bytes >> 20)
        }
        _ => CompilerError::Ended { status, said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a child that does this instead of compiling.
    fn instead(script: &str) -> CompilerError {
        let command = CompilerCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            limits: CompilerLimits::default(),
        };
        match compile(&command, 1 << 20, &[0; 1 << 20]) {
            Err(error) => error,
            Ok(answer) => panic!("{script}: {answer:?}"),
        }
    }

    #[test]
    fn whatever_the_child_does_is_an_error_that_says_so() {
        assert_eq!(instead("kill -XCPU $$"), CompilerError::CpuTime(120));
        assert_eq!(instead("kill -ALRM $$"), CompilerError::Time(600));
        let memory = "echo memory allocation of 8 bytes failed >&2; kill -ABRT $$";
        assert_eq!(instead(memory), CompilerError::Memory(8192));
        let error = instead("echo no such thing >&2; exit 3").to_string();
        assert!(error.ends_with("exit status: 3: no such thing"), "{error}");
        assert!(matches!(
            instead("kill -SEGV $$"),
            CompilerError::Ended { .. }
        ));
        for unusable in [
            "true",
            "echo '{\"compiled\": 4}'; printf abc",
            "echo '{\"compiled\": 2000000000}'; cat /dev/zero",
            "cat /dev/zero",
        ] {
            let error = instead(unusable);
            assert!(
                matches!(error, CompilerError::Answer(_)),
                "{unusable}: {error}"
            );
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let command = CompilerCommand {
            program: "/nonexistent/vireo".into(),
            arguments: Vec::new(),
            limits: CompilerLimits::default(),
        };
        let error = compile(&command, 1 << 20, b"").unwrap_err();
        assert!(matches!(error, CompilerError::Start(_)), "{error}");
    }
}
