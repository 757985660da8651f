//! The server as a whole.

use axum::Json;
use axum::body::Body;
use axum::body::to_bytes;
use axum::extract::State;

use super::Answer;
use super::audit::Asker;
use crate::admin::Api;
use crate::admin::model::{AdmissionChange, ReloadReport, Status};
use crate::admin::problem::Problem;
use crate::explain::Code;

/// The largest body of a request that is no upload, bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Shows the server at one glance.
#[utoipa::path(
    get, path = "/v1/status", operation_id = "status", tag = "server",
    responses((status = 200, description = "The server.", body = Status))
)]
pub async fn status(State(api): State<Api>) -> Answer<Status> {
    Ok(Json(api.operations.status().await?))
}

/// Takes new calls, or no longer. A draining server answers new calls with 503 and Retry-After;
/// the calls in progress go on.
#[utoipa::path(
    put, path = "/v1/admission", operation_id = "set_admission", tag = "server",
    request_body = AdmissionChange,
    responses(
        (status = 200, description = "The server as it is now.", body = Status),
        (status = 422, description = "VR0104: the body is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set_admission(
    State(api): State<Api>,
    Asker(who): Asker,
    body: Body,
) -> Answer<Status> {
    let refused = |why: String| {
        Problem::new(
            Code::RequestInvalid,
            format!("the body is not understood: {why}"),
        )
    };
    let body = to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|error| refused(error.to_string()))?;
    let change: AdmissionChange =
        serde_json::from_slice(&body).map_err(|error| refused(error.to_string()))?;
    let status = api.operations.set_admission(change.admission, who).await?;
    Ok(Json(status))
}

/// Reads the configuration file again. Calls in progress keep what they began with.
#[utoipa::path(
    post, path = "/v1/reload", operation_id = "reload", tag = "server",
    responses(
        (status = 200, description = "What is different now.", body = ReloadReport),
        (status = 422, description = "VR0130: the file was refused; nothing was changed.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn reload(State(api): State<Api>, Asker(who): Asker) -> Answer<ReloadReport> {
    Ok(Json(api.operations.reload(who).await?))
}
