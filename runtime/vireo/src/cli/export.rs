//! `vireo journal export`: recorded calls as JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;

use super::args::Global;
use super::error::CliError;
use super::output::Output;
use super::recorded::RecordedCalls;
use super::selector::Selector;
use crate::admin::CallRecordDetail;
use crate::explain::Code;

/// Arguments of `vireo journal export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// Which calls: "yesterday,flow=demo", "flow=demo,since=2h,outcome=completed,limit=100", ids of calls, or
    /// "all"; the newest 10,000 at the most where no limit is given.
    #[arg(long, value_name = "SELECTOR", default_value = "all")]
    pub calls: Selector,
    /// The file; standard output when absent.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs the command.
pub(super) async fn run(
    args: &ExportArgs,
    global: &Global,
    output: &Output,
) -> Result<(), CliError> {
    let mut calls = RecordedCalls::new(args.calls.clone(), global)?;
    let Some(file) = &args.output else {
        while let Some(page) = some(calls.page().await?) {
            for call in page {
                output.line(&line(&call)?);
            }
        }
        return Ok(());
    };
    let unusable = |error: std::io::Error| {
        CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
    };
    // The first page is asked for before the file is made: no server, no empty file.
    let mut page = calls.page().await?;
    let mut written = BufWriter::new(File::create(file).map_err(unusable)?);
    let mut count = 0;
    while !page.is_empty() {
        for call in &page {
            writeln!(written, "{}", line(call)?).map_err(unusable)?;
        }
        count += page.len();
        page = calls.page().await?;
    }
    written.flush().map_err(unusable)?;
    if !output.is_json() {
        output.line(&format!("{count} calls in {}", file.display()));
    }
    Ok(())
}

fn some<T>(page: Vec<T>) -> Option<Vec<T>> {
    (!page.is_empty()).then_some(page)
}

fn line(call: &CallRecordDetail) -> Result<String, CliError> {
    serde_json::to_string(call).map_err(|error| CliError::internal(error.to_string()))
}
