//! What a component is, what it needs, and what is wrong with it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::bytes::hex;
use crate::compiler::CompilerError;
use crate::host::Shared;

/// The version of the contract that this host serves. A component that was built for another
/// version with the same major and minor number (before 1.0) runs as well.
pub const CONTRACT: &str = "vireo:flow@0.1.0";

/// Why a component cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// Not WebAssembly, or a core module instead of a component.
    #[error("{0}")]
    NotAComponent(String),
    /// The compiler refused it.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// The compiler failed; nothing may be wrong with the component.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// It is a component, but not one that can run here.
    #[error("the component cannot run here: {}", Joined(.0))]
    Problems(Vec<Problem>),
}

struct Joined<'a>(&'a [Problem]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// What a component is and needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Inspection {
    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The contract version that it was built for, as "0.1.0"; none when it imports nothing of it.
    pub contract: Option<String>,
    /// What it imports, as the component lists it.
    pub imports: Vec<Import>,
    /// What its instances take from the pool.
    pub resources: Resources,
    /// Grants that its imports need: `kv`, `http`, `secrets`.
    pub grants: Vec<String>,
    /// Why it cannot run here; empty: it can.
    pub problems: Vec<Problem>,
}

impl Inspection {
    /// Does it import this function, as `("kv", "get")`? With an empty function: the interface.
    pub fn uses(&self, interface: &str, function: &str) -> bool {
        self.imports
            .iter()
            .filter(|import| import.contract_interface() == Some(interface))
            .any(|import| {
                function.is_empty() || import.functions.iter().any(|name| name == function)
            })
    }
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// As `vireo:flow/media@0.1.0`.
    pub interface: String,
    /// Functions of it that are used; types are left out.
    pub functions: Vec<String>,
}

impl Import {
    /// `media` for an interface of the contract.
    fn contract_interface(&self) -> Option<&str> {
        let rest = self.interface.strip_prefix("vireo:flow/")?;
        Some(rest.split_once('@').map_or(rest, |(name, _)| name))
    }
}

/// What an instance takes from the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Linear memories.
    pub memories: u32,
    /// Bytes of the largest memory at the start.
    pub initial_memory_bytes: u64,
    /// Tables.
    pub tables: u32,
    /// Elements of the largest table at the start.
    pub table_elements: u64,
}

/// What is wrong with a component, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.advice)
    }
}

/// The name of a component.
pub(crate) fn digest(wasm: &[u8]) -> String {
    hex(&Sha256::digest(wasm))
}

/// Compiles a component and looks at its type.
pub(crate) fn inspect(
    shared: &Arc<Shared>,
    wasm: &[u8],
    digest: String,
) -> Result<(Inspection, Component), ComponentError> {
    check_header(wasm)?;
    let component = shared.code.component(&shared.engine, wasm, &digest)?;
    let imports = imports(shared, &component);
    let mut inspection = Inspection {
        digest,
        size: wasm.len() as u64,
        contract: imports.iter().find_map(|import| {
            import.contract_interface()?;
            import
                .interface
                .split_once('@')
                .map(|(_, version)| version.to_owned())
        }),
        imports,
        resources: resources(&component),
        grants: Vec::new(),
        problems: Vec::new(),
    };
    inspection.grants = [
        ("kv", "kv", ""),
        ("http", "http", ""),
        ("secrets", "settings", "secret"),
    ]
    .into_iter()
    .filter(|(_, interface, function)| inspection.uses(interface, function))
    .map(|(grant, ..)| grant.to_owned())
    .collect();
    inspection.problems = problems(shared, &component, &inspection);
    Ok((inspection, component))
}

/// wasmtime compares a component's needs with the pool when it compiles it.
pub(crate) fn refused(error: &wasmtime::Error) -> ComponentError {
    let text = format!("{error:#}");
    if !text.contains("pooling allocator") {
        return ComponentError::Compile(text);
    }
    ComponentError::Problems(vec![Problem {
        what: format!("it is too large: {}", error.root_cause()),
        advice: "make it smaller, or raise the server's memory limit".to_owned(),
    }])
}

