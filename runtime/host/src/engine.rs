//! How wasmtime is set up: in the server, which runs flows, and in the process that compiles them.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::host::HostConfig;

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

/// The engine of a host: instances come from a pool.
pub(crate) fn of_host(config: &HostConfig) -> wasmtime::Result<Engine> {
    let mut settings = settings(config.memory_bytes);
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    Engine::new(&settings)
}

/// An engine that only compiles, for hosts with this `memory_bytes`: without a pool, which would
/// reserve room for calls.
pub(crate) fn of_compiler(memory_bytes: usize) -> wasmtime::Result<Engine> {
    let mut settings = settings(memory_bytes);
    settings.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&settings)
}

/// What decides how compiled code looks: the same for both, so that one can load what the other
/// has compiled.
fn settings(memory_bytes: usize) -> Config {
    let memory = whole_pages(memory_bytes);
    let mut settings = Config::new();
    settings
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
        // One thread, so that the priority and the core of who compiles hold for all of it.
        .parallel_compilation(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    settings
}

fn pool(config: &HostConfig) -> PoolingAllocationConfig {
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
        .max_memory_size(whole_pages(config.memory_bytes))
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
    pool
}

fn whole_pages(memory_bytes: usize) -> usize {
    memory_bytes.next_multiple_of(64 << 10)
}
