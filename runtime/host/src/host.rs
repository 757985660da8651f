//! The engine that all flows of a server share.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::contract::Flow;
use crate::inspect::{ComponentError, Inspection};
use crate::state::State;
use crate::timing::Durations;
use crate::version::Version;
use crate::{inspect, sys};

/// Memories and tables that one component may have; a place in the pool is reserved for each.
/// Rust and C take 1 memory and 2 tables, JavaScript by QuickJS 3 and 3.
const ITEMS_PER_COMPONENT: u32 = 4;

/// Core instances that one component may have, which wasmtime only counts. Rust takes 3, Python
/// one for each of its shared libraries.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// Elements of each table; QuickJS has about 2,000 functions in its table, CPython about 10,000.
const TABLE_ELEMENTS: usize = 20_000;

/// Deepest recursion of a flow, bytes of machine stack.
const WASM_STACK: usize = 512 << 10;

/// What a free place in the pool keeps of the memory that its last flow wrote to, bytes; a Rust flow
/// writes to some 30 KiB.
const MEMORY_KEPT: usize = 128 << 10;

const PAGE: usize = 4 << 10;

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
}

impl Default for HostConfig {
    fn default() -> Self {
        HostConfig {
            max_calls: 1_000,
            memory_bytes: 16 << 20,
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
        let engine = engine(&config).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let mut linker = Linker::new(&engine);
        Flow::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
            .map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let clock = Clock::start(engine.clone())?;
        Ok(Host {
            shared: Arc::new(Shared {
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
        inspect::inspect(&self.shared, wasm).map(|(inspection, _)| inspection)
    }

    /// Makes a component ready to run. Takes about 50 ms of CPU for a Rust flow, 15 s for a
    /// Python one: see [`Host::compile_in_background`].
    ///
    /// # Errors
    /// It is not a component, or it has [`Inspection::problems`].
    pub fn compile(&self, wasm: &[u8]) -> Result<Arc<Version>, ComponentError> {
        Version::compile(&self.shared, wasm).map(Arc::new)
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

fn engine(config: &HostConfig) -> wasmtime::Result<Engine> {
    let memory = config.memory_bytes.next_multiple_of(64 << 10);
    let mut pool = PoolingAllocationConfig::new();
    let calls = config.max_calls;
    let items = calls.saturating_mul(ITEMS_PER_COMPONENT);
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_core_instances(calls.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(items)
        .total_tables(items)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(ITEMS_PER_COMPONENT)
        .max_tables_per_component(ITEMS_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(memory)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        // One page: as much of a table as most flows use is set to zero, the rest given back.
        .table_keep_resident(PAGE);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // What a flow wrote is set back in place. Giving its pages back to the kernel after each call
        // costs more, there and when the next call faults them in again. Without the scan wasmtime
        // would set back all of it, written or not.
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(MEMORY_KEPT);
    }

    let mut engine = Config::new();
    engine
        .wasm_component_model(true)
        // No flow has more than one thing on its stack: host calls are cheaper without.
        .concurrency_support(false)
        .epoch_interruption(true)
        // The same run gives the same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .memory_init_cow(true)
        // Bounds checks in code rather than 4 GiB of address space for each memory: 10,000 calls
        // would take 160 TiB of the 128 that there are.
        .memory_reservation(memory as u64)
        .memory_guard_size(0)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK)
        // One thread, so that `compile_in_background` can lower its priority.
        .parallel_compilation(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&engine)
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
