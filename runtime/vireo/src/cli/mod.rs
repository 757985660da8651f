//! The command line.
//!
//! Commands that talk to a running server go through its admin API; `serve`, `call`, `demo`,
//! `check`, `test`, `try` and `replay` need the runtime itself and reach it through [`Engine`].

mod args;
mod artifact;
mod audit;
mod calls;
mod client;
mod config;
mod connection;
mod develop;
mod error;
mod explain;
mod export;
mod flow;
mod keys;
mod output;
mod prompts;
mod recorded;
mod replay;
mod results;
mod route;
mod selector;
mod server;
mod trace;

use std::process::ExitCode;

use clap::Parser;

pub use args::{
    CallArgs, CallTarget, CallsCommand, CdrCommand, CdrFilter, CheckArgs, Cli, Command,
    ConfigCommand, DemoArgs, FlowCommand, Global, JournalCommand, RouteCommand, RouteTest,
    ServeArgs, Switch, TestArgs, TryArgs,
};
pub use artifact::{FlowExportArgs, PullArgs, PushArgs, RegistryArgs};
pub use audit::AuditArgs;
pub use client::{Client, ClientError};
pub use develop::{BuildArgs, NewArgs};
pub use error::{CliError, Exit};
pub use export::ExportArgs;
pub use keys::KvCommand;
pub(crate) use output::short;
pub use output::{Output, Table};
pub use prompts::{PromptsCommand, Spoken, WordsArgs};
pub(crate) use recorded::{RecordedCalls, served_component};
pub use replay::{Candidate, ReplayArgs};
pub use results::{ResultsCommand, ResultsFilter};
pub use selector::Selector;
pub use trace::TraceArgs;

use crate::logging;

/// The commands that need the runtime itself.
pub trait Engine {
    /// Runs the server until it is told to end.
    ///
    /// # Errors
    /// It cannot start, or it ended because something failed.
    fn serve(&self, args: &ServeArgs, global: &Global) -> Result<(), CliError>;

    /// Places a call.
    ///
    /// # Errors
    /// The call failed.
    fn call(&self, args: &CallArgs, global: &Global, output: &Output) -> Result<(), CliError>;

    /// Shows the whole of Vireo with one call on this machine.
    ///
    /// # Errors
    /// Something of it did not work as it should.
    fn demo(&self, args: &DemoArgs, global: &Global, output: &Output) -> Result<(), CliError>;

    /// Looks at a component without a server.
    ///
    /// # Errors
    /// It cannot run.
    fn check(&self, args: &CheckArgs, global: &Global, output: &Output) -> Result<(), CliError>;

    /// Tests flows in virtual time.
    ///
    /// # Errors
    /// A test did not pass, or a script is not understood.
    fn test(&self, args: &TestArgs, global: &Global, output: &Output) -> Result<(), CliError>;

    /// Calls a flow from the keyboard.
    ///
    /// # Errors
    /// It cannot run, or it failed.
    fn attempt(&self, args: &TryArgs, global: &Global, output: &Output) -> Result<(), CliError>;

    /// Replays recorded calls on another version of their flow.
    ///
    /// # Errors
    /// A call is not the same, or there is none to replay.
    fn replay(&self, args: &ReplayArgs, global: &Global, output: &Output) -> Result<(), CliError>;
}

/// Runs the command line of this process.
#[must_use]
pub fn main(engine: &dyn Engine) -> ExitCode {
    let cli = Cli::parse();
    let output = Output::standard(cli.global.json);
    match run(&cli, engine, &output) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            error.show(&output);
            error.exit().into()
        }
    }
}

/// Runs one command.
///
/// # Errors
/// What the command reports.
pub fn run(cli: &Cli, engine: &dyn Engine, output: &Output) -> Result<(), CliError> {
    let global = &cli.global;
    let level = if matches!(cli.command, Command::Serve(_)) {
        "info"
    } else {
        "warn"
    };
    logging::init(global.log.as_deref().unwrap_or(level), global.log_format)?;
    match &cli.command {
        Command::Serve(args) => engine.serve(args, global),
        Command::Call(args) => engine.call(args, global, output),
        Command::Demo(args) => engine.demo(args, global, output),
        Command::Check(args) => engine.check(args, global, output),
        Command::Test(args) => engine.test(args, global, output),
        Command::Try(args) => engine.attempt(args, global, output),
        Command::Replay(args) => engine.replay(args, global, output),
        Command::New(args) => develop::new(args, output),
        Command::Build(args) => develop::build(args, output),
        Command::Prompts(command) => prompts::run(command, global, output),
        Command::Config(command) => config::run(command, global, output),
        Command::Explain { code } => explain::run(code.as_deref(), output),
        Command::Openapi => {
            output.raw(crate::admin::openapi_document());
            Ok(())
        }
        remote => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| {
                    CliError::internal(format!("the command cannot start: {error}"))
                })?;
            runtime.block_on(ask(remote, global, output))
        }
    }
}

/// Runs a command that asks the server.
async fn ask(command: &Command, global: &Global, output: &Output) -> Result<(), CliError> {
    let client = connection::client(global)?;
    match command {
        Command::Flow(command) => flow::run(command, &client, output).await,
        Command::Audit(args) => audit::run(args, &client, output).await,
        Command::Cdr(command) => calls::records(command, &client, output).await,
        Command::Calls(arguments) => calls::live(arguments.command.as_ref(), &client, output).await,
        Command::Trace(args) | Command::Journal(JournalCommand::Show(args)) => {
            trace::run(args, &client, global, output).await
        }
        Command::Journal(JournalCommand::Export(args)) => export::run(args, global, output).await,
        Command::Route(RouteCommand::Test(test)) => route::test(test, &client, output).await,
        Command::Kv(command) => keys::run(command, &client, output).await,
        Command::Results(command) => results::run(command, &client, output).await,
        Command::Drain { switch } => server::drain(*switch, &client, output).await,
        Command::Reload => server::reload(&client, output).await,
        _ => server::status(&client, output).await,
    }
}
