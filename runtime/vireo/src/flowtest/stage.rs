//! What the calls of a script run on: its component, its prompts, and what a server would give it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_host::{Grants, Host, HostConfig, Limits, Version};
use vireo_sim::{Coverage, Prompts, Stage};

use super::load::Loaded;
use super::{Checked, beside};
use crate::check;
use crate::cli::{CliError, Global, TestArgs};
use crate::config::{self, Config};
use crate::explain::Code;
use crate::serve;

/// As a server has it by default.
pub(crate) const LONGEST: Duration = Duration::from_secs(2 * 3600);

/// How the key-value grant of a script is written down: its keys are its own.
const NAMESPACE: &str = "test";

/// Makes stages; what several scripts share is made once.
pub(super) struct Stages<'a> {
    args: &'a TestArgs,
    config: Option<(PathBuf, Config)>,
    host: Host,
    versions: HashMap<PathBuf, (Arc<Version>, Vec<u8>)>,
    libraries: HashMap<PathBuf, Prompts>,
}

/// What of a component no case has reached.
pub(super) struct Unreached {
    pub flow: String,
    pub component: PathBuf,
    pub reached: Coverage,
    pub functions: Vec<String>,
    pub prompts: Vec<String>,
}

impl<'a> Stages<'a> {
    pub fn new(args: &'a TestArgs, global: &Global) -> Result<Self, CliError> {
        let config = match &global.config {
            Some(file) => Some((file.clone(), Config::load(file)?)),
            None => None,
        };
        let memory_mib = config.iter().flat_map(|(_, config)| {
            let flows = config.flows.values();
            flows.map(|flow| flow.limits.over(&config.limits).memory_mib)
        });
        let least = HostConfig::default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = args.jobs.unwrap_or(cores).clamp(1, 256);
        let host = Host::new(HostConfig {
            max_calls: jobs as u32,
            memory_bytes: memory_mib
                .map(|mib| (mib as usize) << 20)
                .fold(least.memory_bytes, usize::max),
            ..least
        })
        .map_err(|error| CliError::new(Code::EngineStart, error.to_string()))?;
        Ok(Stages {
            args,
            config,
            host,
            versions: HashMap::new(),
            libraries: HashMap::new(),
        })
    }

    /// What the cases of a script run on.
    pub fn stage(&mut self, script: Loaded) -> Result<(Arc<Stage>, Loaded), CliError> {
        let (flow, component) = self.component(&script)?;
        // First what is missing most often: a component that was not built.
        self.version(&script, &component)?;
        let prompts = self.prompts(&script)?;
        let mut stage = self.flow(&script, flow, &component, prompts)?;
        let written = script.suite.grants.as_ref().map(written);
        stage.grants = written.map(Arc::new).or(stage.grants);
        stage.apology = script.suite.apology.clone().or(stage.apology);
        if let Some((name, component)) = self.fallback(&script, &stage.flow) {
            let prompts = stage.prompts.clone();
            let fallback = self.flow(&script, name, &component, prompts)?;
            stage.fallback = Some(Arc::new(fallback));
        }
        Ok((Arc::new(stage), script))
    }

    /// A component as a flow of this name, with what `--config` has for it.
    fn flow(
        &mut self,
        script: &Loaded,
        flow: String,
        component: &Path,
        prompts: Prompts,
    ) -> Result<Stage, CliError> {
        let version = self.version(script, component)?;
        let of_config = self.flow_of_config(script, &flow)?;
        let zone = self.config.as_ref();
        let zone = zone.map_or(TimeZone::UTC, |(_, config)| config.server.time_zone.zone());
        let mut stage = Stage {
            version,
            prompts,
            grants: None,
            limits: Limits::default(),
            longest: LONGEST,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            zone,
            apology: None,
            fallback: None,
            flow,
        };
        if let Some((config, flow)) = of_config {
            (stage.limits, stage.longest) = serve::flow_limits(config, flow);
            stage.grants = Some(Arc::new(serve::grants(&stage.flow, flow)));
            stage.apology = serve::apology(config);
            let settings = flow.settings.iter();
            stage.settings = settings
                .map(|(key, value)| (key.clone(), value.to_string()))
                .collect();
        }
        Ok(stage)
    }

    /// What takes a call over from a flow that has failed: name and component.
    fn fallback(&self, script: &Loaded, flow: &str) -> Option<(String, PathBuf)> {
        let config = self.config.as_ref().map(|(_, config)| config);
        let named = config.and_then(|config| config.flows.get(flow)?.fallback.clone());
        if let Some(written) = &script.suite.fallback {
            let name = named.unwrap_or_else(|| stem(written));
            return Some((name, beside(&script.file, written)));
        }
        let name = named?;
        let (_, file) = self.args.flows.iter().find(|(flow, _)| *flow == name)?;
        Some((name, file.clone()))
    }

    /// The flow's name and its component's file.
    fn component(&self, script: &Loaded) -> Result<(String, PathBuf), CliError> {
        let written = script.suite.component.as_deref();
        let name = script.suite.flow.clone();
        let name = name.or_else(|| written.map(stem)).unwrap_or_default();
        let given = self.args.flows.iter().find(|(flow, _)| *flow == name);
        match (given, written) {
            (Some((_, file)), _) => Ok((name, file.clone())),
            (None, Some(written)) => Ok((name, beside(&script.file, written))),
            (None, None) => {
                let help = match name.is_empty() {
                    true => "write `component = \"PATH.wasm\"`".to_owned(),
                    false => format!("write it, or give --flow {name}=PATH.wasm"),
                };
                Err(script.wrong(&[], "the file names no `component`", help))
            }
        }
    }

