//! The admin API: HTTP on a loopback address or a Unix socket, with a bearer token.
//!
//! It knows nothing of calls and flows: whoever has them implements [`Operations`].

mod bounded;
mod handlers;
mod keys;
mod metrics;
mod model;
mod openapi;
mod operations;
mod preflight;
mod problem;
mod token;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post, put};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

pub use handlers::audit::OPERATOR;
pub use keys::{KeyPage, KeyValue, ValueKind};
pub use metrics::{Metric, MetricKind, Sample};
pub use model::{
    Admission, AdmissionChange, AuditEntry, CallRecord, CallRecordDetail, Canary, CanaryStatus,
    ChangeKind, ComponentProblem, Counter, DeployReport, DeploymentChange, FlowStatus, Import,
    InspectionReport, JournalPage, LastCanary, LiveCall, LiveCallDetail, Media, MediaDirection,
    Operator, RateComparison, Readiness, Recording, ReloadReport, RouteExplanation, RouteStep,
    Serving, Status, TimelineEntry, TimelineKind, VersionCalls, VersionCounts,
};
pub use openapi::document as openapi_document;
pub use operations::{
    By, CanaryWish, Journals, KeyChange, OperationError, Operations, Reply, RouteQuestion, Upload,
};
pub(crate) use preflight::PHRASES;
pub use preflight::{Finding, PreflightReport, Severity};
pub use problem::Problem;
pub use token::{Token, TokenError};

use crate::config::AdminListen;
use crate::explain::{Code, Coded};
use crate::moment;
use bounded::Bounded;
use handlers::{audit, calls, flows, keys as key_paths, open, preflight as looking, server};

/// The largest component, bytes.
pub const LARGEST_UPLOAD: usize = 64 << 20;

/// Connections at the same time; others wait for one of them to end.
pub(crate) const MAX_CONNECTIONS: usize = 128;

/// Uploads at the same time: with their size, the memory that they can take.
const UPLOADS: usize = 4;

/// The admin API cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("the admin API cannot listen on {listen}: {source}")]
pub struct ListenError {
    /// Where it should.
    pub listen: AdminListen,
    /// Why it cannot.
    pub source: io::Error,
}

impl Coded for ListenError {
    fn code(&self) -> Code {
        Code::AdminListen
    }
}

/// What handlers need.
#[derive(Clone)]
struct Api {
    operations: Arc<dyn Operations>,
    token: Token,
    zone: TimeZone,
    uploads: Arc<Semaphore>,
}

impl Api {
    fn moment(&self, text: &str) -> Result<Timestamp, moment::MomentError> {
        moment::parse(text, Timestamp::now(), &self.zone)
    }
}

/// The paths of the API.
fn router(api: Api) -> Router {
    let guarded = Router::new()
        .route("/v1/status", get(server::status))
        .route("/v1/admission", put(server::set_admission))
        .route("/v1/reload", post(server::reload))
        .route("/v1/flows", get(flows::list))
        .route("/v1/flows/{flow}", get(flows::show))
        .route("/v1/flows/{flow}/deployments", post(flows::deploy))
        .route("/v1/flows/{flow}/promote", post(flows::promote))
        .route("/v1/flows/{flow}/preflight", post(looking::preflight))
        .route("/v1/flows/{flow}/rollback", post(flows::rollback))
        .route("/v1/flows/{flow}/history", get(flows::history))
        .route("/v1/components/{digest}", get(flows::component))
        .route("/v1/check", post(flows::check))
        .route("/v1/audit", get(audit::list))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::show).delete(calls::hang_up))
        .route("/v1/cdrs", get(calls::list_records))
        .route("/v1/cdrs/{id}", get(calls::show_record))
        .route("/v1/journals", get(calls::list_journals))
        .route("/v1/routes/test", get(calls::test_route))
        .route("/v1/kv/{namespace}", get(key_paths::list))
        .route(
            "/v1/kv/{namespace}/{key}",
            get(key_paths::show)
                .put(key_paths::set)
                .delete(key_paths::delete),
        )
        .route_layer(middleware::from_fn_with_state(api.clone(), guard));
    Router::new()
        .route("/health", get(open::health))
        .route("/ready", get(open::ready))
        .route("/metrics", get(open::metrics))
        .route("/openapi.json", get(open::openapi_document))
        .route("/errors/{code}", get(open::error_page))
        .merge(guarded)
        .fallback(async |request: Request| {
            Problem::new(
                Code::PathUnknown,
                format!("there is no {}; see /openapi.json", request.uri().path()),
            )
        })
        .method_not_allowed_fallback(async |request: Request| {
            Problem::new(
                Code::MethodNotAllowed,
                format!("{} is not for {}", request.uri().path(), request.method()),
            )
        })
        .with_state(api)
}

/// Lets a request pass that bears the token.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    let header = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match given {
        Some(given) if api.token.is(given) => Ok(next.run(request).await),
        Some(_) => Err(Problem::new(
            Code::Unauthorised,
            "the token is not the server's",
        )),
        None => Err(Problem::new(
            Code::Unauthorised,
            "the request has no `Authorization: Bearer` header",
        )),
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// The admin API, listening and not yet answering.
pub struct AdminServer {
    listener: Listener,
}

impl AdminServer {
    /// Starts to listen. The socket file of a server that has died is replaced.
    ///
    /// # Errors
    /// The address or path cannot be had.
    pub async fn bind(listen: &AdminListen) -> Result<AdminServer, ListenError> {
        let bound = match listen {
            AdminListen::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            AdminListen::Unix(path) => bind_unix(path)
                .await
                .map(|listener| Listener::Unix(listener, path.clone())),
        };
        match bound {
            Ok(listener) => Ok(AdminServer { listener }),
            Err(source) => Err(ListenError {
                listen: listen.clone(),
                source,
            }),
        }
    }

    /// The address that it listens on; none for a Unix socket.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }

    /// Answers until `shutdown` is over and the requests begun before it are answered. Moments
    /// without an offset are in `zone`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(
        self,
        operations: Arc<dyn Operations>,
        token: Token,
        zone: TimeZone,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let app = router(Api {
            operations,
            token,
            zone,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
        });
        match self.listener {
            Listener::Tcp(listener) => {
                axum::serve(Bounded::new(listener, MAX_CONNECTIONS), app)
                    .with_graceful_shutdown(shutdown)
                    .await
            }
            Listener::Unix(listener, path) => {
                let ended = axum::serve(Bounded::new(listener, MAX_CONNECTIONS), app)
                    .with_graceful_shutdown(shutdown)
                    .await;
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "the admin socket could not be removed");
                }
                ended
            }
        }
    }
}

/// Binds a Unix socket that its owner alone can open. Between its creation and the change of its
/// mode others can open it for a moment; the token keeps them out.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {
            if tokio::net::UnixStream::connect(path).await.is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another server answers there",
                ));
            }
            std::fs::remove_file(path)?;
        }
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file of that name that is no socket",
            ));
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
