//! Finding scripts, and reading them.

use std::path::{Path, PathBuf};

use vireo_component::TestFile;
use vireo_sim::{Fault, Script, Suite};

use super::misunderstood;
use crate::cli::CliError;
use crate::config::{self, ConfigError, Diagnostic, Place};
use crate::explain::Code;

/// What the names of scripts end with.
const SUFFIX: &str = ".test.toml";

/// The largest script that is read, bytes.
const LARGEST: u64 = 4 << 20;

/// How deep directories are searched.
const DEEPEST: usize = 16;

/// A script as it was read.
pub(super) struct Loaded {
    pub file: PathBuf,
    pub suite: Suite,
    text: String,
}

impl Loaded {
    /// What the command line says, instead of a file.
    pub fn of_arguments(suite: Suite) -> Self {
        Loaded {
            file: PathBuf::new(),
            suite,
            text: String::new(),
        }
    }

    /// An error about the value at `path`.
    pub fn wrong(
        &self,
        path: &[&str],
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> CliError {
        let (document, _) = toml::de::DeTable::parse_recoverable(&self.text);
        let span = match path {
            [] => 0..0,
            path => config::locate(&document, path),
        };
        let diagnostic = Diagnostic::new(Code::ConfigContradiction, span, message).help(help);
        misunderstood(ConfigError::new(&self.file, &self.text, vec![diagnostic]))
    }
}

/// The scripts that are named, and those of the directories that are named, in the order of their
/// names.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        let found = match path.is_dir() {
            true => search(path, 0, &mut files),
            false => std::fs::metadata(path).map(|_| files.push(path.clone())),
        };
        found.map_err(|error| {
            CliError::new(Code::FileUnusable, format!("{}: {error}", path.display()))
        })?;
    }
    Ok(files)
}

fn search(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(directory)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What is built, and what is hidden, holds no scripts.
        let passed_over = name.starts_with('.') || name == "target" || depth == DEEPEST;
        // Not through symbolic links: they may go in a circle.
        if entry.file_type()?.is_dir() {
            if !passed_over {
                search(&entry.path(), depth + 1, files)?;
            }
        } else if name.ends_with(SUFFIX) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The scripts of a directory as they are, by their names in it, for a component to bring along.
///
/// # Errors
/// They cannot be read, or are not understood.
pub(crate) fn scripts(directory: &Path) -> Result<Vec<TestFile>, CliError> {
    let mut scripts = Vec::new();
    for file in find(&[directory.to_owned()])? {
        let text = load(&file)?.text;
        let name = file.strip_prefix(directory).unwrap_or(&file);
        scripts.push(TestFile {
            file: name.to_string_lossy().into_owned(),
            text,
        });
    }
    Ok(scripts)
}

/// Reads and checks a script.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(super) fn load(file: &Path) -> Result<Loaded, CliError> {
    let text = read(file)
        .map_err(|why| CliError::new(Code::FileUnusable, format!("{}: {why}", file.display())))?;
    let suite = parse(file, &text).map_err(misunderstood)?;
    Ok(Loaded {
        file: file.to_owned(),
        suite,
        text,
    })
}

fn read(file: &Path) -> Result<String, String> {
    let size = std::fs::metadata(file)
        .map_err(|error| error.to_string())?
        .len();
    if size > LARGEST {
        return Err(format!("it has {size} bytes; at most {LARGEST} are read"));
    }
    std::fs::read_to_string(file).map_err(|error| error.to_string())
}

pub(super) fn parse(file: &Path, text: &str) -> Result<Suite, ConfigError> {
    let schema = vireo_sim::schema().as_value();
    let (script, document) =
        config::parse_toml::<Script>(schema, vireo_sim::check_format, file, text)?;
    let line = |path: &[&str]| Place::find(text, config::locate(&document, path).start).line;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(SUFFIX);
    script.compile(name, &line).map_err(|faults| {
        let diagnostics = faults.into_iter().map(|fault| {
            let Fault {
                path,
                message,
                help,
            } = fault;
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let span = config::locate(&document, &path);
            Diagnostic::new(Code::ConfigContradiction, span, message).help(help)
        });
        ConfigError::new(file, text, diagnostics.collect())
    })
}
