//! Flows: what serves, deploying, rolling back.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::IntoParams;

use super::audit::Asker;
use super::preflight::{IfFailed, before_deploy};
use super::{Answer, Name, Params};
use crate::admin::model::{DeployReport, DeploymentChange, FlowStatus, InspectionReport};
use crate::admin::operations::{By, CanaryWish, OperationError, Upload};
use crate::admin::problem::Problem;
use crate::admin::{Api, LARGEST_UPLOAD};
use crate::explain::Code;

/// How long the body of an upload may take.
const UPLOAD_TIME: Duration = Duration::from_secs(120);

/// Parameters of a deploy. With a percentage, a route or a caller list, the component becomes a canary
/// beside the version that serves; otherwise it takes all calls.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeployParams {
    /// The canary's share of the calls that no route or list decides; absent: none of them.
    #[param(minimum = 1, maximum = 99)]
    percent: Option<u8>,
    /// A route whose calls all go to the canary; may be given several times.
    route: Vec<String>,
    /// A caller list (`[caller-lists]`) whose callers all go to the canary; may be given several times.
    callers: Vec<String>,
    /// Why, for the history; at most 1024 bytes.
    #[param(required = false)]
    note: String,
    /// Deploys it although prompts are missing or its tests do not pass; the history's note says so.
    #[param(required = false)]
    force: bool,
}

impl DeployParams {
    /// Reads the parameters, of which two may come several times.
    fn read(given: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut params = DeployParams::default();
        for (name, value) in given {
            match name.as_str() {
                "percent" => params.percent = Some(percent(&value)?),
                "route" => params.route.push(value),
                "callers" => params.callers.push(value),
                "note" => params.note = value,
                "force" => params.force = value == "true",
                _ => {
                    return Err(Problem::new(
                        Code::RequestInvalid,
                        format!("there is no parameter {name:?}"),
                    ));
                }
            }
        }
        Ok(params)
    }

    fn canary(self) -> Option<CanaryWish> {
        let wanted = self.percent.is_some() || !self.route.is_empty() || !self.callers.is_empty();
        wanted.then(|| CanaryWish {
            percent: self.percent.unwrap_or(0),
            routes: self.route,
            callers: self.callers,
        })
    }
}

fn percent(text: &str) -> Result<u8, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            Code::RequestInvalid,
            format!("percent is {text:?}; it must be a whole number up to 100"),
        )
    })
}

/// Parameters of a promotion.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PromoteParams {
    /// The canary's share from now on; absent or 100: it becomes the version for all calls.
    #[param(minimum = 1, maximum = 100)]
    percent: Option<u8>,
    /// Why, for the history; at most 1024 bytes.
    #[serde(default)]
    note: String,
}

/// Parameters of a rollback.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RollbackParams {
    /// Why, for the history; at most 1024 bytes.
    #[serde(default)]
    note: String,
}

/// Lists the flows and what they serve.
#[utoipa::path(
    get, path = "/v1/flows", operation_id = "list_flows", tag = "flows",
    responses((status = 200, description = "Every configured flow, by name.", body = Vec<FlowStatus>))
)]
pub async fn list(State(api): State<Api>) -> Answer<Vec<FlowStatus>> {
    Ok(Json(api.operations.flows().await?))
}

/// Shows a flow, what it serves, and how its canary fares.
#[utoipa::path(
    get, path = "/v1/flows/{flow}", operation_id = "show_flow", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow.")),
    responses(
        (status = 200, description = "The flow.", body = FlowStatus),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(api): State<Api>, Name(flow): Name) -> Answer<FlowStatus> {
    let flows = api.operations.flows().await?;
    let found = flows.into_iter().find(|status| status.flow == flow);
    Ok(Json(found.ok_or(OperationError::FlowUnknown(flow))?))
}

/// Deploys a component: new calls of the flow start on it, or some of them as a canary; calls in
/// progress keep their version. Deploying what serves already changes nothing and is no error.
#[utoipa::path(
    post, path = "/v1/flows/{flow}/deployments", operation_id = "deploy", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow."), DeployParams),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component, at most 64 MiB."),
    responses(
        (status = 200, description = "It serves.", body = DeployReport),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "VR0113: somebody else changed the deployment at the same time. VR0114: there is a canary already. VR0116: a canary needs a version beside it.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "VR0103: it has more than 64 MiB.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "VR0111: the component was refused; VR0118: its preflight failed. What served still serves. VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn deploy(
    State(api): State<Api>,
    Name(flow): Name,
    Params(params): Params<Vec<(String, String)>>,
    Asker(who): Asker,
    headers: HeaderMap,
    body: Body,
) -> Answer<DeployReport> {
    let params = DeployParams::read(params)?;
    let (wasm, _permit) = upload(&api, &headers, body).await?;
    let overruled = match params.force {
        true => IfFailed::Overrule,
        false => IfFailed::Refuse,
    };
    let passed = before_deploy(&api, &flow, &wasm, overruled, params.note.clone()).await?;
    let upload = Upload {
        flow,
        wasm,
        by: By {
            who,
            note: passed.note,
        },
        canary: params.canary(),
    };
    let mut report = api.operations.deploy(upload).await?;
    report.findings = passed.findings;
    Ok(Json(report))
}

