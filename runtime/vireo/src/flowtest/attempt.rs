//! `vireo try`: a flow called from the keyboard.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::sync::Arc;

use tokio::sync::mpsc;
use vireo_sim::{CallFacts, Case, Ended, Keypad, SaidBy, Strict, Suite, play};

use super::keyboard::{Keyboard, Pace, Texts};
use super::load::Loaded;
use super::stage::Stages;
use crate::cli::{CliError, Global, Output, TestArgs, TryArgs};
use crate::explain::Code;

const KEYS: &str = "\
keys 0-9 * # A-D press, s speaks for two seconds, space goes to what comes next, h or Ctrl-C hangs up
";

/// Keys that were typed and not yet pressed.
const TYPED: usize = 256;

/// Runs the command.
pub(crate) fn run(args: &TryArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let texts = match &args.texts {
        None => Texts::default(),
        Some(file) => {
            let table = std::fs::read_to_string(file).map_err(|error| {
                CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
            })?;
            Texts::read(&table, args.language.as_deref().unwrap_or("en"))
        }
    };
    let as_tests = TestArgs {
        prompts: args.prompts.clone(),
        jobs: Some(1),
        ..TestArgs::default()
    };
    let case = case(args);
    let suite = Suite {
        component: Some(args.component.clone()),
        flow: args.flow.clone(),
        prompts: None,
        apology: None,
        fallback: None,
        grants: None,
        cases: Vec::new(),
    };
    let mut stages = Stages::new(&as_tests, global)?;
    let (stage, _) = stages.stage(Loaded::of_arguments(suite))?;

    let keypad = std::io::stdin().is_terminal().then(Keypad::open);
    let pace = match &keypad {
        Some(Ok(_)) => {
            output.raw(KEYS);
            Pace::clock()
        }
        // Lines that are typed on a terminal of another kind are read as those of a pipe.
        Some(Err(_)) | None => Pace::Jumps,
    };
    let keyboard = Keyboard::new(read_keys(), pace, texts, output.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| CliError::internal(format!("the call cannot start: {error}")))?;
    let mut ended = runtime.block_on(play(&stage, &case, keyboard));
    drop(keypad);
    ended.caller.show(&ended.world);
    conclude(&ended, output)
}

fn case(args: &TryArgs) -> Arc<Case> {
    let map = |pairs: &[(String, String)]| -> BTreeMap<String, String> {
        pairs.iter().cloned().collect()
    };
    Arc::new(Case {
        name: String::new(),
        strict: Strict::No,
        call: CallFacts {
            caller: args.caller.clone(),
            called: args.called.clone(),
            language: args.language.clone(),
            parameters: map(&args.parameters),
            ..CallFacts::default()
        },
        settings: map(&args.settings),
        secrets: BTreeMap::new(),
        kv: BTreeMap::new(),
        stubs: Vec::new(),
        steps: Vec::new(),
    })
}

/// Keys as they are typed, read where that holds up nobody. The thread ends with the process: a
/// read from a terminal cannot be called off.
fn read_keys() -> mpsc::Receiver<u8> {
    let (typed, keys) = mpsc::channel(TYPED);
    std::thread::spawn(move || {
        for key in std::io::stdin().lock().bytes() {
            let Ok(key) = key else { return };
            if typed.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}

/// How the call ended, as its record would say.
fn conclude(ended: &Ended<Keyboard>, output: &Output) -> Result<(), CliError> {
    let by = match ended.by {
        SaidBy::Flow => "flow",
        SaidBy::Caller => "caller",
        SaidBy::Server => "server",
    };
    let talked = ended
        .answered
        .map(|answered| ended.at.saturating_sub(answered));
    let talked = talked.map(|talked| format!(", {:.1} s talked", talked.as_secs_f64()));
    let status = ended.status.map(|status| format!(" {status}"));
    output.line(&format!(
        "\nrecord: {}{}, ended by {by}{}; {} host calls, {} KiB of memory",
        ended.end.name(),
        status.unwrap_or_default(),
        talked.unwrap_or_default(),
        ended.usage.host_calls,
        ended.usage.memory_peak / 1024
    ));
    if ended.outcome.is_normal() {
        return Ok(());
    }
    let why = ended.outcome.to_string().replace('\n', " ");
    let why = format!("the flow failed: {}", why.trim_start_matches("failed: "));
    let functions = vireo_sim::way(&ended.outcome).into_iter();
    let details = functions.map(|function| format!("in {function}"));
    Err(CliError::new(Code::TestsFailed, why).details(details.collect()))
}
