//! The engine that all flows of a server share.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::cache::CacheConfig;
use crate::code::{Code, Origins};
use crate::compiler::Compiler;
use crate::contract::Flow;
use crate::inspect::{ComponentError, Inspection};
use crate::state::State;
use crate::timing::Durations;
use crate::version::{Version, Versions};
use crate::{engine, inspect, sys};

/// The clock of CPU limits and of yielding to other flows.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);

/// Memory maps for each call: two for the stack of its fiber, up to four for its instance
/// (notes: measured with one memory; the pool's reservation itself is one map).
const MAPS_PER_CALL: u64 = 6;

/// Maps that the rest of the process needs.
const OTHER_MAPS: u64 = 2_000;

/// How a [`Host`] is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Flows that run at the same time, at the most. Room for them is reserved (address space,
    /// not memory).
    pub max_calls: u32,
    /// The most that any flow's linear memory may have, bytes; a multiple of 64 KiB is used.
    pub memory_bytes: usize,
    /// Who compiles components.
    pub compiler: Compiler,
    /// Where compiled code is kept for the next start; none: it is not.
    pub cache: Option<CacheConfig>,
}

impl Default for HostConfig {
    fn default() -> Self {
        HostConfig {
            max_calls: 1_000,
            memory_bytes: 16 << 20,
            compiler: Compiler::InProcess,
            cache: None,
        }
    }
}

/// Why a [`Host`] could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// `vm.max_map_count` is too small for `max_calls`.
    #[error(
        "{max_calls} calls need {needed} memory maps, and the kernel allows {allowed}: set \
         `sysctl -w vm.max_map_count={advised}` (and in /etc/sysctl.d), or allow fewer calls"
    )]
    TooFewMaps {
        /// As configured.
        max_calls: u32,
        /// Maps for that many.
        needed: u64,
        /// `vm.max_map_count` as it is.
        allowed: u64,
        /// A round value that suffices.
        advised: u64,
    },
    /// The engine refused the configuration, or the address space is too small.
    #[error("the flow engine could not start: {0}")]
    Engine(String),
    /// The clock thread could not be started.
    #[error("the thread of the flow engine's clock could not start: {0}")]
    Clock(#[from] std::io::Error),
}

/// How much of a [`Host`] is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Flows that run.
    pub instances: u64,
    /// Linear memories that they hold.
    pub memories: u64,
    /// Instances at the most.
    pub max_instances: u64,
}

/// The engine that all flows of a server share: one for a process.
///
/// Dropping it stops its clock when the last [`Version`] is gone too.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) config: HostConfig,
    /// Where machine code comes from.
    pub(crate) code: Code,
    /// Those that are in use, so that equal components are one version.
    versions: Versions,
    /// What it took to make instances.
    pub(crate) instantiations: Durations,
    /// Held for its drop.
    _clock: Clock,
}

impl Host {
    /// Starts the engine and its clock.
    ///
    /// # Errors
    /// See [`HostError`]; each says what to do.
    pub fn new(config: HostConfig) -> Result<Host, HostError> {
        check_maps(&config)?;
        let engine =
            engine::of_host(&config).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let mut linker = Linker::new(&engine);
        Flow::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
            .map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let clock = Clock::start(engine.clone())?;
        Ok(Host {
            shared: Arc::new(Shared {
                code: Code::new(&config, &engine),
                versions: Versions::default(),
                engine,
                linker,
                config,
                instantiations: Durations::new(),
                _clock: clock,
            }),
        })
    }

    /// What a component needs, and what is wrong with it. It is compiled for this, so the same
    /// cost applies as to [`Host::compile`].
    ///
    /// # Errors
    /// It is not a component that can be compiled, or too large for the pool; anything else is in
    /// [`Inspection::problems`].
    pub fn inspect(&self, wasm: &[u8]) -> Result<Inspection, ComponentError> {
        inspect::inspect(&self.shared, wasm, inspect::digest(wasm))
            .map(|(inspection, _)| inspection)
    }

