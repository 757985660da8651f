//! What one run may use.

use serde::{Deserialize, Serialize};

/// What one run may use. A flow that goes past a limit is stopped; no other call notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Linear memory, all memories of the component together, bytes. The pool's own limit
    /// ([`HostConfig::memory_bytes`](crate::HostConfig)) holds as well.
    pub memory_bytes: usize,
    /// CPU time between two calls of the host, milliseconds; precise to about 20 ms.
    pub cpu_ms_between_calls: u32,
    /// Calls of the host in one run.
    pub host_calls: u64,
    /// Bytes of log in one run.
    pub log_bytes: u64,
    /// Lines of log in one run.
    pub log_lines: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 16 << 20,
            cpu_ms_between_calls: 500,
            host_calls: 100_000,
            log_bytes: 256 << 10,
            log_lines: 10_000,
        }
    }
}
