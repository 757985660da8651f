//! ONNX Runtime's library, found good before the crate `ort` sees it: that waits for ever where it finds it
//! missing or too old.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;

/// Why the library is not used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("ONNX Runtime's library {} cannot be used: {problem}", .library.display())]
    Library {
        library: PathBuf,
        problem: libloading::Error,
    },
    #[error("{} is no library of ONNX Runtime", .0.display())]
    Other(PathBuf),
    #[error(
        "{} is ONNX Runtime {version}; 1.{} or later is needed", .library.display(), ort::MINOR_VERSION
    )]
    Old { library: PathBuf, version: String },
    #[error("ONNX Runtime does not start: {0}")]
    Start(#[from] ort::Error),
}

/// `OrtApiBase` of onnxruntime_c_api.h.
#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const c_void,
    version: unsafe extern "C" fn() -> *const c_char,
}

/// Loads the library for the whole process.
pub fn load(library: &Path) -> Result<(), RuntimeError> {
    let version = version(library)?;
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok());
    if minor.is_none_or(|minor: u32| minor < ort::MINOR_VERSION) {
        return Err(RuntimeError::Old {
            library: library.to_owned(),
            version,
        });
    }
    ort::init_from(library)?.with_telemetry(false).commit();
    Ok(())
}

fn version(path: &Path) -> Result<String, RuntimeError> {
    // SAFETY: loading runs the library's initialisers, which is what the operator named it for.
    let library = unsafe { Library::new(path) }.map_err(|problem| RuntimeError::Library {
        library: path.to_owned(),
        problem,
    })?;
    let other = || RuntimeError::Other(path.to_owned());
    // SAFETY: the types are those of onnxruntime_c_api.h; the base and the version are static data of the
    // library, which is loaded until the end of this function.
    unsafe {
        let base = library
            .get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0")
            .map_err(|_| other())?;
        let base = base().as_ref().ok_or_else(other)?;
        let version = (base.version)();
        if version.is_null() {
            return Err(other());
        }
        Ok(CStr::from_ptr(version).to_string_lossy().into_owned())
    }
}
