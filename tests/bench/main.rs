//! `vireo-bench`: what calls cost, measured from outside and compared with what the kernel alone
//! costs. docs/load-testing.md describes the runs, the report and the plots.

mod bench;
mod error;
mod floor;
mod generator;
mod ivr;
mod machine;
mod measure;
mod options;
mod probe;
mod progress;
mod signalling;
mod stats;
mod subject;
mod tones;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;
use serde_json::{Value, json};

use bench::Bench;
use error::{BenchError, Context, Result};
use machine::{Machine, Rank};
use options::{Command, Options, Run};
use probe::Sizes;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command.clone() {
        Some(Command::Floor {
            scenario,
            ok,
            bye,
            bye_ok,
        }) => floor::Scenario::of(&scenario)
            .ok_or_else(|| BenchError::Run(format!("no scenario {scenario}")))
            .and_then(|scenario| floor::run(scenario, Sizes { ok, bye, bye_ok })),
        _ => run(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vireo-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let machine = Machine::inspect(options.server_core, options.generator_core, options.plain);
    for warning in machine.warnings(options.plain) {
        println!("warning: {warning}");
    }
    machine.join_generator(Rank::Bench);
    let out = options.out.clone();
    let mut report = json!({ "machine": machine.describe() });
    let mut bench = Bench::new(options, machine, 600);
    let mut sizes = Sizes { ok: 700, bye: 400, bye_ok: 350 };
    if bench.options.runs(Run::Signalling) {
        let (part, measured) = signalling::run(&mut bench)?;
        report["signalling"] = part;
        sizes.ok = measured.ok;
        sizes.bye_ok = measured.bye_ok;
    }
    if bench.options.runs(Run::IvrA) {
        let outcome = ivr::run(&mut bench, sizes)?;
        report["ivr_a"] = outcome.report;
    }
    write(&out, &report)
}

fn write(out: &std::path::Path, report: &Value) -> Result<()> {
    std::fs::create_dir_all(out).context(|| format!("{}", out.display()))?;
    let path = out.join("report.json");
    std::fs::write(&path, format!("{report:#}\n")).context(|| format!("{}", path.display()))
}
