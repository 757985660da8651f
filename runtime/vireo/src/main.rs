//! The vireo binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    vireo::cli::main(&vireo::engine::Complete)
}
