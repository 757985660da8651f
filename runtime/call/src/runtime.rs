//! The server: takes calls from the SIP stack and runs them; deploys flows.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_audio::recorder::{Recorder, RecorderConfig};
use vireo_host::{ComponentError, Host, HostConfig, Inspection, MissingGrant, Table, Version};
use vireo_rtp::{Engine, EngineConfig};
use vireo_sip::stack::IncomingCall;
use vireo_store::deployments::{Change, Deploy, Deployment, Serving};
use vireo_store::{Cdrs, Deployments, Digest, Journal, Kv, Store};

use crate::http::HttpClient;
use crate::journal::JournalWriter;
use crate::live::{Command, LiveCalls};
use crate::services::unix_ms;
use crate::settings::Settings;
use crate::shared::Shared;

/// What a [`Runtime`] is made of.
pub struct RuntimeConfig {
    /// The flow engine: its pool bounds the calls.
    pub host: HostConfig,
    /// The media engine: its ports bound the calls.
    pub engine: EngineConfig,
    /// Where prompts are.
    pub prompts: LibraryConfig,
    /// Where recordings go.
    pub recordings: RecorderConfig,
    /// Where everything else is kept.
    pub store: Arc<dyn Store>,
    /// What calls need to know of the configuration.
    pub settings: Settings,
}

