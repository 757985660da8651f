//! The process that compiles.

use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use super::{Order, Verdict};
use crate::{engine, sys};

/// Compiles one component from standard input to standard output, for the process that started
/// this one. To be called first of all: it is what lowers the priority of this process.
#[must_use]
pub fn run() -> ExitCode {
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // To the process that started this one: there is nobody else to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    sys::stand_back()?;
    let mut line = String::new();
    input.take(4096).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    sys::limit(&order.limits)?;
    let mut wasm = Vec::new();
    input.take(order.component_bytes).read_to_end(&mut wasm)?;
    if wasm.len() as u64 != order.component_bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let compiled = engine::of_compiler(order.memory_bytes)
        .map_err(|error| io::Error::other(format!("{error:#}")))?
        .precompile_component(&wasm);
    let (verdict, compiled) = match compiled {
        Ok(compiled) => (Verdict::Compiled(compiled.len() as u64), compiled),
        Err(error) => (Verdict::Refused(format!("{error:#}")), Vec::new()),
    };
    writeln!(output, "{}", serde_json::to_string(&verdict)?)?;
    output.write_all(&compiled)?;
    output.flush()
}
