//! The configuration file: reading it, checking it, describing it.
//!
//! The types of [`types`] are the one source: the JSON Schema, the reference in
//! `docs/configuration.md` and the checks of keys and values are all derived from them.

mod asr;
mod canary;
mod checks;
mod diagnostic;
mod reference;
mod routing;
mod secret;
mod text;
mod tts;
mod types;
mod validate;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::DeTable;

pub use asr::{Asr, AsrEngine, AsrModel};
pub use canary::Canary;
pub(crate) use checks::locate;
pub(crate) use diagnostic::Place;
pub use diagnostic::{ConfigError, Diagnostic, Located};
pub use reference::reference;
pub use routing::{CalendarConfig, NumberConfig, RouteConfig};
pub use secret::{Secret, SecretError};
pub use text::{
    AdminListen, Peer, PortRange, SecretSource, SipAddress, SipTransport, TextError, TimeZoneName,
};
pub use tts::{Tts, TtsEngine, TtsVoice};
pub use types::{
    Admin, Codec, Config, Flow, FlowLimits, Grants, Identity, InbandDtmf, KvGrant, Limits, Media,
    Prompts, Ptime, RawSocket, Realtime, RecordingFormat, Recordings, Server, Setting, Silence,
    Sip, Trunk, UnknownPeer,
};

use crate::explain::Code;

/// The largest configuration file that is read, bytes; a thousand trunks need a tenth of it.
const LARGEST: u64 = 4 << 20;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Config).to_value());

/// The JSON Schema of the configuration file (draft 2020-12).
#[must_use]
pub fn schema() -> &'static Value {
    &SCHEMA
}

impl Config {
    /// Reads and checks a file. Relative paths in it become relative to its directory.
    ///
    /// # Errors
    /// Everything that is wrong with the file, each with its place.
    pub fn load(file: &Path) -> Result<Config, ConfigError> {
        Config::parse(file, &read(file)?)
    }

    /// Reads a file and checks its keys and values, not whether they contradict each other: enough
    /// to find a server that runs already.
    ///
    /// # Errors
    /// The wrong keys and values, each with its place.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        let text = read(file)?;
        let (config, _) = structure(file, &text)?;
        Ok(config)
    }
    /// Checks the text of `file`, as [`load`](Self::load) does.
    ///
    /// # Errors
    /// Everything that is wrong with it: all syntax errors; without those, all wrong keys and
    /// values; without those, all contradictions.
    pub fn parse(file: &Path, text: &str) -> Result<Config, ConfigError> {
        let (config, document) = structure(file, text)?;
        match checks::check(&config, &document) {
            contradictions if contradictions.is_empty() => Ok(config),
            contradictions => Err(ConfigError::new(file, text, contradictions)),
        }
    }

    /// Makes every relative path relative to `base`, which becomes absolute where it exists: the
    /// paths of recordings stand in CDRs, which are read elsewhere.
    fn resolve(&mut self, base: &Path) {
        let base = match base.as_os_str().is_empty() {
            true => Path::new("."),
            false => base,
        };
        let base = base.canonicalize().unwrap_or_else(|_| base.to_owned());
        let admin_socket = match &mut self.admin.listen {
            AdminListen::Unix(path) => Some(path),
            AdminListen::Tcp(_) => None,
        };
        let secrets = self
            .flows
            .values_mut()
            .flat_map(|flow| flow.secrets.values_mut());
        let secret_files = secrets.filter_map(|source| match source {
            SecretSource::File(path) => Some(path),
            SecretSource::Environment(_) => None,
        });
        [
            &mut self.server.data_directory,
            &mut self.prompts.directory,
            &mut self.recordings.directory,
        ]
        .into_iter()
        .chain(self.admin.token_file.as_mut())
        .chain(admin_socket)
        .chain(self.tts.paths())
        .chain(secret_files)
        .chain(self.asr.paths())
        .for_each(|path| *path = below(&base, path));
    }

    /// The file of the admin token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        match &self.admin.token_file {
            Some(path) => path.clone(),
            None => self.server.data_directory.join("admin-token"),
        }
    }

    /// The directory of spoken sentences.
    #[must_use]
    pub fn speech_directory(&self) -> PathBuf {
        match &self.tts.cache_directory {
            Some(directory) => directory.clone(),
            None => self.server.data_directory.join("speech"),
        }
    }

    /// The directory of the store, which is all its own.
    #[must_use]
    pub fn store_directory(&self) -> PathBuf {
        self.server.data_directory.join("store")
    }

    /// The configuration in force, defaults included, as TOML. Secrets are not in it, only where
    /// they are read from.
    ///
    /// # Errors
    /// None that a configuration read from TOML can cause.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// `path` as seen from `base`. Each ".." that `path` begins with is taken out; `base` has no
/// symbolic links, so that this names the same file.
fn below(base: &Path, path: &Path) -> PathBuf {
    let (mut base, mut path) = (base, path);
    while let (Ok(rest), Some(parent)) = (path.strip_prefix(".."), base.parent()) {
        (base, path) = (parent, rest);
    }
    base.join(path)
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |why: String| {
        let message = format!(
            "cannot read the configuration file {}: {why}",
            file.display()
        );
        let help = "name it with --config FILE or VIREO_CONFIG";
        ConfigError::new(
            file,
            "",
            vec![Diagnostic::new(Code::ConfigUnreadable, 0..0, message).help(help)],
        )
    };
    let size = std::fs::metadata(file)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if size > LARGEST {
        return Err(unreadable(format!(
            "it has {size} bytes; at most {LARGEST} are read"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    Ok(text)
}

/// Checks syntax, keys and values.
fn structure<'t>(
    file: &Path,
    text: &'t str,
) -> Result<(Config, toml::Spanned<DeTable<'t>>), ConfigError> {
    let (mut config, document) = parse_toml::<Config>(schema(), text::check, file, text)?;
    config.resolve(file.parent().unwrap_or(Path::new("")));
    Ok((config, document))
}

/// Checks a text against the syntax that a schema calls by a name; none when it knows no such name.
pub(crate) type Formats = fn(&str, &str) -> Option<Result<(), String>>;

/// Reads a TOML text of any kind: its schema says which keys and values are right, and `formats`
/// the syntax of its texts.
///
/// # Errors
/// All syntax errors; without those, all wrong keys and values.
pub(crate) fn parse_toml<'t, T: DeserializeOwned>(
    schema: &Value,
    formats: Formats,
    file: &Path,
    text: &'t str,
) -> Result<(T, toml::Spanned<DeTable<'t>>), ConfigError> {
    let fail = |diagnostics| Err(ConfigError::new(file, text, diagnostics));
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return fail(
            errors
                .iter()
                .map(|error| from_toml(Code::ConfigSyntax, error))
                .collect(),
        );
    }
    let wrong = validate::validate(schema, formats, &document);
    if !wrong.is_empty() {
        return fail(wrong);
    }
    match toml::from_str::<T>(text) {
        Ok(value) => Ok((value, document)),
        Err(error) => fail(vec![from_toml(Code::ConfigValue, &error)]),
    }
}

fn from_toml(code: Code, error: &toml::de::Error) -> Diagnostic {
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    Diagnostic::new(code, error.span().unwrap_or(0..0), message)
}

#[cfg(test)]
mod tests;
