//! Who did what to the server.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;
use vireo_store::audit::Who;

use super::{Answer, Params};
use crate::admin::Api;
use crate::admin::model::AuditEntry;
use crate::admin::problem::Problem;
use crate::explain::Code;

/// The header by which clients say who uses them: there is one token, and it has no name.
pub const OPERATOR: &str = "vireo-operator";

/// Entries in a list when the request does not say how many.
const FEW: usize = 50;
/// Entries in a list at the most.
const MANY: usize = 10_000;

/// Who makes a request, as far as it says.
pub(in crate::admin) struct Asker(pub Who);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let said = parts.headers.get(OPERATOR);
        let said = said.map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Asker(match said.as_deref().map(str::trim) {
            None | Some("") => Who::known("admin"),
            Some(name) => Who::claimed(name),
        }))
    }
}

/// Which entries are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Since then: "2026-11-22T20:00" in the server's time zone, with an offset, a date, or how long ago
    /// ("15m", "2h", "3d").
    since: Option<String>,
    /// At most so many, 1 to 10,000; 50 when absent.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

/// Lists what was done to the server, the newest first: deploys, promotions, rollbacks by hand and by
/// the server itself, drains, reloads, calls that were ended.
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "audit", tag = "audit",
    params(AuditParams),
    responses(
        (status = 200, description = "The entries.", body = Vec<AuditEntry>),
        (status = 422, description = "VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(params): Params<AuditParams>,
) -> Answer<Vec<AuditEntry>> {
    let invalid = |why: String| Problem::new(Code::RequestInvalid, why);
    let since_ms = match &params.since {
        None => 0,
        Some(text) => {
            let moment = api
                .moment(text)
                .map_err(|why| invalid(format!("since: {why}")))?;
            u64::try_from(moment.as_millisecond()).unwrap_or(0)
        }
    };
    let limit = params.limit.unwrap_or(FEW);
    if !(1..=MANY).contains(&limit) {
        return Err(invalid(format!("limit is {limit}; it must be 1 to {MANY}")));
    }
    Ok(Json(api.operations.audit(since_ms, limit).await?))
}
