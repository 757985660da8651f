//! `vireo config ...`

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{ConfigCommand, Global};
use super::error::CliError;
use super::output::Output;
use crate::config::{Config, reference, schema};
use crate::explain::Code;

pub(super) fn run(
    command: &ConfigCommand,
    global: &Global,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        ConfigCommand::Check { file } => check(named(file.as_ref(), global)?, output),
        ConfigCommand::Print { file } => {
            let config = Config::load(named(file.as_ref(), global)?)?;
            if output.is_json() {
                return output.json(&config);
            }
            output.raw(
                &config
                    .to_toml()
                    .map_err(|error| CliError::internal(error.to_string()))?,
            );
            Ok(())
        }
        ConfigCommand::Schema => output.json(schema()),
        ConfigCommand::Reference => {
            output.raw(&reference());
            Ok(())
        }
    }
}

fn named<'f>(file: Option<&'f PathBuf>, global: &'f Global) -> Result<&'f Path, CliError> {
    file.or(global.config.as_ref())
        .map(PathBuf::as_path)
        .ok_or_else(|| {
            CliError::new(
                Code::ConfigUnreadable,
                "which file? Name it, or give --config FILE or VIREO_CONFIG",
            )
        })
}

fn check(file: &Path, output: &Output) -> Result<(), CliError> {
    match Config::load(file) {
        Err(error) if output.is_json() => {
            output.json(&json!({ "errors": error.located() }))?;
            Err(error.into())
        }
        Err(error) => Err(error.into()),
        Ok(_) if output.is_json() => output.json(&json!({ "errors": [] })),
        Ok(config) => {
            output.line(&format!(
                "{} is right: {} trunks, {} routes, {} flows",
                file.display(),
                config.trunks.len(),
                config.routes.len(),
                config.flows.len()
            ));
            Ok(())
        }
    }
}
