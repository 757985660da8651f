//! One version of a flow, ready to run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use wasmtime::{PoolConcurrencyLimitError, Store};

use crate::contract::{Error, FlowPre};
use crate::control::{AnyControl, Control};
use crate::grants::{Grants, MissingGrant};
use crate::host::Shared;
use crate::inspect::{self, ComponentError, Inspection};
use crate::limits::Limits;
use crate::meter::{Meter, Metered};
use crate::outcome::{Outcome, Usage};
use crate::state::State;
use crate::trap;

/// What a flow can hand to one host call; a list may name one long string a million times. More
/// than the largest HTTP body with its headers.
const MOST_ARGUMENT_BYTES: usize = 4 << 20;

/// One version of a flow: a component, compiled and linked. Each call gets a fresh instance of it.
pub struct Version {
    shared: Arc<Shared>,
    inspection: Inspection,
    pre: FlowPre<State>,
}

impl Version {
    pub(crate) fn compile(
        shared: &Arc<Shared>,
        wasm: &[u8],
        digest: String,
    ) -> Result<Version, ComponentError> {
        let (inspection, component) = inspect::inspect(shared, wasm, digest)?;
        if !inspection.problems.is_empty() {
            return Err(ComponentError::Problems(inspection.problems));
        }
        let pre = shared
            .linker
            .instantiate_pre(&component)
            .and_then(FlowPre::new)
            .map_err(|error| ComponentError::Compile(format!("{error:#}")))?;
        Ok(Version {
            shared: shared.clone(),
            inspection,
            pre,
        })
    }

    /// SHA-256 of the component, 64 lower-case hexadecimal digits: the version's name.
    pub fn digest(&self) -> &str {
        &self.inspection.digest
    }

    /// What the component is and needs.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The grants that the component needs, by its imports, and would not have. To be asked at
    /// deploy time; what cannot be seen from the imports is checked at each host call.
    pub fn check_grants(&self, grants: &Grants) -> Vec<MissingGrant> {
        grants.missing_for(&self.inspection)
    }

    /// Runs one call in a fresh instance, to its end. Returns the control when the flow is done
    /// with it, and what was used.
    ///
    /// Dropping the future ends the flow at once and frees its instance.
    pub async fn run<C: Control>(
        &self,
        control: C,
        grants: Arc<Grants>,
        mut limits: Limits,
    ) -> (Outcome, C, Usage) {
        limits.memory_bytes = limits.memory_bytes.min(self.shared.config.memory_bytes);
        let meter = Arc::new(Meter::new());
        let state = State::new(Box::new(control), grants, limits, meter.clone());
        let run = Metered {
            meter: meter.clone(),
            future: Box::pin(self.run_once(state)),
        };
        let (outcome, control, mut usage) = run.await;
        usage.cpu_us = meter.total_ns() / 1_000;
        let Ok(control) = control.into_any().downcast::<C>() else {
            unreachable!("the control that a run hands back is the one that it was given");
        };
        (outcome, *control, usage)
    }

    async fn run_once(&self, state: State) -> (Outcome, Box<dyn AnyControl>, Usage) {
        let mut store = Store::new(&self.shared.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(MOST_ARGUMENT_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(State::tick);
        let began = Instant::now();
        let instance = self.pre.instantiate_async(&mut store).await;
        self.shared.instantiations.add(began.elapsed());
        let outcome = match instance {
            Err(error) if error.is::<PoolConcurrencyLimitError>() => Outcome::NotStarted(format!(
                "all {} flow instances are in use ({error}); raise the limit on calls",
                self.shared.config.max_calls
            )),
            Err(error) => trap::before_start(&error, store.data()),
            Ok(flow) => match flow.call_run(&mut store).await {
                Ok(Ok(())) => Outcome::Completed,
                Ok(Err(Error::HungUp)) => Outcome::HungUp,
                Ok(Err(error)) => Outcome::Failed(error),
                Err(error) => trap::outcome(&error, store.data()),
            },
        };
        let (control, usage) = store.into_data().finish();
        (outcome, control, usage)
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version")
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

/// The versions that somebody holds, by digest.
#[derive(Default)]
pub(crate) struct Versions(Mutex<HashMap<String, Weak<Version>>>);

impl Versions {
    pub(crate) fn find(&self, digest: &str) -> Option<Arc<Version>> {
        self.held().get(digest)?.upgrade()
    }

    pub(crate) fn add(&self, version: &Arc<Version>) {
        let mut held = self.held();
        held.retain(|_, version| version.strong_count() > 0);
        held.insert(version.digest().to_owned(), Arc::downgrade(version));
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Weak<Version>>> {
        // Nothing panics with it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
