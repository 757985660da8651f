//! Who compiles components.
//!
//! Compiling takes the CPU for 50 ms (Rust) to 15 s (Python), and the compiler is the one large
//! program here that works on bytes from outside. A server has it done by a child process with the
//! lowest priority, on one core, with limits; that it takes too much or crashes is an error of that
//! deploy and nothing else.

mod child;
mod parent;

use std::path::PathBuf;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

pub use child::run as run_compiler;
pub(crate) use parent::compile;

/// Who compiles components.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// This process: for tools that run no calls.
    #[default]
    InProcess,
    /// A child process for each component.
    Child(CompilerCommand),
}

/// How the child process is started: a program that calls [`run_compiler`], of the same build as
/// the one that starts it, because what it answers is run as machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it may take.
    pub limits: CompilerLimits,
}

impl CompilerCommand {
    /// The program of this process with one argument, also when its file was replaced meanwhile.
    #[must_use]
    pub fn this_program(argument: &str) -> Self {
        CompilerCommand {
            program: "/proc/self/exe".into(),
            arguments: vec![argument.to_owned()],
            limits: CompilerLimits::default(),
        }
    }
}

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerLimits {
    /// CPU time, seconds. A Python flow of 18 MB takes 15.
    pub cpu_s: u32,
    /// Time, seconds; a busy server leaves little CPU to it.
    pub time_s: u32,
    /// Address space, bytes.
    pub memory_bytes: u64,
}

impl Default for CompilerLimits {
    fn default() -> Self {
        CompilerLimits {
            cpu_s: 120,
            time_s: 600,
            memory_bytes: 8 << 30,
        }
    }
}

/// Why a component was not compiled, though nothing may be wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompilerError {
    /// The process could not be started.
    #[error("the compiler process could not be started: {0}")]
    Start(String),
    /// It took too much CPU.
    #[error("the compiler process took more than {0} s of CPU time")]
    CpuTime(u32),
    /// It took too long.
    #[error(
        "the compiler process was not done after {0} s: the server has too little CPU to spare"
    )]
    Time(u32),
    /// It took too much memory.
    #[error("the compiler process needed more than {0} MiB of memory")]
    Memory(u64),
    /// It ended in another way than it should.
    #[error("the compiler process failed: {status}{}", after_colon(.said))]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// What it answered is not complete.
    #[error("the compiler process gave no usable answer: {0}")]
    Answer(String),
}

fn after_colon(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(": {said}"),
    }
}

/// The first line of what the child reads; the component follows.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    component_bytes: u64,
    /// As in [`crate::HostConfig`]: compiled code depends on it.
    memory_bytes: usize,
    limits: CompilerLimits,
}

/// The first line of what the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// So many bytes of compiled code follow.
    Compiled(u64),
    /// The component is at fault.
    Refused(String),
}
