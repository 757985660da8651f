//! A core module becomes a component.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::contract;

/// The module whose functions compilers for WASI 0.1 import.
const WASI: &str = "wasi_snapshot_preview1";

/// `wasi.wat`, assembled: stands in for that module, without any WASI.
const WASI_ADAPTER: &[u8] = include_bytes!("wasi.wasm");

/// How bindings generators mark a module with the world that it was made for.
const WORLD_SECTION: &str = "component-type";

/// Why a file cannot be made a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentizeError {
    /// It is one already.
    #[error("it is a component already; deploy it as it is")]
    AlreadyComponent,
    /// It is no WebAssembly, or damaged.
    #[error("it is not a WebAssembly module: {0}")]
    NotAModule(String),
    /// It imports or exports what the contract does not have, or lacks what it must have.
    #[error("it does not fit the contract: {0}")]
    DoesNotFit(String),
    /// The contract in this binary cannot be read: a defect of ours.
    #[error("the contract of this binary is broken: {0}")]
    Contract(String),
}

/// What a look at a module shows.
#[derive(Default)]
struct Module {
    names_its_world: bool,
    imports_wasi: bool,
}

/// Makes a flow of a core module that speaks the canonical ABI of the world `vireo:flow/flow`:
/// functions imported from `vireo:flow/call@0.1.0` and its siblings, `run` and `cabi_realloc`
/// exported. Of the contract, the component imports what the module imports.
///
/// WASI 0.1 is replaced by a machine without files, clock and randomness, so that the component
/// imports no WASI.
///
/// # Errors
/// See [`ComponentizeError`].
pub fn componentize(core: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let module = look_at(core)?;
    let mut core = core.to_vec();
    if !module.names_its_world {
        let (resolve, world) = contract::world().map_err(ComponentizeError::Contract)?;
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)
            .map_err(|error| ComponentizeError::Contract(format!("{error:#}")))?;
    }
    let does_not_fit = |error| ComponentizeError::DoesNotFit(format!("{error:#}"));
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .map_err(does_not_fit)?;
    if module.imports_wasi {
        encoder = encoder.adapter(WASI, WASI_ADAPTER).map_err(does_not_fit)?;
    }
    encoder.encode().map_err(does_not_fit)
}

fn look_at(core: &[u8]) -> Result<Module, ComponentizeError> {
    let not_a_module = |error| ComponentizeError::NotAModule(format!("{error}"));
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(core) {
        match payload.map_err(not_a_module)? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Err(ComponentizeError::AlreadyComponent),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    module.imports_wasi |= import.map_err(not_a_module)?.module == WASI;
                }
            }
            Payload::CustomSection(section) => {
                module.names_its_world |= section.name().starts_with(WORLD_SECTION);
            }
            _ => {}
        }
    }
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flow that answers: `run` returns the place of a result, which is Ok.
    const ANSWERS: &str = r#"(module
        (import "vireo:flow/call@0.1.0" "answer" (func $answer (param i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "run") (result i32) (call $answer (i32.const 64)) i32.const 128))"#;

    fn made(wat: &str) -> Result<Vec<u8>, ComponentizeError> {
        componentize(&wat::parse_str(wat).unwrap())
    }

    /// Names of what a component imports.
    fn imports(component: &[u8]) -> Vec<String> {
        let mut depth = 0;
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            match payload.unwrap() {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    let all = imports.into_iter().map(|i| i.unwrap().name.name.to_owned());
                    // Beside the interfaces stand aliases of their types.
                    names.extend(all.filter(|name| name.contains(':')));
                }
                _ => {}
            }
        }
        names
    }

    #[test]
    fn a_module_imports_what_it_uses() {
        let component = made(ANSWERS).unwrap();
        assert_eq!(
            imports(&component),
            ["vireo:flow/types@0.1.0", "vireo:flow/call@0.1.0"]
        );
        assert_eq!(
            componentize(&component),
            Err(ComponentizeError::AlreadyComponent)
        );
    }

    #[test]
    fn wasi_is_no_import_of_the_component() {
        let with_wasi = ANSWERS.replacen(
            "(module",
            r#"(module
                (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
                (import "wasi_snapshot_preview1" "path_open"
                    (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#,
            1,
        );
        let component = made(&with_wasi).unwrap();
        assert_eq!(
            imports(&component),
            ["vireo:flow/types@0.1.0", "vireo:flow/call@0.1.0"]
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            ("run", ANSWERS.replace("\"run\"", "\"walk\"")),
            ("shout", ANSWERS.replace("\"answer\"", "\"shout\"")),
            ("env", ANSWERS.replace("vireo:flow/call@0.1.0", "env")),
        ];
        for (named, wat) in cases {
            let Err(ComponentizeError::DoesNotFit(text)) = made(&wat) else {
                panic!("{named}: it was made")
            };
            assert!(text.contains(named), "{named}: {text}");
        }
        for bytes in [&b""[..], b"\0asm", b"#!/bin/sh\n", b"\0asm\x01\0\0\0\xff"] {
            let error = componentize(bytes).unwrap_err();
            assert!(
                matches!(error, ComponentizeError::NotAModule(_)) || bytes.is_empty(),
                "{error}"
            );
        }
    }

    #[test]
    fn the_adapter_is_its_source_assembled() {
        assert!(
            wat::parse_str(include_str!("wasi.wat")).unwrap() == WASI_ADAPTER,
            "assemble runtime/component/src/wasi.wat into wasi.wasm"
        );
    }
}
