//! What stands behind a flow's imports during one run.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::contract::Error;
use crate::control::{AnyControl, Secret};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::meter::{Meter, Tick};
use crate::outcome::{Divergence, Usage};
use crate::request::{Reply, Request};
use crate::secrets::Secrets;

/// What an import returns: the outer error ends the flow, the inner one is the flow's to handle.
pub(crate) type Imported<T> = wasmtime::Result<Result<T, Error>>;

/// Why the host ends a flow.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("it asked for {asked} bytes of memory; the limit is {limit}")]
    Memory { asked: usize, limit: usize },
    #[error("it computed for more than {limit_ms} ms without calling the host")]
    Cpu { limit_ms: u32 },
    #[error("it called the host more than {limit} times")]
    HostCalls { limit: u64 },
    #[error("it wrote more than {limit} {unit} of log")]
    Log { limit: u64, unit: &'static str },
    #[error("{0}")]
    Diverged(Box<Divergence>),
    #[error("`{verb}` was answered with {got}")]
    Mismatch { verb: &'static str, got: String },
}

/// The store data of one run.
pub(crate) struct State {
    control: Box<dyn AnyControl>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) usage: Usage,
    pub(crate) memory: Memory,
    /// Values of the secrets that the flow has read, to be taken out of what it says.
    pub(crate) secrets: Secrets,
    /// The last log line at level `error`, and the number of the host call that wrote it: a
    /// panic hook's message when the flow then traps.
    pub(crate) last_error: Option<(u64, String)>,
    cpu: Cpu,
}

/// CPU time since the last host call, in the steps of the epoch.
struct Cpu {
    meter: Arc<Meter>,
    /// The host was called since the last tick.
    called: bool,
    mark_ns: u64,
}

impl State {
    pub(crate) fn new(
        control: Box<dyn AnyControl>,
        grants: Arc<Grants>,
        limits: Limits,
        meter: Arc<Meter>,
    ) -> Self {
        State {
            control,
            grants,
            memory: Memory {
                limit: limits.memory_bytes,
                held: 0,
                peak: 0,
            },
            limits,
            usage: Usage::default(),
            secrets: Secrets::default(),
            last_error: None,
            cpu: Cpu {
                meter,
                called: true,
                mark_ns: 0,
            },
        }
    }

    /// Hands the control back, with what the run used.
    pub(crate) fn finish(mut self) -> (Box<dyn AnyControl>, Usage) {
        self.usage.memory_peak = self.memory.peak as u64;
        (self.control, self.usage)
    }

    /// Counts a host call. Every import does so first, refused or not.
    pub(crate) fn count(&mut self) -> Result<(), Stop> {
        self.cpu.called = true;
        self.usage.host_calls += 1;
        match self.usage.host_calls > self.limits.host_calls {
            true => Err(Stop::HostCalls {
                limit: self.limits.host_calls,
            }),
            false => Ok(()),
        }
    }

    /// Has the control do it. `pick` takes the reply that belongs to the request.
    pub(crate) async fn ask<T>(
        &mut self,
        request: Request,
        pick: impl FnOnce(Reply) -> Result<T, Box<Reply>>,
    ) -> Imported<T> {
        let verb = request.verb();
        let answer = self.control.perform(request).await;
        self.cpu.called = true;
        if let Some(divergence) = self.control.divergence() {
            return Err(Stop::Diverged(Box::new(divergence)).into());
        }
        match answer.map(pick) {
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(other)) => Err(Stop::Mismatch {
                verb,
                got: format!("{other:?}"),
            }
            .into()),
            Err(error) => Ok(Err(error)),
        }
    }

    /// As `ask`, for a verb that the contract gives no error.
    pub(crate) async fn ask_surely<T>(
        &mut self,
        request: Request,
        pick: impl FnOnce(Reply) -> Result<T, Box<Reply>>,
    ) -> wasmtime::Result<T> {
        let verb = request.verb();
        self.ask(request, pick).await?.map_err(|error| {
            Stop::Mismatch {
                verb,
                got: format!("{error:?}"),
            }
            .into()
        })
    }

    pub(crate) fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        self.control.reveal(name)
    }

    /// The epoch has ticked. Lets other tasks run when the flow was computing, and ends the flow when
    /// it has computed for too long.
    pub(crate) fn tick(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
        let State { cpu, limits, .. } = store.data_mut();
        let (used, go_on) = match cpu.meter.tick() {
            Tick::WhileWaiting(used) => (used, UpdateDeadline::Continue(1)),
            Tick::WhileComputing(used) => (used, UpdateDeadline::Yield(1)),
        };
        if std::mem::take(&mut cpu.called) {
            cpu.mark_ns = used;
        }
        let limit_ms = limits.cpu_ms_between_calls;
        if used.saturating_sub(cpu.mark_ns) > u64::from(limit_ms) * 1_000_000 {
            return Err(Stop::Cpu { limit_ms }.into());
        }
        Ok(go_on)
    }
}

/// Linear memory of one run.
pub(crate) struct Memory {
    limit: usize,
    held: usize,
    peak: usize,
}

impl ResourceLimiter for Memory {
    // An error, not `false`: a flow that is told "no" may go on in a way that its author never
    // tested, and would do so differently under another limit.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self.held.saturating_add(desired.saturating_sub(current));
        if asked > self.limit {
            return Err(Stop::Memory {
                asked,
                limit: self.limit,
            }
            .into());
        }
        self.held = asked;
        self.peak = self.peak.max(asked);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The pool's own limit holds.
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }
}
