//! The vireo binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use vireo::cli::{
    self, CallArgs, CheckArgs, CliError, DemoArgs, Engine, Global, Output, ServeArgs,
};
use vireo::explain::Code;

/// A build that manages servers and is none itself.
struct NoEngine;

fn missing(command: &str) -> Result<(), CliError> {
    Err(CliError::new(
        Code::NotInThisBuild,
        format!("this build has no `{command}`"),
    ))
}

impl Engine for NoEngine {
    fn serve(&self, _: &ServeArgs, _: &Global) -> Result<(), CliError> {
        missing("serve")
    }

    fn call(&self, _: &CallArgs, _: &Global, _: &Output) -> Result<(), CliError> {
        missing("call")
    }

    fn demo(&self, _: &DemoArgs, _: &Global, _: &Output) -> Result<(), CliError> {
        missing("demo")
    }

    fn check(&self, _: &CheckArgs, _: &Global, _: &Output) -> Result<(), CliError> {
        missing("check")
    }
}

fn main() -> ExitCode {
    cli::main(&NoEngine)
}
