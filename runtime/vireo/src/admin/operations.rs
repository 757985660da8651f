//! What the admin API asks of the server behind it.

use std::future::Future;
use std::pin::Pin;

use axum::body::Bytes;
use vireo_store::audit::Who;
use vireo_store::cdr::{Cdr, Query};
use vireo_store::journal::Entry;
use vireo_store::{Kv, StoreError};

use super::metrics::Metric;
use super::model::{
    Admission, AuditEntry, ComponentProblem, DeployReport, DeploymentChange, FlowStatus,
    InspectionReport, LiveCall, Readiness, ReloadReport, RouteExplanation, Status,
};
use super::preflight::PreflightReport;
use crate::explain::{Code, Coded};

/// What an operation comes back with, later.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, OperationError>> + Send + 'a>>;

/// A component on its way into service.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The flow that it is for.
    pub flow: String,
    /// The component, at most 64 MiB.
    pub wasm: Bytes,
    /// For some calls only, beside the version that serves; none: for all.
    pub canary: Option<CanaryWish>,
    /// Who deploys it, and why.
    pub by: By,
}

/// Who gets a component that is deployed as a canary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanaryWish {
    /// Its share of the calls that no route or list decides, percent.
    pub percent: u8,
    /// Routes whose calls all go to it.
    pub routes: Vec<String>,
    /// Caller lists whose callers all go to it.
    pub callers: Vec<String>,
}

/// Who wants something done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub who: Who,
    /// In their words; may be empty.
    pub note: String,
}

/// A call that is to be routed in thought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteQuestion {
    /// The called number.
    pub to: String,
    /// The calling number; empty: withheld.
    pub from: String,
    /// The trunk; none: the only one there is.
    pub trunk: Option<String>,
    /// The moment.
    pub at: jiff::Timestamp,
}

/// Records with their journals.
#[derive(Debug)]
pub struct Journals {
    /// The newest first.
    pub calls: Vec<(Cdr, Vec<Entry>)>,
    /// May there be more that are wanted?
    pub more: bool,
}

/// The server, as the admin API sees it. Every method may be called at any time by many at once.
pub trait Operations: Send + Sync + 'static {
    /// Puts a component into service. Deploying what serves already is no error and changes
    /// nothing.
    fn deploy(&self, upload: Upload) -> Reply<'_, DeployReport>;
    /// Gives a flow's canary a larger share, or, without a percentage, makes it the version.
    fn promote(&self, flow: String, percent: Option<u8>, by: By) -> Reply<'_, DeployReport>;
    /// Takes a flow's canary away, or puts the version into service that served before.
    fn rollback(&self, flow: String, by: By) -> Reply<'_, DeployReport>;
    /// Looks at a component as a deploy does, and deploys nothing.
    fn preflight(&self, flow: String, wasm: Bytes) -> Reply<'_, PreflightReport>;
    /// Every configured flow, by name.
    fn flows(&self) -> Reply<'_, Vec<FlowStatus>>;
    /// What was done to the server since a moment (milliseconds since 1970-01-01T00:00:00Z), the
    /// newest first, at most `limit`.
    fn audit(&self, since_ms: u64, limit: usize) -> Reply<'_, Vec<AuditEntry>>;
    /// The changes of a flow's deployment, the newest first.
    fn history(&self, flow: String) -> Reply<'_, Vec<DeploymentChange>>;
    /// Looks at a component without keeping it.
    fn check(&self, wasm: Bytes) -> Reply<'_, InspectionReport>;
    /// A component that was deployed, by its digest.
    fn component(&self, digest: String) -> Reply<'_, Bytes>;
    /// The calls in progress, the oldest first.
    fn calls(&self) -> Reply<'_, Vec<LiveCall>>;
    /// One of them, with its journal so far.
    fn call(&self, id: String) -> Reply<'_, (LiveCall, Vec<Entry>)>;
    /// Ends a call.
    fn hangup_call(&self, id: String, who: Who) -> Reply<'_, ()>;
    /// Records of ended calls, the newest first.
    fn cdrs(&self, query: Query) -> Reply<'_, Vec<Cdr>>;
    /// One of them, with its journal.
    fn cdr(&self, id: String) -> Reply<'_, (Cdr, Vec<Entry>)>;
    /// Records with their journals, the newest first: about so many bytes of them at the most, and one
    /// in any case.
    fn journals(&self, query: Query, bytes: usize) -> Reply<'_, Journals>;
    /// What a call would meet.
    fn route_test(&self, question: RouteQuestion) -> Reply<'_, RouteExplanation>;
    /// The server at one glance.
    fn status(&self) -> Reply<'_, Status>;
    /// Takes new calls, or no longer.
    fn set_admission(&self, admission: Admission, who: Who) -> Reply<'_, Status>;
    /// Reads the configuration file again.
    fn reload(&self, who: Who) -> Reply<'_, ReloadReport>;
    /// The keys of the flows.
    fn kv(&self) -> Kv;
    /// Notes that a key was set or deleted.
    fn key_changed(&self, change: KeyChange, key: String, who: Who) -> Reply<'_, ()>;
    /// Can the server take calls?
    fn readiness(&self) -> Readiness;
    /// Gauges and counters as they are now.
    fn metrics(&self) -> Vec<Metric>;
}

