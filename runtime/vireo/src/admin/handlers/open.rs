//! What needs no token: it shows no call and changes nothing.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Name;
use crate::admin::model::Readiness;
use crate::admin::problem::Problem;
use crate::admin::{Api, metrics, openapi};
use crate::explain::Code;

/// Is the process alive?
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "open", security(()),
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain"))
)]
pub async fn health() -> &'static str {
    "ok\n"
}

/// Can it take calls? A draining server cannot.
#[utoipa::path(
    get, path = "/ready", operation_id = "ready", tag = "open", security(()),
    responses(
        (status = 200, description = "It can.", body = Readiness),
        (status = 503, description = "It cannot, and why.", body = Readiness),
    )
)]
pub async fn ready(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let readiness = api.operations.readiness();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

/// Gauges and counters in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "open", security(()),
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub async fn metrics(State(api): State<Api>) -> Response {
    let text = metrics::render(&api.operations.metrics());
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response()
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "open", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json"))
)]
pub async fn openapi_document() -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        openapi::document(),
    )
        .into_response()
}

/// The page of an error code, to which `type` of problem details points.
#[utoipa::path(
    get, path = "/errors/{code}", operation_id = "error_page", tag = "open", security(()),
    params(("code" = String, Path, description = "As VR0110.")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/markdown"),
        (status = 404, description = "VR0014: no such code.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn error_page(Name(code): Name) -> Result<Response, Problem> {
    let code: Code = code.parse().map_err(|error: crate::explain::UnknownCode| {
        Problem::new(Code::CodeUnknown, error.to_string())
    })?;
    Ok((
        [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")],
        code.page(),
    )
        .into_response())
}
