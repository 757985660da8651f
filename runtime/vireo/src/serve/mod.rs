//! `vireo serve`: a server from a configuration file, until it is told to end.

mod build;
mod capacity;
mod flows;
mod lateness;
mod metrics;
mod operations;
mod overload;
mod preflight;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use vireo_call::Runtime;
use vireo_sip::stack::{Stack, StackError};
use vireo_sip::transport::Protocol;
use vireo_store::audit::Who;

use crate::admin::{AdminServer, ListenError, Operations, Token, TokenError};
use crate::config::{Config, ConfigError, SecretError};
use crate::explain::{Code, Coded};
use crate::recognition::{self, RecognizersError};
use crate::speech::{Voices, VoicesError};
pub(crate) use build::{apology, flow_limits, grants};
use capacity::Capacity;
use operations::LiveOperations;

/// The one argument of the process that compiles components for a server.
pub const COMPILER: &str = "compile-component";

/// What `vireo serve` is told beside its configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// Calls get so long to end by themselves when the server is told to end; a second signal ends
    /// them at once.
    pub grace: Duration,
    /// A file that is written, as JSON, when the server takes calls: its addresses and its token.
    pub ready_file: Option<PathBuf>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets that cannot be read.
    #[error("{}", lines(.0))]
    Secrets(Vec<SecretError>),
    /// The routes, all errors.
    #[error("the routes cannot be used:\n{0}")]
    Routes(String),
    /// The admin API.
    #[error(transparent)]
    Admin(#[from] ListenError),
    /// The admin token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] vireo_store::StoreError),
    /// The engines.
    #[error(transparent)]
    Runtime(#[from] vireo_call::StartError),
    /// The SIP sockets.
    #[error(transparent)]
    Sip(#[from] StackError),
    /// Trunks that contradict each other.
    #[error("the trunks cannot be used: {0}")]
    Trunks(#[from] vireo_sip::trunk::TrunkError),
    /// The voices of texts.
    #[error(transparent)]
    Voices(#[from] VoicesError),
    /// The recognizers.
    #[error(transparent)]
    Recognizers(#[from] RecognizersError),
    /// The limit of open files.
    #[error(transparent)]
    Files(#[from] capacity::TooFewFiles),
    /// A system call.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Coded for ServeError {
    fn code(&self) -> Code {
        match self {
            ServeError::Config(error) => error.code(),
            ServeError::Secrets(_) => Code::SecretUnreadable,
            ServeError::Routes(_) | ServeError::Trunks(_) => Code::ConfigContradiction,
            ServeError::Recognizers(error) => error.code(),
            ServeError::Admin(error) => error.code(),
            ServeError::Token(error) => error.code(),
            ServeError::Store(_) => Code::StoreFailed,
            ServeError::Runtime(
                vireo_call::StartError::Store(_) | vireo_call::StartError::Deployments(_),
            ) => Code::StoreFailed,
            ServeError::Runtime(_) => Code::EngineStart,
            ServeError::Files(_) => Code::TooFewFiles,
            ServeError::Sip(_) => Code::SipListen,
            ServeError::Voices(error) => error.code(),
            ServeError::System { .. } => Code::FileUnusable,
        }
    }
}

fn lines(errors: &[SecretError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// How long peers get to answer the last BYEs.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Ready<'a> {
    pid: u32,
    udp: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    token: &'a str,
}

/// Runs a server until SIGTERM or SIGINT.
///
/// # Errors
/// See [`ServeError`]: what keeps it from starting.
pub async fn run(options: Options) -> Result<(), ServeError> {
    // First of all: a signal that comes while the server starts must not kill it half-way.
    let signals = Signals::new().map_err(|error| system("receiving signals", error))?;
    let config = Config::load(&options.config)?;
    let capacity = Capacity::of(&config);
    capacity.reserve_files(config.sip.max_calls)?;
    let built = build::build(&config, capacity)?;
    let token = Token::read_or_create(&config.token_file())?;
    let admin = AdminServer::bind(&config.admin.listen).await?;
    let zone = built.time_zone.clone();
    let keeper = recognition::keeper(&config.asr)
        .map_err(|error| system("opening [asr] keep-directory", error))?;
    let recognizers = recognition::recognizers(&config.asr, keeper)?;
    tokio::spawn({
        let (recognizers, flows) = (recognizers.clone(), config.flows.clone());
        // A model takes a second or two; calls are taken meanwhile.
        async move {
            if let Some(recognizers) = &recognizers {
                recognition::prepare(recognizers).await;
            }
            recognition::check(recognizers, flows).await;
        }
    });
    let (runtime, voices) = tokio::task::spawn_blocking({
        let config = config.clone();
        move || {
            let voices = Voices::start(&config)?;
            let runtime = build::start(built, Arc::clone(&voices.speech), recognizers)?;
            Ok::<_, ServeError>((runtime, Arc::new(voices)))
        }
    })
    .await
    .map_err(|error| system("starting", std::io::Error::other(error)))??;
    let trying = tokio::spawn({
        let (voices, flows) = (Arc::clone(&voices), config.flows.clone());
        async move {
            voices.try_out().await;
            voices.prefetch(&flows).await;
        }
    });
    let (stack, incoming) = Stack::start(build::stack(&config)?).await?;
    let stack = Arc::new(stack);
    let calls = tokio::spawn(Arc::clone(&runtime).serve(incoming));
    let most_delay = Duration::from_millis(config.sip.max_delay_ms.into());
    let lateness = (!most_delay.is_zero()).then(|| {
        let watching = lateness::watch(Arc::clone(&runtime), Arc::clone(&stack), most_delay);
        tokio::spawn(watching)
    });
    let (stop, stopped) = watch::channel(());
    let operations = Arc::new(LiveOperations::new(
        Arc::clone(&runtime),
        Arc::clone(&stack),
        voices,
        config,
        options.config.clone(),
    ));
    let admin_address = admin.local_address();
    let api = tokio::spawn(serve_admin(
        admin,
        Arc::clone(&operations) as Arc<dyn Operations>,
        token.clone(),
        zone,
        stopped,
    ));
    announce(&options, &stack, admin_address, token.expose())?;
    wait_for_end(signals, &operations, &runtime, &stack, options.grace).await;
    if let Some(lateness) = lateness {
        lateness.abort();
    }
    stack.shutdown(LAST_ANSWERS).await;
    if calls.await.is_err() {
        tracing::error!("the task that takes calls died");
    }
    runtime.shutdown(Duration::ZERO).await;
    trying.abort();
    drop(stop);
    if let Ok(Err(error)) = api.await {
        tracing::error!(%error, "the admin API ended with an error");
    }
    tracing::info!("ended");
    Ok(())
}

async fn serve_admin(
    admin: AdminServer,
    operations: Arc<dyn Operations>,
    token: Token,
    zone: jiff::tz::TimeZone,
    mut stopped: watch::Receiver<()>,
) -> std::io::Result<()> {
    let until = async move {
        // The sender is dropped, never used.
        let _ = stopped.changed().await;
    };
    admin.serve(operations, token, zone, until).await
}

fn system(what: &str, source: std::io::Error) -> ServeError {
    ServeError::System {
        what: what.to_owned(),
        source,
    }
}

fn announce(
    options: &Options,
    stack: &Stack,
    admin: Option<SocketAddr>,
    token: &str,
) -> Result<(), ServeError> {
    let local = stack.local_addresses();
    let of = |protocol| {
        local
            .iter()
            .find(|listen| listen.protocol == protocol)
            .map(|listen| listen.address)
    };
    for listen in local {
        tracing::info!("SIP listens on {}:{}", listen.protocol, listen.address);
    }
    match admin {
        Some(address) => tracing::info!("the admin API listens on http://{address}"),
        None => tracing::info!("the admin API listens on its Unix socket"),
    }
    if let Some(file) = &options.ready_file {
        let ready = Ready {
            pid: std::process::id(),
            udp: of(Protocol::Udp),
            tcp: of(Protocol::Tcp),
            admin,
            token,
        };
        write_whole(file, &ready)
            .map_err(|error| system(&format!("writing {}", file.display()), error))?;
    }
    tracing::info!("ready");
    Ok(())
}

/// Whoever waits for the file must never see half of it; it holds the token.
fn write_whole(file: &Path, ready: &Ready<'_>) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let part = file.with_extension("part");
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    out.write_all(&serde_json::to_vec(ready)?)?;
    std::fs::rename(part, file)
}

/// Serves until a signal says to end: then takes no new call and lets those that are up end.
/// SIGHUP reads the configuration again.
async fn wait_for_end(
    mut signals: Signals,
    operations: &LiveOperations,
    runtime: &Runtime,
    stack: &Stack,
    grace: Duration,
) {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => match operations.reload_for(Who::known("SIGHUP")).await {
                Ok(report) => tracing::info!(
                    changed = report.changed.join(", "),
                    takes_a_restart = report.needs_restart.join(", "),
                    "configuration read again"
                ),
                Err(error) => tracing::error!(%error, "the configuration was refused; the one in force stays"),
            },
        }
    }
    operations.drain();
    stack.drain();
    let calls = runtime.live().len();
    if calls > 0 {
        tracing::info!(
            calls,
            "ending when the calls have ended, in {} s at the latest; once more: at once",
            grace.as_secs()
        );
    }
    tokio::select! {
        () = runtime.shutdown(grace) => {}
        () = signals.end() => runtime.shutdown(Duration::ZERO).await,
    }
}

/// The signals that a server listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// SIGTERM or SIGINT, once more.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
