//! The server: takes calls from the SIP stack and runs them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_audio::recorder::{Recorder, RecorderConfig};
use vireo_host::{Host, HostConfig};
use vireo_rtp::{Engine, EngineConfig};
use vireo_sip::stack::IncomingCall;
use vireo_speech::asr::Recognizers;
use vireo_speech::tts::Speech;
use vireo_store::{Cdrs, Journal, Kv, Store};

use crate::deploy::Deployer;
use crate::http::HttpClient;
use crate::journal::JournalWriter;
use crate::live::{Command, LiveCalls};
use crate::services::unix_ms;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::unknown_words::UnknownWords;

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
    /// What speaks texts, if anything does.
    pub speech: Option<Arc<Speech>>,
    /// What understands callers, if anything does.
    pub recognizers: Option<Recognizers>,
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

/// The server without its sockets.
pub struct Runtime {
    shared: Arc<Shared>,
    host: Host,
    settings: Arc<ArcSwap<Settings>>,
    journal: Journal,
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
        let settings = Arc::new(ArcSwap::from_pointee(config.settings));
        let deployer = Deployer::start(host.clone(), Arc::clone(&settings), Arc::clone(&store))?;
        Ok(Arc::new(Self {
            shared: Arc::new(Shared {
                deployer,
                engine,
                library: Library::open(config.prompts)?,
                recorder,
                speech: config.speech,
                recognizers: config.recognizers,
                unknown_words: UnknownWords::default(),
                kv: Kv::new(Arc::clone(&store)),
                journal: JournalWriter::start(journal.clone(), cdrs.clone())?,
                cdrs,
                http: HttpClient::new()?,
                live: Arc::new(LiveCalls::default()),
                store,
            }),
            host,
            settings,
            journal,
            lost: lost.len(),
        }))
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

    /// Deploys flows.
    pub fn deployer(&self) -> &Arc<Deployer> {
        &self.shared.deployer
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

    /// The keys of the flows.
    pub fn kv(&self) -> &Kv {
        &self.shared.kv
    }

    /// The journals.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Journal entries that found no room.
    pub fn journal_entries_dropped(&self) -> u64 {
        self.shared.journal.dropped()
    }

    /// How full the queue of journal entries is, from 0 to 1.
    pub fn journal_queue_load(&self) -> f64 {
        self.shared.journal.queue_load()
    }

    /// The media engine, for its counters.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// The flow engine, for its counters.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What understands callers.
    pub fn recognizers(&self) -> Option<&Recognizers> {
        self.shared.recognizers.as_ref()
    }

    /// Gathers of each flow that could not listen because no model knows their words, since the start.
    pub fn unknown_words(&self) -> Vec<(String, u64)> {
        self.shared.unknown_words.gathers()
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

/// A call's task must not panic; when it does all the same, only that call is gone.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a call's task died; its peer gets a BYE");
    }
}
