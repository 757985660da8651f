//! Machine code of components: kept from the last time, or compiled.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::compiler::{self, Compiler};
use crate::host::HostConfig;
use crate::inspect::{ComponentError, refused};

/// Where the code of components came from, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// It was compiled.
    pub compiled: u64,
    /// It was kept from an earlier time.
    pub kept: u64,
    /// Something was kept that was not usable: damaged, or not of this server.
    pub unusable: u64,
}

/// Gets code.
pub(crate) struct Code {
    compiler: Compiler,
    /// As [`HostConfig::memory_bytes`].
    memory_bytes: usize,
    cache: Option<Cache>,
    /// Held while something is compiled: one core and the memory of one compiler at a time.
    compiling: Mutex<()>,
    compiled: AtomicU64,
    kept: AtomicU64,
    unusable: AtomicU64,
}

impl Code {
    pub(crate) fn new(config: &HostConfig, engine: &Engine) -> Code {
        let cache = config.cache.clone().and_then(|cache| {
            let opened = Cache::open(cache, engine);
            opened
                .inspect_err(|error| {
                    tracing::error!(%error, "compiled code is not kept: each start compiles it anew");
                })
                .ok()
        });
        Code {
            compiler: config.compiler.clone(),
            memory_bytes: config.memory_bytes,
            cache,
            compiling: Mutex::default(),
            compiled: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
        }
    }

    pub(crate) fn origins(&self) -> Origins {
        Origins {
            compiled: self.compiled.load(Relaxed),
            kept: self.kept.load(Relaxed),
            unusable: self.unusable.load(Relaxed),
        }
    }

    /// The component of these bytes, by its digest, ready for this engine.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &str,
    ) -> Result<Component, ComponentError> {
        if let Some(component) = self.kept(engine, digest) {
            return component;
        }
        // A mutex that guards nothing but time cannot be left half changed.
        let _one_at_a_time = self
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever was before may have compiled the same.
        if let Some(component) = self.kept(engine, digest) {
            return component;
        }
        let (component, code) = self.compile(engine, wasm)?;
        self.compiled.fetch_add(1, Relaxed);
        if let (Some(cache), Some(code)) = (&self.cache, code)
            && let Err(error) = cache.put(digest, &code)
        {
            tracing::warn!(%error, "compiled code is not kept");
        }
        Ok(component)
    }

    /// None: there is nothing that can be used.
    fn kept(&self, engine: &Engine, digest: &str) -> Option<Result<Component, ComponentError>> {
        let cache = self.cache.as_ref()?;
        let unusable = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, digest, "kept code is not used; the component is compiled anew");
            self.unusable.fetch_add(1, Relaxed);
            cache.forget(digest);
        };
        let code = cache
            .get(digest)
            .inspect_err(|error| unusable(error))
            .ok()??;
        // SAFETY: the cache gives back only what it was given, by its MAC: code of a compiler of
        // this program.
        match unsafe { Component::deserialize(engine, &code) } {
            Ok(component) => {
                self.kept.fetch_add(1, Relaxed);
                Some(Ok(component))
            }
            Err(error) => match refused(&error) {
                // The code is right; the component is too large for the pool.
                error @ ComponentError::Problems(_) => Some(Err(error)),
                error => {
                    unusable(&error);
                    None
                }
            },
        }
    }

    /// A component, and its code where that is to be kept.
    fn compile(
        &self,
        engine: &Engine,
        wasm: &[u8],
    ) -> Result<(Component, Option<Vec<u8>>), ComponentError> {
        let failed = |error: wasmtime::Error| refused(&error);
        match &self.compiler {
            Compiler::InProcess => {
                let component = Component::new(engine, wasm).map_err(failed)?;
                let code = match self.cache {
                    Some(_) => Some(component.serialize().map_err(failed)?),
                    None => None,
                };
                Ok((component, code))
            }
            Compiler::Child(command) => {
                let code = compiler::compile(command, self.memory_bytes, wasm)?
                    .map_err(ComponentError::Compile)?;
                // SAFETY: these are bytes that a compiler of this program has just written to a pipe
                // which nobody else has, complete and with success.
                let component = unsafe { Component::deserialize(engine, &code) }.map_err(failed)?;
                Ok((component, Some(code)))
            }
        }
    }
}
