//! `vireo-bench`: what calls cost, measured from outside and compared with what the kernel alone
//! costs. docs/load-testing.md describes the runs, the report and the plots.

mod asr;
mod bench;
mod error;
mod floor;
mod generator;
mod ivr;
mod ivr_b;
mod machine;
mod measure;
mod options;
mod overload;
mod probe;
mod progress;
mod promises;
mod report;
mod signalling;
mod soak;
mod stats;
mod subject;
mod svg;
mod tones;
mod tts;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use bench::Bench;
use error::{BenchError, Result};
use machine::{Machine, Rank};
use options::{Command, Options, Run};
use probe::Sizes;

/// Of the server's messages, where they have not been measured in this run.
const USUAL_SIZES: Sizes = Sizes {
    ok: 700,
    bye: 450,
    bye_ok: 350,
};

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
    let machine = Machine::inspect(&options.server_cores, options.generator_core, options.plain);
    for warning in machine.warnings(options.plain) {
        println!("warning: {warning}");
    }
    machine.join_generator(Rank::Bench);
    let (out, check) = (options.out.clone(), options.check);
    let soak = match options.command {
        Some(Command::Soak {
            minutes,
            concurrent,
        }) => Some((minutes, concurrent)),
        _ => None,
    };
    let seconds = soak.map_or_else(
        || estimate(&options),
        |(minutes, _)| u64::from(minutes) * 60 + 180,
    );
    let mut report = json!({ "machine": machine.describe() });
    let mut bench = Bench::new(options, machine, seconds);
    if let Some((minutes, concurrent)) = soak {
        let (part, good) = soak::run(&mut bench, minutes, concurrent)?;
        report["soak"] = part;
        report::write(&out, "soak.json", &report)?;
        return if good {
            Ok(())
        } else {
            Err(BenchError::Run("the soak was not as it should be".into()))
        };
    }
    let mut sizes = USUAL_SIZES;
    if bench.options.runs(Run::Signalling) {
        let (part, measured) = signalling::run(&mut bench)?;
        report["signalling"] = part;
        sizes.ok = measured.ok;
    }
    if bench.options.runs(Run::IvrA) {
        let outcome = ivr::run(&mut bench, sizes)?;
        report["ivr_a"] = outcome.report;
        report["curve"] = ivr::curve(&outcome.steps, &outcome.floor_steps);
        report::plots(&out, &outcome.steps, &outcome.floor_steps)?;
    }
    if bench.options.runs(Run::IvrB) {
        report["ivr_b"] = ivr_b::run(&mut bench)?;
    }
    if bench.options.runs(Run::Overload) {
        report["overload"] = overload::run(&mut bench)?;
    }
    if bench.options.runs(Run::Tts) {
        report["tts"] = tts::run(&mut bench)?;
    }
    if bench.options.runs(Run::Asr) {
        report["asr"] = asr::run(&mut bench)?;
    }
    report::write(&out, "report.json", &report)?;
    println!("\n{}\n", report::table(&report));
    if let Some(curve) = report.get("curve") {
        println!("{}\n", ivr::curve_table(curve));
    }
    println!("{}: report.json, plots", out.display());
    let broken = promises::broken(&report);
    if check && !broken.is_empty() {
        return Err(BenchError::Broken(broken.join("\n  ")));
    }
    Ok(())
}

/// Seconds of the parts that are run.
fn estimate(options: &Options) -> u64 {
    let parts = [
        (Run::Signalling, 190, 100),
        (Run::IvrA, 400, 115),
        (Run::IvrB, 75, 65),
        (Run::Overload, 45, 35),
        (Run::Tts, 75, 65),
        (Run::Asr, 200, 75),
    ];
    parts
        .iter()
        .filter(|(run, ..)| options.runs(*run))
        .map(|(_, usual, quick)| if options.quick { quick } else { usual })
        .sum()
}
