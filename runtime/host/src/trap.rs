//! From wasmtime's errors to an [`Outcome`] that a flow's author understands.

use wasmtime::{Trap as WasmTrap, WasmBacktrace};

use crate::outcome::{Frame, Outcome, Trap, TrapKind};
use crate::state::{State, Stop};

/// What the end of a run by an error means.
pub(crate) fn outcome(error: &wasmtime::Error, state: &State) -> Outcome {
    let (kind, message) = if let Some(stop) = error.downcast_ref::<Stop>() {
        (kind_of_stop(stop), stop.to_string())
    } else if let Some(trap) = error.downcast_ref::<WasmTrap>() {
        describe(*trap, state)
    } else {
        (TrapKind::Other, error.root_cause().to_string())
    };
    let backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .map(frames)
        .unwrap_or_default();
    Outcome::Trapped(Trap {
        kind,
        message,
        backtrace,
    })
}

/// As `outcome`, for an instance that could not be made: its own start function or memory may be
/// the reason, or the system.
pub(crate) fn before_start(error: &wasmtime::Error, state: &State) -> Outcome {
    match error.is::<Stop>() || error.is::<WasmTrap>() {
        true => outcome(error, state),
        false => Outcome::NotStarted(format!("{error:#}")),
    }
}

fn kind_of_stop(stop: &Stop) -> TrapKind {
    match stop {
        Stop::Memory { .. } => TrapKind::OutOfMemory,
        Stop::Cpu { .. } => TrapKind::CpuLimit,
        Stop::HostCalls { .. } => TrapKind::HostCallLimit,
        Stop::Log { .. } => TrapKind::LogLimit,
        Stop::Diverged(_) => TrapKind::Diverged,
        Stop::Mismatch { .. } => TrapKind::Host,
    }
}

fn describe(trap: WasmTrap, state: &State) -> (TrapKind, String) {
    match trap {
        WasmTrap::UnreachableCodeReached => (TrapKind::Panic, panic_message(state)),
        WasmTrap::StackOverflow => (
            TrapKind::StackOverflow,
            "its recursion was too deep for the stack".to_owned(),
        ),
        other => (TrapKind::Other, other.to_string()),
    }
}

/// wasm32-unknown-unknown loses a panic's message, so the SDK's panic hook logs it, as the last
/// thing that the flow does.
fn panic_message(state: &State) -> String {
    match &state.last_error {
        Some((call, message)) if *call == state.usage.host_calls => message.clone(),
        _ => "the flow aborted without a message".to_owned(),
    }
}

fn frames(backtrace: &WasmBacktrace) -> Vec<Frame> {
    backtrace
        .frames()
        .iter()
        .map(|frame| Frame {
            function: match frame.func_name() {
                Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
                None => format!("function {}", frame.func_index()),
            },
            module: frame.module().name().unwrap_or_default().to_owned(),
            offset: frame.module_offset().unwrap_or(0) as u64,
        })
        .collect()
}
