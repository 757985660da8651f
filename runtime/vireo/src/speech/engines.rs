//! From the configuration of an engine to the engine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vireo_speech::tts::{Engine, WorkerEngine};
use vireo_speech_remote::{Endpoint, HttpEngine, HttpSettings, Patience};
use vireo_worker::{Limits, Pool, WorkerConfig};

use super::{VoicesError, beside_this_program};
use crate::config::{SecretError, SecretSource, TtsEngine};

/// Sentences that may wait for one process of an engine: each makes some twenty a second at least.
const WAITING: usize = 1024;
/// The pause before a server is asked again.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An engine, and its processes if it has any.
pub(super) type Started = (Arc<dyn Engine>, Option<Pool>);

/// The engine of this name.
pub(super) fn start(name: &str, kind: &TtsEngine) -> Result<Started, VoicesError> {
    match kind {
        TtsEngine::Espeak { processes } => Ok(worker(name, "espeak", *processes, Vec::new())),
        TtsEngine::Flite { processes } => Ok(worker(name, "flite", *processes, Vec::new())),
        TtsEngine::Piper {
            directory,
            processes,
            threads,
            library,
            espeak,
            noise_scale,
            noise_w,
        } => {
            let settings = json!({
                "directory": directory,
                "threads": threads,
                "library": library,
                "espeak": espeak,
                "noise-scale": noise_scale,
                "noise-w": noise_w,
            });
            let arguments = vec![settings.to_string().into()];
            Ok(worker(name, "piper", *processes, arguments))
        }
        TtsEngine::Http {
            url,
            token,
            headers,
            secret_headers,
            requests,
            retries,
            failures,
            rest_ms,
            longest_rest_ms,
        } => {
            let engine = HttpEngine::new(HttpSettings {
                name: name.to_owned(),
                endpoint: endpoint(
                    &format!("tts.engines.{name}"),
                    url,
                    token.as_ref(),
                    headers,
                    secret_headers,
                )?,
                at_once: usize::from(*requests),
                patience: Patience {
                    retries: *retries,
                    first_pause: FIRST_PAUSE,
                    failures: *failures,
                    first_rest: Duration::from_millis((*rest_ms).into()),
                    longest_rest: Duration::from_millis((*longest_rest_ms).into()),
                },
            })?;
            Ok((Arc::new(engine), None))
        }
    }
}

/// Where an engine elsewhere is, with what it is to be told; `section` is its place in the configuration.
pub(crate) fn endpoint(
    section: &str,
    url: &str,
    token: Option<&SecretSource>,
    headers: &BTreeMap<String, String>,
    secret: &BTreeMap<String, SecretSource>,
) -> Result<Endpoint, SecretError> {
    let expose = |source: &SecretSource, key: &str| {
        let secret = source.secret(&format!("{section}.{key}"))?;
        Ok::<_, SecretError>(secret.expose().to_owned())
    };
    let mut headers: Vec<(String, String)> = headers.clone().into_iter().collect();
    for (header, source) in secret {
        let value = expose(source, &format!("secret-headers.{header}"))?;
        headers.push((header.clone(), value));
    }
    Ok(Endpoint {
        url: url.to_owned(),
        token: token.map(|source| expose(source, "token")).transpose()?,
        headers,
    })
}

/// An engine in processes of the worker that greets as `worker`.
fn worker(name: &str, worker: &str, processes: u16, arguments: Vec<OsString>) -> Started {
    let pool = Pool::start(WorkerConfig {
        name: worker.to_owned(),
        program: beside_this_program(&format!("vireo-{worker}")),
        arguments,
        environment: Vec::new(),
        processes,
        limits: Limits {
            waiting: WAITING,
            ..Limits::default()
        },
    });
    (Arc::new(WorkerEngine::new(name, pool.clone())), Some(pool))
}
