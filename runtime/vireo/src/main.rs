//! The vireo binary.

use std::process::ExitCode;

/// Calls allocate and free thousands of small things a second, on one thread and on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vireo::cli::main(&vireo::engine::Complete)
}
