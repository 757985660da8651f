//! Errors of the admin API as RFC 9457 problem details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::operations::OperationError;
use crate::explain::{Code, Coded};

/// The media type of problem details (RFC 9457, 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error of the admin API (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where this kind of error is described, on this server: "/errors/VR0110".
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Box<str>,
    /// The kind of error in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time.
    pub detail: String,
    /// The code that `vireo explain` describes: "VR0110".
    pub code: String,
    /// The single errors, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl Problem {
    /// An error of the request.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem {
            kind: format!("/errors/{code}").into(),
            title: code.title().to_owned(),
            status: status(code).as_u16(),
            detail: detail.into(),
            code: code.name().to_owned(),
            errors: Vec::new(),
        }
    }
}

/// The HTTP status of an error.
fn status(code: Code) -> StatusCode {
    match code {
        Code::Unauthorised => StatusCode::UNAUTHORIZED,
        Code::PathUnknown
        | Code::FlowUnknown
        | Code::CallUnknown
        | Code::RecordUnknown
        | Code::KeyUnknown
        | Code::ResultsUnknown
        | Code::CodeUnknown => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::UploadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UploadBroken => StatusCode::BAD_REQUEST,
        Code::NothingToRollBack
        | Code::DeploymentChanged
        | Code::CanaryStands
        | Code::NoCanary
        | Code::NothingBeside => StatusCode::CONFLICT,
        Code::RequestInvalid
        | Code::ComponentRefused
        | Code::PreflightFailed
        | Code::ReloadRefused => StatusCode::UNPROCESSABLE_ENTITY,
        Code::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        if matches!(
            error,
            OperationError::Store(_) | OperationError::Internal(_)
        ) {
            tracing::error!(code = %error.code(), %error, "an operation of the admin API failed");
        }
        let mut problem = Problem::new(error.code(), error.to_string());
        problem.errors = error.parts();
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"vireo\""),
            );
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
