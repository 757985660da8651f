//! The commands that need the runtime itself.

use std::time::Duration;

use crate::cli::{
    CallArgs, CheckArgs, CliError, DemoArgs, Engine, Global, Output, ReplayArgs, ServeArgs,
    TestArgs, TryArgs,
};
use crate::explain::{Code, Coded};
use crate::{call, check, demo, flowtest, replay, serve};

/// This program with everything in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Complete;

impl Engine for Complete {
    fn serve(&self, args: &ServeArgs, global: &Global) -> Result<(), CliError> {
        let Some(config) = global.config.clone() else {
            let message = "no configuration file is named";
            return Err(CliError::new(Code::ConfigUnreadable, message).details(vec![
                "name it with --config FILE or VIREO_CONFIG".to_owned(),
            ]));
        };
        let options = serve::Options {
            config,
            grace: Duration::from_secs(args.grace),
            ready_file: args.ready_file.clone(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("vireo")
            .build()
            .map_err(|error| CliError::internal(format!("the server cannot start: {error}")))?;
        runtime
            .block_on(serve::run(options))
            .map_err(|error| match error {
                serve::ServeError::Config(error) => CliError::from(error),
                other => {
                    let text = other.to_string();
                    let mut lines = text.lines().map(ToOwned::to_owned);
                    CliError::new(other.code(), lines.next().unwrap_or_default())
                        .details(lines.collect())
                }
            })
    }

    fn call(&self, args: &CallArgs, _: &Global, output: &Output) -> Result<(), CliError> {
        call::run(args, output)
    }

    fn demo(&self, args: &DemoArgs, global: &Global, output: &Output) -> Result<(), CliError> {
        demo::run(args, global, output)
    }

    fn check(&self, args: &CheckArgs, global: &Global, output: &Output) -> Result<(), CliError> {
        check::run(args, global, output)
    }

    fn test(&self, args: &TestArgs, global: &Global, output: &Output) -> Result<(), CliError> {
        flowtest::run(args, global, output)
    }

    fn attempt(&self, args: &TryArgs, global: &Global, output: &Output) -> Result<(), CliError> {
        flowtest::attempt(args, global, output)
    }

    fn replay(&self, args: &ReplayArgs, global: &Global, output: &Output) -> Result<(), CliError> {
        replay::run(args, global, output)
    }
}
