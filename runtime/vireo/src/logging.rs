//! Logging: to standard error, for people or as JSON lines; panics included.

use std::io::{self, IsTerminal};
use std::panic;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::explain::{Code, Coded};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line, for collectors.
    Json,
}

/// The filter is not understood, or logging was set up before.
#[derive(Debug, thiserror::Error)]
#[error("the log filter {filter:?} is not understood: {why}")]
pub struct LogError {
    /// The filter.
    pub filter: String,
    /// What is wrong with it.
    pub why: String,
}

impl Coded for LogError {
    fn code(&self) -> Code {
        Code::LogFilter
    }
}

/// Sets up logging for the process. `filter` is a level or levels by module
/// ("info,vireo_sip=debug").
///
/// # Errors
/// The filter is not understood.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let fail = |why: String| LogError {
        filter: filter.to_owned(),
        why,
    };
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| fail(error.to_string()))?;
    let colour = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr)
        .with_ansi(colour);
    let done = match format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|error| fail(error.to_string()))?;
    log_panics();
    Ok(())
}

/// Panics become log lines, so that a collector of JSON lines gets them whole.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        let thread = std::thread::current();
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(
            code = %Code::Internal,
            thread = thread.name().unwrap_or("unnamed"),
            location,
            %backtrace,
            "panic: {message}"
        );
    }));
}