    /// Makes a component ready to run. A Rust flow takes about 50 ms of CPU for it, a Python flow
    /// 15 s (see [`Host::compile_in_background`]), unless it is in use already or its code was kept.
    ///
    /// # Errors
    /// It is not a component, or it has [`Inspection::problems`], or the compiler failed.
    pub fn compile(&self, wasm: &[u8]) -> Result<Arc<Version>, ComponentError> {
        let digest = inspect::digest(wasm);
        if let Some(version) = self.shared.versions.find(&digest) {
            return Ok(version);
        }
        let version = Arc::new(Version::compile(&self.shared, wasm, digest)?);
        self.shared.versions.add(&version);
        Ok(version)
    }

    /// As [`Host::compile`], on a thread of its own with the lowest priority, so that a deploy
    /// does not take the CPU from calls.
    ///
    /// # Errors
    /// As [`Host::compile`].
    pub async fn compile_in_background(
        &self,
        wasm: Vec<u8>,
    ) -> Result<Arc<Version>, ComponentError> {
        let host = self.clone();
        let (done, result) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("vireo-compile".to_owned())
            .spawn(move || {
                if let Err(error) = sys::lower_thread_priority() {
                    tracing::warn!(%error, "compiling at normal priority");
                }
                // Nobody waits any more: the deploy was cancelled.
                let _ = done.send(host.compile(&wasm));
            })
            .map_err(|error| ComponentError::Compile(error.to_string()))?;
        result
            .await
            .map_err(|_| ComponentError::Compile("the compiler panicked".to_owned()))?
    }

    /// Where the code of the components came from, since the start.
    pub fn origins(&self) -> Origins {
        self.shared.code.origins()
    }

    /// The time that making an instance took, at the most, in `share` (0 to 1) of all cases until now;
    /// precise to a fifth. None before the first.
    pub fn instantiation(&self, share: f64) -> Option<Duration> {
        self.shared.instantiations.quantile(share)
    }

    /// How much is in use now.
    pub fn in_use(&self) -> InUse {
        let metrics = self.shared.engine.pooling_allocator_metrics();
        InUse {
            instances: metrics
                .as_ref()
                .map_or(0, |metrics| metrics.component_instances()),
            memories: metrics
                .as_ref()
                .map_or(0, |metrics| metrics.memories() as u64),
            max_instances: u64::from(self.shared.config.max_calls),
        }
    }
}

fn check_maps(config: &HostConfig) -> Result<(), HostError> {
    let Ok(text) = std::fs::read_to_string("/proc/sys/vm/max_map_count") else {
        // Not readable in this container: the kernel still says no when it comes to it.
        return Ok(());
    };
    let allowed = text.trim().parse().unwrap_or(u64::MAX);
    let needed = u64::from(config.max_calls) * MAPS_PER_CALL + OTHER_MAPS;
    if needed <= allowed {
        return Ok(());
    }
    Err(HostError::TooFewMaps {
        max_calls: config.max_calls,
        needed,
        allowed,
        advised: needed.next_power_of_two(),
    })
}

/// Ticks the engine's epoch, and stops when dropped.
struct Clock {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    fn start(engine: Engine) -> std::io::Result<Clock> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("vireo-epoch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(EPOCH) == Err(mpsc::RecvTimeoutError::Timeout) {
                    engine.increment_epoch();
                }
            })?;
        Ok(Clock {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has no way to panic; there is nothing to hand on.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let names = threads
            .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim() == "vireo-epoch").count()
    }

    #[test]
    fn the_clock_runs_as_long_as_a_version_may() {
        let host = Host::new(HostConfig {
            max_calls: 1,
            ..HostConfig::default()
        })
        .unwrap();
        let hello = include_bytes!("../tests/fixtures/hello.wasm");
        let version = host.compile(hello).unwrap();
        drop(host);
        assert_eq!(clocks(), 1);
        drop(version);
        assert_eq!(clocks(), 0);
    }

    #[test]
    fn a_low_priority_is_the_threads_own() {
        let nice = || {
            // Field 19 of stat(5); the name in field 2 has no space here.
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.split_whitespace()
                .nth(18)
                .unwrap()
                .parse::<i32>()
                .unwrap()
        };
        let before = nice();
        let inside = std::thread::spawn(move || {
            sys::lower_thread_priority().unwrap();
            nice()
        });
        assert_eq!(inside.join().unwrap(), 19);
        assert_eq!(nice(), before);
    }
}
