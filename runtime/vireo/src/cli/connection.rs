//! Which server a command asks, and by which token.

use super::args::Global;
use super::client::{Client, reachable};
use super::error::CliError;
use crate::admin::Token;
use crate::config::{Admin, AdminListen, Config};
use crate::explain::Code;

/// The client for the server that the command line, the environment or the configuration names, in
/// this order.
pub(super) fn client(global: &Global) -> Result<Client, CliError> {
    let config = global.config.as_deref().map(Config::read).transpose()?;
    let listen = match (&global.admin, &config) {
        (Some(address), _) => address.parse::<AdminListen>().map_err(|error| {
            CliError::new(Code::ConfigValue, format!("--admin {address:?}: {error}"))
        })?,
        (None, Some(config)) => config.admin.listen.clone(),
        (None, None) => Admin::default().listen,
    };
    Ok(Client::new(reachable(listen), token(config.as_ref())))
}

fn token(config: Option<&Config>) -> Result<Token, String> {
    match (std::env::var("VIREO_TOKEN"), config) {
        (Ok(token), _) if !token.trim().is_empty() => Ok(Token::new(token.trim())),
        (_, Some(config)) => Token::read(&config.token_file()).map_err(|error| error.to_string()),
        (_, None) => {
            Err("neither VIREO_TOKEN nor a configuration that names its file is given".to_owned())
        }
    }
}
