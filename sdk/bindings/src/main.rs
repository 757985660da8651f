//! Writes the generated bindings of C and Go from `sdk/wit`. The other languages' compilers make
//! theirs when a flow is built.
//!
//!     vireo-bindings SDK        SDK: the directory sdk/

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

/// Where the Go bindings stand in the SDK's module.
const GO_PACKAGE: &str = "vireo/flow/internal/contract";

/// Go's bindings import a runtime from here; the SDK has its own, without threads of control.
const GO_RUNTIME: &str = "go.bytecodealliance.org/pkg/wit/";
const OUR_GO_RUNTIME: &str = "vireo/flow/internal/wit/";

fn main() -> Result<(), Box<dyn Error>> {
    let sdk = std::env::args_os().nth(1).map(PathBuf::from);
    let sdk = sdk.ok_or("usage: vireo-bindings SDK")?;

    let c = wit_bindgen_c::Opts {
        no_object_file: true,
        ..Default::default()
    };
    for (name, bytes) in generate(&sdk, c.build())?.iter() {
        write(&sdk.join("c/bindings").join(name), bytes)?;
    }

    let go = wit_bindgen_go::Opts {
        pkg_name: Some(GO_PACKAGE.to_owned()),
        format: Default::default(),
        ..Default::default()
    };
    for (name, bytes) in generate(&sdk, go.build())?.iter() {
        let text = String::from_utf8(bytes.to_vec())?.replace(GO_RUNTIME, OUR_GO_RUNTIME);
        write(
            &sdk.join("go/internal/contract").join(name),
            text.as_bytes(),
        )?;
    }
    Ok(())
}

fn generate(sdk: &Path, mut generator: Box<dyn WorldGenerator>) -> Result<Files, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(sdk.join("wit"))?;
    let world = resolve.select_world(&[package], Some("flow"))?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    Ok(files)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, bytes)
}
