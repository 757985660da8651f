//! How a flow's run ended, and what it used.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::contract::Error;
use crate::request::Request;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// `run` returned without an error.
    Completed,
    /// `run` returned `hung-up`: a normal end.
    HungUp,
    /// `run` returned another error.
    Failed(Error),
    /// The flow was stopped: a panic of its own, or a limit.
    Trapped(Trap),
    /// No instance could be made: the pool is exhausted, or the process ran out of memory maps.
    /// The text says what to set.
    NotStarted(String),
}

impl Outcome {
    /// Did it end as the flow's author meant it to?
    pub fn is_normal(&self) -> bool {
        matches!(self, Outcome::Completed | Outcome::HungUp)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Completed => f.write_str("completed"),
            Outcome::HungUp => f.write_str("hung up"),
            Outcome::Failed(error) => write!(f, "failed: {}", describe(error)),
            Outcome::Trapped(trap) => write!(f, "{trap}"),
            Outcome::NotStarted(why) => write!(f, "not started: {why}"),
        }
    }
}

/// A contract error in one line: `not found: there is no prompt "welcome"`.
pub fn describe(error: &Error) -> String {
    match error {
        Error::HungUp => "hung up".to_owned(),
        Error::Denied(text) => format!("denied: {text}"),
        Error::Invalid(text) => format!("invalid argument: {text}"),
        Error::NotFound(text) => format!("not found: {text}"),
        Error::WrongState(text) => format!("wrong state: {text}"),
        Error::Failed(text) => text.clone(),
    }
}

/// Why a flow was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trap {
    /// The class of it.
    pub kind: TrapKind,
    /// In words; the flow's own panic message where there is one.
    pub message: String,
    /// The flow's call stack, innermost first; empty when it was not known.
    pub backtrace: Vec<Frame>,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)?;
        match self.backtrace.iter().find(|frame| frame.is_own_code()) {
            Some(frame) => write!(f, " (in {})", frame.function),
            None => Ok(()),
        }
    }
}

/// The classes of [`Trap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrapKind {
    /// The flow stopped itself: a Rust panic, an abort, an assertion.
    Panic,
    /// It asked for more memory than `limits.memory_bytes`.
    OutOfMemory,
    /// It computed for longer than `limits.cpu_ms_between_calls` without calling the host.
    CpuLimit,
    /// It called the host more often than `limits.host_calls`.
    HostCallLimit,
    /// It wrote more than `limits.log_bytes` or `limits.log_lines`.
    LogLimit,
    /// Its recursion was too deep.
    StackOverflow,
    /// A replayed flow asked something other than what the journal holds.
    Diverged,
    /// The host answered with what does not fit the request: a defect of ours.
    Host,
    /// A wild memory access, a division by zero, an indirect call of the wrong type.
    Other,
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrapKind::Panic => "panic",
            TrapKind::OutOfMemory => "out of memory",
            TrapKind::CpuLimit => "CPU limit",
            TrapKind::HostCallLimit => "host call limit",
            TrapKind::LogLimit => "log limit",
            TrapKind::StackOverflow => "stack overflow",
            TrapKind::Diverged => "diverged from the journal",
            TrapKind::Host => "internal error",
            TrapKind::Other => "trap",
        })
    }
}

/// One function of the flow's call stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Demangled name, or `function 12` when the component has no names.
    pub function: String,
    /// The core module it is in; empty when it has no name.
    pub module: String,
    /// Byte offset in that module; 0 when not known.
    pub offset: u64,
}

impl Frame {
    /// Not the language's panic and allocation machinery, as far as its name tells.
    pub(crate) fn is_own_code(&self) -> bool {
        const LIBRARY: [&str; 7] = [
            "core::",
            "std::",
            "alloc::",
            "dlmalloc::",
            "__rust",
            "rust_",
            "abort",
        ];
        let name = self.function.trim_start_matches('<');
        !LIBRARY.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// Where a replayed flow left its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Number of the request, from 0.
    pub at: usize,
    /// What the journal holds; none: it has ended.
    pub expected: Option<Arc<Request>>,
    /// What the flow asked.
    pub got: Arc<Request>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expected {
            Some(expected) => write!(f, "at request {} the journal holds {expected:?}", self.at)?,
            None => write!(f, "at request {} the journal has ended", self.at)?,
        }
        write!(f, ", but the flow asked {:?}", self.got)
    }
}

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Requests made, those that the host refused included.
    pub host_calls: u64,
    /// CPU time of the flow and of the control in its task, µs; where the flow did not compute for
    /// 10 ms on end, the time that passed while it did.
    pub cpu_us: u64,
    /// Most linear memory held at once, bytes.
    pub memory_peak: u64,
    /// Bytes of log written.
    pub log_bytes: u64,
    /// Lines of log written.
    pub log_lines: u64,
}
