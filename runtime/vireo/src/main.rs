//! The vireo binary.

use std::process::ExitCode;

/// Calls allocate and free thousands of small things a second, on one thread and on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else, so that what compiles never runs with the priority of who started it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == vireo::serve::COMPILER)
    {
        return vireo_host::run_compiler();
    }
    vireo::cli::main(&vireo::engine::Complete)
}
