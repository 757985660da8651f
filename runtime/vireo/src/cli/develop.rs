//! `vireo new` and `vireo build`: what a flow developer does before there is a component.

use std::path::{Path, PathBuf};

use clap::Args;
use vireo_component::{
    ComponentizeError, Language, Project, ProjectError, PromptName, ShippedFiles, componentize,
};

use super::error::CliError;
use super::output::Output;
use crate::explain::Code;
use crate::flowtest::scripts;

/// How core modules are named, by which the component's name is found.
const CORE_SUFFIX: &str = ".core.wasm";

/// Arguments of `vireo new`.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// The directory to make; its name is the project's.
    #[arg(value_name = "NAME")]
    pub directory: PathBuf,
    /// The language: rust, c, js, python, go.
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    pub lang: Language,
}

/// Arguments of `vireo build`.
#[derive(Clone, Debug, Args)]
pub struct BuildArgs {
    /// The core module, a .wasm file.
    pub file: PathBuf,
    /// The component; NAME.wasm when the module is NAME.core.wasm.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Puts the scripts of a directory (*.test.toml) into the component: a server runs them before
    /// it deploys it.
    #[arg(long, value_name = "DIRECTORY")]
    pub with_tests: Option<PathBuf>,
    /// Puts the names of a table of prompts (as examples/prompts.tsv) into the component: a server
    /// that lacks one of them does not deploy it.
    #[arg(long, value_name = "FILE")]
    pub with_prompts: Option<PathBuf>,
}

/// `vireo new`.
pub(super) fn new(args: &NewArgs, output: &Output) -> Result<(), CliError> {
    let unusable = |error: ProjectError| CliError::new(Code::FileUnusable, error.to_string());
    let project = Project::new(&args.directory, args.lang).map_err(unusable)?;
    project.write().map_err(unusable)?;
    let directory = args.directory.display();
    if output.is_json() {
        return output.json(&serde_json::json!({
            "directory": args.directory,
            "language": args.lang.name(),
            "build": args.lang.build_command(),
        }));
    }
    output.line(&format!(
        "{directory}: a flow in {}; README.md says what is where",
        args.lang.name()
    ));
    output.line(&format!(
        "  cd {directory} && {}",
        args.lang.build_command()
    ));
    Ok(())
}

/// `vireo build`.
pub(super) fn build(args: &BuildArgs, output: &Output) -> Result<(), CliError> {
    let unusable = |path: &Path, error: std::io::Error| {
        CliError::new(Code::FileUnusable, format!("{}: {error}", path.display()))
    };
    let core = std::fs::read(&args.file).map_err(|error| unusable(&args.file, error))?;
    let target = target(args)?;
    let component = match componentize(&core) {
        // Compilers that write components themselves need only what is brought along.
        Err(ComponentizeError::AlreadyComponent) if args.brings_something() => core,
        made => made.map_err(|error| refused(&args.file, &error))?,
    };
    let component = brought_along(args)?.embed(&component).map_err(|error| {
        let message = format!("nothing can be added to {}: {error}", target.display());
        CliError::new(Code::ComponentRefused, message)
    })?;
    std::fs::write(&target, &component).map_err(|error| unusable(&target, error))?;
    if output.is_json() {
        return output.json(&serde_json::json!({ "file": target, "size": component.len() }));
    }
    output.line(&format!("{} ({} bytes)", target.display(), component.len()));
    Ok(())
}

impl BuildArgs {
    fn brings_something(&self) -> bool {
        self.with_tests.is_some() || self.with_prompts.is_some()
    }
}

fn brought_along(args: &BuildArgs) -> Result<ShippedFiles, CliError> {
    let tests = match &args.with_tests {
        Some(directory) => scripts(directory)?,
        None => Vec::new(),
    };
    let prompts = match &args.with_prompts {
        Some(file) => prompts(&std::fs::read_to_string(file).map_err(|error| {
            CliError::new(Code::FileUnusable, format!("{}: {error}", file.display()))
        })?),
        None => Vec::new(),
    };
    Ok(ShippedFiles { tests, prompts })
}

/// The names in a table of prompts: language ("-": none), file, and more that is not needed here.
fn prompts(table: &str) -> Vec<PromptName> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let names = rows.filter_map(|line| {
        let mut columns = line.split('\t');
        let (language, name) = (columns.next()?, columns.next()?);
        Some(PromptName {
            language: match language {
                "-" => String::new(),
                language => language.to_owned(),
            },
            name: name.to_owned(),
        })
    });
    names.collect()
}

/// `line.core.wasm` becomes `line.wasm`, unless it is said otherwise.
fn target(args: &BuildArgs) -> Result<PathBuf, CliError> {
    if let Some(output) = &args.output {
        return Ok(output.clone());
    }
    let name = args.file.to_string_lossy();
    let stem = name.strip_suffix(CORE_SUFFIX).ok_or_else(|| {
        let message = format!("{name} does not end in {CORE_SUFFIX}");
        CliError::new(Code::FileUnusable, message).details(vec![
            "say where the component goes: --output FILE".to_owned(),
        ])
    })?;
    Ok(PathBuf::from(format!("{stem}.wasm")))
}

fn refused(file: &Path, error: &ComponentizeError) -> CliError {
    let advice = match error {
        ComponentizeError::DoesNotFit(_) => {
            "a flow imports functions of vireo:flow and exports `run` and `cabi_realloc`, by the \
             bindings of its SDK; `vireo new` writes a project that has them"
        }
        _ => "give it the .wasm file that the compiler wrote",
    };
    let message = format!("{} cannot become a flow: {error}", file.display());
    CliError::new(Code::ComponentRefused, message).details(vec![advice.to_owned()])
}
