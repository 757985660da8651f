//! Speech recognition: from the configuration to models and the engines that they belong to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vireo_speech::asr::vosk::{VoskConfig, VoskEngine};
use vireo_speech::asr::{AsrError, Engine, Keeper, Model, Recognizers};
use vireo_speech_remote::{Patience, RemoteError, WebSocketEngine, WebSocketSettings};

use crate::config::{Asr, AsrEngine, Flow, SecretError};
use crate::explain::{Code, Coded};
use crate::phrases::{NotUnderstood, Phrases};
use crate::speech::beside_this_program;
use crate::speech::engines::{FIRST_PAUSE, endpoint};

/// From the end of a caller's speech to the last word of a server elsewhere; less than a recognition waits
/// for any engine, so that it is the server that is blamed.
const ANSWER: Duration = Duration::from_secs(4);

/// Why there are no recognizers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecognizersError {
    /// A model and its engine.
    #[error(transparent)]
    Asr(#[from] AsrError),
    /// What an engine is to be told.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// How an engine is to be reached.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl Coded for RecognizersError {
    fn code(&self) -> Code {
        match self {
            RecognizersError::Asr(_) => Code::ConfigContradiction,
            RecognizersError::Secret(error) => error.code(),
            RecognizersError::Remote(_) => Code::EngineStart,
        }
    }
}

/// The recognizers of a configuration; none when it has no model. Processes start when they are first
/// asked.
///
/// # Errors
/// A secret cannot be read; or a model names an engine that there is not, but the configuration was checked
/// for that.
pub(crate) fn recognizers(
    asr: &Asr,
    keeper: Option<Keeper>,
) -> Result<Option<Recognizers>, RecognizersError> {
    if asr.models.is_empty() {
        return Ok(None);
    }
    let models: Vec<Model> = (asr.models.iter())
        .map(|model| Model {
            language: model.language.clone(),
            engine: model.engine.clone(),
            directory: model.directory.clone(),
        })
        .collect();
    let mut names: Vec<&str> = models.iter().map(|model| model.engine.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let engines = names.into_iter().filter_map(|name| {
        let kind = asr.engine(name)?;
        Some(engine(name, kind))
    });
    let engines = engines.collect::<Result<_, _>>()?;
    let recognizers = Recognizers::new(models, engines)?;
    Ok(Some(match keeper {
        Some(keeper) => recognizers.keeping(keeper),
        None => recognizers,
    }))
}

/// Opens the directory of recognitions, if they are to be kept.
///
/// # Errors
/// It cannot be made or read.
pub(crate) fn keeper(asr: &Asr) -> std::io::Result<Option<Keeper>> {
    let limit = u64::from(asr.keep_mib) << 20;
    let directory = asr.keep_directory.as_deref();
    directory
        .map(|directory| Keeper::open(directory, limit))
        .transpose()
}

fn engine(name: &str, kind: AsrEngine) -> Result<Arc<dyn Engine>, RecognizersError> {
    Ok(match kind {
        AsrEngine::Vosk {
            library,
            workers,
            threads,
            streams,
        } => Arc::new(VoskEngine::new(VoskConfig {
            name: name.to_owned(),
            program: beside_this_program("vireo-vosk"),
            library,
            workers,
            threads: threads.unwrap_or_else(decoding_threads),
            streams: streams as usize,
        })),
        AsrEngine::Websocket {
            url,
            token,
            headers,
            secret_headers,
            streams,
            connect_ms,
            retries,
            failures,
            rest_ms,
            longest_rest_ms,
        } => Arc::new(WebSocketEngine::new(WebSocketSettings {
            name: name.to_owned(),
            endpoint: endpoint(
                &format!("asr.engines.{name}"),
                &url,
                token.as_ref(),
                &headers,
                &secret_headers,
            )?,
            streams: streams as usize,
            connect: Duration::from_millis(connect_ms.into()),
            answer: ANSWER,
            patience: Patience {
                retries,
                first_pause: FIRST_PAUSE,
                failures,
                first_rest: Duration::from_millis(rest_ms.into()),
                longest_rest: Duration::from_millis(longest_rest_ms.into()),
            },
        })?),
    })
}

/// One core is left to media, signalling and flows, where there is more than one.
fn decoding_threads() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(cores.saturating_sub(1).max(1)).unwrap_or(u16::MAX)
}

/// Reads the models, so that the first caller does not wait for them, and tells of those that cannot be
/// used. The server runs without them: keys work, and the flow is told when it listens.
pub(crate) async fn prepare(recognizers: &Recognizers) {
    let wrong = recognizers.prepare().await;
    for (model, error) in &wrong {
        let code = match error {
            AsrError::Engine { .. } | AsrError::TooSlow { .. } | AsrError::Stopped => {
                Code::RecognizerFailed
            }
            _ => Code::NoSpeechModel,
        };
        tracing::error!(
            %code,
            language = model.language,
            engine = model.engine,
            %error,
            "speech in this language is not understood; `vireo explain {code}` says what to do"
        );
    }
    if wrong.is_empty() {
        tracing::info!("speech can be understood");
    }
}

/// Tells of what the configuration declares that callers may say, and no model understands.
pub(crate) async fn check(recognizers: Option<Recognizers>, flows: BTreeMap<String, Flow>) {
    let look = move || {
        for (flow, settings) in &flows {
            let declared = Phrases::declared(settings);
            for NotUnderstood { what, why, advice } in declared.not_understood(recognizers.as_ref())
            {
                let code = Code::NoSpeechModel;
                tracing::warn!(%code, flow, what, why, "this is not going to be understood: {advice}");
            }
        }
    };
    // Models are on the disk. It only tells, so nobody waits for what comes of it.
    let _ = tokio::task::spawn_blocking(look).await;
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_codes_that_flows_are_told_have_pages() {
        for (code, page) in [
            (vireo_call::hearing::BUSY, Code::RecognizerBusy),
            (vireo_call::hearing::NO_MODEL, Code::NoSpeechModel),
            (vireo_call::hearing::FAILED, Code::RecognizerFailed),
        ] {
            assert_eq!(Code::from_str(code).ok(), Some(page));
        }
    }

    #[test]
    fn without_a_model_there_is_no_recognizer() {
        assert!(recognizers(&Asr::default(), None).unwrap().is_none());
    }
}