fn check_header(wasm: &[u8]) -> Result<(), ComponentError> {
    // Magic, version, layer: 0 is a core module, 1 a component (component-model Binary.md).
    let text = match wasm {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            "this is a core WebAssembly module, not a component"
        }
        [0, b'a', b's', b'm', ..] => "this is WebAssembly of a version that is not known here",
        [] => "the file is empty",
        _ => "this is not WebAssembly: the file does not begin with \"\\0asm\"",
    };
    Err(ComponentError::NotAComponent(text.to_owned()))
}

fn imports(shared: &Shared, component: &Component) -> Vec<Import> {
    let ty = component.component_type();
    ty.imports(&shared.engine)
        .map(|(name, import)| Import {
            interface: name.to_owned(),
            functions: match import.ty {
                ComponentItem::ComponentInstance(instance) => functions(shared, &instance),
                _ => Vec::new(),
            },
        })
        .collect()
}

fn functions(shared: &Shared, instance: &ComponentInstance) -> Vec<String> {
    instance
        .exports(&shared.engine)
        .filter(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn resources(component: &Component) -> Resources {
    // None for a component that imports or re-exports components: it has no pool needs that can
    // be known beforehand, and the linker refuses it.
    component
        .resources_required()
        .map_or_else(Resources::default, |needed| Resources {
            memories: needed.num_memories,
            initial_memory_bytes: needed.max_initial_memory_size.unwrap_or(0),
            tables: needed.num_tables,
            table_elements: needed.max_initial_table_size.unwrap_or(0),
        })
}

fn problems(shared: &Shared, component: &Component, inspection: &Inspection) -> Vec<Problem> {
    let mut problems: Vec<Problem> = inspection
        .imports
        .iter()
        .filter_map(|import| import_problem(&import.interface))
        .collect();
    let ty = component.component_type();
    let run = ty.exports(&shared.engine).find(|(name, _)| *name == "run");
    if !run.is_some_and(|(_, run)| matches!(run.ty, ComponentItem::ComponentFunc(_))) {
        problems.push(Problem {
            what: "it exports no function `run`".to_owned(),
            advice: "export the world `vireo:flow/flow`: the Rust SDK's `flow!` does it".to_owned(),
        });
    }
    if problems.is_empty()
        && let Err(error) = shared
            .linker
            .instantiate_pre(component)
            .and_then(crate::contract::FlowPre::new)
    {
        problems.push(Problem {
            what: format!("it does not fit the contract: {error:#}"),
            advice: format!("build it anew against the WIT package {CONTRACT}"),
        });
    }
    problems
}

fn import_problem(name: &str) -> Option<Problem> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    if path.starts_with("wasi:") {
        return Some(Problem {
            what: format!("it imports `{name}`; flows get no WASI (no files, sockets, clock)"),
            advice: "Rust: target wasm32-unknown-unknown; C: do not link wasi-libc's I/O; \
                     JavaScript: componentize-qjs --stub-wasi; Python: componentize-py -s; for the \
                     time and randomness use vireo:flow/clock"
                .to_owned(),
        });
    }
    let Some(interface) = path.strip_prefix("vireo:flow/") else {
        return Some(Problem {
            what: format!("it imports `{name}`, which no server provides"),
            advice: format!("import only interfaces of {CONTRACT}"),
        });
    };
    if !version.starts_with("0.1.") {
        return Some(Problem {
            what: format!("it was built for vireo:flow@{version}; this server serves {CONTRACT}"),
            advice: "build it with the SDK of this server, or update the server".to_owned(),
        });
    }
    let known = [
        "types", "call", "media", "kv", "settings", "log", "clock", "http",
    ];
    (!known.contains(&interface)).then(|| Problem {
        what: format!("it imports `{name}`; {CONTRACT} has no interface `{interface}`"),
        advice: format!("there are: {}", known.join(", ")),
    })
}