/// Why a [`Runtime`] did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The flow engine.
    #[error(transparent)]
    Host(#[from] vireo_host::HostError),
    /// The media engine.
    #[error(transparent)]
    Engine(#[from] vireo_rtp::EngineError),
    /// The prompts directory.
    #[error(transparent)]
    Prompts(#[from] vireo_audio::prompt::PromptError),
    /// The recordings directory.
    #[error(transparent)]
    Recorder(#[from] vireo_audio::recorder::RecordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] vireo_store::StoreError),
    /// The deployments in the store.
    #[error(transparent)]
    Deployments(#[from] vireo_store::deployments::DeployError),
    /// The HTTP client for flows.
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[from] reqwest::Error),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a flow was not deployed; the running version goes on serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The component is not one, or not one for this server.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The flow lacks grants that the component needs.
    #[error("flow {flow:?} lacks grants: {}", advice(.missing))]
    Grants {
        /// The flow.
        flow: String,
        /// What it lacks.
        missing: Vec<MissingGrant>,
    },
    /// The configuration does not know the flow.
    #[error("the configuration has no [flows.{0}]: add it, and reload or restart the server")]
    UnknownFlow(String),
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] vireo_store::deployments::DeployError),
    /// The component could not be stored or read back.
    #[error(transparent)]
    Stored(#[from] vireo_store::deployments::ComponentError),
    /// A deployed version is not in the store.
    #[error("version {0} is not in the store: deploy it again")]
    Missing(Digest),
    /// The store's thread died.
    #[error("the deploy was aborted")]
    Aborted,
}

fn advice(missing: &[MissingGrant]) -> String {
    missing
        .iter()
        .map(|grant| grant.advice.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

/// A deploy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The flow.
    pub flow: String,
    /// What serves new calls now.
    pub version: String,
    /// What served until then; none for the first deploy.
    pub previous: Option<String>,
    /// Counts the changes of this flow.
    pub revision: u64,
    /// Nothing changed: this version served already.
    pub unchanged: bool,
}

/// A flow and what it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowStatus {
    /// The flow.
    pub flow: String,
    /// Versions and their percentages; empty: configured, but not deployed.
    pub serving: Vec<(String, u8)>,
    /// Counts the changes of this flow; 0: never deployed.
    pub revision: u64,
    /// Calls that run it now, by version.
    pub calls: Vec<(String, usize)>,
}

/// The server without its sockets.
pub struct Runtime {
    shared: Arc<Shared>,
    host: Host,
    settings: ArcSwap<Settings>,
    deployments: Deployments,
    journal: Journal,
    /// One deploy at a time: what the store and the table say must not cross.
    deploying: tokio::sync::Mutex<()>,
    /// Calls that were running when the last process died.
    lost: usize,
}

impl Runtime {
    /// Starts the engines, brings the deployments back, and writes CDRs for calls that a crash cut
    /// off. Blocks: it reads and compiles what is deployed.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: RuntimeConfig) -> Result<Arc<Self>, StartError> {
        let host = Host::new(config.host)?;
        let recorder = Recorder::start(config.recordings)?;
        let engine = Engine::start(config.engine, recorder.clone())?;
        let store = config.store;
        let cdrs = Cdrs::new(Arc::clone(&store));
        let lost = cdrs.recover(unix_ms())?;
        for cdr in &lost {
            tracing::warn!(
                call = cdr.call.call_id,
                caller = cdr.call.caller,
                "call was lost in a crash"
            );
        }
        let journal = Journal::new(Arc::clone(&store));
        let runtime = Self {
            shared: Arc::new(Shared {
                versions: Arc::new(Table::new()),
                engine,
                library: Library::open(config.prompts)?,
                recorder,
                kv: Kv::new(Arc::clone(&store)),
                journal: JournalWriter::start(journal.clone(), cdrs.clone())?,
                cdrs,
                http: HttpClient::new()?,
                live: Arc::new(LiveCalls::default()),
                store: Arc::clone(&store),
            }),
            host,
            settings: ArcSwap::from_pointee(config.settings),
            deployments: Deployments::new(store),
            journal,
            deploying: tokio::sync::Mutex::new(()),
            lost: lost.len(),
        };
        runtime.restore()?;
        Ok(Arc::new(runtime))
    }

    /// Puts into service what the store says is deployed. A flow that cannot be is reported and
    /// left out: the others must not suffer.
    fn restore(&self) -> Result<(), StartError> {
        for deployment in self.deployments.list()? {
            match self.load(&deployment) {
                Ok(()) => tracing::info!(
                    flow = deployment.flow,
                    revision = deployment.revision,
                    "flow is in service"
                ),
                Err(error) => {
                    tracing::error!(flow = deployment.flow, %error, "flow cannot be put into service")
                }
            }
        }
        Ok(())
    }

    fn load(&self, deployment: &Deployment) -> Result<(), DeployError> {
        let mut versions = Vec::with_capacity(deployment.serving.len());
        for serving in &deployment.serving {
            let version = match self.in_service(&deployment.flow, serving.digest) {
                Some(version) => version,
                None => {
                    let wasm = self
                        .deployments
                        .components()
                        .get(serving.digest)?
                        .ok_or(DeployError::Missing(serving.digest))?;
                    self.host.compile(&wasm)?
                }
            };
            versions.push((version, serving.percent));
        }
        self.put_into_service(&deployment.flow, versions);
        Ok(())
    }

    /// A version that a flow serves already need not be compiled again.
    fn in_service(&self, flow: &str, digest: Digest) -> Option<Arc<Version>> {
        let digest = digest.to_string();
        let mut serving = self.shared.versions.get(flow).into_iter();
        serving
            .find(|(version, _)| version.digest() == digest)
            .map(|(version, _)| version)
    }

    /// Takes calls until `incoming` ends, then waits for those that are up.
    pub async fn serve(self: Arc<Self>, mut incoming: mpsc::Receiver<IncomingCall>) {
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                call = incoming.recv() => match call {
                    Some(call) => {
                        let shared = Arc::clone(&self.shared);
                        calls.spawn(crate::call::run(shared, self.settings.load_full(), call));
                    }
                    None => break,
                },
                Some(ended) = calls.join_next() => report(ended),
            }
        }
        while let Some(ended) = calls.join_next().await {
            report(ended);
        }
    }

    /// Says what a component needs and what is wrong with it.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub async fn inspect(&self, wasm: Vec<u8>) -> Result<Inspection, DeployError> {
        let host = self.host.clone();
        let inspection = tokio::task::spawn_blocking(move || host.inspect(&wasm)).await;
        Ok(inspection.map_err(|_| DeployError::Aborted)??)
    }

    /// Puts a component into service for all new calls of a flow; calls under way end on the
    /// version they began with. Returns when that would survive a crash.
    ///
    /// # Errors
    /// See [`DeployError`]; the version that served goes on serving.
    pub async fn deploy(
        &self,
        flow: &str,
        wasm: Vec<u8>,
        note: &str,
    ) -> Result<Deployed, DeployError> {
        let settings = self.settings.load_full();
        let Some(flow_settings) = settings.flows.get(flow) else {
            return Err(DeployError::UnknownFlow(flow.to_owned()));
        };
        let version = self.host.compile_in_background(wasm.clone()).await?;
        let missing = version.check_grants(&flow_settings.grants);
        if !missing.is_empty() {
            return Err(DeployError::Grants {
                flow: flow.to_owned(),
                missing,
            });
        }
        let _one_at_a_time = self.deploying.lock().await;
        let before = self.deployments.current(flow)?;
        let digest = Digest::of(&wasm);
        let previous = before.as_ref().and_then(newest);
        if previous == Some(digest)
            && before
                .as_ref()
                .is_some_and(|before| before.serving.len() == 1)
            // What could not be put into service at the start is, by deploying it again.
            && self.in_service(flow, digest).is_some()
        {
            return Ok(deployed(
                flow,
                digest,
                previous,
                before.map_or(0, |before| before.revision),
                true,
            ));
        }
        let replaces = before.as_ref().map_or(0, |before| before.revision);
        let (deployments, flow_name, note) =
            (self.deployments.clone(), flow.to_owned(), note.to_owned());
        let deployment = tokio::task::spawn_blocking(move || {
            let at_ms = unix_ms();
            let digest = deployments.components().put(&wasm, at_ms)?;
            let serving = vec![Serving {
                digest,
                percent: 100,
            }];
            Ok::<_, DeployError>(deployments.deploy(Deploy {
                flow: flow_name,
                replaces,
                serving,
                note,
                at_ms,
            })?)
        })
        .await
        .map_err(|_| DeployError::Aborted)??;
        self.put_into_service(flow, vec![(version, 100)]);
        Ok(deployed(flow, digest, previous, deployment.revision, false))
    }

    /// Returns a flow to what served before the last deploy.
    ///
    /// # Errors
    /// See [`DeployError`].
    pub async fn rollback(
        self: &Arc<Self>,
        flow: &str,
        note: &str,
    ) -> Result<Deployed, DeployError> {
        let _one_at_a_time = self.deploying.lock().await;
        let previous = self.deployments.current(flow)?.as_ref().and_then(newest);
        let (this, flow_name, note) = (Arc::clone(self), flow.to_owned(), note.to_owned());
        let deployment = tokio::task::spawn_blocking(move || {
            let deployment = this.deployments.rollback(&flow_name, &note, unix_ms())?;
            this.load(&deployment)?;
            Ok::<_, DeployError>(deployment)
        })
        .await
        .map_err(|_| DeployError::Aborted)??;
        let Some(now) = newest(&deployment) else {
            return Err(DeployError::Aborted);
        };
        Ok(deployed(flow, now, previous, deployment.revision, false))
    }

    /// From now on, new calls get these. The store has checked the shares.
    fn put_into_service(&self, flow: &str, versions: Vec<(Arc<Version>, u8)>) {
        if let Err(error) = self.shared.versions.set(flow, versions) {
            tracing::error!(flow, %error, "the shares are wrong");
        }
    }

    /// All flows that are configured or deployed, by name.
    ///
    /// # Errors
    /// The store failed.
    pub fn flows(&self) -> Result<Vec<FlowStatus>, DeployError> {
        let mut names: Vec<String> = self.settings.load().flows.keys().cloned().collect();
        names.extend(self.shared.versions.names());
        names.sort_unstable();
        names.dedup();
        let live = self.shared.live.list();
        names
            .into_iter()
            .map(|flow| {
                let revision = self
                    .deployments
                    .current(&flow)?
                    .map_or(0, |deployment| deployment.revision);
                let serving: Vec<(String, u8)> = (self.shared.versions.get(&flow).iter())
                    .map(|(version, percent)| (version.digest().to_owned(), *percent))
                    .collect();
                let mut calls: Vec<(String, usize)> = Vec::new();
                for call in live.iter().filter(|call| call.flow == flow) {
                    match calls
                        .iter_mut()
                        .find(|(version, _)| *version == call.version)
                    {
                        Some((_, count)) => *count += 1,
                        None => calls.push((call.version.clone(), 1)),
                    }
                }
                Ok(FlowStatus {
                    flow,
                    serving,
                    revision,
                    calls,
                })
            })
            .collect()
    }

    /// The changes of a flow, newest first.
    ///
    /// # Errors
    /// The store failed, or that is no flow name.
    pub fn history(&self, flow: &str, limit: usize) -> Result<Vec<Change>, DeployError> {
        Ok(self.deployments.history(flow, limit)?)
    }

    /// A component that was deployed; none: no such was.
    ///
    /// # Errors
    /// The store failed.
    pub fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, DeployError> {
        Ok(self.deployments.components().get(digest)?)
    }

    /// The settings that new calls get.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Replaces the settings; calls under way keep theirs.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The calls that are up.
    pub fn live(&self) -> &Arc<LiveCalls> {
        &self.shared.live
    }

    /// The CDRs.
    pub fn cdrs(&self) -> &Cdrs {
        &self.shared.cdrs
    }

    /// The journals.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Journal entries that found no room.
    pub fn journal_entries_dropped(&self) -> u64 {
        self.shared.journal.dropped()
    }

    /// The media engine, for its counters.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// The flow engine, for its counters.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The recorder, for its counters.
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }

    /// Calls that were running when the last process died.
    pub fn lost_in_crash(&self) -> usize {
        self.lost
    }

    /// Waits until no call is up, for `grace` at the most, then hangs up those that are left, and
    /// brings everything to disk. New calls must have been stopped before (drain).
    pub async fn shutdown(&self, grace: Duration) {
        wait_until_empty(&self.shared.live, grace).await;
        let left = self.shared.live.list();
        if !left.is_empty() {
            tracing::warn!(calls = left.len(), "hanging up the calls that are left");
        }
        for call in left {
            self.shared.live.command(&call.call_id, Command::Shutdown);
        }
        wait_until_empty(&self.shared.live, Duration::from_secs(10)).await;
        let this = Arc::clone(&self.shared);
        let stopped = tokio::task::spawn_blocking(move || {
            this.journal.shutdown();
            this.store.flush()
        });
        match stopped.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store could not be flushed"),
            Err(_) => tracing::error!("the store could not be flushed"),
        }
    }
}

async fn wait_until_empty(live: &LiveCalls, grace: Duration) {
    let deadline = tokio::time::Instant::now() + grace;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while !live.is_empty() && tokio::time::Instant::now() < deadline {
        tick.tick().await;
    }
}

fn newest(deployment: &Deployment) -> Option<Digest> {
    deployment
        .serving
        .iter()
        .max_by_key(|serving| serving.percent)
        .map(|serving| serving.digest)
}

fn deployed(
    flow: &str,
    now: Digest,
    previous: Option<Digest>,
    revision: u64,
    unchanged: bool,
) -> Deployed {
    Deployed {
        flow: flow.to_owned(),
        version: now.to_string(),
        previous: previous.map(|digest| digest.to_string()),
        revision,
        unchanged,
    }
}

/// A call's task must not panic; when it does all the same, only that call is gone.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a call's task died; its peer gets a BYE");
    }
}