/// Raises a canary's share, or makes it the version for all calls.
#[utoipa::path(
    post, path = "/v1/flows/{flow}/promote", operation_id = "promote", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow."), PromoteParams),
    responses(
        (status = 200, description = "It is done.", body = DeployReport),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "VR0115: there is no canary.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "VR0104: the share is less than it has, or more than 100.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn promote(
    State(api): State<Api>,
    Name(flow): Name,
    Params(params): Params<PromoteParams>,
    Asker(who): Asker,
) -> Answer<DeployReport> {
    let by = By {
        who,
        note: params.note,
    };
    Ok(Json(
        api.operations.promote(flow, params.percent, by).await?,
    ))
}

/// Takes the canary away, or puts the version back into service that served before the present one.
#[utoipa::path(
    post, path = "/v1/flows/{flow}/rollback", operation_id = "rollback", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow."), RollbackParams),
    responses(
        (status = 200, description = "The earlier version serves.", body = DeployReport),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "VR0112: there is no earlier version.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn rollback(
    State(api): State<Api>,
    Name(flow): Name,
    Params(params): Params<RollbackParams>,
    Asker(who): Asker,
) -> Answer<DeployReport> {
    let by = By {
        who,
        note: params.note,
    };
    Ok(Json(api.operations.rollback(flow, by).await?))
}

/// Lists the changes of a flow's deployment, the newest first.
#[utoipa::path(
    get, path = "/v1/flows/{flow}/history", operation_id = "flow_history", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow.")),
    responses(
        (status = 200, description = "The changes.", body = Vec<DeploymentChange>),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn history(State(api): State<Api>, Name(flow): Name) -> Answer<Vec<DeploymentChange>> {
    Ok(Json(api.operations.history(flow).await?))
}

/// Says what a component imports and needs, and what is wrong with it, without keeping it.
#[utoipa::path(
    post, path = "/v1/check", operation_id = "check", tag = "flows",
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component, at most 64 MiB."),
    responses(
        (status = 200, description = "What it is; it can run here when `problems` is empty.", body = InspectionReport),
        (status = 413, description = "VR0103: it has more than 64 MiB.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "VR0111: it is no component.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn check(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Answer<InspectionReport> {
    let (wasm, _permit) = upload(&api, &headers, body).await?;
    Ok(Json(api.operations.check(wasm).await?))
}

/// Reads a component into memory, within the limits of size, time and number.
pub(super) async fn upload(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, tokio::sync::OwnedSemaphorePermit), Problem> {
    let too_large = || {
        Problem::new(
            Code::UploadTooLarge,
            format!("a component has at most {LARGEST_UPLOAD} bytes"),
        )
    };
    // Refused before a byte of it is read, where the client says how much comes.
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > LARGEST_UPLOAD as u64) {
        return Err(too_large());
    }
    let permit = api.uploads.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            Code::NotReady,
            "other components are being uploaded; try again",
        )
    })?;
    match tokio::time::timeout(UPLOAD_TIME, to_bytes(body, LARGEST_UPLOAD)).await {
        Err(_) => Err(Problem::new(
            Code::UploadBroken,
            format!("the upload took more than {} s", UPLOAD_TIME.as_secs()),
        )),
        Ok(Ok(wasm)) if wasm.is_empty() => Err(Problem::new(
            Code::RequestInvalid,
            "the request has no body; send the component",
        )),
        Ok(Ok(wasm)) => Ok((wasm, permit)),
        Ok(Err(error)) => Err(match std::error::Error::source(&error) {
            Some(source) if source.is::<http_body_util::LengthLimitError>() => too_large(),
            _ => Problem::new(
                Code::UploadBroken,
                format!("the upload was broken off: {error}"),
            ),
        }),
    }
}

/// Gives out a component that was deployed, byte for byte.
#[utoipa::path(
    get, path = "/v1/components/{digest}", operation_id = "component", tag = "flows",
    params(("digest" = String, Path, description = "SHA-256 of the component, 64 hexadecimal digits.")),
    responses(
        (status = 200, description = "The component.", body = Vec<u8>, content_type = "application/wasm"),
        (status = 422, description = "VR0104: the server has no such component.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn component(
    State(api): State<Api>,
    Name(digest): Name,
) -> Result<impl IntoResponse, Problem> {
    let wasm = api.operations.component(digest).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], wasm))
}