    fn version(&mut self, script: &Loaded, file: &Path) -> Result<Arc<Version>, CliError> {
        if let Some((version, _)) = self.versions.get(file) {
            return Ok(Arc::clone(version));
        }
        let wasm = std::fs::read(file).map_err(|error| {
            let message = format!("{}: {error}", file.display());
            let help = "build it first; relative paths start at the directory of this file";
            script.wrong(&["component"], message, help)
        })?;
        let version = self.host.compile(&wasm).map_err(|error| {
            let problems = check::problems(error);
            let message = format!("{} cannot serve as a flow", file.display());
            CliError::new(Code::ComponentRefused, message)
                .details(problems.iter().map(ToString::to_string).collect())
        })?;
        let shared = Arc::clone(&version);
        self.versions.insert(file.to_owned(), (shared, wasm));
        Ok(version)
    }

    fn prompts(&mut self, script: &Loaded) -> Result<Prompts, CliError> {
        let config = self.config.as_ref().map(|(_, config)| &config.prompts);
        let written = script.suite.prompts.as_deref();
        let directory = written.map(|path| beside(&script.file, path));
        let directory = directory.or_else(|| self.args.prompts.clone());
        let directory = directory.or_else(|| config.map(|prompts| prompts.directory.clone()));
        let Some(directory) = directory else {
            return Ok(Prompts::Assumed);
        };
        if let Some(prompts) = self.libraries.get(&directory) {
            return Ok(prompts.clone());
        }
        let mut options = LibraryConfig {
            // A run takes a moment, and is not to see two versions of a file.
            recheck_after: Duration::MAX,
            ..LibraryConfig::new(&directory)
        };
        if let Some(prompts) = config {
            options
                .default_language
                .clone_from(&prompts.default_language);
        }
        let library = Library::open(options).map_err(|error| match written {
            Some(_) => script.wrong(&["prompts"], error.to_string(), "make the prompts first"),
            None => CliError::new(Code::EngineStart, error.to_string()),
        })?;
        let prompts = Prompts::Directory(Arc::new(library));
        self.libraries.insert(directory, prompts.clone());
        Ok(prompts)
    }

    /// What `--config` has for a flow; none without it.
    fn flow_of_config(
        &self,
        script: &Loaded,
        flow: &str,
    ) -> Result<Option<(&Config, &config::Flow)>, CliError> {
        let Some((file, config)) = &self.config else {
            return Ok(None);
        };
        match config.flows.get(flow) {
            Some(found) => Ok(Some((config, found))),
            None => {
                let message = format!("{} has no [flows.{flow}]", file.display());
                let names: Vec<&str> = config.flows.keys().map(String::as_str).collect();
                let help = format!("write `flow = \"NAME\"`; it has: {}", names.join(", "));
                Err(script.wrong(&["flow"], message, help))
            }
        }
    }

    /// What of each component no case has reached.
    pub fn coverage(&self, checked: &[Checked]) -> Vec<Unreached> {
        let mut all = Vec::new();
        let mut components: Vec<_> = self.versions.iter().collect();
        components.sort_by_key(|(file, _)| *file);
        for (file, (version, wasm)) in components {
            let mut own = checked
                .iter()
                .filter(|checked| Arc::ptr_eq(&checked.stage.version, version))
                .peekable();
            let Some(first) = own.peek().copied() else {
                continue;
            };
            let mut reached = Coverage::default();
            own.for_each(|checked| reached.merge(checked.verdict.coverage.clone()));
            let existing = match &first.stage.prompts {
                Prompts::Directory(library) => names(library.directory()),
                Prompts::Assumed => Vec::new(),
            };
            let prompts = reached.prompts_left(&existing, wasm);
            all.push(Unreached {
                flow: first.stage.flow.clone(),
                component: file.clone(),
                functions: reached.functions_left(version.inspection()),
                prompts: prompts.into_iter().map(ToOwned::to_owned).collect(),
                reached,
            });
        }
        all
    }
}

/// A flow without a name has that of its component's file.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The grants that a script writes down.
pub(super) fn written(grants: &vireo_sim::Grants) -> Grants {
    Grants {
        kv: grants.kv.then(|| NAMESPACE.to_owned()),
        http: grants.http.clone(),
        secrets: grants.secrets.clone(),
        withheld: Vec::new(),
    }
}

/// The names that the files of a prompts directory can be played by, each once.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(inner) = open.pop() {
        for entry in std::fs::read_dir(&inner).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
                continue;
            }
            let suffix = path.extension().and_then(|suffix| suffix.to_str());
            let plain = path.with_extension("");
            let plain = plain.strip_prefix(directory).unwrap_or(&plain);
            if let (Some("wav" | "ulaw" | "alaw"), Some(name)) = (suffix, plain.to_str()) {
                // With and without its first directory, which may be a language.
                found.insert(name.to_owned());
                found.extend(name.split_once('/').map(|(_, name)| name.to_owned()));
            }
        }
    }
    found.into_iter().collect()
}
