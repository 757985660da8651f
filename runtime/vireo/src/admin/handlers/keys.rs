//! Keys of the flows: looking at them, setting and deleting them.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;
use vireo_store::audit::Who;
use vireo_store::kv::{KvError, MAX_VALUE_BYTES, Namespace, Wanted};

use super::audit::Asker;
use super::{Answer, Name, Params};
use crate::admin::Api;
use crate::admin::keys::{KeyPage, KeyValue};
use crate::admin::operations::{KeyChange, OperationError};
use crate::admin::problem::Problem;
use crate::explain::Code;

/// Keys in a page when the request does not say how many.
const FEW: u32 = 100;

/// How long a value may take to arrive.
const VALUE_TIME: Duration = Duration::from_secs(10);

/// Which keys are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeyParams {
    /// Keys that begin so; all when absent.
    #[serde(default)]
    prefix: String,
    /// Only keys behind this one: the `next` of the page before.
    after: Option<String>,
    /// At most so many, 1 to 1,000; 100 when absent. Values of more than 4 MiB together are never in one page.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The namespace and the key in a path.
pub struct Place {
    namespace: String,
    key: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |error: PathRejection| Problem::new(Code::RequestInvalid, error.body_text());
        Path::from_request_parts(parts, state)
            .await
            .map(|Path((namespace, key))| Place { namespace, key })
            .map_err(refused)
    }
}

/// Works on the keys of a namespace where waiting for the disk holds up nobody.
async fn within<T: Send + 'static>(
    api: &Api,
    namespace: &str,
    work: impl FnOnce(&Namespace) -> Result<T, KvError> + Send + 'static,
) -> Result<T, OperationError> {
    let failed = |error: KvError| match error {
        KvError::Store(error) => OperationError::Store(error),
        other => OperationError::Invalid(other.to_string()),
    };
    let keys = api.operations.kv().namespace(namespace).map_err(failed)?;
    tokio::task::spawn_blocking(move || work(&keys))
        .await
        .map_err(|error| OperationError::Internal(error.to_string()))?
        .map_err(failed)
}

/// Tells the log and the audit log what an operator did.
async fn note(
    api: &Api,
    change: KeyChange,
    namespace: &str,
    key: &str,
    who: Who,
) -> Result<(), OperationError> {
    let done = match change {
        KeyChange::Set => "set",
        KeyChange::Deleted => "deleted",
    };
    tracing::info!(
        namespace,
        key,
        who = who.name,
        "a key was {done} by the operator"
    );
    let changed = format!("{namespace}/{key}");
    api.operations.key_changed(change, changed, who).await
}

/// Lists keys of flows with their values, in byte order.
#[utoipa::path(
    get, path = "/v1/kv/{namespace}", operation_id = "list_keys", tag = "keys",
    params(("namespace" = String, Path, description = "The name of the flow, or the namespace that its grant `kv` names."), KeyParams),
    responses(
        (status = 200, description = "The keys; none when no flow has written any.", body = KeyPage),
        (status = 422, description = "VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(api): State<Api>,
    Name(namespace): Name,
    Params(params): Params<KeyParams>,
) -> Answer<KeyPage> {
    let mut wanted = Wanted {
        prefix: params.prefix,
        after: params.after,
        limit: params.limit.unwrap_or(FEW),
    };
    let page = within(&api, &namespace, move |keys| {
        let items = keys.items(&wanted)?;
        let last = items.last().map(|item| item.key.clone());
        wanted.after.clone_from(&last);
        wanted.limit = 1;
        let more = last.is_some() && !keys.items(&wanted)?.is_empty();
        Ok(KeyPage {
            keys: items.into_iter().map(KeyValue::from).collect(),
            next: last.filter(|_| more),
        })
    });
    Ok(Json(page.await?))
}

/// Shows a key with its value.
#[utoipa::path(
    get, path = "/v1/kv/{namespace}/{key}", operation_id = "show_key", tag = "keys",
    params(
        ("namespace" = String, Path, description = "The name of the flow, or the namespace that its grant `kv` names."),
        ("key" = String, Path, description = "The key; a slash in it is written %2F."),
    ),
    responses(
        (status = 200, description = "The key.", body = KeyValue),
        (status = 404, description = "VR0122: no such key.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(api): State<Api>, place: Place) -> Answer<KeyValue> {
    let Place { namespace, key } = place;
    let asked = key.clone();
    let item = within(&api, &namespace, move |keys| keys.item(&asked)).await?;
    let item = item.ok_or(OperationError::KeyUnknown { namespace, key })?;
    Ok(Json(item.into()))
}

/// Sets a key, as a flow would. It is on disk when the answer comes.
#[utoipa::path(
    put, path = "/v1/kv/{namespace}/{key}", operation_id = "set_key", tag = "keys",
    params(
        ("namespace" = String, Path, description = "The name of the flow, or the namespace that its grant `kv` names."),
        ("key" = String, Path, description = "The key, 1 to 512 bytes; a slash in it is written %2F."),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The value, at most 64 KiB."),
    responses(
        (status = 200, description = "It is set.", body = KeyValue),
        (status = 422, description = "VR0104: the key or the value is too long, or the key is a counter, which only flows write.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set(
    State(api): State<Api>,
    Asker(who): Asker,
    place: Place,
    body: Body,
) -> Answer<KeyValue> {
    let too_long = || {
        let why = format!("a value has at most {MAX_VALUE_BYTES} bytes");
        Problem::new(Code::RequestInvalid, why)
    };
    let value = tokio::time::timeout(VALUE_TIME, to_bytes(body, MAX_VALUE_BYTES)).await;
    let value = match value {
        Ok(Ok(value)) => value,
        Ok(Err(_)) => return Err(too_long()),
        Err(_) => {
            let why = format!("the value took more than {} s", VALUE_TIME.as_secs());
            return Err(Problem::new(Code::UploadBroken, why));
        }
    };
    let Place { namespace, key } = place;
    let item = within(&api, &namespace, {
        let key = key.clone();
        move |keys| {
            let before = keys.item(&key)?;
            if before.is_some_and(|item| item.kind == vireo_store::kv::Kind::Counter) {
                return Err(KvError::Invalid(format!(
                    "{key:?} is a counter, on which a flow counts: delete it to begin at 0 again"
                )));
            }
            keys.set(&key, &value)?;
            keys.flush()?;
            keys.item(&key)
        }
    });
    let item = item.await?;
    note(&api, KeyChange::Set, &namespace, &key, who).await?;
    let item = item.ok_or(OperationError::KeyUnknown { namespace, key })?;
    Ok(Json(item.into()))
}

/// Deletes a key.
#[utoipa::path(
    delete, path = "/v1/kv/{namespace}/{key}", operation_id = "delete_key", tag = "keys",
    params(
        ("namespace" = String, Path, description = "The name of the flow, or the namespace that its grant `kv` names."),
        ("key" = String, Path, description = "The key; a slash in it is written %2F."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "VR0122: no such key.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(api): State<Api>,
    Asker(who): Asker,
    place: Place,
) -> Result<StatusCode, Problem> {
    let Place { namespace, key } = place;
    let asked = key.clone();
    let found = within(&api, &namespace, move |keys| {
        let found = keys.item(&asked)?.is_some();
        keys.delete(&asked)?;
        keys.flush()?;
        Ok(found)
    });
    if !found.await? {
        return Err(OperationError::KeyUnknown { namespace, key }.into());
    }
    note(&api, KeyChange::Deleted, &namespace, &key, who).await?;
    Ok(StatusCode::NO_CONTENT)
}