/// What an operator did to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// It has a value.
    Set,
    /// It is gone.
    Deleted,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The configuration has no such flow.
    #[error("there is no flow `{0}` in the configuration; add [flows.{0}] and reload it")]
    FlowUnknown(String),
    /// The component cannot run, or is not granted what it needs.
    #[error("the component was refused; what served before still serves")]
    ComponentRefused(Vec<ComponentProblem>),
    /// The compiler failed.
    #[error("{0}; what served before still serves")]
    CompilerFailed(String),
    /// No earlier version.
    #[error("the flow `{0}` has no earlier version to roll back to")]
    NothingToRollBack(String),
    /// Somebody was faster.
    #[error(
        "the deployment of `{0}` was changed by somebody else at the same time; nothing was done"
    )]
    DeploymentChanged(String),
    /// A second canary.
    #[error("the flow `{flow}` has a canary, version {digest} at {percent} %")]
    CanaryStands {
        /// The flow.
        flow: String,
        /// The first digits of the canary's digest.
        digest: String,
        /// Its share of the calls.
        percent: u8,
    },
    /// No canary to promote.
    #[error("the flow `{0}` has no canary")]
    NoCanary(String),
    /// No version that a canary could stand beside.
    #[error("the flow `{0}` serves nothing that a canary could be compared with")]
    NothingBeside(String),
    /// No such call in progress.
    #[error("there is no call `{0}` in progress; it may have ended: `vireo cdr show {0}`")]
    CallUnknown(String),
    /// No such record.
    #[error("there is no record of the call `{0}`")]
    RecordUnknown(String),
    /// No such key.
    #[error("there is no key `{key}` in {namespace}; `vireo kv list {namespace}` lists them")]
    KeyUnknown {
        /// Where it was looked for.
        namespace: String,
        /// The key.
        key: String,
    },
    /// A parameter has a value that the operation cannot use.
    #[error("{0}")]
    Invalid(String),
    /// The configuration file was refused; one error a line.
    #[error("the configuration was refused; the one in force stays")]
    ReloadRefused(Vec<String>),
    /// The server is starting, ending or busy.
    #[error("not now: {0}")]
    NotReady(String),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// A defect of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Coded for OperationError {
    fn code(&self) -> Code {
        match self {
            OperationError::FlowUnknown(_) => Code::FlowUnknown,
            OperationError::ComponentRefused(_) => Code::ComponentRefused,
            OperationError::CompilerFailed(_) => Code::CompilerFailed,
            OperationError::NothingToRollBack(_) => Code::NothingToRollBack,
            OperationError::DeploymentChanged(_) => Code::DeploymentChanged,
            OperationError::CanaryStands { .. } => Code::CanaryStands,
            OperationError::NoCanary(_) => Code::NoCanary,
            OperationError::NothingBeside(_) => Code::NothingBeside,
            OperationError::CallUnknown(_) => Code::CallUnknown,
            OperationError::RecordUnknown(_) => Code::RecordUnknown,
            OperationError::KeyUnknown { .. } => Code::KeyUnknown,
            OperationError::Invalid(_) => Code::RequestInvalid,
            OperationError::ReloadRefused(_) => Code::ReloadRefused,
            OperationError::NotReady(_) => Code::NotReady,
            OperationError::Store(_) => Code::StoreFailed,
            OperationError::Internal(_) => Code::Internal,
        }
    }
}

impl OperationError {
    /// The single errors that this one is made of, one line each.
    pub(super) fn parts(&self) -> Vec<String> {
        match self {
            OperationError::ComponentRefused(problems) => {
                problems.iter().map(ToString::to_string).collect()
            }
            OperationError::ReloadRefused(lines) => lines.clone(),
            _ => Vec::new(),
        }
    }
}
